"""Compressed parts of the binlog: MySQL's compressed transactions, MariaDB's compressed events."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.errors import DataError
from penstock.wire.mysql.binlog_rows import PAD
from penstock.wire.mysql.table_map import packed_length

if TYPE_CHECKING:
    from typing import Any

_PIECE = 4 << 20
_END, _SIZE, _ALGORITHM = 0, 1, 2
_ZSTD = 0
_HEADER_SIZE = 19


class TransactionPayload:
    """A transaction in one event, unpacked piece by piece: it may be of any size.

    Source: MySQL, Transaction_payload_event (binlog_transaction_compression).

    Args:
        body: Of the event.
    """

    def __init__(self, body: bytes) -> None:
        place, size, algorithm = 0, 0, _ZSTD
        while True:
            kind, place = packed_length(body, place)
            if kind == _END:
                break
            length, place = packed_length(body, place)
            value, _ = packed_length(body, place)
            place += length
            if kind == _SIZE:
                size = value
            elif kind == _ALGORITHM:
                algorithm = value
        packed = pa.BufferReader(body[place : place + size])
        self._stream: Any = packed
        if algorithm == _ZSTD:
            self._stream = pa.CompressedInputStream(packed, "zstd")
        self._rest = b""
        self.ended = False

    def read(self) -> tuple[bytes, list[tuple[int, int]]]:
        """The next events: a buffer with `PAD` bytes at its end, and where each begins and ends.

        Raises:
            DataError: The payload is broken.
        """
        try:
            more = self._stream.read(_PIECE)
        except (OSError, pa.ArrowException) as error:
            raise DataError("a compressed transaction of the binlog is broken") from error
        data = self._rest + more + bytes(PAD)
        end, place, events = len(data) - PAD, 0, []
        while end - place >= _HEADER_SIZE:
            size = struct.unpack_from("<I", data, place + 9)[0]
            if size < _HEADER_SIZE:
                raise DataError("a compressed transaction of the binlog is broken")
            if place + size > end:
                break
            events.append((place, place + size))
            place += size
        self._rest = data[place:end]
        if not more:
            if self._rest:
                raise DataError("a compressed transaction of the binlog ends within an event")
            self.ended = True
        return data, events


def inflate(data: bytes) -> bytes:
    """A compressed event of MariaDB: a byte of flags, the length, zlib.

    Raises:
        DataError: It is broken.
    """
    length_bytes = data[0] & 7
    try:
        return zlib.decompress(data[1 + length_bytes :])
    except zlib.error as error:
        raise DataError("a compressed event of the binlog is broken") from error
