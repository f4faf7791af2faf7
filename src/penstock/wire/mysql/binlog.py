"""Binlog packets to transactions, statements and blocks of rows.

`BinlogDecoder` walks the packets, keeps the tables' layouts and gathers row events by table, which
are decoded at once. Many small events are read in bulk (`binlog_walk`); this is the path for all.
"""

from __future__ import annotations

import re
import struct
import uuid
from typing import TYPE_CHECKING

import numpy as np

from penstock.errors import ConnectorError, DataError
from penstock.wire.mysql.binlog_blocks import DELETE, INSERT, UPDATE, BinlogTable, TableRows
from penstock.wire.mysql.binlog_events import (
    BinlogElement,
    BinlogPosition,
    Heartbeat,
    Rotate,
    Statement,
    TransactionBegin,
    TransactionEnd,
)
from penstock.wire.mysql.binlog_payload import TransactionPayload, inflate
from penstock.wire.mysql.binlog_rows import PAD, RowImages
from penstock.wire.mysql.binlog_walk import PlainRun, find_packets, uuid_text
from penstock.wire.mysql.gtid import gtid_bytes
from penstock.wire.mysql.table_map import (
    binary_fields,
    packed_length,
    parse_table_map,
    table_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from penstock.wire.mysql.binlog_walk import Bulk
    from penstock.wire.mysql.column import MySqlColumn

_QUERY, _ROTATE, _FORMAT, _XID, _TABLE_MAP, _HEARTBEAT = 2, 4, 15, 16, 19, 27
_GTID, _ANONYMOUS_GTID, _XA_PREPARE, _PARTIAL_UPDATE, _PAYLOAD = 33, 34, 38, 39, 40
_HEARTBEAT_2, _TAGGED_GTID, _MARIA_GTID, _MARIA_QUERY, _MARIA_ENCRYPTED = 41, 42, 162, 165, 164
# event type -> kind, whether it has the extra header of version 2, whether it is compressed
_ROWS: dict[int, tuple[int, bool, bool]] = {
    23: (INSERT, False, False),
    24: (UPDATE, False, False),
    25: (DELETE, False, False),
    30: (INSERT, True, False),
    31: (UPDATE, True, False),
    32: (DELETE, True, False),
    166: (INSERT, False, True),
    167: (UPDATE, False, True),
    168: (DELETE, False, True),
    169: (INSERT, True, True),
    170: (UPDATE, True, True),
    171: (DELETE, True, True),
}
_ENDS = frozenset({_XID, _XA_PREPARE})
_QUERIES = frozenset({_QUERY, _MARIA_QUERY})
_GTIDS = frozenset({_GTID, _ANONYMOUS_GTID, _TAGGED_GTID})
_HEARTBEATS = frozenset({_HEARTBEAT, _HEARTBEAT_2})
_UNPLACED = frozenset({_ROTATE, _FORMAT})
_HEADER = struct.Struct("<IBIIIH")
_SIZE = struct.Struct("<I")
_HEADER_SIZE = 19
_BIGGEST = 0xFFFFFF
_INSIDE = re.compile(r"(SAVEPOINT|ROLLBACK\s+(WORK\s+)?TO|RELEASE\s+SAVEPOINT)\b", re.IGNORECASE)
_XA_START = re.compile(r"XA\s+(START|BEGIN)\b", re.IGNORECASE)
_XA_END = re.compile(r"XA\s+END\b", re.IGNORECASE)
_REFUSED, _SAME_ID = 1236, 4052
_SAME_ID_TEXT = "with the same server_uuid/server_id"
# a table map begins with the table's number
_NUMBER_BYTES = 6
# Reading in bulk pays for small packets, and for many of them.
_SAMPLE_PACKETS = 16
_SMALL_PACKET = 1024
_BULK_BYTES = 32 << 10
_BULK_PACKETS = 100
_BROKEN = (IndexError, KeyError, ValueError, OverflowError, struct.error)


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
        self._data = bytes(PAD)
        self._size = 0
        self._place = 0
        self._waiting: list[bytes] = []
        self._missing = 0
        self._checksum = 0
        self._tables: dict[int, tuple[bytes, BinlogTable | None]] = {}
        self._tables_version = 0
        self._gathered: dict[int, TableRows] = {}
        self._out: list[BinlogElement] = []
        self._paused = False
        self._ended: list[str] = []
        self._ended_any = False
        self._end_offset = 4
        self._end_stamp = 0
        self._gtid = ""
        self._begin: tuple[str, int, int] | None = None
        self._sources: dict[bytes, str] = {}
        self._in_transaction = False
        self._payload: TransactionPayload | None = None
        self._old_json = False
        self._apart: dict[str, bytes] = {}

    def feed(self, data: bytes) -> list[BinlogElement]:
        """Elements that became complete with `data`, in the order of the stream.

        A list ends after a Statement, and after a piece of a big compressed transaction, even if
        more is known: call `feed(b"")` until it gives nothing, so that schemas can be updated
        between.

        Raises:
            ConnectorError: The server ended the stream; not retryable where the position is purged.
            DataError: Events that cannot be decoded.
        """
        self._out = []
        if data:
            if len(data) < self._missing:
                # part of a big packet: not worth joining yet
                self._waiting.append(data)
                self._missing -= len(data)
                return []
            self._receive(data)
        try:
            self._go_on()
        except DataError as error:
            if not error.offset:
                error.offset = str(self.position)
                place = f"In the binlog at or before {error.offset}."
                error.detail = f"{error.detail}\n{place}" if error.detail else place
            raise
        except _BROKEN as error:
            raise DataError(
                "the binlog is broken",
                offset=str(self.position),
                detail=f"An event could not be read: {error!r}"[:200],
                hint="Compare with mysqlbinlog, and start with a new snapshot if it fails too.",
            ) from error
        return self._out

    def set_apart(self, gtids: Iterable[str]) -> None:
        """Give each of these transactions its `TransactionBegin`, before any of its rows."""
        self._apart = {gtid: gtid_bytes(gtid) for gtid in gtids}

    def forget_tables(self) -> None:
        """Ask `schemas` again for every table (after DDL)."""
        self._tables.clear()
        self._tables_version += 1

    @property
    def position(self) -> BinlogPosition:
        """Just after the last event read."""
        return BinlogPosition(self._file, self._offset)

    def _receive(self, data: bytes) -> None:
        """`data` behind what was not used yet, and room to read past its end."""
        parts = [self._data[self._place : self._size], *self._waiting, data]
        self._size = sum(map(len, parts))
        self._data = b"".join([*parts, bytes(PAD)])
        self._place = self._missing = 0
        self._waiting = []

    def _go_on(self) -> None:
        while not self._out:
            self._paused = False
            if self._payload is not None:
                self._unpack_piece(self._payload)
                self._flush()
                continue
            before = self._place
            self._walk()
            self._flush()
            if self._place == before:
                return

    def _walk(self) -> None:
        """Passes all complete packets to `_event`, small ones in bulk."""
        began, count, bulk = self._place, 0, True
        while not self._paused and self._one_packet():
            count += 1
            if (
                bulk
                and count == _SAMPLE_PACKETS
                and self._place - began < _SAMPLE_PACKETS * _SMALL_PACKET
                and self._size - self._place > _BULK_BYTES
                and not self._apart_near()
            ):
                bulk = self._walk_bulk()
                began, count = self._place, 0

    def _one_packet(self) -> bool:
        """Reads the next packet; False where it is not complete."""
        data, place = self._data, self._place
        if self._size - place < 4:
            return False
        count = _SIZE.unpack_from(data, place)[0] & _BIGGEST
        end = place + 4 + count
        if end > self._size:
            self._missing = end - self._size
            return False
        if count == _BIGGEST:
            joined = _join(data, place, self._size)
            if joined is None:
                return False
            packet, self._place = joined
            self._packet(packet, 0, len(packet) - PAD)
            return True
        self._place = end
        self._packet(data, place + 4, end)
        return True

    def _walk_bulk(self) -> bool:
        """Reads what can be read in bulk; False where it is not worth another try."""
        size = self._size - self._place
        packets = find_packets(np.frombuffer(self._data, np.uint8), self._place, self._size)
        count = len(packets.starts)
        if count < _BULK_PACKETS:
            return False
        ends = packets.ends
        run = PlainRun(self._data, packets, self._checksum)
        checksum, version, odd = self._checksum, -1, np.zeros(0, np.int64)
        at = 0
        while at < count and not self._paused and self._checksum == checksum:
            if version != self._tables_version:
                version = self._tables_version
                odd = np.flatnonzero(run.odd(self._tables))
            following = int(np.searchsorted(odd, at))
            end = int(odd[following]) if following < len(odd) else count
            if end - at >= _BULK_PACKETS:
                self._take(run, run.read(at, end, self._tables, self._offset), at, end)
                self._place = int(ends[end - 1])
                at = end
            else:
                # up to the odd one, and it
                self._one_packet()
                at += 1
        return int(ends[-1]) - int(packets.starts[0]) > size // 4

    def _take(self, run: PlainRun, bulk: Bulk, first: int, last: int) -> None:
        """What a run of plain transactions contains."""
        packets = run.packets
        offsets = run.offsets(slice(first, last), self._offset)
        for table, closed, opened in bulk.rows:
            rows = self._rows_of(table)
            if closed is not None:
                rows.add_many(closed)
                rows.complete()
            if opened is not None:
                rows.add_many(opened)
        if bulk.ended >= 0:
            for rows in self._gathered.values():
                if not any(table is rows.table for table, _, _ in bulk.rows):
                    rows.complete()
            self._ended += [self._gtid] if self._gtid else []
            self._ended += bulk.gtids
            self._ended_any = True
            self._end_offset = int(offsets[bulk.ended - first])
            self._end_stamp = int(packets.stamps[bulk.ended])
            self._gtid, self._begin, self._in_transaction = "", None, False
        if bulk.opened >= 0:
            opened_at = bulk.opened
            size = int(packets.ends[opened_at] - packets.starts[opened_at]) - 5
            begin = int(offsets[opened_at - first]) - size
            if self._begin is None:
                self._start_gtid(bulk.open_gtid, int(packets.stamps[opened_at]), begin)
            self._in_transaction = self._in_transaction or bulk.begun
        self._offset = int(offsets[-1])

    def _packet(self, data: bytes, start: int, end: int) -> None:
        status = data[start]
        if status == 0:
            self._event(data, start + 1, end - self._checksum)
        elif status == 0xFF:
            code = int.from_bytes(data[start + 1 : start + 3], "little")
            text = data[start + 3 : end].decode("utf-8", "replace")
            raise _ended(code, text[6:] or text)
        else:
            raise ConnectorError(
                "the server ended the binlog stream", retryable=True, code="mysql-eof"
            )

    def _event(self, data: bytes, start: int, end: int) -> None:
        stamp, kind, server, size, log_offset, _ = _HEADER.unpack_from(data, start)
        body = start + _HEADER_SIZE
        if self._payload is None and log_offset and kind not in _UNPLACED:
            begin = self._advance(log_offset) - size
        else:
            begin = self._offset
        rows = _ROWS.get(kind)
        if rows is not None:
            self._rows(data, body, end, kind, rows, stamp)
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
            self._payload = TransactionPayload(data[body:end])
            self._paused = True
        elif kind == _ROTATE:
            self._rotate(data, body, end, is_real=log_offset != 0)
        elif kind == _FORMAT:
            self._checksum = 4 if data[end + self._checksum - 5] == 1 else 0
            self._old_json = data[body + 2 : body + 5] == b"5.7"
            self.forget_tables()
        elif kind in _HEARTBEATS:
            self._flush()
            self._out.append(Heartbeat(self.position))
        elif kind == _PARTIAL_UPDATE:
            self._refuse_partial(int.from_bytes(data[body : body + 6], "little"))
        elif kind == _MARIA_ENCRYPTED:
            pass  # the server decrypts what it sends

    def _refuse_partial(self, number: int) -> None:
        """Updates of a JSON value hold only what changed; in tables not read they do not matter."""
        _, table = self._tables.get(number, (b"", None))
        if table is not None:
            raise DataError(
                "partial JSON updates cannot be read",
                table=".".join(table.name),
                offset=str(self.position),
                hint="Set binlog_row_value_options to '' on the server.",
            )

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
        if self._apart.pop(gtid, None) is not None:
            self._flush()
            self._out.append(TransactionBegin(gtid, BinlogPosition(self._file, begin), stamp))
        self._gtid = gtid
        self._begin = (gtid, begin, stamp)

    def _apart_near(self) -> bool:
        """Whether a transaction to be set apart may begin in what was received."""
        return any(self._data.find(b, self._place, self._size) >= 0 for b in self._apart.values())

    def _mysql_gtid(self, kind: int, body: bytes) -> str:
        if kind == _ANONYMOUS_GTID:
            return ""
        if kind == _TAGGED_GTID:
            return _tagged_gtid(body)
        source = body[1:17]
        name = self._sources.get(source)
        if name is None:
            name = self._sources[source] = uuid_text(source)
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
        text = (inflate(raw) if compressed else raw).decode("utf-8", "replace")
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
        if self._gtid:
            self._ended.append(self._gtid)
        self._ended_any = True
        self._end_offset, self._end_stamp = self._offset, stamp
        for rows in self._gathered.values():
            rows.complete()
        self._gtid = ""
        self._begin = None
        self._in_transaction = False

    def _table_map(self, body: bytes) -> None:
        number = int.from_bytes(body[:6], "little")
        known = self._tables.get(number)
        if known is not None and known[0] == body:
            return
        self._tables[number] = (body, self._table_of(body))
        self._tables_version += 1

    def _table_of(self, body: bytes) -> BinlogTable | None:
        """The table of a map; None if its rows are not wanted.

        A table the server numbered anew (after FLUSH TABLES) stays the same one: transactions that
        began before may commit later, and all its rows must keep their order.
        """
        for other, table in self._tables.values():
            if other[_NUMBER_BYTES:] == body[_NUMBER_BYTES:]:
                return table
        name = table_name(body)
        columns = self._schemas(*name)
        if columns is None:
            return None
        fields = binary_fields(parse_table_map(body), columns, old_json=self._old_json)
        return BinlogTable(name, RowImages(fields))

    def _rows(
        self, data: bytes, body: int, end: int, kind: int, rows: tuple[int, bool, bool], stamp: int
    ) -> None:
        change, has_extra, compressed = rows
        number = int.from_bytes(data[body : body + 6], "little")
        known = self._tables.get(number)
        table = known[1] if known is not None else None
        if table is None:
            return
        place = self._check_header(data, body, table, change, has_extra=has_extra)
        if compressed:
            data = inflate(data[place:end]) + bytes(PAD)
            place, end = 0, len(data) - PAD
        elif kind not in table.headers:
            table.headers[kind] = data[body:place]
            self._tables_version += 1
        self._rows_of(table).add(data, place, end, change, stamp, self._offset)

    def _check_header(
        self, data: bytes, body: int, table: BinlogTable, change: int, *, has_extra: bool
    ) -> int:
        """Where the row images begin; they must have all columns."""
        place = body + 8
        if has_extra:
            place += data[place] | data[place + 1] << 8
        count, place = packed_length(data, place)
        size = (count + 7) // 8
        everything = (1 << count) - 1
        for _ in range(2 if change == UPDATE else 1):
            if int.from_bytes(data[place : place + size], "little") & everything < everything:
                raise DataError(
                    "a row event has not all columns",
                    table=".".join(table.name),
                    offset=str(self.position),
                    hint="Set binlog_row_image=FULL on the server.",
                )
            place += size
        return place

    def _rows_of(self, table: BinlogTable) -> TableRows:
        rows = self._gathered.get(id(table))
        if rows is None:
            rows = self._gathered[id(table)] = TableRows(table)
        return rows

    def _flush(self) -> None:
        """Gives on what is gathered: complete transactions, their end, then the open one's rows."""
        gathered, self._gathered = self._gathered, {}
        blocks = [rows.decode(self._file) for rows in gathered.values()]
        self._out += [done for done, _ in blocks if done is not None]
        if self._ended_any:
            gtids = tuple(self._ended)
            position = BinlogPosition(self._file, self._end_offset)
            last = gtids[-1] if gtids else ""
            self._out.append(TransactionEnd(last, position, self._end_stamp, gtids))
            self._ended, self._ended_any = [], False
        opened = [block for _, block in blocks if block is not None]
        if opened and self._begin is not None:
            gtid, offset, stamp = self._begin
            self._out.append(TransactionBegin(gtid, BinlogPosition(self._file, offset), stamp))
            self._begin = None
        self._out += opened

    def _unpack_piece(self, payload: TransactionPayload) -> None:
        """The next events of a compressed transaction."""
        data, events = payload.read()
        saved, self._checksum = self._checksum, 0
        try:
            for start, end in events:
                self._event(data, start, end)
        finally:
            self._checksum = saved
        if payload.ended:
            self._payload = None


def _ended(code: int, text: str) -> ConnectorError:
    """The server's last words on a stream."""
    if code == _SAME_ID or _SAME_ID_TEXT in text:
        return ConnectorError(
            "another reader of the binlog connected with this one's server id",
            retryable=False,
            code="server-id-conflict",
            detail=f"MySQL keeps one connection for each id and ends the older ({code}): {text}.",
            hint="Give each job an own 'server-id', or a range with an id for each of its readers.",
        )
    return ConnectorError(
        f"the server ended the binlog stream ({code}): {text}",
        retryable=code != _REFUSED,
        code=f"mysql-{code}",
        hint="The position may be gone (purged), or not the start of an event; start with a new"
        " snapshot, or at 'earliest-offset' and accept the gap.",
    )


def _join(data: bytes, place: int, size: int) -> tuple[bytes, int] | None:
    """A message of several packets of 16 MB, padded; None if it is not complete."""
    parts = []
    while True:
        if size - place < 4:
            return None
        count = int.from_bytes(data[place : place + 3], "little")
        end = place + 4 + count
        if end > size:
            return None
        parts.append(data[place + 4 : end])
        place = end
        if count < _BIGGEST:
            return b"".join([*parts, bytes(PAD)]), place


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
