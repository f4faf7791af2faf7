"""JSON bodies of Stream Load: one array of objects, explicit nulls, exact decimals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.load_text import as_text, bytes_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def encode_json(names: Sequence[str], columns: Sequence[pa.Array]) -> list[memoryview]:
    r"""The body `[{...},{...}]`. Decimals are strings: readers would turn numbers into doubles.

    Examples:
        >>> b"".join(encode_json(["a", "s"], [pa.array([1, None]), pa.array(["x", 'y"'])]))
        b'[{"a":1,"s":"x"},{"a":null,"s":"y\\""}]'
    """
    if not columns or len(columns[0]) == 0:
        return [memoryview(b"[]")]
    parts: list[pa.Array | str] = []
    for position, (name, column) in enumerate(zip(names, columns, strict=True)):
        key = json.dumps(name, ensure_ascii=False)
        parts += [("{" if position == 0 else ",") + key + ":", _values(column)]
    rows = pc.binary_join_element_wise(*parts, "},", "")
    body = bytes_of(rows)
    return [memoryview(b"["), body[:-1], memoryview(b"]")]


def _values(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pc.fill_null(as_text(column), "null")
    texts = as_text(column)
    if pa.types.is_string(kind):
        texts = _escape(texts)
    return pc.fill_null(pc.binary_join_element_wise('"', texts, '"', ""), "null")


def _escape(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, r"[\x00-\x1f]")).as_py():
        escaped = [
            None if v is None else json.dumps(v, ensure_ascii=False)[1:-1]
            for v in texts.to_pylist()
        ]
        return pa.array(escaped, pa.string())
    return pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
