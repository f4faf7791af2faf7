"""Groups and what their aggregate calls keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.changelog import ChangelogBatch, RowKind
from penstock.operators.accumulators.base import Accumulator, AggregateCall, Rows
from penstock.operators.accumulators.choice import accumulator_for
from penstock.state import KeyedTable, ValueCodec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from penstock.state import Extremes, StateTable
    from penstock.types import Schema

    Slots = NDArray[np.int64]


class GroupState:
    """Groups by their keys: how many rows each has, and what the calls keep.

    Args:
        given: The schema of the rows.
        keys: The columns to group by; none for one group of all rows.
        calls: What is aggregated.
        retract: Rows may be taken back.
        keeps_keys: The keys can be asked for.
        ttl_ms: How long a group is kept after its last row; 0 for ever.
    """

    def __init__(
        self,
        given: Schema,
        keys: Sequence[int],
        calls: Sequence[AggregateCall],
        *,
        retract: bool,
        keeps_keys: bool = False,
        ttl_ms: int = 0,
    ) -> None:
        self._key_columns = tuple(keys)
        self._calls = tuple(calls)
        types = [given.columns[index].type for index in keys]
        self.table = KeyedTable(types, ttl_ms, self._forget)
        self.counts = self.table.column("rows", np.int64)
        shared: dict[tuple[tuple[int, ...], int | None], Extremes] = {}
        self._accumulators: list[Accumulator] = [
            accumulator_for(
                call,
                [given.columns[index].type for index in call.args],
                self.table,
                f"call{number}",
                self.counts,
                shared,
                retract=retract,
            )
            for number, call in enumerate(calls)
        ]
        self._extremes = list(shared.values())
        self._codecs = [ValueCodec(kind) for kind in types] if keeps_keys else []
        self._keys = [
            (self.table.values(f"value{i}", codec), self.table.column(f"valid{i}", np.bool_))
            for i, codec in enumerate(self._codecs)
        ]

    def slots(self, batch: ChangelogBatch, now_ms: int = 0) -> Slots:
        """The group of every row; unknown ones are new."""
        keys = [batch.rows.column(index) for index in self._key_columns]
        return self.table.slots(keys, batch.num_rows, now_ms)

    def check_new(self, slots: Slots) -> None:
        """Groups without rows hold nothing: those that had their slots before were forgotten."""
        assert all(found.holds_none(slots) for found in self._extremes)

    def seen(self, batch: ChangelogBatch, slots: Slots) -> tuple[ChangelogBatch, Slots]:
        """The rows, and their groups, without those taken back from groups that have none."""
        signs = signs_of(batch)
        lacking = None if signs is None else _unseen(slots, signs, self.counts.data)
        if lacking is None:
            return batch, slots
        keep = np.ones(len(slots), np.bool_)
        keep[lacking] = False
        kinds = None if batch.kinds is None else batch.kinds[keep]
        return ChangelogBatch(batch.rows.filter(pa.array(keep)), kinds), slots[keep]

    def accumulate(self, batch: ChangelogBatch, slots: Slots) -> None:
        """Take rows into their groups, and back."""
        rows, signs = batch.rows, signs_of(batch)
        self._keep_keys(rows, slots)
        np.add.at(self.counts.data, slots, 1 if signs is None else signs)
        for call, accumulator in zip(self._calls, self._accumulators, strict=True):
            fed = Rows(slots, tuple(rows.column(index) for index in call.args), signs)
            keep = _kept(call, rows)
            if keep is not None:
                fed = fed.take(np.flatnonzero(keep))
            if len(fed.slots):
                accumulator.add(fed)

    def results(self, slots: Slots) -> list[Any]:
        """The calls' values of some groups, Arrow arrays."""
        return [accumulator.result(slots) for accumulator in self._accumulators]

    def key(self, index: int, slots: Slots) -> Any:
        """One of the keys of some groups, where they are kept."""
        values, valid = self._keys[index]
        return self._codecs[index].encode(values.data[slots], valid.data[slots])

    def rows(self, slots: Slots) -> list[Any]:
        """Keys and results of some groups, where keys are kept."""
        keys = [self.key(index, slots) for index in range(len(self._codecs))]
        return [*keys, *self.results(slots)]

    def held(self) -> Slots:
        """All groups that have rows."""
        index = self.table.index
        return np.flatnonzero(index.live[: index.limit] & (self.counts.data[: index.limit] > 0))

    def remove(self, slots: Slots) -> None:
        """Forget groups, each named once."""
        self._forget(slots)
        self.table.remove(slots)

    def tables(self) -> Mapping[str, StateTable]:
        """State to save."""
        found: dict[str, StateTable] = {"groups": self.table}
        for number, accumulator in enumerate(self._accumulators):
            found |= {f"call{number}.{k}": table for k, table in accumulator.tables().items()}
        return found

    def _keep_keys(self, rows: Any, slots: Slots) -> None:
        for column, codec, (values, valid) in zip(
            self._key_columns, self._codecs, self._keys, strict=bool(self._codecs)
        ):
            found, there = codec.decode(rows.column(column))
            values.data[slots] = found
            valid.data[slots] = True if there is None else there

    def _forget(self, slots: Slots) -> None:
        for accumulator in self._accumulators:
            accumulator.forget(slots)


def signs_of(batch: ChangelogBatch) -> NDArray[np.int64] | None:
    """1 for rows that come, -1 for rows that go; None where all come."""
    kinds = batch.kinds
    if kinds is None:
        return None
    gone = (kinds == RowKind.UPDATE_BEFORE) | (kinds == RowKind.DELETE)
    return np.where(gone, -1, 1) if gone.any() else None


def _unseen(slots: Slots, signs: NDArray[np.int64], counts: NDArray[np.int64]) -> Slots | None:
    """The rows that would take their group's number of rows below zero; None where none can.

    Examples:
        >>> _unseen(np.array([0, 1, 0, 0]), np.array([-1, -1, 1, -1]), np.array([0, 1]))
        array([0])
    """
    found, gone = np.unique(slots[signs < 0], return_counts=True)
    short = found[gone > counts[found]]
    if not len(short):
        return None
    rows = np.flatnonzero(np.isin(slots, short))
    rows = rows[np.argsort(slots[rows], kind="stable")]
    groups, starts, place, sizes = np.unique(
        slots[rows], return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.cumsum(signs[rows])
    began = counts[groups] - sums[starts] + signs[rows[starts]]
    # How many rows a group lacked up to each row: the running largest, group by group.
    lacked = np.maximum(-(sums + np.repeat(began, sizes)), 0) + place * (len(rows) + 1)
    lacked = np.maximum.accumulate(lacked) - place * (len(rows) + 1)
    before = np.concatenate([np.zeros(1, np.int64), lacked[:-1]])
    before[starts] = 0
    return rows[lacked > before]


_KEEPS_NULLS = {"ARRAY_AGG", "SINGLE_VALUE"}


def _kept(call: AggregateCall, rows: Any) -> NDArray[np.bool_] | None:
    """Which rows a call takes: those its filter lets through, without NULLs; None for all."""
    keep: NDArray[np.bool_] | None = None
    if call.filter is not None:
        condition = pc.fill_null(rows.column(call.filter), False)  # noqa: FBT003
        keep = condition.to_numpy(zero_copy_only=False)
    if call.function in _KEEPS_NULLS:
        return keep
    for index in call.args:
        column = rows.column(index)
        if column.null_count:
            valid = column.is_valid().to_numpy(zero_copy_only=False)
            keep = valid if keep is None else keep & valid
    return keep
