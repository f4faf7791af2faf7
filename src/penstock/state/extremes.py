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
_LINKED_BY_PASS = 4


class Reversed:
    """Wraps a value so that a heap gives the largest first."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: Reversed) -> bool:
        return bool(other.value < self.value)


class _Best:
    """The best entry of each group, smallest or largest value.

    Args:
        largest: Look for the largest.
    """

    def __init__(self, *, largest: bool) -> None:
        self.better = np.greater if largest else np.less
        self.entries = np.full(_SMALLEST, -1, np.int64)
        self.heaps: dict[int, list[tuple[Any, int]]] = {}
        self._largest = largest

    def heaped(self, value: Any, entry: int) -> tuple[Any, int]:
        """An item of a heap that gives the best value first."""
        return (Reversed(value) if self._largest else value, entry)


class Extremes:
    """A multiset of values per group that knows its smallest and its largest value.

    The values of a group are a chain of entries; those whose count is zero stay in it until they
    are more than the living ones, then all chains are made anew. When the best value of a group
    goes, its chain is walked, the chains of many groups in one pass; a group whose chain is long
    gets a heap instead, so that a change costs the logarithm of the number of its values.

    Args:
        codec: How values are kept and compared; they are never NULL.
    """

    def __init__(self, codec: ValueCodec) -> None:
        self._codec = codec
        self._first = np.full(_SMALLEST, -1, np.int64)
        self._next = np.full(_SMALLEST, -1, np.int64)
        self._linked = np.zeros(_SMALLEST, np.bool_)
        self._dead = 0
        self._bests: dict[bool, _Best] = {}
        self._table = KeyedTable([_GROUP, codec.type.with_nullable(nullable=False)])
        self._counts = self._table.column("count", np.int64)
        self._groups = self._table.column("group", np.int64)
        self._values = self._table.values("value", codec)

    def track(self, *, largest: bool) -> None:
        """Know the largest, or the smallest, values from now on; before the first value."""
        assert not len(self._table)
        self._bests[largest] = _Best(largest=largest)

    def add(self, groups: Slots, column: Any, deltas: NDArray[np.int64]) -> None:
        """Change how often values are there; never below zero.

        Args:
            groups: The group of every row.
            column: The values, an Arrow array without NULLs.
            deltas: By how much, of every row.
        """
        entries = self._table.slots([pa.array(groups), column], len(groups))
        unique, rows, places = self._table.distinct(entries)
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
        came = alive & ~live
        for best in self._bests.values():
            self._came(best, unique[came], owners[came])
            self._look_again(best, owners[~alive & (best.entries[owners] == unique)])
        if self._dead > max(len(self._table) // 2, _SMALLEST):
            self._compact()

    def best(self, groups: Slots, *, largest: bool) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The best value of some groups, and which of them have any."""
        self._grow(int(groups.max(initial=-1)) + 1)
        entries = self._bests[largest].entries[groups]
        return self._values.data[entries], entries >= 0

    def holds_none(self, groups: Slots) -> bool:
        """Whether none of some groups has any value."""
        self._grow(int(groups.max(initial=-1)) + 1)
        return all(bool((best.entries[groups] < 0).all()) for best in self._bests.values())

    def forget(self, groups: Slots) -> None:
        """Drop all values of some groups."""
        self._grow(int(groups.max(initial=-1)) + 1)
        lanes = self._first[groups]
        while len(lanes := lanes[lanes >= 0]):
            self._dead += int(np.count_nonzero(self._counts.data[lanes]))
            self._counts.data[lanes] = 0
            self._table.touch(lanes)
            lanes = self._next[lanes]
        for best in self._bests.values():
            best.entries[groups] = -1

    def changes(self) -> pa.RecordBatch | None:
        """What changed since the last call."""
        return self._table.changes()

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over saved changes in order."""
        self._table.load(batches)
        self._compact()
        entries = self._living()
        for best in self._bests.values():
            self._came(best, entries, self._groups.data[entries])

    def _living(self) -> Slots:
        return np.flatnonzero(self._table.index.live[: self._table.index.limit])

    def _grow(self, groups: int) -> None:
        self._first = grown(self._first, groups, -1)
        for best in self._bests.values():
            best.entries = grown(best.entries, groups, -1)
        limit = self._table.index.limit
        self._next = grown(self._next, limit, -1)
        self._linked = grown(self._linked, limit)

    def _link(self, entries: Slots, owners: Slots) -> None:
        """Put new entries in front of their groups' chains."""
        self._linked[entries] = True
        for _ in range(_LINKED_BY_PASS):
            if not len(entries):
                return
            # One entry of every group wins the group's front; the others come in front of it.
            behind = self._first[owners]
            self._first[owners] = entries
            won = self._first[owners] == entries
            self._next[entries[won]] = behind[won]
            entries, owners = entries[~won], owners[~won]
        order = np.argsort(owners)
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

    def _came(self, best: _Best, entries: Slots, owners: Slots) -> None:
        """Values are there that were not: some may be the best of their group."""
        if best.heaps:
            for entry, owner in zip(entries.tolist(), owners.tolist(), strict=True):
                heap = best.heaps.get(owner)
                if heap is not None:
                    heapq.heappush(heap, best.heaped(self._values.data[entry], entry))
        while len(entries):
            better = self._is_better(best, entries, owners)
            entries, owners = entries[better], owners[better]
            # Of several of one group one stays; what is better than that one comes again.
            best.entries[owners] = entries
            again = best.entries[owners] != entries
            entries, owners = entries[again], owners[again]

    def _look_again(self, best: _Best, groups: Slots) -> None:
        """The best values of some groups went: find the next ones."""
        if not len(groups):
            return
        best.entries[groups] = -1
        lanes, owners = self._first[groups], groups
        if best.heaps:
            heaped = np.array([group in best.heaps for group in groups.tolist()])
            lanes, owners = lanes[~heaped], owners[~heaped]
            for group in groups[heaped].tolist():
                self._pop(best, group)
        counts = self._counts.data
        for _ in range(_WALKED_MAX):
            there = lanes >= 0
            lanes, owners = lanes[there], owners[there]
            if not len(lanes):
                return
            better = self._is_better(best, lanes, owners) & (counts[lanes] > 0)
            best.entries[owners[better]] = lanes[better]
            lanes = self._next[lanes]
        for group in owners[lanes >= 0].tolist():
            best.heaps[group] = self._heap_of(best, group)
            self._pop(best, group)

    def _is_better(self, best: _Best, entries: Slots, owners: Slots) -> NDArray[np.bool_]:
        """Which entries are better than the best ones of their groups."""
        values, known = self._values.data, best.entries[owners]
        found = known < 0
        rows = np.flatnonzero(~found)
        found[rows] = best.better(values[entries[rows]], values[known[rows]])
        return found

    def _heap_of(self, best: _Best, group: int) -> list[tuple[Any, int]]:
        heap = []
        entry = int(self._first[group])
        while entry >= 0:
            if self._counts.data[entry] > 0:
                heap.append(best.heaped(self._values.data[entry], entry))
            entry = int(self._next[entry])
        heapq.heapify(heap)
        return heap

    def _pop(self, best: _Best, group: int) -> None:
        heap = best.heaps[group]
        while heap and self._counts.data[heap[0][1]] <= 0:
            heapq.heappop(heap)
        best.entries[group] = heap[0][1] if heap else -1

    def _compact(self) -> None:
        """Forget the values that are not there any more, and make the chains anew."""
        entries = self._living()
        self._table.remove(entries[self._counts.data[entries] <= 0])
        entries = self._living()
        owners = self._groups.data[entries]
        self._grow(int(owners.max(initial=-1)) + 1)
        self._first[:] = -1
        self._linked[:] = False
        for best in self._bests.values():
            best.heaps.clear()
        self._dead = 0
        self._link(entries, owners)
