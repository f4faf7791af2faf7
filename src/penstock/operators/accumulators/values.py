"""MIN, MAX, FIRST_VALUE and LAST_VALUE of rows that are never taken back: one value a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.operators.accumulators.base import InTable, Rows
from penstock.state import Extremes, KeyedTable, ValueCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from penstock.state import StateTable
    from penstock.types import DataType

    Slots = NDArray[np.int64]


class _OneValue(InTable):
    """A value a group, NULL until there is one."""

    def __init__(self, table: KeyedTable, name: str, type: DataType) -> None:  # noqa: A002
        self._codec = ValueCodec(type)
        self._values = table.values(f"{name}.value", self._codec)
        self._seen = table.column(f"{name}.seen", np.bool_)

    def result(self, slots: Slots) -> Any:
        seen = self._seen.data[slots]
        return self._codec.encode(self._values.data[slots], None if seen.all() else seen)


class FirstValue(_OneValue):
    """The value that came first."""

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        new = np.flatnonzero(~self._seen.data[rows.slots])[::-1]
        # Written from behind: the first row of a group is the last one written.
        self._values.data[rows.slots[new]] = values[new]
        self._seen.data[rows.slots[new]] = True


class LastValue(_OneValue):
    """The value that came last."""

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        self._values.data[rows.slots] = values
        self._seen.data[rows.slots] = True


class SmallestValue(_OneValue):
    """The smallest value, or the largest; a NaN that came first stays, as in Flink."""

    def __init__(self, table: KeyedTable, name: str, type: DataType, *, largest: bool) -> None:  # noqa: A002
        super().__init__(table, name, type)
        self._largest = largest
        self._better = np.greater if largest else np.less
        self._keep = np.fmax if largest else np.fmin

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        slots = rows.slots
        new = np.flatnonzero(~self._seen.data[slots])[::-1]
        self._values.data[slots[new]] = values[new]
        self._seen.data[slots[new]] = True
        if not self._codec.boxed:
            kept = self._values.data
            if values.dtype.kind == "f":
                stuck = np.isnan(kept[slots])
                slots, values = slots[~stuck], values[~stuck]
            self._keep.at(kept, slots, values)
            return
        for slot, value in zip(slots.tolist(), values.tolist(), strict=True):
            if self._better(value, self._values.data[slot]):
                self._values.data[slot] = value


class RetractedExtreme:
    """The smallest or largest value while values come and go."""

    def __init__(self, type: DataType, *, largest: bool) -> None:  # noqa: A002
        self._codec = ValueCodec(type)
        self._extremes = Extremes(self._codec, largest=largest)

    def add(self, rows: Rows) -> None:
        self._extremes.add(rows.slots, rows.columns[0], rows.deltas())

    def result(self, slots: Slots) -> Any:
        values, valid = self._extremes.best(slots)
        return self._codec.encode(values, None if valid.all() else valid)

    def forget(self, slots: Slots) -> None:
        self._extremes.forget(slots)

    def tables(self) -> Mapping[str, StateTable]:
        return {"values": self._extremes}
