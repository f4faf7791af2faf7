"""CSV bodies of Stream Load: no quotes, no escapes, separators that no value contains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from penstock.formats.load_text import as_text, bytes_of, is_text, slices

if TYPE_CHECKING:
    from collections.abc import Sequence

NULL_TEXT = "\\N"


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """Separators, as texts."""

    column: str = "\t"
    row: str = "\n"

    def headers(self) -> dict[str, str]:
        """The headers that tell StarRocks, none where they are its defaults."""
        if (self.column, self.row) == ("\t", "\n"):
            return {}
        return {"column_separator": _escaped(self.column), "row_delimiter": _escaped(self.row)}


PLAIN = CsvDialect()
CONTROL = CsvDialect("\x01", "\x02")


def parse_separator(text: str) -> str:
    r"""A separator as users write it: literal, or `\x` and pairs of hexadecimal digits.

    Raises:
        ValueError: The digits are wrong; upstream's text.

    Examples:
        >>> parse_separator(","), parse_separator("\\x01")
        (',', '\x01')
    """
    if not text.lower().startswith("\\x"):
        return text
    digits = text[2:]
    problem = ""
    if not digits:
        problem = "Hex str is empty"
    elif len(digits) % 2:
        problem = "Hex str length error"
    elif any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        problem = "Hex str format error"
    if problem:
        message = f"Failed to parse delimiter: `{problem}`"
        raise ValueError(message)
    return bytes.fromhex(digits).decode("latin-1")


def csv_fits(columns: Sequence[pa.Array], dialect: CsvDialect) -> bool:
    r"""Whether every value survives: no separators, no literal `\N`, no row that looks blank.

    Examples:
        >>> csv_fits([pa.array(["a", None])], PLAIN), csv_fits([pa.array(["a\tb"])], PLAIN)
        (True, False)
    """
    marks = {dialect.column, dialect.row}
    if "\n" in dialect.row:
        marks.add("\r")
    for column in columns:
        if not is_text(column):
            continue
        data = bytes(bytes_of(column))
        if any(mark.encode() in data for mark in marks):
            return False
        if b"\\N" in data and pc.any(pc.equal(column, NULL_TEXT)).as_py():
            return False
    blank = len(columns) == 1 and is_text(columns[0])
    return not (blank and pc.any(pc.equal(columns[0], "")).as_py())


def choose_dialect(columns: Sequence[pa.Array]) -> CsvDialect | None:
    """The first dialect that fits, None where only JSON does."""
    for dialect in (PLAIN, CONTROL):
        if csv_fits(columns, dialect):
            return dialect
    return None


def encode_csv(columns: Sequence[pa.Array], dialect: CsvDialect) -> list[memoryview]:
    r"""The body; every row ends with the row delimiter, NULL is `\N`. Columns must fit.

    Examples:
        >>> b"".join(encode_csv([pa.array([1, None]), pa.array(["a", "b"])], PLAIN))
        b'1\ta\n\\N\tb\n'
    """
    return [body for piece in slices(columns) for body in _encoded(piece, dialect)]


def _encoded(columns: list[pa.Array], dialect: CsvDialect) -> list[memoryview]:
    structural = any(
        mark in data
        for data in (bytes(bytes_of(c)) for c in columns if is_text(c))
        for mark in (b'"', b"\n", b"\r")
    )
    if structural or len(dialect.column) > 1:
        # Arrow's writer refuses quotes and line ends even where they separate nothing.
        parts = [pc.fill_null(as_text(column), NULL_TEXT) for column in columns]
        parts[-1] = pc.binary_join_element_wise(parts[-1], dialect.row, "")
        return [bytes_of(pc.binary_join_element_wise(*parts, dialect.column))]
    rows = pa.table(columns, names=[str(i) for i in range(len(columns))])
    sink = pa.BufferOutputStream()
    pacsv.write_csv(
        rows,
        sink,
        pacsv.WriteOptions(
            include_header=False,
            batch_size=8192,
            delimiter=dialect.column,
            eol=dialect.row,
            null_string=NULL_TEXT,
            quoting_style="none",
        ),
    )
    return [memoryview(sink.getvalue())]


def _escaped(text: str) -> str:
    if all(character.isprintable() for character in text):
        return text
    return "\\x" + text.encode("latin-1").hex()
