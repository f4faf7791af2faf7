"""Bodies of loads: which format carries a chunk's values, its headers and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.errors import DataError
from penstock.formats.csv import CsvDialect, choose_dialect, csv_fits, encode_csv
from penstock.formats.json import encode_json
from penstock.formats.load_text import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.connectors.starrocks.changes import Chunk
    from penstock.connectors.starrocks.layout import Layout
    from penstock.connectors.starrocks.options import StarRocksOptions


class Bodies:
    """Encodes the chunks of one sink. Thread-safe; keeps nothing.

    Args:
        options: Of the sink.
        layout: Of the rows' fields.
        table: `database.table`, for messages.

    Attributes:
        columns: Names of a chunk's columns, `__op` included where it is sent.
    """

    def __init__(self, options: StarRocksOptions, layout: Layout, table: str) -> None:
        self._options = options
        self._layout = layout
        self.columns = layout.names
        self._table = table
        self._names = [layout.names[place] for place in layout.order]
        self._raw = [layout.forms[place] is Form.JSON for place in layout.order]

    def choose(self, chunk: Chunk) -> CsvDialect | None:
        """The CSV dialect that carries the chunk, None for JSON.

        Raises:
            DataError: The user demands CSV, which cannot carry a value.
        """
        options = self._options
        # Servers read nested values inside CSV by rules of their own.
        if options.format == "json" or (any(self._raw) and options.format is None):
            return None
        columns = self._ordered(chunk)
        if options.separators is not None:
            asked = CsvDialect(*options.separators)
            found = asked if csv_fits(columns, asked) else None
        else:
            found = choose_dialect(columns)
        if found is None and options.format == "csv":
            raise self._no_csv()
        return found

    def fits(self, chunk: Chunk, dialect: CsvDialect | None) -> bool:
        """Whether a later chunk of a transaction fits what the first one chose.

        Raises:
            DataError: It does not, and the user demands CSV.
        """
        if dialect is None or csv_fits(self._ordered(chunk), dialect):
            return True
        if self._options.format == "csv":
            raise self._no_csv()
        return False

    def encode(
        self, chunk: Chunk, dialect: CsvDialect | None
    ) -> tuple[dict[str, str], Sequence[memoryview]]:
        """Headers and body of a load."""
        headers = self._options.load_headers
        headers["columns"] = self._layout.header
        compress = bool(self._options.compression)
        columns = self._ordered(chunk)
        if dialect is not None:
            headers |= {"format": "lz4" if compress else "csv", **dialect.headers()}
            body = encode_csv(columns, dialect)
        else:
            headers |= {
                "format": "json",
                "strip_outer_array": "true",
                "ignore_json_size": "true",
            }
            if compress:
                headers["compression"] = "lz4_frame"
            body = encode_json(self._names, columns, self._raw)
        return headers, _compressed(body) if compress else body

    def _ordered(self, chunk: Chunk) -> list[pa.Array]:
        return [chunk.columns[place] for place in self._layout.order]

    def _no_csv(self) -> DataError:
        return DataError(
            "a value holds a separator or the text \\N, which CSV cannot carry",
            table=self._table,
            code="csv-impossible",
            hint="Remove 'sink.properties.format' so that JSON is used where needed, or set json.",
        )


def _compressed(parts: Sequence[memoryview]) -> list[memoryview]:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        for part in parts:
            stream.write(part)
    return [memoryview(sink.getvalue())]
