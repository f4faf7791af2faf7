"""Values by group, each with how often it is there: for DISTINCT, and MIN and MAX that retract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.state.table import KeyedTable
from penstock.types import BIGINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]

_GROUP = BIGINT.with_nullable(nullable=False)


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

    Args:
        types: Types of the columns a value has.
    """

    def __init__(self, types: Sequence[DataType]) -> None:
        self.table = KeyedTable([_GROUP, *types])
        self._counts = self.table.column("count", np.int64)

    def add(self, groups: Slots, columns: Sequence[Any], deltas: NDArray[np.int64]) -> Counted:
        """Change how often values are there; never below zero.

        Args:
            groups: The group of every row.
            columns: Arrow arrays that hold the values.
            deltas: By how much, of every row.
        """
        entries = self.table.slots([pa.array(groups), *columns], len(groups))
        unique, rows, places = self.table.distinct(entries)
        before = self._counts.data[unique]
        after = before.copy()
        np.add.at(after, places, deltas)
        after = np.maximum(after, 0)
        self._counts.data[unique] = after
        self.table.remove(unique[after == 0])
        return Counted(rows, before, after)
