"""COUNT, SUM and AVG of integers and floating-point numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.operators.accumulators.base import InTable, Rows
from penstock.state import KeyedTable, SlotArray, ValueCodec
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]


class Count(InTable):
    """How many rows a call takes."""

    def __init__(self, table: KeyedTable, name: str) -> None:
        self.counts = table.column(f"{name}.count", np.int64)

    def add(self, rows: Rows) -> None:
        np.add.at(self.counts.data, rows.slots, 1 if rows.signs is None else rows.signs)

    def result(self, slots: Slots) -> Any:
        return pa.array(self.counts.data[slots])

    def any(self, slots: Slots) -> NDArray[np.bool_] | None:
        """Which groups have any; None where all have."""
        found: NDArray[np.bool_] = self.counts.data[slots] > 0
        return None if found.all() else found


class RowCount(Count):
    """How many rows a group has, for calls that take every row; kept by the operator."""

    def __init__(self, rows: SlotArray) -> None:
        self.counts = rows

    def add(self, rows: Rows) -> None:
        """The operator has counted them."""

    def any(self, slots: Slots) -> NDArray[np.bool_] | None:  # noqa: ARG002
        return None


class Sum(InTable):
    """The sum in the argument's own type: integers wrap, floats are added in order of arrival.

    Args:
        table: The group's.
        name: Of its columns.
        type: Of argument and result.
        count: A group that has none is NULL.
    """

    def __init__(self, table: KeyedTable, name: str, type: DataType, count: Count) -> None:  # noqa: A002
        self._codec = ValueCodec(type)
        dtype = self._codec.dtype
        self._wide = np.dtype(np.int64) if dtype.kind == "i" else dtype
        self._sums = table.column(f"{name}.sum", self._wide)
        self._count = count

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        values = values.astype(self._wide, copy=False)
        if rows.signs is not None:
            values = values * rows.signs.astype(self._wide)
        with np.errstate(all="ignore"):
            np.add.at(self._sums.data, rows.slots, values)
        self._count.add(rows)

    def result(self, slots: Slots) -> Any:
        sums = self._sums.data[slots].astype(self._codec.dtype, copy=False)
        return self._codec.encode(sums, self._count.any(slots))


class Average(InTable):
    """The sum, in BIGINT or DOUBLE, through the number of rows; whole numbers are cut off."""

    def __init__(self, table: KeyedTable, name: str, type: DataType, count: Count) -> None:  # noqa: A002
        self._codec = ValueCodec(type)
        whole = type.root not in {TypeRoot.FLOAT, TypeRoot.DOUBLE}
        self._wide = np.dtype(np.int64 if whole else np.float64)
        self._sums = table.column(f"{name}.sum", self._wide)
        self._count = count

    def add(self, rows: Rows) -> None:
        values, _ = self._codec.decode(rows.columns[0])
        values = values.astype(self._wide, copy=False)
        if rows.signs is not None:
            values = values * rows.signs
        with np.errstate(all="ignore"):
            np.add.at(self._sums.data, rows.slots, values)
        self._count.add(rows)

    def result(self, slots: Slots) -> Any:
        valid = self._count.any(slots)
        counts = np.maximum(self._count.counts.data[slots], 1)
        sums = self._sums.data[slots]
        if self._wide.kind == "i":
            # Java cuts towards zero.
            found = np.sign(sums) * (np.abs(sums) // counts)
        else:
            with np.errstate(all="ignore"):
                found = sums / counts
        return self._codec.encode(found.astype(self._codec.dtype, copy=False), valid)
