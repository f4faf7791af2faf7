"""The smallest or largest value of each group, while values come and go."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.state.growth import grown
from penstock.state.table import KeyedTable
from penstock.types import BIGINT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from penstock.state.codec import ValueCodec

    Slots = NDArray[np.int64]

_SMALLEST = 1024
_GROUP = BIGINT.with_nullable(nullable=False)
_WALKED_MAX = 64


class Reversed:
    """Wraps a value so that a heap gives the largest first."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: Reversed) -> bool:
        return bool(other.value < self.value)


class Extremes:
    """A multiset of values per group that knows the best one of each: smallest or largest.

    The values of a group are a chain of entries; those whose count is zero stay in it until they
    are more than the living ones, then all chains are made anew. When the best value of a group
    goes, its chain is walked, the chains of many groups in one pass; a group whose chain is long
    gets a heap instead, so that a change costs the logarithm of the number of its values.

    Args:
        codec: How values are kept and compared; they are never NULL.
        largest: Look for the largest.
    """

    def __init__(self, codec: ValueCodec, *, largest: bool) -> None:
        self._codec = codec
        self._largest = largest
        self._better = np.greater if largest else np.less
        self._heaps: dict[int, list[tuple[Any, int]]] = {}
        self._first = np.full(_SMALLEST, -1, np.int64)
        self._best = np.full(_SMALLEST, -1, np.int64)
        self._next = np.full(_SMALLEST, -1, np.int64)
        self._linked = np.zeros(_SMALLEST, np.bool_)
        self._dead = 0
        self.table = KeyedTable([_GROUP, codec.type.with_nullable(nullable=False)])
        self._counts = self.table.column("count", np.int64)
        self._groups = self.table.column("group", np.int64)
        self._values = self.table.values("value", codec)

    def add(self, groups: Slots, column: Any, deltas: NDArray[np.int64]) -> None:
        """Change how often values are there; never below zero.

        Args:
            groups: The group of every row.
            column: The values, an Arrow array without NULLs.
            deltas: By how much, of every row.
        """
        entries = self.table.slots([pa.array(groups), column], len(groups))
        unique, rows, places = self.table.distinct(entries)
        owners = groups[rows]
        self._grow(int(owners.max(initial=-1)) + 1)
        before = self._counts.data[unique]
        after = before.copy()
        np.add.at(after, places, deltas)
        after = np.maximum(after, 0)
        self._counts.data[unique] = after
        fresh = ~self._linked[unique]
        if fresh.any():
            values, _ = self._codec.decode(column)
            self._values.data[unique[fresh]] = values[rows[fresh]]
            self._groups.data[unique[fresh]] = owners[fresh]
            self._link(unique[fresh], owners[fresh])
        live, alive = before > 0, after > 0
        self._dead += int(np.count_nonzero(~alive)) - int(np.count_nonzero(~live & ~fresh))
        self._came(unique[alive & ~live], owners[alive & ~live])
        self._look_again(owners[~alive & (self._best[owners] == unique)])
        if self._dead > max(len(self.table) // 2, _SMALLEST):
            self._compact()

    def best(self, groups: Slots) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The best value of some groups, and which of them have any."""
        self._grow(int(groups.max(initial=-1)) + 1)
        entries = self._best[groups]
        return self._values.data[entries], entries >= 0

    def forget(self, groups: Slots) -> None:
        """Drop all values of some groups."""
        self._grow(int(groups.max(initial=-1)) + 1)
        lanes = self._first[groups]
        while len(lanes := lanes[lanes >= 0]):
            self._dead += int(np.count_nonzero(self._counts.data[lanes]))
            self._counts.data[lanes] = 0
            self.table.touch(lanes)
            lanes = self._next[lanes]
        self._best[groups] = -1

    def changes(self) -> pa.RecordBatch | None:
        """What changed since the last call."""
        return self.table.changes()

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over saved changes in order."""
        self.table.load(batches)
        self._compact()
        entries = self._living()
        self._came(entries, self._groups.data[entries])

    def _living(self) -> Slots:
        return np.flatnonzero(self.table.index.live[: self.table.index.limit])

    def _grow(self, groups: int) -> None:
        self._first = grown(self._first, groups, -1)
        self._best = grown(self._best, groups, -1)
        limit = self.table.index.limit
        self._next = grown(self._next, limit, -1)
        self._linked = grown(self._linked, limit)

    def _link(self, entries: Slots, owners: Slots) -> None:
        """Put new entries in front of their groups' chains."""
        order = np.argsort(owners, kind="stable")
        entries, owners = entries[order], owners[order]
        behind = np.empty(len(entries), np.int64)
        behind[1:] = entries[:-1]
        starts = np.ones(len(entries), np.bool_)
        starts[1:] = owners[1:] != owners[:-1]
        behind[starts] = self._first[owners[starts]]
        self._next[entries] = behind
        ends = np.ones(len(entries), np.bool_)
        ends[:-1] = starts[1:]
        self._first[owners[ends]] = entries[ends]
        self._linked[entries] = True

    def _came(self, entries: Slots, owners: Slots) -> None:
        """Values are there that were not: some may be the best of their group."""
        if self._heaps:
            for entry, owner in zip(entries.tolist(), owners.tolist(), strict=True):
                heap = self._heaps.get(owner)
                if heap is not None:
                    heapq.heappush(heap, self._heaped(entry))
        while len(entries):
            better = self._is_better(entries, owners)
            entries, owners = entries[better], owners[better]
            # Of several of one group one stays; what is better than that one comes again.
            self._best[owners] = entries
            again = self._best[owners] != entries
            entries, owners = entries[again], owners[again]

    def _look_again(self, groups: Slots) -> None:
        """The best values of some groups went: find the next ones."""
        if not len(groups):
            return
        self._best[groups] = -1
        lanes, owners = self._first[groups], groups
        if self._heaps:
            heaped = np.array([group in self._heaps for group in groups.tolist()])
            lanes, owners = lanes[~heaped], owners[~heaped]
            for group in groups[heaped].tolist():
                self._pop(group)
        counts = self._counts.data
        for _ in range(_WALKED_MAX):
            there = lanes >= 0
            lanes, owners = lanes[there], owners[there]
            if not len(lanes):
                return
            better = self._is_better(lanes, owners) & (counts[lanes] > 0)
            self._best[owners[better]] = lanes[better]
            lanes = self._next[lanes]
        for group in owners[lanes >= 0].tolist():
            self._heaps[group] = self._heap_of(group)
            self._pop(group)

    def _is_better(self, entries: Slots, owners: Slots) -> NDArray[np.bool_]:
        """Which entries are better than the best ones of their groups."""
        values, best = self._values.data, self._best[owners]
        found = best < 0
        rows = np.flatnonzero(~found)
        found[rows] = self._better(values[entries[rows]], values[best[rows]])
        return found

    def _heap_of(self, group: int) -> list[tuple[Any, int]]:
        heap = []
        entry = int(self._first[group])
        while entry >= 0:
            if self._counts.data[entry] > 0:
                heap.append(self._heaped(entry))
            entry = int(self._next[entry])
        heapq.heapify(heap)
        return heap

    def _heaped(self, entry: int) -> tuple[Any, int]:
        value = self._values.data[entry]
        return (Reversed(value) if self._largest else value, entry)

    def _pop(self, group: int) -> None:
        heap = self._heaps[group]
        while heap and self._counts.data[heap[0][1]] <= 0:
            heapq.heappop(heap)
        self._best[group] = heap[0][1] if heap else -1

    def _compact(self) -> None:
        """Forget the values that are not there any more, and make the chains anew."""
        entries = self._living()
        self.table.remove(entries[self._counts.data[entries] <= 0])
        entries = self._living()
        owners = self._groups.data[entries]
        self._grow(int(owners.max(initial=-1)) + 1)
        self._first[:] = -1
        self._linked[:] = False
        self._heaps.clear()
        self._dead = 0
        self._link(entries, owners)
