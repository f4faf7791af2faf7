"""Binlog packets to transactions, statements and blocks of rows.

`BinlogDecoder` walks the packets, keeps the tables' layouts, gathers the row images of adjacent
events of one table and kind, and has `RowImages` decode them at once.
"""

from __future__ import annotations

import re
import struct
import uuid
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.errors import ConnectorError, DataError
from penstock.wire.mysql.binlog_events import (
    BinlogElement,
    BinlogPosition,
    Heartbeat,
    Rotate,
    RowsBlock,
    RowsKind,
    Statement,
    TransactionBegin,
    TransactionEnd,
)
from penstock.wire.mysql.binlog_rows import RowImages
from penstock.wire.mysql.table_map import (
    binary_fields,
    packed_length,
    parse_table_map,
    table_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.wire.mysql.column import MySqlColumn

_QUERY, _ROTATE, _FORMAT, _XID, _TABLE_MAP, _HEARTBEAT = 2, 4, 15, 16, 19, 27
_GTID, _ANONYMOUS_GTID, _XA_PREPARE, _PARTIAL_UPDATE, _PAYLOAD = 33, 34, 38, 39, 40
_HEARTBEAT_2, _TAGGED_GTID, _MARIA_GTID, _MARIA_QUERY, _MARIA_ENCRYPTED = 41, 42, 162, 165, 164
_INSERT, _UPDATE, _DELETE = "insert", "update", "delete"
# event type -> kind, whether it has the extra header of version 2, whether it is compressed
_ROWS: dict[int, tuple[RowsKind, bool, bool]] = {
    23: ("insert", False, False),
    24: ("update", False, False),
    25: ("delete", False, False),
    30: ("insert", True, False),
    31: ("update", True, False),
    32: ("delete", True, False),
    166: ("insert", False, True),
    167: ("update", False, True),
    168: ("delete", False, True),
    169: ("insert", True, True),
    170: ("update", True, True),
    171: ("delete", True, True),
}
_ENDS = frozenset({_XID, _XA_PREPARE})
_QUERIES = frozenset({_QUERY, _MARIA_QUERY})
_GTIDS = frozenset({_GTID, _ANONYMOUS_GTID, _TAGGED_GTID})
_HEARTBEATS = frozenset({_HEARTBEAT, _HEARTBEAT_2})
_UNPLACED = frozenset({_ROTATE, _FORMAT})
_HEADER = struct.Struct("<IBIIIH")
_HEADER_SIZE = 19
_BIGGEST = 0xFFFFFF
_BLOCK_BYTES = 32 << 20
_INSIDE = re.compile(r"(SAVEPOINT|ROLLBACK\s+(WORK\s+)?TO|RELEASE\s+SAVEPOINT)\b", re.IGNORECASE)
_XA_START = re.compile(r"XA\s+(START|BEGIN)\b", re.IGNORECASE)
_XA_END = re.compile(r"XA\s+END\b", re.IGNORECASE)
_PURGED = 1236


@dataclass(slots=True)
class _Table:
    name: tuple[str, str]
    images: RowImages


@dataclass(slots=True)
class _Block:
    """Row images gathered for one table and kind."""

    table: _Table
    kind: RowsKind
    regions: list[bytes | memoryview] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    transactions: list[int] = field(default_factory=list)
    gtids: list[str] = field(default_factory=list)
    size: int = 0
    complete: int = 0
    complete_gtids: int = 0


class BinlogDecoder:
    """Decodes a binlog stream; checksums are recognised and cut off.

    Args:
        schemas: Called with (database, table); gives the table's columns now, or None where its
            rows are not wanted. Asked for each new TABLE_MAP id and again after `forget_tables`.
        file: Binlog file the stream starts in ("" when started by GTID: the first event says it).
    """

    def __init__(
        self, schemas: Callable[[str, str], list[MySqlColumn] | None], *, file: str = ""
    ) -> None:
        self._schemas = schemas
        self._file = file
        self._offset = 4
        self._data = b""
        self._waiting: list[bytes] = []
        self._missing = 0
        self._checksum = 0
        self._tables: dict[int, tuple[bytes, _Table | None]] = {}
        self._out: list[BinlogElement] = []
        self._paused = False
        self._block: _Block | None = None
        self._ended: list[str] = []
        self._end_offset = 4
        self._end_stamp = 0
        self._gtid = ""
        self._begin: tuple[str, int, int] | None = None
        self._sources: dict[bytes, str] = {}
        self._in_transaction = False
        self._payload_offset: int | None = None

    def feed(self, data: bytes) -> list[BinlogElement]:
        """Elements that became complete with `data`, in the order of the stream.

        A list ends after a Statement even if more is known: call `feed(b"")` until it gives
        nothing, so that schemas can be updated between.

        Raises:
            ConnectorError: The server ended the stream; not retryable where the position is purged.
            DataError: Row events that cannot be decoded.
        """
        self._out = []
        self._paused = False
        if data and len(data) < self._missing:
            # part of a big packet: not worth joining yet
            self._waiting.append(data)
            self._missing -= len(data)
            return []
        self._missing = 0
        parts = [part for part in (self._data, *self._waiting, data) if part]
        self._waiting = []
        self._data = parts[0] if len(parts) == 1 else b"".join(parts)
        used = self._walk()
        self._data = self._data[used:]
        self._flush()
        return self._out

    def forget_tables(self) -> None:
        """Ask `schemas` again for every table (after DDL)."""
        self._tables.clear()

    @property
    def position(self) -> BinlogPosition:
        """Just after the last event read."""
        return BinlogPosition(self._file, self._offset)

    def _walk(self) -> int:
        """Passes all complete packets to `_event`; gives the bytes used."""
        data = self._data
        size, place = len(data), 0
        unpack = struct.Struct("<I").unpack_from
        while size - place >= 4 and not self._paused:
            count = unpack(data, place)[0] & _BIGGEST
            end = place + 4 + count
            if end > size:
                self._missing = end - size
                break
            if count == _BIGGEST:
                joined = _join(data, place)
                if joined is None:
                    break
                packet, place = joined
                self._packet(packet, 0, len(packet))
                continue
            self._packet(data, place + 4, end)
            place = end
        return place

    def _packet(self, data: bytes, start: int, end: int) -> None:
        status = data[start]
        if status == 0:
            self._event(data, start + 1, end - self._checksum)
        elif status == 0xFF:
            code = int.from_bytes(data[start + 1 : start + 3], "little")
            text = data[start + 3 : end].decode("utf-8", "replace")
            raise ConnectorError(
                f"the server ended the binlog stream ({code}): {text[6:] or text}",
                retryable=code != _PURGED,
                code=f"mysql-{code}",
                hint="The binlog may have been purged, or another replica has this server id; "
                "start with a new snapshot if the position is gone.",
            )
        else:
            raise ConnectorError(
                "the server ended the binlog stream", retryable=True, code="mysql-eof"
            )

    def _event(self, data: bytes, start: int, end: int) -> None:
        stamp, kind, server, size, log_offset, _ = _HEADER.unpack_from(data, start)
        body = start + _HEADER_SIZE
        if self._payload_offset is None and log_offset and kind not in _UNPLACED:
            begin = self._advance(log_offset) - size
        else:
            begin = self._offset
        rows = _ROWS.get(kind)
        if rows is not None:
            self._rows(data, body, end, rows, stamp)
        elif kind == _TABLE_MAP:
            self._table_map(data[body:end])
        elif kind in _ENDS:
            self._end(stamp)
        elif kind in _QUERIES:
            self._query(data[body:end], stamp, begin, compressed=kind == _MARIA_QUERY)
        elif kind in _GTIDS:
            self._start_gtid(self._mysql_gtid(kind, data[body:end]), stamp, begin)
        elif kind == _MARIA_GTID:
            sequence, domain, flags = struct.unpack_from("<QIB", data, body)
            self._start_gtid(f"{domain}-{server}-{sequence}", stamp, begin)
            self._in_transaction = not flags & 1
        elif kind == _PAYLOAD:
            self._payload(data[body:end])
        elif kind == _ROTATE:
            self._rotate(data, body, end, is_real=log_offset != 0)
        elif kind == _FORMAT:
            self._checksum = 4 if data[end + self._checksum - 5] == 1 else 0
            self._tables.clear()
        elif kind in _HEARTBEATS:
            self._flush()
            self._out.append(Heartbeat(self.position))
        elif kind == _PARTIAL_UPDATE:
            raise DataError(
                "partial JSON updates cannot be read",
                offset=str(self.position),
                hint="Set binlog_row_value_options to '' on the server.",
            )
        elif kind == _MARIA_ENCRYPTED:
            pass  # the server decrypts what it sends

    def _advance(self, log_offset: int) -> int:
        """Offsets have 32 bits in events; files may be longer."""
        offset = self._offset & ~0xFFFFFFFF | log_offset
        if offset < self._offset - (1 << 31):
            offset += 1 << 32
        self._offset = offset
        return offset

    def _rotate(self, data: bytes, body: int, end: int, *, is_real: bool) -> None:
        offset = struct.unpack_from("<Q", data, body)[0]
        # the artificial one at the start of a stream has a checksum only where the file has
        name = data[body + 8 : end].decode("utf-8", "replace")
        self._flush()
        if self._file == name and not is_real:
            self._offset = offset
            return
        if name != self._file or is_real:
            self._file, self._offset = name, offset
            self._out.append(Rotate(self.position))

    def _start_gtid(self, gtid: str, stamp: int, begin: int) -> None:
        self._gtid = gtid
        self._begin = (gtid, begin, stamp)

    def _mysql_gtid(self, kind: int, body: bytes) -> str:
        if kind == _ANONYMOUS_GTID:
            return ""
        if kind == _TAGGED_GTID:
            return _tagged_gtid(body)
        source = body[1:17]
        name = self._sources.get(source)
        if name is None:
            name = self._sources[source] = str(uuid.UUID(bytes=source))
        return f"{name}:{int.from_bytes(body[17:25], 'little')}"

    def _query(self, body: bytes, stamp: int, begin: int, *, compressed: bool) -> None:
        database_size, status_size = body[8], struct.unpack_from("<H", body, 11)[0]
        place = 13 + status_size
        raw = body[place + database_size + 1 :]
        if raw == b"BEGIN":
            if self._begin is None:
                self._start_gtid("", stamp, begin)
            self._in_transaction = True
            return
        text = (_inflate(raw) if compressed else raw).decode("utf-8", "replace")
        head = text[:40].strip().upper()
        if head == "BEGIN" or _XA_START.match(head):  # compressed, or a distributed one
            if self._begin is None:
                self._start_gtid("", stamp, begin)
            self._in_transaction = True
        elif head in {"COMMIT", "ROLLBACK"}:
            self._end(stamp)
        elif not (_INSIDE.match(head) or _XA_END.match(head)):
            database = body[place : place + database_size].decode("utf-8", "replace")
            self._flush()
            self._out.append(Statement(database, text, self.position, stamp, self._gtid))
            self._paused = True
            if not self._in_transaction:
                self._end(stamp)

    def _end(self, stamp: int) -> None:
        self._ended.append(self._gtid)
        self._end_offset, self._end_stamp = self._offset, stamp
        if self._block is not None:
            self._block.complete = len(self._block.regions)
            self._block.complete_gtids = len(self._block.gtids)
        self._gtid = ""
        self._begin = None
        self._in_transaction = False

    def _table_map(self, body: bytes) -> None:
        number = int.from_bytes(body[:6], "little")
        known = self._tables.get(number)
        if known is not None and known[0] == body:
            return
        name = table_name(body)
        columns = self._schemas(*name)
        table = None
        if columns is not None:
            fields = binary_fields(parse_table_map(body), columns)
            table = _Table(name, RowImages(fields))
        self._tables[number] = (body, table)

    def _rows(
        self, data: bytes, body: int, end: int, rows: tuple[RowsKind, bool, bool], stamp: int
    ) -> None:
        kind, has_extra, compressed = rows
        number = int.from_bytes(data[body : body + 6], "little")
        known = self._tables.get(number)
        table = known[1] if known is not None else None
        if table is None:
            return
        place = body + 8
        if has_extra:
            place += struct.unpack_from("<H", data, place)[0]
        count, place = packed_length(data, place)
        size = (count + 7) // 8
        bitmaps = 2 if kind == "update" else 1
        everything = (1 << count) - 1
        for _ in range(bitmaps):
            if int.from_bytes(data[place : place + size], "little") & everything < everything:
                raise DataError(
                    "a row event has not all columns",
                    table=".".join(table.name),
                    offset=str(self.position),
                    hint="Set binlog_row_image=FULL on the server.",
                )
            place += size
        region: bytes | memoryview = (
            _inflate(data[place:end]) if compressed else memoryview(data)[place:end]
        )
        self._add(table, kind, region, stamp)

    def _add(self, table: _Table, kind: RowsKind, region: bytes | memoryview, stamp: int) -> None:
        block = self._block
        if (
            block is None
            or block.table is not table
            or block.kind != kind
            or block.size > _BLOCK_BYTES
        ):
            self._flush()
            block = self._block = _Block(table, kind)
        if len(block.gtids) == block.complete_gtids:
            block.gtids.append(self._gtid)
        block.regions.append(region)
        block.size += len(region)
        block.stamps.append(stamp)
        block.offsets.append(self._offset)
        block.transactions.append(len(block.gtids) - 1)

    def _flush(self) -> None:
        """Gives on what is gathered: complete transactions, their end, then the open one's rows."""
        block, self._block = self._block, None
        if block is not None and block.complete:
            self._out.append(self._decode(block, 0, block.complete))
        if self._ended:
            gtids = tuple(self._ended)
            position = BinlogPosition(self._file, self._end_offset)
            self._out.append(TransactionEnd(gtids[-1], position, self._end_stamp, gtids))
            self._ended = []
        if block is not None and block.complete < len(block.regions):
            if self._begin is not None:
                gtid, offset, stamp = self._begin
                position = BinlogPosition(self._file, offset)
                self._out.append(TransactionBegin(gtid, position, stamp))
                self._begin = None
            self._out.append(self._decode(block, block.complete, len(block.regions)))

    def _decode(self, block: _Block, first: int, last: int) -> RowsBlock:
        is_update = block.kind == "update"
        images, counts = block.table.images.decode(
            block.regions[first:last], images_per_row=2 if is_update else 1
        )
        numbers = np.repeat(np.array(block.transactions[first:last], np.int32), counts)
        first_number = block.transactions[first]
        return RowsBlock(
            table=block.table.name,
            kind=block.kind,
            columns=block.table.images.names,
            before=images[0] if block.kind != "insert" else None,
            after=images[-1] if block.kind != "delete" else None,
            timestamp_s=np.repeat(np.array(block.stamps[first:last], np.int64), counts),
            next_offset=np.repeat(np.array(block.offsets[first:last], np.int64), counts),
            file=self._file,
            gtid=block.gtids[first_number : block.transactions[last - 1] + 1],
            transaction=numbers - np.int32(first_number),
        )

    def _payload(self, body: bytes) -> None:
        """A compressed transaction: its events, unpacked, one after the other."""
        data = _unpack_payload(body)
        saved, self._checksum = self._checksum, 0
        self._payload_offset = self._offset
        try:
            place = 0
            while place < len(data):
                size = struct.unpack_from("<I", data, place + 9)[0]
                self._event(data, place, place + size)
                place += size
        finally:
            self._checksum = saved
            self._payload_offset = None


def _join(data: bytes, place: int) -> tuple[bytes, int] | None:
    """A message of several packets of 16 MB; None if it is not complete."""
    parts = []
    while True:
        if len(data) - place < 4:
            return None
        count = int.from_bytes(data[place : place + 3], "little")
        end = place + 4 + count
        if end > len(data):
            return None
        parts.append(data[place + 4 : end])
        place = end
        if count < _BIGGEST:
            return b"".join(parts), place


def _inflate(data: bytes) -> bytes:
    """MariaDB's compressed events: a byte of flags, the length, zlib."""
    length_bytes = data[0] & 7
    try:
        return zlib.decompress(data[1 + length_bytes :])
    except zlib.error as error:
        raise DataError("a compressed event of the binlog is broken") from error


def _unpack_payload(body: bytes) -> bytes:
    place, size, algorithm, full = 0, 0, 0, 0
    while True:
        kind, place = packed_length(body, place)
        if kind == 0:
            break
        length, place = packed_length(body, place)
        value, _ = packed_length(body, place)
        place += length
        if kind == 1:
            size = value
        elif kind == 2:
            algorithm = value
        elif kind == 3:
            full = value
    data = body[place : place + size]
    if algorithm:
        return data
    try:
        return bytes(pa.Codec("zstd").decompress(data, decompressed_size=full, asbytes=True))
    except (OSError, pa.ArrowException) as error:
        raise DataError("a compressed transaction of the binlog is broken") from error


def _tagged_gtid(body: bytes) -> str:
    """MySQL's self-describing format of 8.3: version, size, last field, then fields by number."""
    place = 0
    for _ in range(3):
        _, place = _variable(body, place)
    source, number, tag = b"", 0, ""
    while place < len(body):
        field_number, place = _variable(body, place)
        if field_number == 0:
            _, place = _variable(body, place)
        elif field_number == 1:
            parts = []
            for _ in range(16):
                value, place = _variable(body, place)
                parts.append(value)
            source = bytes(parts)
        elif field_number == 2:
            value, place = _variable(body, place)
            number = value >> 1  # the lowest bit is the sign
        elif field_number == 3:
            size, place = _variable(body, place)
            tag = body[place : place + size].decode()
            break
        else:
            break
    name = f"{uuid.UUID(bytes=source)}"
    return f"{name}:{tag}:{number}" if tag else f"{name}:{number}"


def _variable(body: bytes, place: int) -> tuple[int, int]:
    """An integer whose first byte tells by its trailing ones how many bytes follow."""
    first = body[place]
    more = 0
    while more < 8 and first >> more & 1:
        more += 1
    value = int.from_bytes(body[place : place + more + 1], "little")
    return value >> min(more + 1, 8), place + more + 1
