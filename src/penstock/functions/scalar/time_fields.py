"""Fields of dates and times (EXTRACT, YEAR ..) and rounding to units (FLOOR, CEIL).

Source: Flink 2.2 documentation, System (Built-in) Functions, Temporal; observed on 2.2.1.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.expressions import arrow_type
from penstock.functions.cast import instant_to_local, local_to_instant
from penstock.functions.registry import map_rows, scalar
from penstock.functions.units import MILLIS, unit_argument, written_unit
from penstock.types import BIGINT, DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Expr, Frame

R = TypeRoot


def local_clock(value: Any, data_type: DataType, frame: Frame) -> Any:
    """An instant as the session zone's wall clock; other values as they are."""
    if data_type.root is R.TIMESTAMP_LTZ:
        return instant_to_local(value, frame.context.time_zone)
    return value


def _micros(local: Any) -> Any:
    return pc.add(pc.multiply(pc.millisecond(local), 1000), pc.microsecond(local))


_DATE_FIELDS: dict[str, Callable[[Any], Any]] = {
    "YEAR": pc.year,
    "QUARTER": pc.quarter,
    "MONTH": pc.month,
    "WEEK": pc.iso_week,
    "DAY": pc.day,
    "DAYOFMONTH": pc.day,
    "DAYOFYEAR": pc.day_of_year,
    "DAYOFWEEK": lambda t: pc.day_of_week(t, count_from_zero=False, week_start=7),
    "ISODOW": lambda t: pc.day_of_week(t, count_from_zero=False, week_start=1),
    "ISOYEAR": pc.iso_year,
    "DECADE": lambda t: pc.divide(pc.year(t), 10),
    "CENTURY": lambda t: pc.divide(pc.add(pc.year(t), 99), 100),
    "MILLENNIUM": lambda t: pc.divide(pc.add(pc.year(t), 999), 1000),
}
_TIME_FIELDS: dict[str, Callable[[Any], Any]] = {
    "HOUR": pc.hour,
    "MINUTE": pc.minute,
    "SECOND": pc.second,
    "MILLISECOND": pc.millisecond,
    "MICROSECOND": _micros,
    "NANOSECOND": lambda t: pc.multiply(_micros(t), 1000),
}
_OF_TIME = frozenset(("HOUR", "MINUTE", "SECOND", "MILLISECOND"))


def _field(unit: str, value: Any, data_type: DataType, frame: Frame) -> Any:
    if unit == "EPOCH":
        if data_type.root is R.DATE:
            return pc.multiply(value.cast(pa.int32()).cast(pa.int64()), 86_400)
        # Java cuts towards zero, before 1970 too.
        return pc.divide(pc.divide(value.cast(pa.int64()), 1000), 1000)
    local = local_clock(value, data_type, frame)
    if unit in _DATE_FIELDS:
        return _DATE_FIELDS[unit](local)
    if data_type.root is R.DATE:
        local = local.cast(pa.timestamp("us"))
    return _TIME_FIELDS[unit](local)


def _extract_type(args: list[Expr]) -> DataType | None:
    unit, root = written_unit(args[0]), args[1].type.root
    known = _OF_TIME if root is R.TIME else _DATE_FIELDS.keys() | _TIME_FIELDS | {"EPOCH"}
    return BIGINT.with_nullable(args[1].type.nullable) if unit in known else None


@scalar("EXTRACT", "s dht", _extract_type, nullable="rule")
def extract(call: Call, args: list[Any], frame: Frame) -> Any:
    """BIGINT; the unit is the first argument."""
    return _field(unit_argument(call), args[1], call.args[1].type, frame).cast(pa.int64())


_ABOVE = {"HOUR": 24, "MINUTE": 60, "SECOND": 60, "MILLISECOND": 1000}


def _extract_interval_type(args: list[Expr]) -> DataType | None:
    months = args[1].type.root is R.INTERVAL_MONTH
    known = {"YEAR", "QUARTER", "MONTH"} if months else {"DAY", *_ABOVE}
    fits = written_unit(args[0]) in known
    return BIGINT.with_nullable(args[1].type.nullable) if fits else None


