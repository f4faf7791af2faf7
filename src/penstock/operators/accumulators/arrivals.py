"""Functions over all values of a group in order of arrival, row by row.

FIRST_VALUE and LAST_VALUE of rows that may be taken back, LISTAGG, ARRAY_AGG and COLLECT. Taking a
value back removes its first occurrence, as Flink's functions do.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.errors import DataError
from penstock.operators.accumulators.base import InTable, Rows
from penstock.state import KeyedTable, Saved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]


class Arrivals:
    """Values in order of arrival; to add one, to remove one and to see the ends costs the same."""

    __slots__ = ("_by_order", "_next", "_orders")

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._by_order: dict[int, Any] = {}
        self._orders: dict[Any, deque[int]] = {}
        self._next = 0
        for value in values:
            self.add(value)

    def __bool__(self) -> bool:
        return bool(self._by_order)

    def __iter__(self) -> Any:
        return iter(self._by_order.values())

    def add(self, value: Any) -> None:
        """The value comes last."""
        self._by_order[self._next] = value
        self._orders.setdefault(_hashable(value), deque()).append(self._next)
        self._next += 1

    def remove(self, value: Any) -> None:
        """Its first occurrence goes; one that is not there is not missed."""
        key = _hashable(value)
        orders = self._orders.get(key)
        if orders:
            del self._by_order[orders.popleft()]
            if not orders:
                del self._orders[key]

    @property
    def first(self) -> Any:
        return next(iter(self._by_order.values()))

    @property
    def last(self) -> Any:
        return next(reversed(self._by_order.values()))


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


class AllValues(InTable):
    """Keeps all values of a group.

    Args:
        table: The group's.
        name: Of its column.
        given: The argument's type.
        result: The call's type.
        shown: The result from the values of a group that has any.
        empty: The result of a group that has none.
    """

    def __init__(
        self,
        table: KeyedTable,
        name: str,
        given: DataType,
        result: DataType,
        shown: Callable[[Arrivals], Any],
        empty: Any = None,
    ) -> None:
        saved = Saved(pa.list_(given.arrow()), list, Arrivals)
        self._values = table.column(f"{name}.values", object, None, saved)
        self._arrow = result.arrow()
        self._shown = shown
        self._empty = empty

    def add(self, rows: Rows) -> None:
        data = self._values.data
        triples = zip(
            rows.slots.tolist(), rows.columns[0].to_pylist(), rows.deltas().tolist(), strict=True
        )
        for slot, value, sign in triples:
            kept = data[slot]
            if kept is None:
                kept = data[slot] = Arrivals()
            if sign > 0:
                kept.add(value)
            else:
                kept.remove(value)

    def result(self, slots: Slots) -> Any:
        found = [self._shown(kept) if kept else self._empty for kept in self._values.data[slots]]
        return pa.array(found, self._arrow)


def counted(values: Arrivals) -> list[tuple[Any, int]]:
    """A multiset: values and how often each is there.

    Examples:
        >>> counted(Arrivals("aba"))
        [('a', 2), ('b', 1)]
    """
    return list(Counter(values).items())


def single(values: Arrivals) -> Any:
    """The only value of a group.

    Raises:
        DataError: There are more.
    """
    found = list(values)
    if len(found) > 1:
        raise DataError("SingleValueAggFunction received more than one element.", code="not-single")
    return found[0]
