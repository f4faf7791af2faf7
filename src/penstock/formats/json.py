"""JSON bodies of Stream Load: one array of objects, explicit nulls, exact decimals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.load_text import as_text, bytes_of, json_escaped, json_strings

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
    parts: list[pa.Array | str] = []
    before = "{"
    for position, (name, column) in enumerate(zip(names, columns, strict=True)):
        values, quote = _values(column, is_json=bool(raw) and raw[position])
        parts += [f"{before}{json.dumps(name, ensure_ascii=False)}:{quote}", values]
        before = quote + ","
    rows = pc.binary_join_element_wise(*parts, f"{before[:-1]}}},", "")
    body = bytes_of(rows)
    return [memoryview(b"["), body[:-1], memoryview(b"]")]


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
