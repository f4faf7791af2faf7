"""SUM and AVG of DECIMAL, exact: sums are kept in limbs of 32 bits, each in an int64."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.operators.accumulators.base import InTable, Rows
from penstock.operators.accumulators.numbers import Count
from penstock.state import KeyedTable
from penstock.state.codec import decimals
from penstock.state.words import SHORT_DECIMAL, data_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.types import DataType

    Slots = NDArray[np.int64]

_LOW = np.int64(0xFFFFFFFF)
_LIMIT = 10**38


class DecimalSums:
    """Sums of unscaled values of 128 bits, by slot.

    A value is added limb by limb, without carrying: a limb has room for 2^31 rows before it is
    read, and reading carries.
    """

    def __init__(self, table: KeyedTable, name: str, given: DataType) -> None:
        self._short = given.precision <= SHORT_DECIMAL
        self._limbs = [
            table.column(f"{name}.limb{i}", np.int64) for i in range(2 if self._short else 4)
        ]

    def add(self, rows: Rows) -> None:
        """Take values in, and back."""
        pairs = data_of(rows.columns[0], np.int64, 2).reshape(-1, 2)
        low, high = pairs[:, 0], pairs[:, 1]
        if self._short:
            parts = [low & _LOW, low >> 32]
        else:
            parts = [low & _LOW, (low >> 32) & _LOW, high & _LOW, high >> 32]
        for limb, part in zip(self._limbs, parts, strict=True):
            np.add.at(limb.data, rows.slots, part if rows.signs is None else part * rows.signs)

    def words(self, slots: Slots) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The sums as low and high words, and which of them 128 bits cannot hold."""
        limbs = [limb.data[slots] for limb in self._limbs]
        limbs += [np.zeros(len(slots), np.int64) for _ in range(4 - len(limbs))]
        for i in range(3):
            limbs[i + 1] = limbs[i + 1] + (limbs[i] >> 32)
            limbs[i] &= _LOW
        pairs = np.empty((len(slots), 2), np.int64)
        pairs[:, 0] = limbs[0] | (limbs[1] << 32)
        pairs[:, 1] = limbs[2] | (limbs[3] << 32)
        return pairs, (limbs[3] >> 31) != (limbs[3] >> 63)


class DecimalSum(InTable):
    """The sum as DECIMAL(38, s); NULL where it has more digits."""

    def __init__(
        self,
        table: KeyedTable,
        name: str,
        given: DataType,
        result: DataType,
        count: Count,
    ) -> None:
        self._arrow = result.arrow()
        self._sums = DecimalSums(table, name, given)
        self._count = count

    def add(self, rows: Rows) -> None:
        self._sums.add(rows)
        self._count.add(rows)

    def result(self, slots: Slots) -> Any:
        pairs, over = self._sums.words(slots)
        over |= _too_long(pairs)
        return decimals(pairs, self._arrow, _valid(self._count.any(slots), over))


class DecimalAverage(InTable):
    """The sum through the number of rows, rounded half up to the result's scale."""

    def __init__(
        self, table: KeyedTable, name: str, given: DataType, result: DataType, count: Count
    ) -> None:
        self._arrow = result.arrow()
        self._scale = given.scale
        self._shift = result.scale - given.scale
        self._exponent = Decimal(1).scaleb(-result.scale)
        self._context = Context(prec=100, rounding=ROUND_HALF_UP)
        self._sums = DecimalSums(table, name, given)
        self._count = count

    def add(self, rows: Rows) -> None:
        self._sums.add(rows)
        self._count.add(rows)

    def result(self, slots: Slots) -> Any:
        pairs, over = self._sums.words(slots)
        valid = _valid(self._count.any(slots), over)
        counts = np.maximum(self._count.counts.data[slots], 1)
        factor = 10**self._shift
        low = pairs[:, 0]
        small = (pairs[:, 1] == low >> 63) & (np.abs(low) < (1 << 61) // factor)
        if small.all():
            scaled = np.abs(low) * factor
            found = np.sign(low) * ((2 * scaled + counts) // (2 * counts))
            words = np.empty((len(slots), 2), np.int64)
            words[:, 0] = found
            words[:, 1] = found >> 63
            return decimals(words, self._arrow, valid)
        return self._one_by_one(pairs, counts, valid)

    def _one_by_one(
        self, pairs: NDArray[np.int64], counts: NDArray[np.int64], valid: NDArray[np.bool_] | None
    ) -> Any:
        there = np.ones(len(counts), np.bool_) if valid is None else valid
        found: list[Decimal | None] = []
        for (low, high), count, fits in zip(
            pairs.tolist(), counts.tolist(), there.tolist(), strict=True
        ):
            total = Decimal((high << 64) + (low & (1 << 64) - 1)).scaleb(
                -self._scale, self._context
            )
            mean = self._context.divide(total, Decimal(count))
            mean = mean.quantize(self._exponent, context=self._context)
            digits = len(mean.as_tuple().digits)
            found.append(mean if fits and digits <= self._arrow.precision else None)
        return pa.array(found, self._arrow)


def _valid(there: NDArray[np.bool_] | None, over: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    if not over.any():
        return there
    return ~over if there is None else there & ~over


def _too_long(pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which values have more than 38 digits."""
    high = pairs[:, 1]
    bound = _LIMIT >> 64
    found = (high >= bound) | (high < -bound)
    for row in np.flatnonzero(found).tolist():
        value = (int(high[row]) << 64) + (int(pairs[row, 0]) & (1 << 64) - 1)
        found[row] = abs(value) >= _LIMIT
    return found
