"""CSV bodies to columns.

Arrow reads the body wherever its own framing can express the one asked for: separators of several
bytes are replaced by a byte that does not occur. Only quoting with other separators is read here,
character by character.
"""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from penstock.embedded.starrocks.load.quoted_csv import split_quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.embedded.starrocks.load.options import LoadOptions
    from penstock.embedded.starrocks.load.rejects import Rejects

Fields = dict[str, pa.Array]


def read_csv(
    body: bytes, types: Mapping[str, pa.DataType], options: LoadOptions, rejects: Rejects
) -> Fields:
    """The source fields of a body.

    Args:
        body: Plain bytes.
        types: Names of the fields in their order, and the type each is wanted in.
        options: How the body is framed.
        rejects: Takes the rows that cannot be cut into fields.

    Returns:
        A column per field: in the wanted types if the whole body could be read so, else as text.
    """
    framed = _Framed.of(body, options)
    if framed is None:
        rows = split_quoted(body, options)
        return _texts(_columns(rows, list(types), options, rejects), options, rejects)
    if not framed.body.strip(b"\n"):
        return {name: pa.array([], kind) for name, kind in types.items()}
    if not (options.trim_space or any(text for _, text in options.columns)):
        found = framed.read(types, options, rejects)
        if found is not None:
            return found
    found = framed.read(dict.fromkeys(types, pa.binary()), options, rejects)
    if found is not None:
        return _texts(found, options, rejects)
    rows = [
        line.split(options.column_separator)
        for line in body.split(options.row_delimiter)[options.skip_header :]
        if line
    ]
    return _texts(_columns(rows, list(types), options, rejects), options, rejects)


class _Framed:
    """A body in the framing Arrow knows, and how values are turned back into what they were.

    Args:
        body: Rows end with a line feed, fields with `separator`.
        separator: One ASCII byte.
        restore: Bytes inside of values that stand for others.
    """

    def __init__(self, body: bytes, separator: bytes, restore: dict[bytes, bytes]) -> None:
        self.body = body
        self.separator = separator
        self.restore = restore

    @classmethod
    def of(cls, body: bytes, options: LoadOptions) -> _Framed | None:
        """The body so framed; None where quotes may hide its separators."""
        separator, delimiter = options.column_separator, options.row_delimiter
        is_plain = delimiter == b"\n" and len(separator) == 1 and separator < b"\x80"
        if options.enclose:
            return cls(body, separator, {}) if is_plain and not options.trim_space else None
        restore: dict[bytes, bytes] = {}
        free = (bytes((code,)) for code in range(1, 32) if bytes((code,)) not in body)
        try:
            for byte in (b"\r",) if delimiter == b"\n" else (b"\n", b"\r"):
                if byte in body and byte not in delimiter:
                    stand_in = next(free)
                    restore[stand_in] = byte
                    body = body.replace(byte, stand_in)
            if delimiter != b"\n":
                body = body.replace(delimiter, b"\n")
            if not is_plain and (
                len(separator) > 1 or separator >= b"\x80" or separator in b"\r\n"
            ):
                stand_in = next(free)
                body, separator = body.replace(separator, stand_in), stand_in
        except StopIteration:
            return None
        return cls(body, separator, restore)

    def read(
        self, types: Mapping[str, pa.DataType], options: LoadOptions, rejects: Rejects
    ) -> Fields | None:
        """The columns; None if a value is not of its type."""
        bad: list[Any] = []

        def skip(row: Any) -> str:
            bad.append(row)
            return "skip"

        try:
            table = csv.read_csv(
                pa.BufferReader(self.body),
                csv.ReadOptions(
                    column_names=list(types),
                    use_threads=len(self.body) > 4_000_000,
                    skip_rows=options.skip_header,
                    block_size=max(1 << 20, min(len(self.body) + 1, 1 << 26)),
                ),
                csv.ParseOptions(
                    delimiter=self.separator.decode(),
                    quote_char=options.enclose or False,
                    escape_char=options.escape or False if options.enclose else False,
                    newlines_in_values=bool(options.enclose),
                    invalid_row_handler=skip,
                ),
                csv.ConvertOptions(
                    column_types=dict(types),
                    null_values=["\\N"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                    true_values=["true", "1", "TRUE", "True"],
                    false_values=["false", "0", "FALSE", "False"],
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, UnicodeError):
            # some value is not of its type: the caller reads all as text and finds which
            return None
        if any(_exceeds(table.column(name)) for name in types):
            return None
        for row in bad:
            _count_mismatch(len(types), row.actual_columns, row.text or "", options, rejects)
        return {name: self._restored(table.column(name).combine_chunks()) for name in types}

    def _restored(self, values: pa.Array) -> pa.Array:
        for stand_in, byte in self.restore.items():
            if pa.types.is_string(values.type):
                values = pc.replace_substring(values, stand_in.decode(), byte.decode())
            elif pa.types.is_binary(values.type):
                values = pc.replace_substring(values, stand_in, byte)
        return values


def _exceeds(values: pa.ChunkedArray) -> bool:
    """Whether a decimal has more digits than its type: Arrow's reader does not look."""
    kind = values.type
    if not pa.types.is_decimal(kind) or kind.precision == 38:
        return False
    limit = decimal.Decimal(10) ** (kind.precision - kind.scale)
    bounds = pc.min_max(values)
    return any(
        bound is not None and abs(bound) >= limit
        for bound in (bounds["min"].as_py(), bounds["max"].as_py())
    )


def _count_mismatch(
    wanted: int, actual: int, text: str, options: LoadOptions, rejects: Rejects
) -> None:
    rejects.add(
        f"Target column count: {wanted} doesn't match source value column count: {actual}. "
        f"Column separator: {_shown(options.column_separator)}, "
        f"Row delimiter: {_shown(options.row_delimiter)}",
        text,
    )


def _shown(separator: bytes) -> str:
    text = separator.decode(errors="replace")
    return "'" + text.replace("\n", "\\n").replace("\t", "\\t") + "'"


def _columns(
    rows: list[list[bytes]], names: list[str], options: LoadOptions, rejects: Rejects
) -> Fields:
    width = len(names)
    kept = [row for row in rows if len(row) == width]
    for row in rows:
        if len(row) != width:
            text = options.column_separator.join(row).decode(errors="replace")
            _count_mismatch(width, len(row), text, options, rejects)
    columns = list(zip(*kept, strict=True)) if kept else [()] * width
    return {
        name: pa.array([None if v == b"\\N" else v for v in values], pa.binary())
        for name, values in zip(names, columns, strict=True)
    }


def _texts(columns: Fields, options: LoadOptions, rejects: Rejects) -> Fields:
    """Bytes to text; rows that are not UTF-8 are filtered."""
    try:
        texts = {name: values.cast(pa.string()) for name, values in columns.items()}
    except pa.ArrowInvalid:
        names = list(columns)
        good = []
        for row in zip(*(columns[name].to_pylist() for name in names), strict=True):
            try:
                good.append([None if v is None else v.decode() for v in row])
            except UnicodeDecodeError:
                shown = options.column_separator.join(b"\\N" if v is None else v for v in row)
                rejects.add("Invalid UTF-8 row", shown.decode(errors="replace"))
        texts = {
            name: pa.array([row[place] for row in good], pa.string())
            for place, name in enumerate(names)
        }
    if options.trim_space:
        for name, values in texts.items():
            trimmed = pc.utf8_trim(values, " ")
            is_null = pc.equal(trimmed, "\\N")
            texts[name] = pc.if_else(is_null, pa.scalar(None, pa.string()), trimmed)
    return texts
