"""JSON bodies of Stream Load: one array of objects, explicit nulls, exact decimals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.load_text import as_text, bytes_of, json_escaped, json_strings, slices

if TYPE_CHECKING:
    from collections.abc import Sequence


def encode_json(
    names: Sequence[str], columns: Sequence[pa.Array], raw: Sequence[bool] = ()
) -> list[memoryview]:
    r"""The body `[{...},{...}]`. Decimals are strings: readers would turn numbers into doubles.

    Args:
        names: Keys.
        columns: As `load_column` makes them.
        raw: Which columns are JSON already; none where empty.

    Examples:
        >>> b"".join(encode_json(["a", "s"], [pa.array([1, None]), pa.array(["x", 'y"'])]))
        b'[{"a":1,"s":"x"},{"a":null,"s":"y\\""}]'
    """
    if not columns or len(columns[0]) == 0:
        return [memoryview(b"[]")]
    rows = [_rows(names, piece, raw) for piece in slices(columns)]
    rows[-1] = rows[-1][:-1]
    return [memoryview(b"["), *rows, memoryview(b"]")]


def _rows(names: Sequence[str], columns: list[pa.Array], raw: Sequence[bool]) -> memoryview:
    """`{...},{...},`: the objects of some rows, a comma behind each."""
    parts: list[pa.Array | str] = []
    before = "{"
    for position, (name, column) in enumerate(zip(names, columns, strict=True)):
        before += f"{json.dumps(name, ensure_ascii=False)}:"
        constant = _constant(column)
        if constant is not None and parts:
            before += f"{constant},"
            continue
        values, quote = _values(column, is_json=bool(raw) and raw[position])
        parts += [before + quote, values]
        before = quote + ","
    return bytes_of(pc.binary_join_element_wise(*parts, f"{before[:-1]}}},", ""))


def _constant(column: pa.Array) -> str | None:
    """The JSON of all values where they are one small number, as in `__op` of inserts."""
    if not pa.types.is_int8(column.type) or column.null_count:
        return None
    ends = pc.min_max(column).as_py()
    return str(ends["min"]) if ends["min"] == ends["max"] else None


def _values(column: pa.Array, *, is_json: bool) -> tuple[pa.Array, str]:
    """JSON of the values, and the quotes to put around each: none where one may be null."""
    kind = column.type
    if is_json or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pc.fill_null(as_text(column), "null"), ""
    if pa.types.is_string(kind):
        return (json_strings(column), "") if column.null_count else (json_escaped(column), '"')
    texts = as_text(column)
    if not column.null_count:
        return texts, '"'
    return pc.fill_null(pc.binary_join_element_wise('"', texts, '"', ""), "null"), ""
