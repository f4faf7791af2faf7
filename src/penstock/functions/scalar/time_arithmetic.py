"""Times moved by intervals and units, and the spans between them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.expressions import arrow_type, broadcast
from penstock.functions.months import add_months, months_between, shift_micros
from penstock.functions.registry import map_rows, same, scalar
from penstock.functions.scalar.time_fields import local_clock
from penstock.functions.units import MILLIS, MONTHS, unit_argument, written_unit
from penstock.types import (
    BOOLEAN,
    INT,
    INTERVAL_DAY,
    INTERVAL_MONTH,
    TIMESTAMP,
    DataType,
    TypeRoot,
)
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame

R = TypeRoot


def _numbers(value: Any, rows: int) -> tuple[Any, Any]:
    """Values as NumPy int64 and where they are NULL."""
    array = broadcast(value, rows)
    mask = np.asarray(array.is_null())
    if pa.types.is_date32(array.type) or pa.types.is_time32(array.type):
        array = array.cast(pa.int32())
    return array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), mask


def move_months(moment: Any, months: Any, kind: DataType, frame: Frame) -> Any:
    """Dates or timestamps some months on; times of day as they are."""
    if kind.root is R.TIME:
        return moment
    values, nulls = _numbers(moment, frame.rows)
    counts, unknown = _numbers(months, frame.rows)
    if kind.root is R.DATE:
        moved = pa.array(add_months(values, counts), pa.int64(), mask=nulls | unknown)
        return moved.cast(pa.int32()).cast(pa.date32())
    moved = pa.array(shift_micros(values, counts), pa.int64(), mask=nulls | unknown)
    return moved.cast(arrow_type(kind))


def move_millis(moment: Any, millis: Any, kind: DataType) -> Any:
    """Moved by milliseconds; a DATE keeps whole days only, a TIME goes round the clock."""
    if kind.root is R.DATE:
        days = pc.divide(millis, 86_400_000)
        return (
            pc.add(moment.cast(pa.int32()).cast(pa.int64()), days)
            .cast(pa.int32())
            .cast(pa.date32())
        )
    if kind.root is R.TIME:
        moved = pc.add(moment.cast(pa.int32()).cast(pa.int64()), millis)
        days = pc.floor(pc.divide(moved.cast(pa.float64()), 86_400_000.0)).cast(pa.int64())
        rest = pc.subtract(moved, pc.multiply(days, 86_400_000))
        return rest.cast(pa.int32()).cast(pa.time32("ms"))
    return pc.add(moment.cast(arrow_type(kind)), pc.multiply(millis, 1000).cast(pa.duration("us")))


@scalar("+", "dht v", same(0), operator=True)
@scalar("+", "v dht", same(1), operator=True)
@scalar("-", "dht v", same(0), operator=True)
def shift_time(call: Call, args: list[Any], frame: Frame) -> Any:
    """A time moved by an interval."""
    moment, interval = args
    kind = call.args[1].type
    if call.args[0].type.root in co.INTERVALS:
        moment, interval, kind = interval, moment, call.args[0].type
    whole = interval.cast(pa.int64())
    if call.function.name == "-":
        whole = pc.negate(whole)
    if kind.root is R.INTERVAL_MONTH:
        return move_months(moment, whole, call.type, frame)
    return move_millis(moment, whole, call.type)


def _same_kind(args: list[Expr]) -> DataType | None:
    return args[0].type if args[0].type.root is args[1].type.root else None


@scalar("+ -", "v v", _same_kind, operator=True)
def add_intervals(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Sum or difference of intervals."""
    return (pc.add if call.function.name == "+" else pc.subtract)(*args)


