"""Arrow columns as StarRocks reads them from CSV or JSON: numbers, texts, dates, nested as JSON.

Source: flink-connector-starrocks, value conversion of its serializers.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16)
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


class Form(Enum):
    """How values of a column are written.

    `PLAIN` as numbers and texts; `NUMBER` bytes as the big-endian number upstream sends; `HEX`
    bytes as hexadecimal digits; `JSON` texts and nested values as JSON that stands for itself.
    """

    PLAIN = "plain"
    NUMBER = "number"
    HEX = "hex"
    JSON = "json"


def load_column(column: pa.Array, form: Form = Form.PLAIN, zone: str = "UTC") -> pa.Array:
    r"""A column whose Arrow text is StarRocks' text: integer, float, string or temporal.

    BOOLEAN becomes 1 or 0; TIMESTAMP_LTZ its wall clock in `zone`; NaN and infinities NULL; ARRAY,
    MAP and ROW compact JSON.

    Examples:
        >>> load_column(pa.array([True, None])).to_pylist()
        [1, None]
        >>> load_column(pa.array([b"\x01\xff", None]), Form.HEX).to_pylist()
        ['01ff', None]
    """
    kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8())
    if pa.types.is_timestamp(kind):
        return _wall_clock(column, zone)
    if pa.types.is_floating(kind):
        finite = pc.is_finite(column)
        return column if pc.all(finite).as_py() is not False else pc.if_else(finite, column, None)
    if pa.types.is_decimal(kind):
        return column if kind.scale <= 6 else _plain_decimals(column)
    if pa.types.is_binary(kind):
        return _numbers(column) if form is Form.NUMBER else _hex(column)
    if pa.types.is_nested(kind):
        return json_values(column, zone)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if form is Form.JSON:
        return _json_texts(column)
    return column


def slices(columns: Sequence[pa.Array], rows_max: int = 16_384) -> Iterator[list[pa.Array]]:
    """The columns in pieces of some rows, whose texts are small enough to stay in the CPU's cache.

    Blocks beyond a megabyte would also go back to the system each time they are freed.

    Examples:
        >>> [[c.to_pylist() for c in piece] for piece in slices([pa.array([1, 2, 3])], 2)]
        [[[1, 2]], [[3]]]
    """
    for start in range(0, len(columns[0]), rows_max):
        yield [column.slice(start, rows_max) for column in columns]


def as_text(column: pa.Array) -> pa.Array:
    """The text of a column made by `load_column`."""
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def is_text(column: pa.Array) -> bool:
    """Whether values are free text, which may hold separators or need escapes."""
    return bool(pa.types.is_string(column.type))


def bytes_of(texts: pa.Array) -> memoryview:
    """All values of a string array, one after the other, without a copy."""
    if len(texts) == 0:
        return memoryview(b"")
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("B").cast("i")
    first, last = ends[texts.offset], ends[texts.offset + len(texts)]
    return memoryview(b"") if data is None else memoryview(data)[first:last]


def json_strings(texts: pa.Array) -> pa.Array:
    r"""Texts as JSON strings, NULL as null.

    Examples:
        >>> json_strings(pa.array(['a"\n', None])).to_pylist()
        ['"a\\"\\n"', 'null']
    """
    escaped = json_escaped(texts)
    return pc.fill_null(pc.binary_join_element_wise('"', escaped, '"', ""), "null")


def json_escaped(texts: pa.Array) -> pa.Array:
    r"""Texts as they stand between the quotes of a JSON string; NULL stays.

    Examples:
        >>> json_escaped(pa.array(['say "hi"', "tab\t", None])).to_pylist()
        ['say \\"hi\\"', 'tab\\t', None]
    """
    data = np.frombuffer(bytes_of(texts), np.uint8)
    marked = (data == ord('"')) | (data == ord("\\"))
    places = np.flatnonzero(marked)
    controls = np.unique(data[data < 0x20]).tolist()
    if len(places):
        texts = _with_backslashes(texts, data, places)
    for code in controls:
        escape = _SHORT_ESCAPES.get(chr(code), f"\\u{code:04x}")
        texts = pc.replace_substring(texts, chr(code), escape)
    return texts


def _with_backslashes(
    texts: pa.Array, data: NDArray[np.uint8], places: NDArray[np.int64]
) -> pa.Array:
    """The texts with a backslash before each of the bytes at `places`."""
    inserted = places + np.arange(len(places))
    room = np.ones(len(data) + len(places), np.bool_)
    room[inserted] = False
    escaped = np.full(len(room), ord("\\"), np.uint8)
    escaped[room] = data
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    ends = offsets - offsets[0]
    ends = ends + np.searchsorted(places, ends).astype(np.int32)
    valid = None if not texts.null_count else pc.is_valid(texts).buffers()[1]
    return pa.Array.from_buffers(
        pa.string(), len(texts), [valid, pa.py_buffer(ends), pa.py_buffer(escaped)]
    )


def json_values(column: pa.Array, zone: str = "UTC") -> pa.Array:
    """Nested values as compact JSON; NULL stays NULL at the top, and is null inside.

    Decimals, dates and times inside are strings; BOOLEAN true or false; bytes base64, as JSON
    has no bytes; NaN and infinities null.

    Examples:
        >>> json_values(pa.array([[1, None], None])).to_pylist()
        ['[1,null]', None]
    """
    kind = column.type
    if pa.types.is_map(kind):
        keys = _map_keys(column.keys, zone)
        pairs = pc.binary_join_element_wise(keys, _inner(column.items, zone), ":")
        return _joined(column, pairs, "{", "}")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _joined(column, _inner(column.values, zone), "[", "]")
    if pa.types.is_struct(kind):
        return _object(column, zone)
    inner = _inner(column, zone)
    return pc.if_else(pc.is_null(column), None, inner) if column.null_count else inner


def _inner(column: pa.Array, zone: str) -> pa.Array:
    """Values inside of nested ones, as JSON without NULLs."""
    kind = column.type
    if pa.types.is_nested(kind):
        return pc.fill_null(json_values(column, zone), "null")
    if pa.types.is_boolean(kind):
        return pc.fill_null(column.cast(pa.string()), "null")
    if pa.types.is_binary(kind):
        import base64

        coded = [None if v is None else base64.b64encode(v).decode() for v in column.to_pylist()]
        return json_strings(pa.array(coded, pa.string()))
    plain = load_column(column, Form.PLAIN, zone)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pc.fill_null(as_text(plain), "null")
    return json_strings(as_text(plain))


def _map_keys(keys: pa.Array, zone: str) -> pa.Array:
    if pa.types.is_boolean(keys.type):
        return json_strings(keys.cast(pa.string()))
    return json_strings(as_text(load_column(keys, Form.PLAIN, zone)))


def _object(column: pa.StructArray, zone: str) -> pa.Array:
    parts: list[pa.Array | str] = []
    for place, field in enumerate(column.type):
        key = json.dumps(field.name, ensure_ascii=False)
        parts += [("{" if place == 0 else ",") + key + ":", _inner(column.field(place), zone)]
    objects = pc.binary_join_element_wise(*parts, "}", "") if parts else None
    if objects is None:
        objects = pa.array(["{}"] * len(column), pa.string())
    return pc.if_else(pc.is_null(column), None, objects) if column.null_count else objects


def _joined(column: pa.Array, texts: pa.Array, left: str, right: str) -> pa.Array:
    """The texts of a column's elements, joined per value of the column."""
    offsets = column.offsets
    nulls = pc.is_null(column)
    lists = pa.ListArray.from_arrays(offsets, texts)
    joined = pc.binary_join_element_wise(left, pc.binary_join(lists, ","), right, "")
    return pc.if_else(nulls, None, joined) if column.null_count else joined


