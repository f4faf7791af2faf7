"""Result sets in text protocol, decoded column-wise.

A constant marker as first selected column puts a fixed pattern into every row packet: NumPy finds
all of them at once, the chain of packet lengths proves them right (else the packets are walked one
by one), and every column is cut out of the receive buffer as one Arrow array.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.errors import InternalError

MARKER = b"\x9c\xf3PnStK\x01"
MARKER_SQL = f"x'{MARKER.hex()}'"
PLAIN_MARKER = b"~PnStK~1"
"""For servers without binary literals; any text may contain it, which costs speed only."""
PLAIN_MARKER_SQL = f"'{PLAIN_MARKER.decode()}'"
_BIGGEST = 0xFFFFFF
_NULL, _TWO, _THREE, _EIGHT = 251, 252, 253, 254
_PAD = 16

_Ints = npt.NDArray[np.int64]


class TextResultReader:
    """Decodes the packets of one result set.

    Args:
        has_marker: Whether the first column is the marker; it is not given on.
        marker: Its bytes.
    """

    def __init__(self, *, has_marker: bool, marker: bytes = MARKER) -> None:
        self.error: tuple[int, str] | None = None
        self.column_count = 0
        self._has_marker = has_marker
        self._marker = marker
        self._header_left: int | None = None

    def looks_ended(self, buffer: bytearray, have: int) -> bool:
        """Whether the buffer's end looks like the end of the result; may err on the yes side."""
        return have >= 9 and buffer[have - 5] == 0xFE and buffer[have - 9 : have - 6] == b"\x05\0\0"

    def feed(self, buffer: bytearray, have: int) -> tuple[int, list[pa.Array] | None, bool]:
        """Decodes what is complete in `buffer[:have]`.

        Returns:
            Bytes used up, the columns (None without rows), and whether the result has ended. After
            the end `error` tells why, if the server broke off.
        """
        start, ready = self._read_header(buffer, have)
        if not ready or self.error is not None:
            return start, None, self.error is not None
        starts, ends, plain = self._row_packets(buffer, start, have)
        used = int(ends[-1]) if len(ends) else start
        columns = None
        if len(starts):
            columns = self._decode_plain(buffer, starts, ends) if plain else None
            if columns is None:
                columns = self._decode(buffer, starts, used)
        done = self._at_end(buffer, used, have)
        return used, columns, done

    def _read_header(self, buffer: bytearray, have: int) -> tuple[int, bool]:
        """Passes the count of columns, their definitions and the EOF after them."""
        place = 0
        while self._header_left is None or self._header_left > 0:
            if have - place < 4:
                return place, False
            size = int.from_bytes(buffer[place : place + 3], "little")
            if have - place < 4 + size:
                return place, False
            if self._header_left is None:
                first = buffer[place + 4]
                if first == 0xFF:
                    self._take_error(buffer, place + 4, size)
                    return place + 4 + size, True
                if first == 0:
                    raise InternalError("a statement without result was streamed")
                count, _ = _length(buffer, place + 4)
                self.column_count = count
                self._header_left = count + 1
            else:
                self._header_left -= 1
            place += 4 + size
        return place, True

    def _take_error(self, buffer: bytearray, place: int, size: int) -> None:
        code = int.from_bytes(buffer[place + 1 : place + 3], "little")
        text = bytes(buffer[place + 3 : place + size]).decode("utf-8", "replace")
        self.error = (code, text[6:] if text[:1] == "#" else text)

    def _at_end(self, buffer: bytearray, place: int, have: int) -> bool:
        if have - place < 5:
            return False
        size = int.from_bytes(buffer[place : place + 3], "little")
        if have - place < 4 + size:
            return False
        first = buffer[place + 4]
        if first == 0xFF:
            self._take_error(buffer, place + 4, size)
            return True
        return first == 0xFE and size < 9

    def _row_packets(self, buffer: bytearray, start: int, have: int) -> tuple[_Ints, _Ints, bool]:
        """Starts and ends of complete row packets; whether some span several packets."""
        if self._has_marker:
            found = _find_rows(buffer, start, have, self._marker)
            if found is not None:
                return (*found, False)
        starts, ends, plain = [], [], False
        place = start
        unpack = struct.Struct("<I").unpack_from
        while have - place >= 5:
            size = unpack(buffer, place)[0] & _BIGGEST
            end = place + 4 + size
            if end > have:
                break
            first = buffer[place + 4]
            if first == 0xFF or (first == 0xFE and size < 9):
                break
            last = size
            while last == _BIGGEST and have - end >= 4:
                plain = True
                last = unpack(buffer, end)[0] & _BIGGEST
                end += 4 + last
            if end > have or last == _BIGGEST:
                break
            starts.append(place)
            ends.append(end)
            place = end
        return np.array(starts, np.int64), np.array(ends, np.int64), plain

    def _decode(self, buffer: bytearray, starts: _Ints, used: int) -> list[pa.Array]:
        with memoryview(buffer) as view:
            raw = bytes(view[:used]) + bytes(_PAD)
        data = np.frombuffer(raw, np.uint8)
        shared = pa.py_buffer(raw)
        rows = len(starts)
        place = (starts + 4).astype(np.int32)
        every_second = pa.array(np.arange(0, 2 * rows, 2, dtype=np.int64))
        columns = []
        skip = 1 if self._has_marker else 0
        if skip:
            place += 1 + len(self._marker)
        for _ in range(skip, self.column_count):
            size = data[place].astype(np.int32)
            begin = place + np.int32(1)
            is_null = size == _NULL
            long = np.flatnonzero(size > _NULL)
            if len(long):
                at = begin[long]
                wide = size[long]
                value = data[at].astype(np.int32) | data[at + 1].astype(np.int32) << 8
                value |= np.where(wide == _THREE, data[at + 2].astype(np.int32) << 16, 0)
                if (wide == _EIGHT).any():
                    eight = wide == _EIGHT
                    value[eight] |= data[at[eight] + 2].astype(np.int32) << 16
                    value[eight] |= data[at[eight] + 3].astype(np.int32) << 24
                size[long] = value
                begin[long] += np.where(wide == _TWO, 2, np.where(wide == _THREE, 3, 8)).astype(
                    np.int32
                )
            has_null = bool(is_null.any())
            if has_null:
                size[is_null] = 0
            end = begin + size
            columns.append(slices(shared, begin, end, every_second, is_null if has_null else None))
            place = end
        return columns

    def _decode_plain(self, buffer: bytearray, starts: _Ints, ends: _Ints) -> list[pa.Array]:
        """Rows one by one, for results with rows of more than one packet."""
        values: list[list[bytes | None]] = [[] for _ in range(self.column_count)]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            parts, place = [], start
            while place < end:
                size = int.from_bytes(buffer[place : place + 3], "little")
                parts.append(bytes(buffer[place + 4 : place + 4 + size]))
                place += 4 + size
            row = b"".join(parts)
            place = 0
            for column in values:
                if row[place] == _NULL:
                    column.append(None)
                    place += 1
                else:
                    count, place = _length(row, place)
                    column.append(row[place : place + count])
                    place += count
        skip = 1 if self._has_marker else 0
        return [pa.array(column, pa.binary()) for column in values[skip:]]


