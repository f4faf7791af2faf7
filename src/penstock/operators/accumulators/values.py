"""MIN, MAX, FIRST_VALUE and LAST_VALUE of rows that are never taken back: one value a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.operators.accumulators.base import InTable, Rows
from penstock.operators.accumulators.numbers import Count
from penstock.state import Extremes, KeyedTable, ValueCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from penstock.state import StateTable
    from penstock.types import DataType

    Slots = NDArray[np.int64]


class _OneValue(InTable):
    """A value a group, NULL until there is one.

    Args:
        table: The group's.
        name: Of its column.
        type: Of the values.
        count: How many values a group had.
        fill: What stands where there is none.
    """

    def __init__(
        self,
        table: KeyedTable,
        name: str,
        type: DataType,  # noqa: A002
        count: Count,
        fill: Any = 0,
    ) -> None:
        self._codec = ValueCodec(type)
        self._values = table.values(f"{name}.value", self._codec, fill)
        self._count = count

    def result(self, slots: Slots) -> Any:
        return self._codec.encode(self._values.data[slots], self._count.any(slots))


class FirstValue(_OneValue):
    """The value that came first."""

    def __init__(self, table: KeyedTable, name: str, type: DataType, count: Count) -> None:  # noqa: A002
        super().__init__(table, name, type, count)
        self._seen = table.column(f"{name}.seen", np.bool_)

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        new = np.flatnonzero(~self._seen.data[rows.slots])[::-1]
        # Written from behind: the first row of a group is the last one written.
        self._values.data[rows.slots[new]] = values[new]
        self._seen.data[rows.slots[new]] = True
        self._count.add(rows)


class LastValue(_OneValue):
    """The value that came last."""

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        self._values.data[rows.slots] = values
        self._count.add(rows)


class SmallestValue(_OneValue):
    """The smallest value, or the largest; a NaN that comes first stays, later ones are passed over.

    Source: Flink 2.2, MinAggFunction: `value < min` is never true beside a NaN.
    """

    def __init__(
        self,
        table: KeyedTable,
        name: str,
        type: DataType,  # noqa: A002
        count: Count,
        *,
        largest: bool,
    ) -> None:
        codec = ValueCodec(type)
        super().__init__(table, name, type, count, _worst(codec, largest=largest))
        self._better = np.greater if largest else np.less
        self._keep = np.maximum if largest else np.minimum

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        slots, kept = rows.slots, self._values.data
        if self._codec.boxed or (values.dtype.kind == "f" and np.isnan(values).any()):
            self._one_by_one(slots, values)
        else:
            self._keep.at(kept, slots, values.astype(kept.dtype, copy=False))
        self._count.add(rows)

    def _one_by_one(self, slots: Slots, values: NDArray[Any]) -> None:
        kept, nothing = self._values.data, self._values.fill
        for slot, value in zip(slots.tolist(), values.tolist(), strict=True):
            found = kept[slot]
            if found is None or found == nothing or self._better(value, found):
                kept[slot] = value


def _worst(codec: ValueCodec, *, largest: bool) -> Any:
    """What every value is better than."""
    if codec.boxed:
        return None
    if codec.kept.kind == "f":
        return -np.inf if largest else np.inf
    bounds = np.iinfo(np.int64)
    return bounds.min if largest else bounds.max


class RetractedExtreme:
    """The smallest or largest value while values come and go.

    Args:
        extremes: The values, shared by MIN and MAX of one column.
        codec: Of the values.
        largest: The largest is asked for.
        feeds: It hands the rows on; the other one of the two relies on it.
    """

    def __init__(
        self, extremes: Extremes, codec: ValueCodec, *, largest: bool, feeds: bool
    ) -> None:
        self._codec = codec
        self._extremes = extremes
        self._largest = largest
        self._feeds = feeds
        extremes.track(largest=largest)

    def add(self, rows: Rows) -> None:
        if self._feeds:
            self._extremes.add(rows.slots, rows.columns[0], rows.deltas())

    def result(self, slots: Slots) -> Any:
        values, valid = self._extremes.best(slots, largest=self._largest)
        return self._codec.encode(values, None if valid.all() else valid)

    def forget(self, slots: Slots) -> None:
        if self._feeds:
            self._extremes.forget(slots)

    def tables(self) -> Mapping[str, StateTable]:
        return {"values": self._extremes} if self._feeds else {}
