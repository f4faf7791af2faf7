"""Which accumulator runs a call; DISTINCT around any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.operators.accumulators import arrivals
from penstock.operators.accumulators.base import Accumulator, AggregateCall, Rows
from penstock.operators.accumulators.decimals import DecimalAverage, DecimalSum
from penstock.operators.accumulators.numbers import Average, Count, RowCount, Sum
from penstock.operators.accumulators.values import (
    FirstValue,
    LastValue,
    RetractedExtreme,
    SmallestValue,
)
from penstock.state import Bag, Extremes, KeyedTable, ValueCodec
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from penstock.state import SlotArray, StateTable
    from penstock.types import DataType

    Slots = NDArray[np.int64]


_Taken = tuple[tuple[int, ...], int | None]
"""The columns a call takes, and its filter."""


class Distinct:
    """Feeds another accumulator each value of a group once.

    Args:
        inner: What takes the values.
        bag: For the values, by the group's slot.
    """

    def __init__(self, inner: Accumulator, bag: Bag) -> None:
        self._inner = inner
        self._bag = bag

    def add(self, rows: Rows) -> None:
        counted = self._bag.add(rows.slots, rows.columns, rows.deltas())
        there, was = counted.after > 0, counted.before > 0
        changed = there != was
        signs = np.where(there, 1, -1)[changed]
        fed = Rows(rows.slots, rows.columns).take(counted.rows[changed])
        self._inner.add(Rows(fed.slots, fed.columns, None if (signs > 0).all() else signs))

    def result(self, slots: Slots) -> Any:
        return self._inner.result(slots)

    def forget(self, slots: Slots) -> None:
        self._inner.forget(slots)

    def tables(self) -> Mapping[str, StateTable]:
        return {"distinct": self._bag, **self._inner.tables()}


def accumulator_for(
    call: AggregateCall,
    types: Sequence[DataType],
    table: KeyedTable,
    name: str,
    rows: SlotArray,
    shared: dict[_Taken, Extremes],
    *,
    retract: bool,
) -> Accumulator:
    """The running form of a call.

    Args:
        call: The call.
        types: Of its arguments.
        table: Of the groups; it gets the columns the accumulator needs.
        name: Of those columns.
        rows: The column of that table that says how many rows a group has.
        shared: Values that several calls of one operator look at.
        retract: Rows may be taken back.
    """
    always = call.filter is None and not call.distinct and not any(t.nullable for t in types)
    count = RowCount(rows) if always else Count(table, name)
    inner = _plain(call, types, table, name, count, shared, retract=retract)
    if not call.distinct or call.function in _SET_LIKE:
        return inner
    return Distinct(inner, Bag(table, f"{name}.birth", types))


_SET_LIKE = {"MIN", "MAX"}


def _plain(
    call: AggregateCall,
    types: Sequence[DataType],
    table: KeyedTable,
    name: str,
    count: Count,
    shared: dict[_Taken, Extremes],
    *,
    retract: bool,
) -> Accumulator:
    if call.function == "COUNT":
        return count
    given = types[0]
    if call.function in {"MIN", "MAX"}:
        largest = call.function == "MAX"
        if retract:
            codec = ValueCodec(given)
            key = (call.args, call.filter)
            feeds = key not in shared
            extremes = shared.setdefault(key, Extremes(codec))
            return RetractedExtreme(extremes, codec, largest=largest, feeds=feeds)
        return SmallestValue(table, name, given, count, largest=largest)
    if call.function in {"SUM", "AVG"}:
        return _sum(call, given, table, name, count)
    if call.function in {"FIRST_VALUE", "LAST_VALUE"} and not retract:
        made = FirstValue if call.function == "FIRST_VALUE" else LastValue
        return made(table, name, given, count)
    return _all_values(call, given, table, name)


def _sum(
    call: AggregateCall, given: DataType, table: KeyedTable, name: str, count: Count
) -> Accumulator:
    decimal = given.root is TypeRoot.DECIMAL
    if call.function == "SUM":
        if decimal:
            return DecimalSum(table, name, given, call.type, count)
        return Sum(table, name, given, count)
    if decimal:
        return DecimalAverage(table, name, given, call.type, count)
    return Average(table, name, given, count)


_SHOWN: dict[str, tuple[Callable[[arrivals.Arrivals], Any], Any]] = {
    "FIRST_VALUE": (lambda values: values.first, None),
    "LAST_VALUE": (lambda values: values.last, None),
    "ARRAY_AGG": (list, None),
    "COLLECT": (arrivals.counted, []),
    "SINGLE_VALUE": (arrivals.single, None),
}


def _all_values(call: AggregateCall, given: DataType, table: KeyedTable, name: str) -> Accumulator:
    if call.function == "LISTAGG":
        return arrivals.AllValues(table, name, given, call.type, call.separator.join)
    shown, empty = _SHOWN[call.function]
    return arrivals.AllValues(table, name, given, call.type, shown, empty)
