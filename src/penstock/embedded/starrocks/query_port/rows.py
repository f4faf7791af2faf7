"""Rows on the wire: Arrow tables to MySQL's text and binary rows.

Text rows are laid out with numpy for all rows of a batch at once; only a row that does not fit
into one packet is written by itself.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.embedded.starrocks.query_port.packets import (
    MAX_PAYLOAD,
    WireType,
    length_encoded,
    length_prefixed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penstock.embedded.starrocks.query_port.packets import PacketStream

NULL_MARK: Final = 0xFB
ROWS_PER_BATCH: Final = 32768
_UTF8: Final = 33
_UNSIGNED: Final = 32
"""The only flag that is sent: StarRocks sends none, and MySQL's JDBC driver reads a BOOLEAN that is
flagged as binary as bytes."""


def wire_type(kind: pa.DataType) -> WireType:
    """How StarRocks announces a column of this Arrow type."""
    fixed = _FIXED.get(kind.id)
    if fixed is not None:
        return fixed
    if pa.types.is_decimal(kind):
        return WireType(246, 63, kind.scale, kind.precision + 2)
    if pa.types.is_timestamp(kind):
        return WireType(12, 63, 6, 26)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return WireType(253, _UTF8, 0, 65535 * 3)
    return WireType(254, _UTF8, 0, 65535 * 3)


_FIXED: Final = {
    pa.bool_().id: WireType(1, 63, 0, 1),
    pa.int8().id: WireType(1, 63, 0, 4),
    pa.int16().id: WireType(2, 63, 0, 6),
    pa.int32().id: WireType(3, 63, 0, 11),
    pa.int64().id: WireType(8, 63, 0, 20),
    pa.uint8().id: WireType(1, 63, 0, 3, _UNSIGNED),
    pa.uint16().id: WireType(2, 63, 0, 5, _UNSIGNED),
    pa.uint32().id: WireType(3, 63, 0, 10, _UNSIGNED),
    pa.uint64().id: WireType(8, 63, 0, 20, _UNSIGNED),
    pa.float32().id: WireType(4, 63, 31, 12),
    pa.float64().id: WireType(5, 63, 31, 22),
    pa.date32().id: WireType(10, 63, 0, 10),
    pa.time64("us").id: WireType(11, 63, 6, 15),
    pa.null().id: WireType(6, 63, 0, 0),
    pa.binary().id: WireType(252, 63, 0, 65535),
    pa.large_binary().id: WireType(252, 63, 0, 65535),
}


def _nested_text(value: object, kind: pa.DataType) -> str:
    """A value inside or around others as StarRocks prints it.

    Only quotes and backslashes are escaped, keys of a MAP that are no texts stand bare, a BOOLEAN
    is a number. (StarRocks, MysqlRowBuffer)
    """
    if value is None:
        return "null"
    if pa.types.is_map(kind):
        assert isinstance(value, list)
        pairs = [
            f"{_nested_text(key, kind.key_type)}:{_nested_text(item, kind.item_type)}"
            for key, item in value
        ]
        return "{" + ",".join(pairs) + "}"
    if pa.types.is_struct(kind):
        assert isinstance(value, dict)
        parts = [f'"{field.name}":{_nested_text(value[field.name], field.type)}' for field in kind]
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_nested_text(item, kind.value_type) for item in value) + "]"
    return _scalar_text(value)


def _scalar_text(value: object) -> str:
    match value:
        case bool():
            return str(int(value))
        case decimal.Decimal():
            return format(value, "f")
        case int() | float():
            return str(value)
        case dt.datetime():
            text = value.replace(tzinfo=None).isoformat(" ")
        case bytes():
            text = base64.b64encode(value).decode()
        case _:
            text = str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def text_column(array: pa.Array) -> pa.Array:
    """The column as StarRocks prints it, as large binary."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return text_column(array.storage)
    if pa.types.is_boolean(kind):
        array = pc.cast(array, pa.int8())
    elif pa.types.is_timestamp(kind):
        text = pc.cast(pc.cast(array, pa.timestamp("us"), safe=False), pa.string())
        array = pc.replace_substring_regex(text, r"\.0+$", "")
    elif pa.types.is_time(kind):
        array = pc.replace_substring_regex(pc.cast(array, pa.string()), r"\.0+$", "")
    elif pa.types.is_nested(kind):
        values = [
            None if value is None else _nested_text(value, kind) for value in array.to_pylist()
        ]
        array = pa.array(values, pa.large_string())
    elif pa.types.is_dictionary(kind):
        array = pc.cast(array, kind.value_type)
    elif pa.types.is_null(kind):
        array = pc.cast(array, pa.string())
    if not (pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)):
        array = pc.cast(array, pa.large_string())
    return pc.cast(array, pa.large_binary())


