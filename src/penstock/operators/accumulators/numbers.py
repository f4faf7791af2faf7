"""COUNT, SUM and AVG of integers and floating-point numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.operators.accumulators.base import InTable, Rows
from penstock.state import KeyedTable, ValueCodec
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]


class Count(InTable):
    """How many rows there are."""

    def __init__(self, table: KeyedTable, name: str) -> None:
        self.counts = table.column(f"{name}.count", np.int64)

    def add(self, rows: Rows) -> None:
        np.add.at(self.counts.data, rows.slots, 1 if rows.signs is None else rows.signs)

    def result(self, slots: Slots) -> Any:
        return pa.array(self.counts.data[slots])

    def any(self, slots: Slots) -> NDArray[np.bool_]:
        """Which groups have any."""
        found: NDArray[np.bool_] = self.counts.data[slots] > 0
        return found


class Sum(InTable):
    """The sum in the argument's own type: integers wrap, floats are added in order of arrival.

    Args:
        table: The group's.
        name: Of its columns.
        type: Of argument and result.
        counted: Groups may have no value to add, and are NULL then.
    """

    def __init__(self, table: KeyedTable, name: str, type: DataType, *, counted: bool) -> None:  # noqa: A002
        self._codec = ValueCodec(type)
        dtype = self._codec.dtype
        self._wide = np.dtype(np.int64) if dtype.kind == "i" else dtype
        self._sums = table.column(f"{name}.sum", self._wide)
        self._count = Count(table, name) if counted else None

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        values = values.astype(self._wide, copy=False)
        if rows.signs is not None:
            values = values * rows.signs.astype(self._wide)
        with np.errstate(all="ignore"):
            np.add.at(self._sums.data, rows.slots, values)
        if self._count is not None:
            self._count.add(rows)

    def result(self, slots: Slots) -> Any:
        valid = None if self._count is None else self._count.any(slots)
        return self._codec.encode(self._sums.data[slots].astype(self._codec.dtype), valid)


class Average(InTable):
    """The sum, in BIGINT or DOUBLE, through the number of rows; whole numbers are cut off."""

    def __init__(self, table: KeyedTable, name: str, type: DataType) -> None:  # noqa: A002
        self._codec = ValueCodec(type)
        whole = type.root not in {TypeRoot.FLOAT, TypeRoot.DOUBLE}
        self._wide = np.dtype(np.int64 if whole else np.float64)
        self._sums = table.column(f"{name}.sum", self._wide)
        self._count = Count(table, name)

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        values = values.astype(self._wide)
        if rows.signs is not None:
            values *= rows.signs
        with np.errstate(all="ignore"):
            np.add.at(self._sums.data, rows.slots, values)
        self._count.add(rows)

    def result(self, slots: Slots) -> Any:
        valid = self._count.any(slots)
        counts = np.where(valid, self._count.counts.data[slots], 1)
        sums = self._sums.data[slots]
        if self._wide.kind == "i":
            # Java cuts towards zero.
            found = np.sign(sums) * (np.abs(sums) // counts)
        else:
            with np.errstate(all="ignore"):
                found = sums / counts
        return self._codec.encode(found.astype(self._codec.dtype), valid)
