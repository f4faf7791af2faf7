"""Watermarks from a column of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.changelog import MAX_WATERMARK, ChangelogBatch, Watermark
from penstock.clock import session_zone
from penstock.errors import DataError
from penstock.expressions import EvalContext, Expr, evaluate
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.state.words import data_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.types import Schema

EMIT_MS = 200
"""By how much a watermark must have grown before rows behind it are late within a batch.

Flink sends one at once where it grew by `pipeline.auto-watermark-interval`, 200 ms by default.
"""


@dataclass(frozen=True, slots=True)
class WatermarkSpec(OperatorSpec):
    """Plan form.

    Args:
        output: The schema of its rows, the input's.
        column: The time attribute.
        expression: The watermark of a row.
        idle_ms: After how long without rows others do not wait for this input; 0 for never.
    """

    output: Schema
    column: int
    expression: Expr
    idle_ms: int = 0

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def forwards(self) -> bool:
        return True

    def create(self, context: OperatorContext) -> Operator:
        return WatermarkOperator(self, context)

    def explain(self) -> str:
        name = self.output.names[self.column]
        return f"WatermarkAssigner(rowtime=[{name}], watermark=[{self.expression.sql()}])"


class WatermarkOperator(Operator):
    """Send the greatest watermark of the rows behind them.

    Changelog: as the input.  State: none; after a restart watermarks start anew.  Order: kept.
    Watermark: its own; of its input's only the last one, that all input has ended.
    Source: Flink 2.2, WatermarkAssignerOperator.
    """

    def __init__(self, spec: WatermarkSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._clock = context.clock
        self._zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._greatest = -MAX_WATERMARK
        self._sent = -MAX_WATERMARK
        self._last_row_ms = context.clock.now_ms()
        self._idle = False

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        now_ms = self._clock.now_ms()
        self._last_row_ms = now_ms
        if self._idle:
            self._idle = False
            out.watermark(Watermark(self._sent))
        column = batch.rows.column(self._spec.column)
        if column.null_count:
            raise DataError(
                "RowTime field should not be null, please convert it to a non-null long value.",
                column=self._spec.output.names[self._spec.column],
                code="null-rowtime",
            )
        context = EvalContext(self._zone, now_ms)
        marks = millis(evaluate([self._spec.expression], batch.rows, context)[0])
        times = millis(column)
        start = 0
        for end, watermark in self._cuts(times, marks):
            _emit(batch, start, end, out)
            out.watermark(Watermark(watermark))
            start = end
        _emit(batch, start, batch.num_rows, out)
        self._greatest = max(self._greatest, int(marks.max()))
        if self._greatest > self._sent:
            self._sent = self._greatest
            out.watermark(Watermark(self._sent))

    def watermark(self, watermark: Watermark, out: Output) -> None:
        if watermark.timestamp_ms == MAX_WATERMARK:
            self._sent = MAX_WATERMARK
            out.watermark(watermark)

    def tick(self, now_ms: int, out: Output) -> None:
        idle = self._spec.idle_ms
        ended = self._sent == MAX_WATERMARK
        if idle and not ended and not self._idle and now_ms - self._last_row_ms >= idle:
            self._idle = True
            out.watermark(Watermark(self._sent, idle=True))

    def _cuts(self, times: NDArray[np.int64], marks: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Where watermarks stand between rows: those behind may be late.

        Most batches have no row behind a watermark of the batch; those need none.
        """
        running = np.maximum(np.maximum.accumulate(marks), self._greatest)
        if not (times[1:] <= running[:-1]).any():
            return []
        found: list[tuple[int, int]] = []
        sent = self._sent
        behind = 1 + np.flatnonzero(times[1:] <= running[:-1])
        for row in behind.tolist():
            if running[row - 1] > sent + EMIT_MS and (not found or found[-1][0] < row):
                sent = int(running[row - 1])
                found.append((row, sent))
        return found


def _emit(batch: ChangelogBatch, start: int, end: int, out: Output) -> None:
    if end - start == batch.num_rows:
        out.emit(batch)
    elif end > start:
        out.emit(batch.slice(start, end))


def millis(column: Any) -> NDArray[np.int64]:
    """Timestamps of microseconds as milliseconds; NULLs are the smallest number.

    Examples:
        >>> import pyarrow as pa
        >>> millis(pa.array([2500, None], pa.timestamp("us"))).tolist()[0]
        2
    """
    found: NDArray[np.int64] = data_of(column, np.int64) // 1000
    if column.null_count:
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        found = np.where(valid, found, np.iinfo(np.int64).min)
    return found
