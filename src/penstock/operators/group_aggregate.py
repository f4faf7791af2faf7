"""GROUP BY, and aggregation of everything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.operators.accumulators import Accumulator, AggregateCall, Rows, accumulator_for
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.operators.changes import before_and_after, differs
from penstock.state import Extremes, KeyedTable, ValueCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from penstock.state import StateTable
    from penstock.types import Schema

    Slots = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GroupAggregateSpec(OperatorSpec):
    """Plan form.

    Args:
        given: The schema of the rows it takes.
        output: Keys, then the results of the calls.
        keys: The columns to group by; none for one group of all rows.
        calls: What is aggregated.
        retract: Rows may be taken back.
        update_before: Whether -U is sent.
        final: Bounded input in batch mode: results are sent once, at its end.
        ttl_ms: How long a group is kept after its last row; 0 for ever.
    """

    given: Schema
    output: Schema
    keys: tuple[int, ...]
    calls: tuple[AggregateCall, ...]
    retract: bool = False
    update_before: bool = True
    final: bool = False
    ttl_ms: int = 0

    @property
    def schema(self) -> Schema:
        return self.output

    def changes(self, given: ChangelogMode) -> ChangelogMode:
        if self.final:
            return ChangelogMode.insert_only()
        kinds = {RowKind.INSERT}
        if self.calls:
            kinds.add(RowKind.UPDATE_AFTER)
            if self.update_before:
                kinds.add(RowKind.UPDATE_BEFORE)
        if not given.is_insert_only:
            kinds.add(RowKind.DELETE)
        return ChangelogMode(frozenset(kinds))

    def passed(self, index: int) -> int | None:
        return self.keys[index] if index < len(self.keys) else None

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: ARG002, FBT001
        return True

    def sending_before(self, wanted: bool) -> OperatorSpec:  # noqa: FBT001
        return replace(self, update_before=wanted)

    def create(self, context: OperatorContext) -> Operator:
        return GroupAggregateOperator(self, context)

    def explain(self) -> str:
        names = self.given.names
        keys = ", ".join(names[index] for index in self.keys)
        texts = [call.text(names, retract=self.retract) for call in self.calls]
        results = self.output.names[len(self.keys) :]
        items = [names[index] for index in self.keys]
        items += [f"{text} AS {name}" for text, name in zip(texts, results, strict=True)]
        group = f"groupBy=[{keys}], " if self.keys else ""
        return f"GroupAggregate({group}select=[{', '.join(items)}])"


class GroupAggregateOperator(Operator):
    """Fold each batch into its groups; a group whose result changed says so once per batch.

    Changelog: all -> +I, -U (where needed), +U, -D of groups that vanish.  State: per group the
    number of rows and what the calls keep, until its last row is taken back or its time is up.
    Order: groups in order of their first row in the batch.
    Source: Flink 2.2, GroupAggFunction and MiniBatchGroupAggFunction.
    """

    def __init__(self, spec: GroupAggregateSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._clock = context.clock
        columns = spec.given.columns
        types = [columns[index].type for index in spec.keys]
        self._table = KeyedTable(types, spec.ttl_ms, self._forget)
        self._counts = self._table.column("rows", np.int64)
        shared: dict[tuple[tuple[int, ...], int | None], Extremes] = {}
        self._accumulators: list[Accumulator] = [
            accumulator_for(
                call,
                [columns[index].type for index in call.args],
                self._table,
                f"call{number}",
                self._counts,
                shared,
                retract=spec.retract,
            )
            for number, call in enumerate(spec.calls)
        ]
        # With a time to live Flink repeats equal results; a count of added rows always moves.
        counts = any(c.function == "COUNT" and c.filter is None and not c.args for c in spec.calls)
        self._moves = bool(spec.ttl_ms) or (counts and not spec.retract)
        self._codecs = [ValueCodec(kind) for kind in types] if spec.final else []
        self._keys = [
            (self._table.values(f"value{i}", codec), self._table.column(f"valid{i}", np.bool_))
            for i, codec in enumerate(self._codecs)
        ]
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        rows = batch.rows
        keys = [rows.column(index) for index in self._spec.keys]
        slots = self._table.slots(keys, batch.num_rows, self._clock.now_ms())
        signs = signs_of(batch)
        if self._spec.final:
            self._keep_keys(keys, slots)
            self._accumulate(rows, slots, signs)
            return
        groups, firsts, _ = self._table.distinct(slots)
        before = self._counts.data[groups] > 0
        old = self._results(groups[before])
        self._accumulate(rows, slots, signs)
        after = self._counts.data[groups] > 0
        new = self._results(groups[after])
        changed = before & after
        if not self._moves:
            changed[changed] = differs(
                [c.filter(pa.array(after[before])) for c in old],
                [c.filter(pa.array(before[after])) for c in new],
                int(np.count_nonzero(changed)),
            )
        self._table.remove(groups[~after])
        found = before_and_after(
            [key.take(pa.array(firsts)) for key in keys],
            (old, before),
            (new, after),
            changed,
            update_before=self._spec.update_before,
        )
        if found is not None:
            columns, kinds = found
            out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow), kinds))

    def finish(self, out: Output) -> None:
        if not self._spec.final:
            return
        index = self._table.index
        slots = np.flatnonzero(index.live[: index.limit] & (self._counts.data[: index.limit] > 0))
        if not len(slots) and not self._spec.keys:
            slots = self._table.slots([], 1)  # one row says that there is nothing
        keys = [
            codec.encode(values.data[slots], valid.data[slots])
            for codec, (values, valid) in zip(self._codecs, self._keys, strict=True)
        ]
        if len(slots):
            columns = [*keys, *self._results(slots)]
            out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow)))

    def tables(self) -> Mapping[str, StateTable]:
        found: dict[str, StateTable] = {"groups": self._table}
        for number, accumulator in enumerate(self._accumulators):
            found |= {f"call{number}.{k}": table for k, table in accumulator.tables().items()}
        return found

    def _accumulate(self, rows: Any, slots: Slots, signs: NDArray[np.int64] | None) -> None:
        np.add.at(self._counts.data, slots, 1 if signs is None else signs)
        for call, accumulator in zip(self._spec.calls, self._accumulators, strict=True):
            fed = Rows(slots, tuple(rows.column(index) for index in call.args), signs)
            keep = _kept(call, rows)
            if keep is not None:
                fed = fed.take(np.flatnonzero(keep))
            if len(fed.slots):
                accumulator.add(fed)

    def _results(self, slots: Slots) -> list[Any]:
        return [accumulator.result(slots) for accumulator in self._accumulators]

    def _keep_keys(self, keys: list[Any], slots: Slots) -> None:
        for key, codec, (values, valid) in zip(keys, self._codecs, self._keys, strict=True):
            found, there = codec.decode(key)
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
