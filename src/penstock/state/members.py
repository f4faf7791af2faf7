"""Which slots belong to a key: one stretch of a heap per key, in no order.

Adding and taking away are a few NumPy passes over a batch, whatever a key's stretch holds: one that
is full moves to the end of the heap with twice the room; what is taken away leaves holes that the
stretch's last members fill. Nothing of it is saved: it follows from the members' keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.state.growth import grown
from penstock.state.table import KeyedTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]

_SMALLEST = 1024


class Members:
    """Members by key.

    Args:
        types: Types of the key's columns; none for a single key.
    """

    def __init__(self, types: Sequence[DataType]) -> None:
        self._keys = KeyedTable(types)
        self._start = self._keys.column("start", np.int64)
        self._size = self._keys.column("size", np.int64)
        self._room = self._keys.column("room", np.int64)
        self._heap = np.zeros(_SMALLEST, np.int32)
        self._used = 0
        self._count = 0
        self._key_of = np.full(_SMALLEST, -1, np.int32)
        self._place_of = np.zeros(_SMALLEST, np.int32)

    def __len__(self) -> int:
        return self._count

    def add(self, columns: Sequence[Any], members: Slots) -> None:
        """Put members, each named once and of no key yet, to their keys.

        Args:
            columns: The key columns, Arrow arrays, a row per member.
            members: Slots.
        """
        if not len(members):
            return
        keys = self._keys.slots(columns, len(members))
        order, unique, counts = _grouped(self._keys, keys)
        size = self._size.data[unique]
        self._make_room(unique, size + counts)
        places = np.repeat(size, counts) + _ranks(counts)
        self._heap[np.repeat(self._start.data[unique], counts) + places] = members[order]
        limit = int(members.max()) + 1
        self._key_of = grown(self._key_of, limit, -1)
        self._place_of = grown(self._place_of, limit)
        self._key_of[members[order]] = np.repeat(unique, counts)
        self._place_of[members[order]] = places
        self._size.data[unique] = size + counts
        self._count += len(members)

    def remove(self, members: Slots) -> None:
        """Take members, each named once, from their keys."""
        if not len(members):
            return
        keys = self._key_of[members].astype(np.int64)
        order, unique, counts = _grouped(self._keys, keys)
        members = members[order]
        left = self._size.data[unique] - counts
        self._size.data[unique] = left
        bounds = np.repeat(left, counts)
        start = np.repeat(self._start.data[unique], counts)
        tail = self._heap[start + bounds + _ranks(counts)]
        self._key_of[members] = -1
        staying = self._key_of[tail] >= 0
        holes = self._place_of[members] < bounds
        # Per key as many members stay in the tail as leave holes before it.
        places = self._place_of[members[holes]]
        self._heap[start[holes] + places] = tail[staying]
        self._place_of[tail[staying]] = places
        self._keys.remove(unique[left == 0])
        self._count -= len(members)

    def holds(self, slots: Slots) -> NDArray[np.bool_]:
        """Which slots are members of some key."""
        self._key_of = grown(self._key_of, int(slots.max(initial=-1)) + 1, -1)
        found: NDArray[np.bool_] = self._key_of[slots] >= 0
        return found

    def find(self, columns: Sequence[Any], rows: int) -> tuple[Slots, Slots]:
        """How many members the key of each row has, and where their stretch starts."""
        keys = self._keys.find(columns, rows)
        there = keys >= 0
        return np.where(there, self._size.data[keys], 0), self._start.data[keys]

    def at(self, starts: Slots, sizes: Slots) -> Slots:
        """The members in some stretches, one after the other."""
        found: Slots = self._heap[np.repeat(starts, sizes) + _ranks(sizes)].astype(np.int64)
        return found

    def _make_room(self, keys: Slots, wanted: Slots) -> None:
        if self._used > 4 * self._count + _SMALLEST:
            self._compact()
        short = np.flatnonzero(wanted > self._room.data[keys])
        if not len(short):
            return
        keys = keys[short]
        room = 1 << np.ceil(np.log2(wanted[short])).astype(np.int64)
        needed = self._used + int(room.sum())
        self._heap = grown(self._heap, needed)
        starts = self._used + np.cumsum(room) - room
        sizes = self._size.data[keys]
        ranks = _ranks(sizes)
        moved = self._heap[np.repeat(self._start.data[keys], sizes) + ranks]
        self._heap[np.repeat(starts, sizes) + ranks] = moved
        self._start.data[keys] = starts
        self._room.data[keys] = room
        self._used = needed

    def _compact(self) -> None:
        """Let the stretches stand side by side; those left behind by others vanish."""
        index = self._keys.index
        keys = np.flatnonzero(index.live[: index.limit])
        sizes = self._size.data[keys]
        kept = self.at(self._start.data[keys], sizes)
        self._heap = grown(np.zeros(_SMALLEST, np.int32), len(kept))
        self._heap[: len(kept)] = kept
        self._start.data[keys] = np.cumsum(sizes) - sizes
        self._room.data[keys] = sizes
        self._used = len(kept)


def _ranks(counts: Slots) -> Slots:
    """0, 1, .. count - 1 for every count.

    Examples:
        >>> _ranks(np.array([2, 0, 3])).tolist()
        [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - counts, counts)


def _grouped(table: KeyedTable, keys: Slots) -> tuple[Slots, Slots, Slots]:
    """An order in which equal keys stand together, each key once in it, and how often it stands."""
    unique, _, places = table.distinct(keys)
    if len(unique) == len(keys):
        return np.arange(len(keys)), unique, np.ones(len(keys), np.int64)
    order = np.argsort(places, kind="stable")
    return order, unique, np.bincount(places, minlength=len(unique))
