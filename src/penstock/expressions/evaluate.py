"""Vectorised evaluation of expressions over record batches."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import InternalError
from penstock.expressions.tree import Call, Expr, InputRef, Literal, arrow_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class EvalContext:
    """What evaluation depends on besides the rows.

    Args:
        time_zone: The session zone's name (`table.local-time-zone`).
        now_ms: The query's or the batch's time, milliseconds since the epoch.
    """

    time_zone: str = "UTC"
    now_ms: int = 0

    @property
    def zone(self) -> datetime.tzinfo:
        """The session zone."""
        if self.time_zone[:1] in {"+", "-"}:
            hours, _, minutes = self.time_zone[1:].partition(":")
            offset = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
            return datetime.timezone(-offset if self.time_zone[0] == "-" else offset)
        return ZoneInfo(self.time_zone)


class Frame:
    """The rows an expression is evaluated on: a batch, or some rows of another frame."""

    __slots__ = ("_columns", "_mask", "_parent", "context", "rows")

    def __init__(self, columns: list[Any], rows: int, context: EvalContext) -> None:
        self._columns: dict[int, Any] = dict(enumerate(columns))
        self._parent: Frame | None = None
        self._mask: Any = None
        self.rows = rows
        self.context = context

    def filter(self, mask: Any) -> Frame:
        """The rows where `mask`, a boolean array without nulls, is true; columns on demand."""
        frame = Frame([], mask.true_count, self.context)
        frame._parent, frame._mask = self, mask
        return frame

    def column(self, index: int) -> Any:
        """Column `index` of the input."""
        found = self._columns.get(index)
        if found is None:
            assert self._parent is not None
            found = self._parent.column(index).filter(self._mask)
            self._columns[index] = found
        return found

    def value(self, expr: Expr) -> Any:
        """The values of an expression: an array, or a scalar for all rows."""
        if isinstance(expr, InputRef):
            return self.column(expr.index)
        if isinstance(expr, Literal):
            return expr.scalar
        if not isinstance(expr, Call):
            raise InternalError(f"cannot evaluate a {type(expr).__name__}")
        function = expr.function
        args = [] if function.lazy else [self.value(arg) for arg in expr.args]
        result = function.kernel(expr, args, self)
        expected = arrow_type(expr.type)
        if result.type != expected:
            result = result.cast(expected, safe=False)
        if isinstance(result, pa.ChunkedArray):
            result = result.combine_chunks()
        return result

    def array(self, expr: Expr) -> Any:
        """The values of an expression, always as an array of `rows` values."""
        return broadcast(self.value(expr), self.rows)


def broadcast(value: Any, rows: int) -> Any:
    """A scalar as an array of `rows` equal values; arrays as they are."""
    if isinstance(value, pa.Scalar):
        if not value.is_valid:
            return pa.nulls(rows, value.type)
        return pa.repeat(value, rows)
    return value


def evaluate(
    exprs: Sequence[Expr], batch: pa.RecordBatch, context: EvalContext | None = None
) -> list[Any]:
    """The expressions over every row of `batch`, one Arrow array each.

    Raises:
        DataError: A row's value has no result (division by zero, a cast that fails).

    Examples:
        >>> from penstock.types import INT
        >>> batch = pa.record_batch({"a": pa.array([1, None], pa.int32())})
        >>> evaluate([InputRef(0, "a", INT)], batch)[0].to_pylist()
        [1, None]
    """
    frame = Frame(batch.columns, batch.num_rows, context or EvalContext())
    return [frame.array(expr) for expr in exprs]


def evaluate_constant(expr: Expr, context: EvalContext | None = None) -> Any:
    """The Python value of an expression without input columns."""
    return Frame([], 1, context or EvalContext()).array(expr)[0].as_py()


def compile_expressions(
    exprs: Sequence[Expr],
) -> Callable[[pa.RecordBatch, EvalContext], list[Any]]:
    """The expressions as one function of a batch and a context."""
    fixed = tuple(exprs)
    return lambda batch, context: evaluate(fixed, batch, context)


def true_mask(value: Any, rows: int) -> Any:
    """A condition as a boolean array without nulls: unknown counts as false."""
    array = broadcast(value, rows)
    return pc.fill_null(array, False) if array.null_count else array  # noqa: FBT003


def filter_mask(expr: Expr, batch: pa.RecordBatch, context: EvalContext | None = None) -> Any:
    """Which rows satisfy a condition, as a boolean array without nulls."""
    return true_mask(evaluate([expr], batch, context)[0], batch.num_rows)
