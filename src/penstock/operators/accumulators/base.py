"""The contract of accumulators, and the plan form of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from penstock.state import StateTable
    from penstock.types import DataType

    Slots = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """An aggregate function over columns of the input.

    Args:
        function: Its name.
        args: The columns it takes.
        type: Its result.
        distinct: Equal values count once.
        filter: The column that says which rows count.
        separator: What LISTAGG puts between values.
    """

    function: str
    args: tuple[int, ...]
    type: DataType
    distinct: bool = False
    filter: int | None = None
    separator: str = ","

    def text(self, names: list[str], *, retract: bool = False) -> str:
        """As Flink prints it in plans."""
        name = f"{self.function}_RETRACT" if retract else self.function
        args = ", ".join(names[index] for index in self.args) or "*"
        if self.function == "LISTAGG" and self.separator != ",":
            args += f", '{self.separator}'"
        found = f"{name}({'DISTINCT ' if self.distinct else ''}{args})"
        return found if self.filter is None else f"{found} FILTER {names[self.filter]}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to aggregate.

    Args:
        slots: The group of each.
        columns: The arguments, Arrow arrays.
        signs: 1 for each row to add, -1 for each to take back; None where all are added.
    """

    slots: Slots
    columns: tuple[Any, ...]
    signs: NDArray[np.int64] | None = None

    def take(self, rows: Slots) -> Rows:
        """Some of them."""
        signs = None if self.signs is None else self.signs[rows]
        return Rows(self.slots[rows], tuple(c.take(rows) for c in self.columns), signs)

    def deltas(self) -> NDArray[np.int64]:
        """The signs as an array."""
        return np.ones(len(self.slots), np.int64) if self.signs is None else self.signs


class Accumulator(Protocol):
    """The running form of a call. Engine thread only."""

    def add(self, rows: Rows) -> None:
        """Take rows in, and back."""

    def result(self, slots: Slots) -> Any:
        """The values of some groups as an Arrow array of the call's type."""

    def forget(self, slots: Slots) -> None:
        """The time of some groups is up; what stands in the group's table is cleared by it."""

    def tables(self) -> Mapping[str, StateTable]:
        """State besides the columns of the group's table, by a name of its own."""


class InTable:
    """Base of accumulators whose state is columns of the group's table alone."""

    def forget(self, slots: Slots) -> None:
        """The table clears its columns."""

    def tables(self) -> Mapping[str, StateTable]:
        return {}
