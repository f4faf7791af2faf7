"""GTIDs: sets of MySQL (with tags), positions of MariaDB."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

_Intervals = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class MySqlGtidSet:
    """A set of MySQL GTIDs: `uuid[:tag]:1-5:7,...`. Immutable.

    Args:
        sources: Per (uuid, tag), sorted disjoint intervals, both ends inclusive.
    """

    sources: dict[tuple[str, str], _Intervals] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> MySqlGtidSet:
        """Reads MySQL's text.

        Examples:
            >>> str(MySqlGtidSet.parse("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:6:9:blue:1"))
            '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-6:9:blue:1'

        Raises:
            OptionError: Not a GTID set.
        """
        found: dict[tuple[str, str], list[tuple[int, int]]] = {}
        try:
            for part in (piece.strip() for piece in text.replace("\n", "").split(",")):
                if not part:
                    continue
                source, *rest = part.split(":")
                source = str(uuid.UUID(source.strip()))
                tag = ""
                for item in (piece.strip() for piece in rest):
                    if item[:1].isdigit():
                        low, _, high = item.partition("-")
                        interval = (int(low), int(high or low))
                        found.setdefault((source, tag), []).append(interval)
                    else:
                        tag = item.lower()
        except ValueError as error:
            raise OptionError(f"'{text}' is no GTID set", key="gtid-set") from error
        return cls({key: _normal(intervals) for key, intervals in found.items() if intervals})

    def with_gtid(self, gtid: str) -> MySqlGtidSet:
        """This set and one more GTID, `uuid[:tag]:number`."""
        return self.merge(MySqlGtidSet.parse(gtid))

    def with_gtids(self, gtids: Sequence[str]) -> MySqlGtidSet:
        """This set and more GTIDs."""
        return self.merge(MySqlGtidSet.parse(",".join(gtids)))

    def merge(self, other: MySqlGtidSet) -> MySqlGtidSet:
        """The union."""
        merged = dict(self.sources)
        for key, intervals in other.sources.items():
            merged[key] = _normal([*merged.get(key, ()), *intervals])
        return MySqlGtidSet(merged)

    def contains(self, other: MySqlGtidSet) -> bool:
        """Whether every GTID of `other` is in this set."""
        return all(
            any(low <= first and last <= high for low, high in self.sources.get(key, ()))
            for key, intervals in other.sources.items()
            for first, last in intervals
        )

    def restored_on(
        self, executed: MySqlGtidSet, *, new_sources_from_start: bool = True
    ) -> MySqlGtidSet:
        """What to call read already when a stream of another server goes on behind this set.

        What that server executed before the first of this set is taken as read, gaps inside are
        not, and what it does not have is dropped.

        Args:
            executed: Of that server.
            new_sources_from_start: Whether sources this set lacks are read from their first
                transaction; else what was executed of them is taken as read.

        Source: Flink CDC, GtidUtils.fixRestoredGtidSet and mergeGtidSetInto.

        Examples:
            >>> a = "3e11fa47-71ca-11e1-9e33-c80aa9429562:"
            >>> saved = MySqlGtidSet.parse(a + "45-80:83-90")
            >>> str(saved.restored_on(MySqlGtidSet.parse(a + "1-85"))).removeprefix(a)
            '1-80:83-85'
        """
        found = dict(self.sources)
        for key, intervals in executed.sources.items():
            saved = self.sources.get(key)
            if saved is None:
                if not new_sources_from_start:
                    found[key] = intervals
                continue
            first = saved[0][0]
            earlier = [(low, min(high, first)) for low, high in intervals if low < first]
            cut = [
                (max(low, a), min(high, b))
                for low, high in _normal([*earlier, *saved])
                for a, b in intervals
                if max(low, a) <= min(high, b)
            ]
            found[key] = _normal(cut)
        return MySqlGtidSet({key: intervals for key, intervals in found.items() if intervals})

    def contains_gtid(self, gtid: str) -> bool:
        """Whether one GTID, `uuid[:tag]:number`, is in this set."""
        return self.contains(MySqlGtidSet.parse(gtid))

    def encode(self) -> bytes:
        """The set as COM_BINLOG_DUMP_GTID wants it; with tags in the format of MySQL 8.3 and up."""
        tagged = any(tag for _, tag in self.sources)
        count = len(self.sources)
        # with tags: format 1 in the lowest and the highest byte, the count between them
        # (MySQL source, Gtid_set::encode_nsids_format)
        data = struct.pack("<Q", 1 | count << 8 | 1 << 56 if tagged else count)
        for (source, tag), intervals in sorted(self.sources.items()):
            data += uuid.UUID(source).bytes
            if tagged:
                name = tag.encode()
                data += bytes([len(name) << 1]) + name  # variable length integer of one byte
            data += struct.pack("<Q", len(intervals))
            for low, high in intervals:
                data += struct.pack("<QQ", low, high + 1)
        return data

    def __bool__(self) -> bool:
        return bool(self.sources)

    def __str__(self) -> str:
        texts: dict[str, str] = {}
        for (source, tag), intervals in sorted(self.sources.items()):
            numbers = ":".join(
                str(low) if low == high else f"{low}-{high}" for low, high in intervals
            )
            text = f":{tag}:{numbers}" if tag else f":{numbers}"
            texts[source] = texts.get(source, source) + text
        return ",".join(texts.values())


@dataclass(frozen=True)
class MariaDbGtidPosition:
    """A position of MariaDB: per domain, the last `domain-server-sequence`. Immutable."""

    domains: dict[int, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> MariaDbGtidPosition:
        """Reads MariaDB's text.

        Examples:
            >>> str(MariaDbGtidPosition.parse("1-1-7, 0-1-100"))
            '0-1-100,1-1-7'

        Raises:
            OptionError: Not a position.
        """
        domains = {}
        try:
            for part in (piece.strip() for piece in text.split(",")):
                if part:
                    domain, server, sequence = (int(number) for number in part.split("-"))
                    domains[domain] = (server, sequence)
        except ValueError as error:
            raise OptionError(f"'{text}' is no MariaDB GTID position", key="gtid-set") from error
        return cls(domains)

    def with_gtid(self, gtid: str) -> MariaDbGtidPosition:
        """The position after one more transaction."""
        return MariaDbGtidPosition({**self.domains, **MariaDbGtidPosition.parse(gtid).domains})

    def with_gtids(self, gtids: Sequence[str]) -> MariaDbGtidPosition:
        """The position after more transactions, in their order."""
        return self.with_gtid(",".join(gtids))

    def merge(self, other: MariaDbGtidPosition) -> MariaDbGtidPosition:
        """Per domain, the later of both."""
        merged = dict(self.domains)
        for domain, place in other.domains.items():
            if domain not in merged or merged[domain][1] < place[1]:
                merged[domain] = place
        return MariaDbGtidPosition(merged)

    def contains(self, other: MariaDbGtidPosition) -> bool:
        """Whether this position is at or after `other` in every domain of `other`."""
        return all(
            domain in self.domains and self.domains[domain][1] >= sequence
            for domain, (_, sequence) in other.domains.items()
        )

    def contains_gtid(self, gtid: str) -> bool:
        """Whether this position is at or after one GTID."""
        return self.contains(MariaDbGtidPosition.parse(gtid))

    def __bool__(self) -> bool:
        return bool(self.domains)

    def __str__(self) -> str:
        return ",".join(f"{d}-{s}-{n}" for d, (s, n) in sorted(self.domains.items()))


GtidPosition = MySqlGtidSet | MariaDbGtidPosition


def parse_gtids(text: str, *, is_mariadb: bool) -> GtidPosition:
    """GTIDs in the dialect of the server."""
    return MariaDbGtidPosition.parse(text) if is_mariadb else MySqlGtidSet.parse(text)


def contains(whole: GtidPosition, part: GtidPosition) -> bool:
    """Whether `whole` has all of `part`; never, where they are of different dialects."""
    if isinstance(whole, MySqlGtidSet):
        return isinstance(part, MySqlGtidSet) and whole.contains(part)
    return isinstance(part, MariaDbGtidPosition) and whole.contains(part)


def _normal(intervals: list[tuple[int, int]]) -> _Intervals:
    """Sorted, disjoint, adjacent ones joined."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def gtid_bytes(gtid: str) -> bytes:
    """What the binlog holds where a transaction of this GTID begins; b"" where that varies.

    Examples:
        >>> gtid_bytes("3e11fa47-71ca-11e1-9e33-c80aa9429562:23")[-8:].hex()
        '1700000000000000'
        >>> gtid_bytes("1-2-3").hex()
        '030000000000000001000000'
    """
    source, *parts = gtid.split(":")
    if len(parts) == 1:
        return uuid.UUID(source).bytes + struct.pack("<Q", int(parts[0]))
    if parts:
        return b""  # with a tag its length is not fixed
    domain, _, sequence = gtid.split("-")
    return struct.pack("<QI", int(sequence), int(domain))
