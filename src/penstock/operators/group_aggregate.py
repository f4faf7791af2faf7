"""GROUP BY, and aggregation of everything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.operators.accumulators import AggregateCall, GroupState
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.operators.changes import before_and_after, differs

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

    What is taken back from a group without rows was never seen, and is passed over.

    Changelog: all -> +I, -U (where needed), +U, -D of groups that vanish.  State: per group the
    number of rows and what the calls keep, until its last row is taken back or its time is up.
    Order: groups in order of their first row in the batch.
    Source: Flink 2.2, GroupAggFunction and MiniBatchGroupAggFunction.
    """

    def __init__(self, spec: GroupAggregateSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._clock = context.clock
        self._groups = GroupState(
            spec.given,
            spec.keys,
            spec.calls,
            retract=spec.retract,
            keeps_keys=spec.final,
            ttl_ms=spec.ttl_ms,
        )
        # With a time to live Flink repeats equal results; a count of added rows always moves.
        counts = any(c.function == "COUNT" and c.filter is None and not c.args for c in spec.calls)
        self._moves = bool(spec.ttl_ms) or (counts and not spec.retract)
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        state, rows = self._groups, batch.rows
        slots = state.slots(batch, self._clock.now_ms())
        if self._spec.final:
            state.accumulate(*state.seen(batch, slots))
            return
        groups, firsts, _ = state.table.distinct(slots)
        before = state.counts.data[groups] > 0
        state.check_new(groups[~before])
        old = state.results(groups[before])
        state.accumulate(*state.seen(batch, slots))
        after = state.counts.data[groups] > 0
        new = state.results(groups[after])
        changed = before & after
        if not self._moves:
            changed[changed] = differs(
                [c.filter(pa.array(after[before])) for c in old],
                [c.filter(pa.array(before[after])) for c in new],
                int(np.count_nonzero(changed)),
            )
        state.remove(groups[~after])
        found = before_and_after(
            [rows.column(index).take(pa.array(firsts)) for index in self._spec.keys],
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
        state = self._groups
        slots = state.held()
        if not len(slots) and not self._spec.keys:
            slots = state.table.slots([], 1)  # one row says that there is nothing
        if len(slots):
            columns = state.rows(slots)
            out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow)))

    def tables(self) -> Mapping[str, StateTable]:
        return self._groups.tables()