@scalar("*", "v n", same(0), operator=True)
@scalar("*", "n v", same(1), operator=True)
def scale_interval(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """An interval times a number, cut to whole units."""
    interval, factor = args if call.args[0].type.root in co.INTERVALS else args[::-1]
    whole = interval.cast(pa.int64()).cast(pa.float64())
    product = pc.multiply(whole, factor.cast(pa.float64()))
    return pc.trunc(product).cast(pa.int64()).cast(arrow_type(call.type), safe=False)


@scalar("ABS", "v", same())
def absolute_interval(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Without its sign."""
    return pc.abs(args[0].cast(pa.int64())).cast(arrow_type(call.type), safe=False)


# ---- by unit

_FINE = {"HOUR", "MINUTE", "SECOND", "MILLISECOND"}


def _add_type(args: list[Expr]) -> DataType | None:
    unit, given = written_unit(args[0]), args[2].type
    if unit not in MILLIS and unit not in MONTHS:
        return None
    if given.root is R.DATE and unit in _FINE:
        return TIMESTAMP(6)
    if unit == "MILLISECOND" and given.root in co.TIMESTAMPS:
        return DataType(given.root, precision=max(given.precision, 3))
    return given


@scalar("TIMESTAMPADD", "s i dht", _add_type)
def timestamp_add(call: Call, args: list[Any], frame: Frame) -> Any:
    """Months are clamped to the month's end."""
    unit = unit_argument(call)
    amount = args[1].cast(pa.int64())
    if unit in MONTHS:
        return move_months(args[2], pc.multiply(amount, MONTHS[unit]), call.type, frame)
    return move_millis(args[2], pc.multiply(amount, MILLIS[unit]), call.type)


def _as_micros(value: Any, arg: Expr, frame: Frame) -> Any:
    """A moment as a wall clock's microseconds; a TIME on 1 January 1970."""
    local = local_clock(value, arg.type, frame)
    if arg.type.root is R.TIME:
        local = pc.multiply(local.cast(pa.int32()).cast(pa.int64()), 1000)
    return local.cast(pa.timestamp("us")).cast(pa.int64())


def _months(start: Any, end: Any, frame: Frame) -> Any:
    first, unknown = _numbers(start, frame.rows)
    second, nulls = _numbers(end, frame.rows)
    return pa.array(months_between(first, second), pa.int64(), mask=unknown | nulls)


def _diff_type(args: list[Expr]) -> DataType | None:
    roots = {args[1].type.root, args[2].type.root}
    unit = written_unit(args[0])
    if roots == {R.TIMESTAMP, R.TIMESTAMP_LTZ}:
        return None
    return INT if unit in MILLIS or unit in MONTHS else None


@scalar("TIMESTAMPDIFF", "s dht dht", _diff_type)
def timestamp_diff(call: Call, args: list[Any], frame: Frame) -> Any:
    """Whole units from the first moment to the second."""
    unit = unit_argument(call)
    start, end = (
        _as_micros(value, arg, frame) for value, arg in zip(args[1:], call.args[1:], strict=True)
    )
    if unit in MONTHS:
        found = pc.divide(_months(start, end, frame), MONTHS[unit])
    else:
        found = pc.divide(pc.subtract(end, start), MILLIS[unit] * 1000)
    return found.cast(pa.int32(), safe=False)


def _minus_type(args: list[Expr]) -> DataType:
    return INTERVAL_MONTH if written_unit(args[0]) in MONTHS else INTERVAL_DAY


@scalar("MINUS_TIME", "s dht dht", _minus_type, operator=True)
def minus_time(call: Call, args: list[Any], frame: Frame) -> Any:
    """`(a - b) unit` as an interval; the unit, the first of a range, is the first argument."""
    end, start = (
        _as_micros(value, arg, frame) for value, arg in zip(args[1:], call.args[1:], strict=True)
    )
    if call.type.root is R.INTERVAL_MONTH:
        return _months(start, end, frame).cast(pa.int32())
    return pc.divide(pc.subtract(end, start), 1000).cast(pa.duration("ms"))


# ---- periods

_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001


def _later(start: Any, step: Any) -> Any:
    """The end of a period: a moment, or an interval after its start."""
    if isinstance(step, datetime.timedelta):
        if isinstance(start, datetime.time):
            return (datetime.datetime.combine(_EPOCH, start) + step).time()
        return start + step
    if isinstance(step, int):
        moved = np.datetime64(start, "D").astype(np.int64)
        day = add_months(np.array([moved]), np.array([step]))[0]
        date = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(day))
        return start.replace(year=date.year, month=date.month, day=date.day)
    return step


def _overlap(*bounds: Any) -> bool | None:
    if len(bounds) == 2:
        bounds = (*bounds[0].values(), *bounds[1].values())
    if None in bounds:
        return None
    a, b, c, d = bounds
    periods = [sorted((start, _later(start, end))) for start, end in ((a, b), (c, d))]
    return bool(periods[0][0] <= periods[1][1] and periods[1][0] <= periods[0][1])


def _overlaps_type(args: list[Expr]) -> DataType:
    parts = [part.type for arg in args for part in arg.type.fields]
    return BOOLEAN.with_nullable(any(p.nullable for p in (*parts, *(a.type for a in args))))


@scalar("OVERLAPS", "r r", _overlaps_type, nullable="rule", operator=True)
@scalar("OVERLAPS", "dht dhtv dht dhtv", BOOLEAN, operator=True)
def overlaps(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Whether two periods share a moment; a period is two moments or a moment and an interval."""
    return map_rows(_overlap, args, frame, pa.bool_(), strict=False)