@scalar("EXTRACT", "s v", _extract_interval_type, nullable="rule")
def extract_interval(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """A field of an interval."""
    unit = unit_argument(call)
    whole = args[1].cast(pa.int64())
    if call.args[1].type.root is R.INTERVAL_MONTH:
        years = pc.divide(whole, 12)
        if unit == "YEAR":
            return years
        months = pc.subtract(whole, pc.multiply(years, 12))
        return months if unit == "MONTH" else pc.add(pc.divide(months, 3), 1)
    count = pc.divide(whole, MILLIS[unit])
    above = _ABOVE.get(unit)
    if above is None:
        return count
    return pc.subtract(count, pc.multiply(pc.divide(count, above), above))


@scalar("YEAR QUARTER MONTH WEEK DAYOFYEAR DAYOFMONTH DAYOFWEEK", "dt", BIGINT)
@scalar("HOUR MINUTE SECOND", "dht", BIGINT)
def field(call: Call, args: list[Any], frame: Frame) -> Any:
    """BIGINT."""
    return _field(call.function.name, args[0], call.args[0].type, frame).cast(pa.int64())


# ---- rounding

_YEARS = {"DECADE": 10, "CENTURY": 100, "MILLENNIUM": 1000}


def _rounded_type(args: list[Expr]) -> DataType | None:
    units = _YEARS.keys() | MILLIS.keys() | {"YEAR", "QUARTER", "MONTH"}
    return args[0].type if written_unit(args[1]) in units else None


@scalar("FLOOR CEIL CEILING", "dht s", _rounded_type)
def floor_time(call: Call, args: list[Any], frame: Frame) -> Any:
    """Weeks begin on Sunday; TIMESTAMP_LTZ is rounded on the session zone's wall clock."""
    data_type, unit = call.args[0].type, unit_argument(call, 1)
    up = call.function.name != "FLOOR"
    if data_type.root is R.TIME:
        return _round_time(args[0], unit, up=up)
    if unit in _YEARS:
        return map_rows(
            lambda t: _round_years(t, _YEARS[unit], up=up), [args[0]], frame, arrow_type(call.type)
        )
    if data_type.root is R.DATE and unit in {"DAY", *_ABOVE}:
        # Flink's CEIL of a DATE to a day is the next one (its own tests say so).
        return _next_day(args[0]) if up and unit == "DAY" else args[0]
    local = local_clock(args[0], data_type, frame)
    low = pc.floor_temporal(local, 1, unit.lower(), week_starts_monday=False)
    found = low
    if up:
        high = pc.ceil_temporal(local, 1, unit.lower(), week_starts_monday=False)
        # Arrow lifts what is whole already to the next unit where the unit is a calendar's.
        found = pc.if_else(pc.equal(low, local), low, high)
    if data_type.root is R.TIMESTAMP_LTZ:
        return local_to_instant(found, frame.context.time_zone)
    return found


def _next_day(dates: Any) -> Any:
    return pc.add(dates.cast(pa.int32()), pa.scalar(1, pa.int32())).cast(pa.date32())


def _round_time(value: Any, unit: str, *, up: bool) -> Any:
    size = MILLIS.get(unit, 0)
    if unit not in _ABOVE:
        return value
    millis = value.cast(pa.int32()).cast(pa.int64())
    found = pc.multiply(pc.divide(pc.add(millis, size - 1 if up else 0), size), size)
    return found.cast(pa.int32()).cast(pa.time32("ms"))


def _round_years(value: Any, count: int, *, up: bool) -> Any:
    base = value.year // count * count if count == 10 else (value.year - 1) // count * count + 1
    found = value.replace(year=max(base, 1), month=1, day=1)
    if isinstance(value, datetime.datetime):
        found = found.replace(hour=0, minute=0, second=0, microsecond=0)
    return found.replace(year=base + count) if up and found != value else found
