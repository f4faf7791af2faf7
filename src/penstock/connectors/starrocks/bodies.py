"""Bodies of loads: which format carries a chunk's values, its headers and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.errors import DataError
from penstock.formats.csv import CsvDialect, choose_dialect, csv_fits, encode_csv
from penstock.formats.json import encode_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.connectors.starrocks.changes import Chunk
    from penstock.connectors.starrocks.options import StarRocksOptions


class Bodies:
    """Encodes the chunks of one sink. Thread-safe; keeps nothing.

    Args:
        options: Of the sink.
        names: Names of the chunk's columns in order, `__op` included where it is sent.
        table: `database.table`, for messages.
    """

    def __init__(self, options: StarRocksOptions, names: Sequence[str], table: str) -> None:
        self._options = options
        self._names = list(names)
        self._table = table

    def choose(self, chunk: Chunk) -> CsvDialect | None:
        """The CSV dialect that carries the chunk, None for JSON.

        Raises:
            DataError: The user demands CSV, which cannot carry a value.
        """
        options = self._options
        if options.format == "json":
            return None
        if options.separators is not None:
            asked = CsvDialect(*options.separators)
            found = asked if csv_fits(chunk.columns, asked) else None
        else:
            found = choose_dialect(chunk.columns)
        if found is None and options.format == "csv":
            raise self._no_csv()
        return found

    def fits(self, chunk: Chunk, dialect: CsvDialect | None) -> bool:
        """Whether a later chunk of a transaction fits what the first one chose.

        Raises:
            DataError: It does not, and the user demands CSV.
        """
        if dialect is None or csv_fits(chunk.columns, dialect):
            return True
        if self._options.format == "csv":
            raise self._no_csv()
        return False

    def encode(
        self, chunk: Chunk, dialect: CsvDialect | None
    ) -> tuple[dict[str, str], Sequence[memoryview]]:
        """Headers and body of a load."""
        options = self._options
        headers = options.load_headers
        columns = ",".join(f"`{name}`" for name in self._names)
        headers["columns"] = options.properties.get("columns", columns)
        compress = "compression" in options.properties
        if dialect is not None:
            headers |= {"format": "lz4" if compress else "csv", **dialect.headers()}
            body = encode_csv(chunk.columns, dialect)
        else:
            headers |= {
                "format": "json",
                "strip_outer_array": "true",
                "ignore_json_size": "true",
            }
            if compress:
                headers["compression"] = "lz4_frame"
            body = encode_json(self._names, chunk.columns)
        if compress:
            body = [memoryview(pa.compress(b"".join(body), codec="lz4"))]
        return headers, body

    def _no_csv(self) -> DataError:
        return DataError(
            "a value holds a separator or the text \\N, which CSV cannot carry",
            table=self._table,
            code="csv-impossible",
            hint="Remove 'sink.properties.format' so that JSON is used where needed, or set json.",
        )