def slices(
    raw: pa.Buffer,
    begin: npt.NDArray[np.int32],
    end: npt.NDArray[np.int32],
    every_second: pa.Array,
    is_null: npt.NDArray[np.bool_] | None,
) -> pa.Array:
    """One `binary` array of the pieces `raw[begin:end]`, which must not overlap and must ascend.

    The offsets `[b0, e0, b1, e1, ...]` make an array of pieces and gaps; Arrow takes the pieces.
    """
    rows = len(begin)
    if rows == 0:
        return pa.array([], pa.binary())
    bounds = np.empty(2 * rows, np.int32)
    bounds[0::2] = begin
    bounds[1::2] = end
    both = pa.Array.from_buffers(pa.binary(), 2 * rows - 1, [None, pa.py_buffer(bounds), raw])
    taken = both.take(every_second)
    if is_null is None:
        return taken
    _, offsets, data = taken.buffers()
    return pa.Array.from_buffers(pa.binary(), rows, [validity(is_null), offsets, data])


def validity(is_null: npt.NDArray[np.bool_]) -> pa.Buffer:
    """Arrow's validity bitmap."""
    return pa.py_buffer(np.packbits(~is_null, bitorder="little"))


def _find_rows(
    buffer: bytearray, start: int, have: int, marker: bytes
) -> tuple[_Ints, _Ints] | None:
    """Row packets found by their marker; None if the chain of lengths does not hold."""
    first = int.from_bytes(marker[:4], "little")
    with memoryview(buffer) as view:
        data = np.frombuffer(view[:have], np.uint8)
        hits = []
        for phase in range(4):
            count = (have - phase) // 4
            if count > 0:
                words = data[phase : phase + 4 * count].view("<u4")
                hits.append(np.flatnonzero(words == first) * 4 + phase)
        places = np.sort(np.concatenate(hits)) if hits else np.zeros(0, np.int64)
        starts = places - 5
        starts = starts[(starts >= start) & (places + len(marker) <= have)]
        if len(starts) == 0:
            return None
        sizes = (
            data[starts].astype(np.int64)
            | data[starts + 1].astype(np.int64) << 8
            | data[starts + 2].astype(np.int64) << 16
        )
        ends = starts + 4 + sizes
        linked = starts[0] == start and bool((starts[1:] == ends[:-1]).all())
        if not linked or bool((sizes == _BIGGEST).any()):
            return None
        complete = int(np.searchsorted(ends, have, side="right"))
        return starts[:complete], ends[:complete]


def _length(data: bytes | bytearray, place: int) -> tuple[int, int]:
    """A length-encoded integer and the place after it."""
    first = data[place]
    if first < _NULL:
        return first, place + 1
    width = {_TWO: 2, _THREE: 3, _EIGHT: 8}[first]
    return int.from_bytes(data[place + 1 : place + 1 + width], "little"), place + 1 + width
