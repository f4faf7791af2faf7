"""Keys to slots: open addressing over batches of keys.

A key keeps its slot until it is removed; slots are numbered densely and used again. The table
holds slot numbers; hashes and keys stand by slot. Inserting a batch is a few NumPy passes: rows
that find an empty place write their claim there, the last writer wins the place, the others look
further, one place, then two, then three. The table doubles when it is half full, so a batch costs
the same however many keys there are, doubling apart.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

from penstock.state.growth import grown
from penstock.state.key_store import KeyStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.state.words import KeyLayout, KeyWords

    Slots = NDArray[np.int64]

_EMPTY, _REMOVED, _CLAIM = -1, -2, -3
_SMALLEST = 1024


class KeyIndex:
    """The slots of keys.

    Args:
        layout: What a key is made of.

    Attributes:
        limit: All slots are below it.
        count: How many keys there are.
    """

    def __init__(self, layout: KeyLayout) -> None:
        self.store = KeyStore(layout)
        self.limit = 0
        self.count = 0
        self._seed = secrets.randbits(64)
        self._table = np.full(_SMALLEST, _EMPTY, np.int32)
        self._removed = 0
        self._free: list[Slots] = []
        self._free_count = 0
        self._hashes = np.zeros(_SMALLEST, np.uint64)
        self.live = np.zeros(_SMALLEST, np.bool_)

    def upsert(self, keys: KeyWords) -> tuple[Slots, Slots]:
        """The slot of every row's key, and the slots that are new."""
        self._make_room(keys.rows)
        hashes = keys.hashes(self._seed)
        slots, places, pending = self._first_look(keys, hashes)
        new: list[Slots] = []
        step = 0
        while len(pending):
            step += 1
            at = self._table[places[pending]]
            empty = pending[at == _EMPTY]
            if len(empty):
                won = empty[self._claimed(places[empty])]
                slots[won] = made = self._allocate(len(won))
                self._hashes[made] = hashes[won]
                self.store.put(made, keys.take(won))
                self._table[places[won]] = made
                new.append(made)
                at = self._table[places[pending]]
            pending = self._next_look(keys, hashes, slots, places, pending, at, step)
        return slots, np.concatenate(new) if new else np.empty(0, np.int64)

    def find(self, keys: KeyWords) -> Slots:
        """The slot of every row's key, -1 where there is none."""
        hashes = keys.hashes(self._seed)
        slots, places, pending = self._first_look(keys, hashes)
        step = 0
        while len(pending):
            step += 1
            at = self._table[places[pending]]
            there = at != _EMPTY
            pending = self._next_look(keys, hashes, slots, places, pending[there], at[there], step)
        return slots

    def remove(self, slots: Slots) -> None:
        """Forget the keys of some slots, each named once."""
        if not len(slots):
            return
        mask = len(self._table) - 1
        places = (self._hashes[slots] & np.uint64(mask)).astype(np.int64)
        pending = np.arange(len(slots))
        step = 0
        while len(pending):
            step += 1
            other = self._table[places[pending]] != slots[pending]
            pending = pending[other]
            places[pending] = (places[pending] + step) & mask
        self._table[places] = _REMOVED
        self._removed += len(slots)
        self.live[slots] = False
        self._free.append(slots)
        self._free_count += len(slots)
        self.count -= len(slots)

    def restore(self, live: NDArray[np.bool_]) -> None:
        """Index the keys that the store has been given, those of live slots."""
        self.limit = len(live)
        self._grow_slots(self.limit)
        self.live[: self.limit] = live
        slots = np.flatnonzero(live)
        self.count = len(slots)
        free = np.flatnonzero(~live)
        self._free, self._free_count = ([free], len(free)) if len(free) else ([], 0)
        for start in range(0, len(slots), 1 << 16):
            part = slots[start : start + (1 << 16)]
            self._hashes[part] = self.store.get(part).hashes(self._seed)
        self._rebuild(self.count)

    def _first_look(self, keys: KeyWords, hashes: NDArray[np.uint64]) -> tuple[Slots, Slots, Slots]:
        """Slots of the keys that stand where they belong; places and rows of the others."""
        places = (hashes & np.uint64(len(self._table) - 1)).astype(np.int64)
        slots = self._table[places].astype(np.int64)
        equal = (slots >= 0) & (self._hashes[slots] == hashes)
        if not keys.exact:
            rows = np.flatnonzero(equal)
            equal[rows] = self.store.equal(slots[rows], keys, rows)
        slots[~equal] = -1
        return slots, places, np.flatnonzero(~equal)

    def _next_look(
        self,
        keys: KeyWords,
        hashes: NDArray[np.uint64],
        slots: Slots,
        places: Slots,
        pending: Slots,
        at: NDArray[np.int32],
        step: int,
    ) -> Slots:
        """Settle the rows whose key stands at their place; the others look further."""
        equal = (at >= 0) & (self._hashes[at] == hashes[pending])
        if not keys.exact:
            rows = np.flatnonzero(equal)
            equal[rows] = self.store.equal(at[rows].astype(np.int64), keys, pending[rows])
        slots[pending[equal]] = at[equal]
        pending = pending[~equal]
        places[pending] = (places[pending] + step) & (len(self._table) - 1)
        return pending

    def _claimed(self, places: Slots) -> NDArray[np.bool_]:
        """Which rows win their empty place, one for each place."""
        claims = (_CLAIM - np.arange(len(places))).astype(np.int32)
        self._table[places] = claims
        won: NDArray[np.bool_] = self._table[places] == claims
        return won

    def _allocate(self, count: int) -> Slots:
        parts: list[Slots] = []
        wanted = count
        while wanted and self._free:
            free = self._free.pop()
            if len(free) > wanted:
                self._free.append(free[:-wanted])
                free = free[-wanted:]
            parts.append(free)
            wanted -= len(free)
        self._free_count -= count - wanted
        if wanted:
            parts.append(np.arange(self.limit, self.limit + wanted))
            self.limit += wanted
        slots = np.concatenate(parts) if parts else np.empty(0, np.int64)
        self.live[slots] = True
        self.count += count
        return slots

    def _make_room(self, count: int) -> None:
        self._grow_slots(self.limit + count)
        if 2 * (self.count + self._removed + count) > len(self._table):
            self._rebuild(self.count + count)

    def _grow_slots(self, limit: int) -> None:
        self._hashes = grown(self._hashes, limit)
        self.live = grown(self.live, limit)
        self.store.grow(limit)

    def _rebuild(self, count: int) -> None:
        """A table with room for twice as many keys, or the same one without removed places."""
        size = len(self._table)
        while size < 3 * count:
            size *= 2
        self._table = np.full(size, _EMPTY, np.int32)
        self._removed = 0
        slots = np.flatnonzero(self.live[: self.limit])
        places = (self._hashes[slots] & np.uint64(size - 1)).astype(np.int64)
        step = 0
        while len(slots):
            step += 1
            empty = np.flatnonzero(self._table[places] == _EMPTY)
            won = empty[self._claimed(places[empty])]
            self._table[places[won]] = slots[won]
            left = np.ones(len(slots), np.bool_)
            left[won] = False
            slots, places = slots[left], (places[left] + step) & (size - 1)