def _wall_clock(column: pa.Array, zone: str) -> pa.Array:
    if column.type.tz is not None and zone != "UTC":
        column = pc.local_timestamp(column.cast(pa.timestamp("us", tz=zone)))
    return column.cast(pa.timestamp("us"))


def _plain_decimals(column: pa.Array) -> pa.Array:
    # Arrow writes values below 1e-6 with an exponent, which StarRocks does not read.
    texts = column.cast(pa.string())
    odd = pc.fill_null(pc.match_substring(texts, "E"), False)  # noqa: FBT003
    if not pc.any(odd).as_py():
        return texts
    plain = [format(value, "f") for value in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(texts, odd, pa.array(plain, pa.string()))


def _numbers(column: pa.Array) -> pa.Array:
    return pa.array([_number(value) for value in column.to_pylist()], pa.int64())


def _number(value: bytes | None) -> int | None:
    if value is None:
        return None
    number = int.from_bytes(value, "big") & 0xFFFF_FFFF_FFFF_FFFF
    return number - (1 << 64) if number >> 63 else number


def _hex(column: pa.Array) -> pa.Array:
    """Bytes as lower-case hexadecimal digits."""
    column = pa.concat_arrays([column])
    offsets = np.frombuffer(column.buffers()[1], np.int32)[
        column.offset : column.offset + len(column) + 1
    ]
    data: NDArray[np.uint8] = np.frombuffer(bytes_of(column), np.uint8)
    digits = pa.py_buffer(_HEX[data].tobytes())
    ends = pa.py_buffer(((offsets - offsets[0]) * 2).astype(np.int32).tobytes())
    whole = pa.Array.from_buffers(pa.string(), len(column), [None, ends, digits])
    return pc.if_else(pc.is_null(column), None, whole) if column.null_count else whole


def _json_texts(column: pa.Array) -> pa.Array:
    """Texts for a JSON column: JSON as it is, any other text as a JSON string."""
    texts = column.to_pylist()
    valid = pa.array([text is None or _is_json(text) for text in texts])
    if pc.all(valid).as_py() is not False:
        return column
    return pc.if_else(valid, column, json_strings(column))


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)
