"""Values by group, each with how often it is there: for DISTINCT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.state.table import KeyedTable
from penstock.types import BIGINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]

_GROUP = BIGINT.with_nullable(nullable=False)
_SWEPT_PER_ROW = 4


@dataclass(frozen=True, slots=True)
class Counted:
    """Values of a batch, each of a group once.

    Args:
        rows: The row each comes first in.
        before: How often each was there.
        after: How often each is there now.
    """

    rows: Slots
    before: NDArray[np.int64]
    after: NDArray[np.int64]


class Bag:
    """A multiset of values per group.

    Groups are named by a number each gets at its birth, never used again. When the time of a group
    is up its table clears that number, and the values that still bear it are swept, a part per
    batch.

    Args:
        groups: The table of the groups.
        name: Of the column of births in it.
        types: Types of the columns a value has.
    """

    def __init__(self, groups: KeyedTable, name: str, types: Sequence[DataType]) -> None:
        self._births = groups.column(name, np.int64)
        self._next_birth = 1
        self._expires = groups.ttl_ms > 0
        self._swept = 0
        self._table = KeyedTable([_GROUP, *types])
        self._counts = self._table.column("count", np.int64)
        self._owners = self._table.column("owner", np.int64)

    def __len__(self) -> int:
        return len(self._table)

    def add(self, slots: Slots, columns: Sequence[Any], deltas: NDArray[np.int64]) -> Counted:
        """Change how often values are there; never below zero.

        Args:
            slots: The group of every row.
            columns: Arrow arrays that hold the values.
            deltas: By how much, of every row.
        """
        born = self._born(slots)
        entries = self._table.slots([pa.array(born), *columns], len(slots))
        unique, rows, places = self._table.distinct(entries)
        before = self._counts.data[unique]
        after = before.copy()
        np.add.at(after, places, deltas)
        after = np.maximum(after, 0)
        self._counts.data[unique] = after
        self._owners.data[unique] = slots[rows]
        self._table.remove(unique[after == 0])
        if self._expires:
            self._sweep(_SWEPT_PER_ROW * len(slots))
        return Counted(rows, before, after)

    def changes(self) -> pa.RecordBatch | None:
        """What changed since the last call."""
        return self._table.changes()

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over saved changes in order; the groups' table was loaded before."""
        kept = list(batches)
        self._table.load(kept)
        saved = [int(batch.column("key0").to_numpy().max(initial=0)) for batch in kept]
        self._next_birth = 1 + max([int(self._births.data.max(initial=0)), *saved])

    def _born(self, slots: Slots) -> NDArray[np.int64]:
        births = self._births.data
        unborn = slots[births[slots] == 0]
        if len(unborn):
            unborn = np.unique(unborn)
            births[unborn] = np.arange(self._next_birth, self._next_birth + len(unborn))
            self._next_birth += len(unborn)
        found: NDArray[np.int64] = births[slots]
        return found

    def _sweep(self, count: int) -> None:
        """Forget values of groups that are gone."""
        index = self._table.index
        start = self._swept if self._swept < index.limit else 0
        self._swept = min(start + count, index.limit)
        entries = np.arange(start, self._swept)
        entries = entries[index.live[entries]]
        born = index.store.get(entries).fixed[0].view(np.int64)
        self._table.remove(entries[self._births.data[self._owners.data[entries]] != born])
