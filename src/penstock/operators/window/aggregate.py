"""GROUP BY over windows: a group is sent once, when its window has passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, Watermark
from penstock.clock import session_zone
from penstock.operators.accumulators import AggregateCall, GroupState
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.operators.watermark import millis
from penstock.operators.window.assign import Windows
from penstock.operators.window.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from penstock.state import StateTable
    from penstock.types import Schema

    Slots = NDArray[np.int64]

SENT_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class WindowAggregateSpec(OperatorSpec):
    """Plan form.

    Args:
        given: The schema of the rows it takes.
        output: Keys, then the results of the calls.
        keys: The columns to group by, those of the window among them.
        end: Which of the keys is the window's end.
        calls: What is aggregated.
        windows: Of which kind; for plans.
        zoned: Windows are of local time: the watermark is one of instants.
        retract: Rows may be taken back.
    """

    given: Schema
    output: Schema
    keys: tuple[int, ...]
    end: int
    calls: tuple[AggregateCall, ...]
    windows: Windows
    zoned: bool = False
    retract: bool = False

    @property
    def schema(self) -> Schema:
        return self.output

    def changes(self, given: ChangelogMode) -> ChangelogMode:  # noqa: ARG002
        return ChangelogMode.insert_only()

    def passed(self, index: int) -> int | None:
        return self.keys[index] if index < len(self.keys) else None

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: ARG002, FBT001
        return True

    def create(self, context: OperatorContext) -> Operator:
        return WindowAggregateOperator(self, context)

    def explain(self) -> str:
        names = self.given.names
        keys = ", ".join(names[index] for index in self.keys)
        texts = [call.text(names, retract=self.retract) for call in self.calls]
        results = self.output.names[len(self.keys) :]
        items = [names[index] for index in self.keys]
        items += [f"{text} AS {name}" for text, name in zip(texts, results, strict=True)]
        window = f"{self.windows.kind}({self.windows.text()})"
        return f"WindowAggregate(groupBy=[{keys}], window=[{window}], select=[{', '.join(items)}])"


class WindowAggregateOperator(Operator):
    """Fold each batch into groups; those whose window has passed are sent and forgotten.

    Changelog: all -> +I.  State: per group what the calls keep, until the watermark has reached the
    last millisecond of its window; and that watermark.  Order: by the window's end.
    Watermark: passed on behind what it sends; rows of windows it has passed are dropped.
    Source: Flink 2.2, WindowAggOperator.
    """

    def __init__(self, spec: WindowAggregateSpec, context: OperatorContext) -> None:
        self._spec = spec
        zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._groups = GroupState(
            spec.given, spec.keys, spec.calls, retract=spec.retract, keeps_keys=True
        )
        self._progress = Progress(zone, zoned=spec.zoned)
        # Groups by the end of their window, as they came.
        self._waiting: dict[int, list[Slots]] | None = None
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:  # noqa: ARG002
        ends = millis(batch.rows.column(self._spec.keys[self._spec.end]))
        passed = self._progress.passed
        if passed is not None:
            late = ends <= passed
            if late.any():
                batch = batch.filter(~late)
                ends = ends[~late]
        if not batch.num_rows:
            return
        waiting, state = self._pending(), self._groups
        slots = state.slots(batch)
        groups, firsts, _ = state.table.distinct(slots)
        new = state.counts.data[groups] == 0
        state.accumulate(batch, slots)
        _wait(waiting, groups[new], ends[firsts[new]])

    def watermark(self, watermark: Watermark, out: Output) -> None:
        if self._progress.advance(watermark):
            self._fire(out)
        out.watermark(watermark)

    def tables(self) -> Mapping[str, StateTable]:
        return {**self._groups.tables(), "progress": self._progress.table}

    def _pending(self) -> dict[int, list[Slots]]:
        """Groups by the end of their window; after a restart those that were restored."""
        if self._waiting is None:
            self._waiting = {}
            slots = self._groups.held()
            if len(slots):
                _wait(self._waiting, slots, millis(self._groups.key(self._spec.end, slots)))
        return self._waiting

    def _fire(self, out: Output) -> None:
        passed = self._progress.passed
        if passed is None:
            return
        waiting = self._pending()
        for end in sorted(end for end in waiting if end <= passed):
            slots = np.concatenate(waiting.pop(end))
            if self._spec.retract:
                # A group that lost all its rows and got new ones was noted twice.
                slots = np.unique(slots)
            held = slots[self._groups.counts.data[slots] > 0]
            for start in range(0, len(held), SENT_AT_ONCE):
                columns = self._groups.rows(held[start : start + SENT_AT_ONCE])
                out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow)))
            self._groups.remove(slots)


def _wait(waiting: dict[int, list[Slots]], slots: Slots, ends: NDArray[np.int64]) -> None:
    """Note groups by the end of their window."""
    order = np.argsort(ends, kind="stable")
    ends, slots = ends[order], slots[order]
    cuts = np.flatnonzero(np.diff(ends)) + 1
    for part, start in zip(np.split(slots, cuts), (0, *cuts.tolist()), strict=True):
        if len(part):
            waiting.setdefault(int(ends[start]), []).append(part)
