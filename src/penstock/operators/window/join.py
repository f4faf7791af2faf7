"""Joins of rows in the same window: sent once, when the window has passed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, Watermark
from penstock.clock import session_zone
from penstock.operators.base import OperatorContext, Output, PairOperator, PairSpec
from penstock.operators.join import JoinSpec
from penstock.operators.join.side import JoinSide
from penstock.operators.watermark import millis
from penstock.operators.window.assign import Windows, timestamps
from penstock.operators.window.progress import Progress
from penstock.types import TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.state import StateTable
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class WindowJoinSpec(PairSpec):
    """Plan form.

    Args:
        join: What is joined, the window's bounds among its keys; in batch mode, so to speak.
        ends: The column of the window's end, left and right.
        windows: Of which kind; for plans.
        zoned: Windows are of local time: the watermark is one of instants.
    """

    join: JoinSpec
    ends: tuple[int, int]
    windows: Windows
    zoned: bool = False

    @property
    def schema(self) -> Schema:
        return self.join.schema

    def changes(self, left: ChangelogMode, right: ChangelogMode) -> ChangelogMode:  # noqa: ARG002
        return ChangelogMode.insert_only()

    def needs_before(
        self,
        left: ChangelogMode,  # noqa: ARG002
        right: ChangelogMode,  # noqa: ARG002
        *,
        wanted: bool,  # noqa: ARG002
    ) -> tuple[bool, bool]:
        return True, True

    def sending_before(self, *, wanted: bool) -> WindowJoinSpec:  # noqa: ARG002
        return self

    def create(self, context: OperatorContext) -> PairOperator:
        return WindowJoinOperator(self, context)

    def explain(self) -> str:
        window = f"{self.windows.kind}({self.windows.text()})"
        names = [
            schema.names[end]
            for schema, end in zip((self.join.left, self.join.right), self.ends, strict=True)
        ]
        inner = self.join.explain().removeprefix("Join(").partition(", leftInputSpec")[0]
        return (
            f"WindowJoin(leftWindow=[{window}, win_end=[{names[0]}]],"
            f" rightWindow=[{window}, win_end=[{names[1]}]], {inner})"
        )

    def origin(self, index: int) -> tuple[int, int]:
        return self.join.origin(index)


class WindowJoinOperator(PairOperator):
    """Keep the rows of both sides by window; join those of a window once it has passed.

    Changelog: +I -> +I.  State: the rows of windows that have not passed, and the watermark.
    Order: by the window's end.  Watermark: the lesser of both, behind what it sends; rows of
    windows that have passed are dropped.
    Source: Flink 2.2, WindowJoinOperator.
    """

    def __init__(self, spec: WindowJoinSpec, context: OperatorContext) -> None:
        super().__init__()
        self._spec = spec
        self._context = context
        zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._progress = Progress(zone, zoned=spec.zoned)
        key = TIMESTAMP(3).with_nullable(nullable=False)
        schemas = (spec.join.left, spec.join.right)
        self._sides = tuple(
            JoinSide(schema, (end,), (key,), None, 0)
            for schema, end in zip(schemas, spec.ends, strict=True)
        )
        self._pending: set[int] | None = None

    def process_side(self, side: int, batch: ChangelogBatch, out: Output) -> None:  # noqa: ARG002
        ends = millis(batch.rows.column(self._spec.ends[side]))
        passed = self._progress.passed
        if passed is not None and (ends <= passed).any():
            batch = batch.filter(ends > passed)
            ends = ends[ends > passed]
        if batch.num_rows:
            self._waiting().update(np.unique(ends).tolist())
            none = np.zeros(batch.num_rows, np.int64)
            self._sides[side].apply(batch.rows.columns, None, none, 0)

    def watermark(self, watermark: Watermark, out: Output) -> None:
        if self._progress.advance(watermark):
            passed = self._progress.passed
            waiting = self._waiting()
            for end in sorted(end for end in waiting if passed is not None and end <= passed):
                waiting.discard(end)
                self._join(end, out)
        out.watermark(watermark)

    def tables(self) -> Mapping[str, StateTable]:
        left, right = self._sides
        return {"left": left, "right": right, "progress": self._progress.table}

    def _waiting(self) -> set[int]:
        """Ends of windows that have rows; after a restart those of the restored rows."""
        if self._pending is None:
            self._pending = set()
            for side, end in zip(self._sides, self._spec.ends, strict=True):
                slots = side.held()
                self._pending.update(np.unique(millis(side.take(slots)[end])).tolist())
        return self._pending

    def _join(self, end: int, out: Output) -> None:
        operator = replace(self._spec.join, final=True).create(self._context)
        assert isinstance(operator, PairOperator)
        key = timestamps(np.array([end]))
        for number, side in enumerate(self._sides):
            columns = side.withdraw([key])
            if columns is not None:
                schema = (self._spec.join.left, self._spec.join.right)[number]
                rows = pa.RecordBatch.from_arrays(columns, schema.names)
                operator.process_side(number, ChangelogBatch(rows), out)
        operator.finish(out)
