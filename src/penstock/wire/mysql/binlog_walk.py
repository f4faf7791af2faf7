"""Finds the packets of many small events at once, and reads runs of plain transactions in bulk.

Every event of a server has its server id at the same place of the packet's head: all such places
of a buffer are found in NumPy, those whose two lengths agree are candidates, and each candidate
must begin where the one before ends. What breaks the chain, and every event that needs more than
its head (DDL, savepoints, tables not seen yet), is left to the decoder's one-by-one path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from penstock.wire.mysql.binlog_blocks import DELETE, INSERT, UPDATE, BinlogTable, Events

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]
    Tables = dict[int, tuple[bytes, BinlogTable | None]]

_SERVER_AT = 10
_BODY_AT = 24
_GTID, _MARIA_GTID, _QUERY, _TABLE_MAP, _XID = 33, 162, 2, 19, 16
_ANONYMOUS_GTID = 34
# ROWS_QUERY of MySQL and ANNOTATE_ROWS of MariaDB: the statement's text
_IGNORED = (29, 160)
_ROW_KINDS = {23: INSERT, 24: UPDATE, 25: DELETE, 30: INSERT, 31: UPDATE, 32: DELETE}
_ROW_TYPES = np.array(list(_ROW_KINDS), np.uint8)
_FLAGS_AT = 6


class Packets(NamedTuple):
    """Event packets in a row.

    Args:
        starts: Where each begins, its four bytes of head included.
        ends: Where each ends.
        types: Event types.
        stamps: Their times in seconds.
        offsets: The low 32 bits of the offset after each; 0 for artificial events.
    """

    starts: Ints
    ends: Ints
    types: Bytes
    stamps: Ints
    offsets: Ints


def find_packets(data: Bytes, place: int, size: int) -> Packets:
    """Packets from `place` on that certainly are events of the server of the first one.

    Args:
        data: The buffer; readable up to 64 bytes behind `size`.
        place: Where a packet begins.
        size: Where the received bytes end.
    """
    at = place + _SERVER_AT
    server = int(data[at : at + 4].view("<u4")[0]) if size - at >= 4 else 0
    hits = []
    for phase in range(4):
        words = data[at + phase : size - (size - at - phase) % 4]
        if len(words) >= 4:
            hits.append(np.flatnonzero(words.view("<u4") == server) * 4 + (at + phase))
    starts = np.sort(np.concatenate(hits)) - _SERVER_AT if hits else np.zeros(0, np.int64)
    starts = starts[starts + _BODY_AT <= size]
    lengths = _words(data, starts) & 0xFFFFFF
    events = _words(data, starts + 14)
    starts, lengths = (part[(lengths == events + 1)] for part in (starts, lengths))
    starts, lengths = (part[data[starts + 4] == 0] for part in (starts, lengths))
    ends = starts + 4 + lengths
    chained = _chain(starts, ends, place)
    chained = chained[ends[chained] <= size]
    starts, ends = starts[chained], ends[chained]
    return Packets(
        starts, ends, data[starts + 9], _words(data, starts + 5), _words(data, starts + 18)
    )


def _chain(starts: Ints, ends: Ints, place: int) -> Ints:
    """Which candidates follow one another without a gap, from `place` on."""
    if len(starts) and starts[0] == place:
        linked = starts[1:] == ends[:-1]
        if linked.all():
            return np.arange(len(starts))
    # some bytes of a row look like a head: follow the chain one by one
    following = np.searchsorted(starts, ends)
    chain, at = [], int(np.searchsorted(starts, place))
    expected = place
    while at < len(starts) and starts[at] == expected:
        chain.append(at)
        expected = int(ends[at])
        at = int(following[at])
    return np.array(chain, np.int64)


def _words(data: Bytes, places: Ints) -> Ints:
    return (
        data[places].astype(np.int64)
        | data[places + 1].astype(np.int64) << 8
        | data[places + 2].astype(np.int64) << 16
        | data[places + 3].astype(np.int64) << 24
    )


class Bulk(NamedTuple):
    """What a run of plain transactions contains.

    Args:
        rows: Per wanted table, its row events before and after the last end in the run.
        gtids: GTIDs of transactions that ended, runs of one source joined.
        ended: The last end in the run: its packet, -1 without.
        opened: The packet with which the transaction begins that is open at the end, -1 without.
        open_gtid: Its GTID, "" without.
        begun: Whether it is known to be one of rows: DDL has a GTID too.
    """

    rows: list[tuple[BinlogTable, Events | None, Events | None]]
    gtids: list[str]
    ended: int
    opened: int
    open_gtid: str
    begun: bool


class PlainRun:
    """Packets of a buffer, and which of them can be read in bulk.

    Args:
        raw: The buffer, `PAD` bytes longer than what was received.
        packets: As found.
        checksum: Bytes of checksum at the end of each event.
    """

    def __init__(self, raw: bytes, packets: Packets, checksum: int) -> None:
        self._raw = raw
        self._data = np.frombuffer(raw, np.uint8)
        self.packets = packets
        self._bodies = packets.starts + _BODY_AT
        self._ends = packets.ends - checksum
        types = packets.types
        self._is_rows = np.isin(types, _ROW_TYPES)
        self._is_map = types == _TABLE_MAP
        self._is_xid = types == _XID
        self._is_gtid = (types == _GTID) | (types == _MARIA_GTID) | (types == _ANONYMOUS_GTID)
        self._ids = np.full(len(types), -1, np.int64)
        tabled = self._is_rows | self._is_map
        at = self._bodies[tabled]
        self._ids[tabled] = _words(self._data, at) | (
            self._data[at + 4].astype(np.int64) << 32 | self._data[at + 5].astype(np.int64) << 40
        )
        plain = tabled | self._is_xid | self._is_gtid | np.isin(types, _IGNORED)
        self._is_query = types == _QUERY
        plain[self._is_query] = self._begins(np.flatnonzero(self._is_query))
        plain &= packets.offsets != 0
        plain[self._is_gtid] &= self._usual_gtids(np.flatnonzero(self._is_gtid))
        self._odd = ~plain

    def _begins(self, places: Ints) -> Bools:
        """Which queries are just BEGIN."""
        data, body, end = self._data, self._bodies[places], self._ends[places]
        status = data[body + 11].astype(np.int64) | data[body + 12].astype(np.int64) << 8
        found: Bools = end - body == 13 + status + data[body + 8] + 1 + 5
        for index, letter in enumerate(b"BEGIN"):
            found &= data[np.maximum(end - 5 + index, 0)] == letter
        return found

    def _usual_gtids(self, places: Ints) -> Bools:
        """Which GTIDs are of the source of the first one, and begin a transaction of rows."""
        data, body = self._data, self._bodies[places]
        if not len(places):
            return np.zeros(0, np.bool_)
        first = self.packets.types[places[0]]
        same: Bools = self.packets.types[places] == first
        if first == _MARIA_GTID:
            same &= _words(data, body + 8) == _words(data, body[:1] + 8)
            same &= data[body + 12] & 1 == 0  # stands alone: DDL
        elif first == _GTID:
            for index in range(1, 17):
                same &= data[body + index] == data[body[0] + index]
        return same

    def odd(self, tables: Tables) -> Bools:
        """Which packets must be read one by one, given the tables known."""
        odd: Bools = self._odd.copy()
        for number in np.unique(self._ids[self._ids >= 0]).tolist():
            mine = self._ids == number
            maps = np.flatnonzero(mine & self._is_map)
            known = tables.get(number)
            if known is None:
                odd[mine] = True
                continue
            body, table = known
            odd[maps] |= ~self._equal(maps, body, to_end=True)
            if table is None:
                continue
            for kind in np.unique(self.packets.types[mine & self._is_rows]).tolist():
                rows = np.flatnonzero(mine & (self.packets.types == kind))
                header = table.headers.get(kind)
                odd[rows] |= True if header is None else ~self._equal(rows, header)
        return odd

    def _equal(self, places: Ints, wanted: bytes, *, to_end: bool = False) -> Bools:
        """Whether bodies are these bytes; without `to_end`, begin with them, flags aside."""
        body, size = self._bodies[places], len(wanted)
        room = self._ends[places] - body
        fits = room == size if to_end else room >= size
        inside = np.where(fits, body, 0)
        found = np.lib.stride_tricks.sliding_window_view(self._data, size)[inside]
        expected = np.frombuffer(wanted, np.uint8)
        differs = found != expected
        if not to_end:
            differs[:, _FLAGS_AT : _FLAGS_AT + 2] = False
        result: Bools = fits & ~differs.any(axis=1)
        return result

    def read(self, first: int, last: int, tables: Tables, base: int) -> Bulk:
        """Packets `first` to `last`, none of them odd.

        Args:
            first: Index of the first one.
            last: Index behind the last one.
            tables: As given to `odd`.
            base: The offset before them, whose high bits the events lack.
        """
        part = slice(first, last)
        ends = np.flatnonzero(self._is_xid[part]) + first
        ended = int(ends[-1]) if len(ends) else -1
        offsets = self.offsets(part, base)
        rows = []
        for number in np.unique(self._ids[part][self._is_rows[part]]).tolist():
            table = tables[number][1]
            if table is None:
                continue
            mine = np.flatnonzero((self._ids[part] == number) & self._is_rows[part]) + first
            closed = int(np.searchsorted(mine, ended))
            rows.append(
                (
                    table,
                    self._events(table, mine[:closed], offsets, first),
                    self._events(table, mine[closed:], offsets, first),
                )
            )
        return Bulk(rows, *self._transactions(first, last, ended))

    def offsets(self, part: slice, base: int) -> Ints:
        """Offsets behind the packets; events have 32 bits of them."""
        low = self.packets.offsets[part]
        wraps = np.cumsum(np.diff(low, prepend=base & 0xFFFFFFFF) < -(1 << 31))
        return (base & ~0xFFFFFFFF) + (wraps << 32) + low

    def _events(self, table: BinlogTable, places: Ints, offsets: Ints, first: int) -> Events | None:
        if not len(places):
            return None
        types = self.packets.types[places]
        header = np.zeros(256, np.int64)
        kinds = np.zeros(256, np.int64)
        for kind in np.unique(types).tolist():
            header[kind] = len(table.headers[kind])
            kinds[kind] = _ROW_KINDS[kind]
        return Events(
            self._raw,
            self._bodies[places] + header[types],
            self._ends[places],
            kinds[types],
            self.packets.stamps[places],
            offsets[places - first],
        )

    def _transactions(
        self, first: int, last: int, ended: int
    ) -> tuple[list[str], int, int, str, bool]:
        places = np.flatnonzero(self._is_gtid[first:last]) + first
        closed = places[places < ended]
        opened = places[places > ended]
        gtids = self._texts(closed)
        begins = np.flatnonzero(self._is_query[first:last]) + first
        begins = begins[begins > ended]
        begun = len(begins) > 0
        if len(opened):
            at = int(opened[-1])
            begun = begun or int(self.packets.types[at]) == _MARIA_GTID
            return gtids, ended, at, (self._texts(opened[-1:]) or [""])[0], begun
        return gtids, ended, int(begins[-1]) if begun else -1, "", begun

    def _texts(self, places: Ints) -> list[str]:
        """GTIDs as text; adjacent numbers of MySQL as a range, MariaDB's last one."""
        if not len(places):
            return []
        kind = int(self.packets.types[places[0]])
        body = self._bodies[places]
        if kind == _ANONYMOUS_GTID:
            return []
        if kind == _MARIA_GTID:
            at = int(body[-1])
            number = int.from_bytes(self._raw[at : at + 8], "little")
            domain = int.from_bytes(self._raw[at + 8 : at + 12], "little")
            start = int(self.packets.starts[places[-1]])
            server = int.from_bytes(self._raw[start + _SERVER_AT : start + 14], "little")
            return [f"{domain}-{server}-{number}"]
        numbers = _words(self._data, body + 17) | _words(self._data, body + 21) << 32
        source = uuid_text(self._raw[int(body[0]) + 1 : int(body[0]) + 17])
        cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
        texts = []
        for run in np.split(numbers, cuts):
            low, high = int(run[0]), int(run[-1])
            texts.append(f"{source}:{low}" if low == high else f"{source}:{low}-{high}")
        return texts


def uuid_text(raw: bytes) -> str:
    """A server's UUID as MySQL writes it.

    Examples:
        >>> uuid_text(bytes(range(16)))
        '00010203-0405-0607-0809-0a0b0c0d0e0f'
    """
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
