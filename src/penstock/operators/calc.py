"""Projection and filter in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.clock import session_zone
from penstock.expressions import EvalContext, Expr, InputRef, evaluate, filter_mask
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output

if TYPE_CHECKING:
    from penstock.changelog import ChangelogBatch
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class CalcSpec(OperatorSpec):
    """Plan form of a projection with an optional filter.

    Args:
        output: The schema of the rows it emits.
        projections: One expression per column of `output`.
        condition: Which input rows are kept; None keeps all.
    """

    output: Schema
    projections: tuple[Expr, ...]
    condition: Expr | None = None

    @property
    def schema(self) -> Schema:
        return self.output

    def passed(self, index: int) -> int | None:
        expr = self.projections[index]
        return expr.index if isinstance(expr, InputRef) else None

    @property
    def forwards(self) -> bool:
        return True

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: FBT001
        # An update may leave a filter: without its -U nobody would know.
        return wanted if wanted or self.condition is None else None

    def create(self, context: OperatorContext) -> Operator:
        return CalcOperator(self, context)

    def explain(self) -> str:
        items = [
            expr.sql()
            if isinstance(expr, InputRef) and expr.name == name
            else f"{expr.sql()} AS {name}"
            for expr, name in zip(self.projections, self.output.names, strict=True)
        ]
        where = f", where=[{self.condition.sql()}]" if self.condition is not None else ""
        return f"Calc(select=[{', '.join(items)}]{where})"


class CalcOperator(Operator):
    """Evaluate expressions over the rows a condition keeps.

    Changelog: as the input; a filter may let one half of a -U/+U pair through.
    State: none.  Order: kept.
    Source: Flink 2.2, StreamExecCalc.
    """

    def __init__(self, spec: CalcSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._clock = context.clock
        self._zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        context = EvalContext(self._zone, self._clock.now_ms())
        if self._spec.condition is not None:
            mask = filter_mask(self._spec.condition, batch.rows, context)
            if mask.true_count < batch.num_rows:
                batch = batch.filter(mask.to_numpy(zero_copy_only=False))
        if not batch.num_rows:
            return
        columns = evaluate(self._spec.projections, batch.rows, context)
        out.emit(batch.with_rows(pa.RecordBatch.from_arrays(columns, schema=self._arrow)))
