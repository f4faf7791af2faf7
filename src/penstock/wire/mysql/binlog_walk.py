"""Finds the packets of many small events at once, and reads runs of plain transactions in bulk.

Every event of a server has its server id at the same place of the packet's head: all such places
of a buffer are found in NumPy, those whose two lengths agree are candidates, and each candidate
must begin where the one before ends. What breaks the chain, and every event that needs more than
its head (DDL, savepoints, tables not seen yet), is left to the decoder's one-by-one path.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from penstock.wire.mysql.binlog_blocks import DELETE, INSERT, UPDATE, BinlogTable, Events
from penstock.wire.mysql.gather import everywhere, integers_at

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_FLAGS_AT = 6


def _marks(types: Iterable[int]) -> Bools:
    """By event type, whether it is one of these."""
    marks = np.zeros(256, np.bool_)
    marks[list(types)] = True
    return marks


_IS_ROWS, _IS_IGNORED = _marks(_ROW_KINDS), _marks(_IGNORED)


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
    starts = np.concatenate(hits) if hits else np.zeros(0, np.int64)
    starts.sort(kind="stable")  # which merges the four, each in order already
    starts -= _SERVER_AT
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
    return integers_at(data, places, 4)


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


class _OfTable:
    """Packets of one table, and what of them was compared with what is known of it."""

    def __init__(self, places: Ints, is_map: Bools, types: Bytes) -> None:
        self.places = places
        self.is_map = is_map
        self.types = types
        self.rows = places[~is_map]
        self.forget(None)

    def forget(self, known: tuple[bytes, BinlogTable | None] | None) -> None:
        """The table is another one now."""
        self.known = known
        self.maps_judged = False
        self.kinds_judged: set[int] = set()


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
        self._is_rows = _IS_ROWS[types]
        self._is_map = types == _TABLE_MAP
        self._is_xid = types == _XID
        self._is_gtid = (types == _GTID) | (types == _MARIA_GTID) | (types == _ANONYMOUS_GTID)
        tabled = self._is_rows | self._is_map
        plain = tabled | self._is_xid | self._is_gtid | _IS_IGNORED[types]
        self._is_query = types == _QUERY
        plain[self._is_query] = self._begins(np.flatnonzero(self._is_query))
        plain &= packets.offsets != 0
        plain[self._is_gtid] &= self._usual_gtids(np.flatnonzero(self._is_gtid))
        self._tables = {
            number: _OfTable(places, self._is_map[places], types[places])
            for number, places in self._by_table(np.flatnonzero(tabled))
        }
        self._never_plain = ~plain
        # packets of a table are odd until it is known
        self._odd = self._never_plain | tabled

    def _by_table(self, places: Ints) -> list[tuple[int, Ints]]:
        ids = integers_at(self._data, self._bodies[places], 6)
        order = np.argsort(ids, kind="stable")
        ids, places = ids[order], places[order]
        cuts = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
        return [(int(ids[low]), places[low:high]) for low, high in pairwise(cuts) if low < high]

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
        for number, mine in self._tables.items():
            known = tables.get(number)
            if known is not mine.known:
                mine.forget(known)
                self._odd[mine.places] = True
            if known is None:
                continue
            body, table = known
            if not mine.maps_judged:
                mine.maps_judged = True
                maps = mine.places[mine.is_map]
                self._odd[maps] = self._never_plain[maps] | ~self._equal(maps, body)
                if table is None:
                    self._odd[mine.rows] = self._never_plain[mine.rows]
            if table is None:
                continue
            for kind, header in table.headers.items():
                if kind not in mine.kinds_judged:
                    mine.kinds_judged.add(kind)
                    rows = mine.places[mine.types == kind]
                    self._odd[rows] = self._never_plain[rows] | ~self._begin_with(rows, header)
        odd: Bools = self._odd
        return odd

    def _equal(self, places: Ints, wanted: bytes) -> Bools:
        """Whether bodies are these bytes."""
        body = self._bodies[places]
        fits: Bools = self._ends[places] - body == len(wanted)
        return fits & self._have(np.where(fits, body, 0), wanted)

    def _begin_with(self, places: Ints, wanted: bytes) -> Bools:
        """Whether bodies of the table's events begin with these bytes, their flags aside."""
        body, size = self._bodies[places], len(wanted)
        fits: Bools = self._ends[places] - body >= size
        after = _FLAGS_AT + 2
        return fits & self._have(np.where(fits, body, 0) + after, wanted[after:])

    def _have(self, places: Ints, wanted: bytes) -> Bools:
        """Whether these bytes stand there.

        NumPy compares byte strings of one length without their zeros at the end, which is the same.
        """
        if not wanted or len(wanted) > len(self._data):
            return np.full(len(places), not wanted)
        found: Bools = everywhere(self._data, f"S{len(wanted)}")[places] == wanted
        return found

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
        for table, mine in self._rows_of(first, last, tables):
            closed = int(np.searchsorted(mine, ended))
            rows.append(
                (
                    table,
                    self._events(table, mine[:closed], offsets, first),
                    self._events(table, mine[closed:], offsets, first),
                )
            )
        return Bulk(rows, *self._transactions(first, last, ended))

    def _rows_of(self, first: int, last: int, tables: Tables) -> list[tuple[BinlogTable, Ints]]:
        """Row events of each wanted table; those of all its numbers are in their order."""
        found: dict[int, tuple[BinlogTable, list[Ints]]] = {}
        for number, packets in self._tables.items():
            places = packets.rows
            mine = places[np.searchsorted(places, first) : np.searchsorted(places, last)]
            table = tables[number][1] if len(mine) else None
            if table is not None:
                found.setdefault(id(table), (table, []))[1].append(mine)
        return [
            (table, parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts)))
            for table, parts in found.values()
        ]

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