def _parts(array: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Lengths, start offsets, bytes and null mask of a text column."""
    nulls = None
    if array.null_count:
        nulls = np.asarray(pc.is_null(array))
        array = pc.fill_null(array, b"")
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64, len(array) + 1, array.offset * 8)
    data = (
        np.empty(0, np.uint8)
        if data_buffer is None
        else np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    )
    return np.diff(offsets), offsets[:-1] - offsets[0], data, nulls


def text_rows(batch: pa.RecordBatch, sequence: int) -> tuple[bytes, int]:
    """All rows of a batch as framed text rows, and the next sequence number.

    Raises:
        OverflowError: A row does not fit into one packet.
    """
    count = batch.num_rows
    total = np.zeros(count, np.int64)
    columns = []
    for column in batch.columns:
        lengths, starts, data, nulls = _parts(text_column(column))
        heads = np.where(lengths < 251, 1, np.where(lengths < 65536, 3, 4))
        total += lengths + heads
        columns.append((lengths, heads, starts, data, nulls))
    if count and int(total.max()) >= MAX_PAYLOAD:
        raise OverflowError
    begins = np.zeros(count + 1, np.int64)
    np.cumsum(total + 4, out=begins[1:])
    out = np.empty(int(begins[-1]), np.uint8)
    head = begins[:-1]
    out[head] = total & 255
    out[head + 1] = (total >> 8) & 255
    out[head + 2] = total >> 16
    out[head + 3] = (np.arange(count) + sequence) & 255
    at = head + 4
    for lengths, heads, starts, data, nulls in columns:
        out[at] = np.minimum(lengths, 250)
        for row in np.flatnonzero(heads > 1):
            prefix = length_encoded(int(lengths[row]))
            out[at[row] : at[row] + heads[row]] = np.frombuffer(prefix, np.uint8)
        if nulls is not None:
            out[at[nulls]] = NULL_MARK
        if len(data):
            where = np.repeat(at + heads - starts, lengths)
            where += np.arange(len(data))
            out[where] = data
        at = at + heads + lengths
    return out.tobytes(), (sequence + count) & 255


def _slow_text_rows(batch: pa.RecordBatch, stream: PacketStream) -> Iterator[bytes]:
    columns = [text_column(column).to_pylist() for column in batch.columns]
    for row in zip(*columns, strict=True):
        yield stream.frame(
            b"".join(
                [b"\xfb" if value is None else length_prefixed(value) for value in row],
            )
        )


def send_text_rows(table: pa.Table, stream: PacketStream) -> None:
    """Sends all rows in the text form."""
    for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH):
        if batch.num_rows == 0:
            continue
        try:
            framed, after = text_rows(batch, stream.sequence)
        except OverflowError:
            for piece in _slow_text_rows(batch, stream):
                stream.send_framed(piece)
            continue
        stream.send_framed(framed)
        stream.sequence = after


def _binary_datetime(value: dt.datetime) -> bytes:
    date = struct.pack("<HBB", value.year, value.month, value.day)
    time = struct.pack("<BBB", value.hour, value.minute, value.second)
    return b"\x0b" + date + time + struct.pack("<I", value.microsecond)


def _binary_time(value: dt.time) -> bytes:
    clock = struct.pack("<BIBBB", 0, 0, value.hour, value.minute, value.second)
    return b"\x0c" + clock + struct.pack("<I", value.microsecond)


def _binary_text(value: object) -> bytes:
    if isinstance(value, bytes):
        return length_prefixed(value)
    if isinstance(value, decimal.Decimal):
        return length_prefixed(format(value, "f").encode())
    return length_prefixed(str(value).encode())


def _binary_encoder(code: int, flags: int) -> Callable[[Any], bytes]:
    letter = {1: "b", 2: "h", 3: "i", 8: "q", 4: "f", 5: "d"}.get(code)
    if letter is not None:
        form = "<" + (letter.upper() if flags & _UNSIGNED and letter in "bhiq" else letter)
        return lambda value: struct.pack(form, value)
    if code == 12:
        return _binary_datetime
    if code == 10:
        return lambda value: b"\x04" + struct.pack("<HBB", value.year, value.month, value.day)
    if code == 11:
        return _binary_time
    return _binary_text


def send_binary_rows(table: pa.Table, stream: PacketStream) -> None:
    """Sends all rows in the binary form of prepared statements."""
    wires = [wire_type(field.type) for field in table.schema]
    encoders = [_binary_encoder(wire.code, wire.flags) for wire in wires]
    mask_bytes = (len(wires) + 9) // 8
    for batch in table.to_batches(max_chunksize=4096):
        pieces: list[bytes] = []
        columns = [text_column(c) if pa.types.is_nested(c.type) else c for c in batch.columns]
        for row in zip(*[column.to_pylist() for column in columns], strict=True):
            mask = bytearray(mask_bytes)
            values: list[bytes] = []
            for index, value in enumerate(row):
                if value is None:
                    mask[(index + 2) // 8] |= 1 << ((index + 2) % 8)
                else:
                    values.append(encoders[index](value))
            pieces.append(stream.frame(b"\0" + bytes(mask) + b"".join(values)))
        stream.send_framed(b"".join(pieces))
