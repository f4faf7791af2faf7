"""Dates and times: now, fields, rounding, differences, formats.

Source: Flink 2.2 documentation, System (Built-in) Functions, Temporal; observed on 2.2.1.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.expressions import Literal, arrow_type
from penstock.functions.cast import (
    instant_to_local,
    local_to_instant,
    parse_date,
    parse_timestamp,
    truncate_timestamp,
)
from penstock.functions.java_time import format_java, parse_java
from penstock.functions.registry import map_rows, rowwise, same, scalar
from penstock.functions.scalar.arithmetic import add_months
from penstock.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    INT,
    STRING,
    TIME,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    DataType,
    TypeRoot,
)

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame

R = TypeRoot
_PLAIN = "yyyy-MM-dd HH:mm:ss"
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001
_MS = {
    "WEEK": 604_800_000,
    "DAY": 86_400_000,
    "HOUR": 3_600_000,
    "MINUTE": 60_000,
    "SECOND": 1000,
    "MILLISECOND": 1,
}
_MONTHS = {
    "MILLENNIUM": 12_000,
    "CENTURY": 1200,
    "DECADE": 120,
    "YEAR": 12,
    "QUARTER": 3,
    "MONTH": 1,
}


def unit_of(text: str) -> str:
    """A unit's plain name: `SQL_TSI_MINUTES` and `minutes` are MINUTE."""
    name = text.upper().removeprefix("SQL_TSI_")
    name = {"CENTURIES": "CENTURY", "DOY": "DAYOFYEAR", "DOW": "DAYOFWEEK"}.get(name, name)
    if name not in {"FRAC_SECOND"} and name.endswith("S"):
        name = name[:-1]
    return name


def _unit(call: Call, index: int = 0) -> str:
    literal = call.args[index]
    assert isinstance(literal, Literal)
    return unit_of(str(literal.value))


# ---- now


@scalar(
    "CURRENT_TIMESTAMP NOW CURRENT_ROW_TIMESTAMP PROCTIME",
    "",
    TIMESTAMP_LTZ(3),
    nullable="never",
    deterministic=False,
)
@scalar("LOCALTIMESTAMP", "", TIMESTAMP(3), nullable="never", deterministic=False)
@scalar("CURRENT_DATE", "", DATE, nullable="never", deterministic=False)
@scalar("CURRENT_TIME LOCALTIME", "", TIME(0), nullable="never", deterministic=False)
def now(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The context's time; wall clocks in the session zone."""
    moment = pa.array([frame.context.now_ms * 1000], pa.int64()).cast(pa.timestamp("us", "UTC"))
    if call.type.root is R.TIMESTAMP_LTZ:
        return moment[0]
    local = instant_to_local(moment, frame.context.time_zone)
    if call.type.root is R.TIMESTAMP:
        return local[0]
    if call.type.root is R.DATE:
        return local.cast(pa.date32(), safe=False)[0]
    whole = truncate_timestamp(local, 0)
    return whole.cast(pa.time32("ms"))[0]


# ---- fields


def _local(value: Any, data_type: DataType, frame: Frame) -> Any:
    if data_type.root is R.TIMESTAMP_LTZ:
        return instant_to_local(value, frame.context.time_zone)
    return value


def _field(unit: str, value: Any, data_type: DataType, frame: Frame) -> Any:  # noqa: PLR0911, PLR0912
    local = _local(value, data_type, frame)
    match unit:
        case "YEAR":
            return pc.year(local)
        case "QUARTER":
            return pc.quarter(local)
        case "MONTH":
            return pc.month(local)
        case "WEEK":
            return pc.iso_week(local)
        case "DAY" | "DAYOFMONTH":
            return pc.day(local)
        case "DAYOFYEAR":
            return pc.day_of_year(local)
        case "DAYOFWEEK":
            return pc.day_of_week(local, count_from_zero=False, week_start=7)
        case "ISODOW":
            return pc.day_of_week(local, count_from_zero=False, week_start=1)
        case "ISOYEAR":
            return pc.iso_year(local)
        case "EPOCH":
            if data_type.root is R.DATE:
                return pc.multiply(value.cast(pa.int32()).cast(pa.int64()), 86_400)
            if data_type.root is R.TIME:
                return pc.divide(value.cast(pa.int32()).cast(pa.int64()), 1000)
            whole = pc.floor_temporal(value, 1, "second").cast(pa.int64())
            return pc.divide(whole, 1_000_000)
        case "DECADE":
            return pc.divide(pc.year(local), 10)
        case "CENTURY":
            return pc.divide(pc.add(pc.year(local), 99), 100)
        case "MILLENNIUM":
            return pc.divide(pc.add(pc.year(local), 999), 1000)
    if data_type.root is R.DATE:
        local = local.cast(pa.timestamp("us"))
    match unit:
        case "HOUR":
            return pc.hour(local)
        case "MINUTE":
            return pc.minute(local)
        case "SECOND":
            return pc.second(local)
        case "MILLISECOND":
            return pc.millisecond(local)
        case "MICROSECOND":
            return pc.add(pc.multiply(pc.millisecond(local), 1000), pc.microsecond(local))
    assert unit == "NANOSECOND"
    micros = pc.add(pc.multiply(pc.millisecond(local), 1000), pc.microsecond(local))
    return pc.multiply(micros, 1000)


_FIELDS = {
    *("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DAYOFYEAR", "DAYOFWEEK", "ISODOW", "ISOYEAR"),
    *("HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH"),
    *("DECADE", "CENTURY", "MILLENNIUM"),
}


def _extract_type(args: list[Expr]) -> DataType | None:
    unit = args[0]
    if not isinstance(unit, Literal) or unit_of(str(unit.value)) not in _FIELDS:
        return None
    return BIGINT.with_nullable(args[1].type.nullable)


@scalar("EXTRACT", "s dht", _extract_type, nullable="rule")
def extract(call: Call, args: list[Any], frame: Frame) -> Any:
    """BIGINT; the unit is the first argument."""
    return _field(_unit(call), args[1], call.args[1].type, frame).cast(pa.int64())


@scalar("EXTRACT", "s v", BIGINT)
def extract_interval(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """A field of an interval."""
    unit = _unit(call)
    whole = args[1].cast(pa.int64())
    if call.args[1].type.root is R.INTERVAL_MONTH:
        years = pc.divide(whole, 12)
        return years if unit == "YEAR" else pc.subtract(whole, pc.multiply(years, 12))
    size = _MS.get(unit, 1)
    count = pc.divide(whole, size)
    above = {"HOUR": 24, "MINUTE": 60, "SECOND": 60, "MILLISECOND": 1000}.get(unit)
    if above is None:
        return count
    return pc.subtract(count, pc.multiply(pc.divide(count, above), above))


@scalar("YEAR QUARTER MONTH WEEK DAYOFYEAR DAYOFMONTH DAYOFWEEK HOUR MINUTE SECOND", "dht", BIGINT)
def field(call: Call, args: list[Any], frame: Frame) -> Any:
    """BIGINT."""
    return _field(call.function.name, args[0], call.args[0].type, frame).cast(pa.int64())


# ---- rounding


@scalar("FLOOR CEIL CEILING", "dht s", same())
def floor_time(call: Call, args: list[Any], frame: Frame) -> Any:
    """Weeks begin on Sunday; TIMESTAMP_LTZ is rounded on the session zone's wall clock."""
    data_type, unit = call.args[0].type, _unit(call, 1)
    local = _local(args[0], data_type, frame)
    function = pc.floor_temporal if call.function.name == "FLOOR" else pc.ceil_temporal
    if data_type.root is R.TIME:
        local = local.cast(pa.int32()).cast(pa.int64())
        size = _MS.get(unit, 86_400_000)
        add = 0 if call.function.name == "FLOOR" else size - 1
        found = pc.multiply(pc.divide(pc.add(local, add), size), size)
        return found.cast(pa.int32()).cast(pa.time32("ms"))
    counts = {"DECADE": (10, "year"), "CENTURY": (100, "year"), "MILLENNIUM": (1000, "year")}
    count, name = counts.get(unit, (1, unit.lower()))
    if count > 1:
        return map_rows(
            lambda t: _floor_years(t, count, up=function is pc.ceil_temporal),
            [args[0]],
            frame,
            arrow_type(call.type),
        )
    found = function(local, count, name, week_starts_monday=False)
    if call.function.name != "FLOOR":
        # Arrow lifts what is whole already to the next unit where the unit is a calendar's.
        low = pc.floor_temporal(local, count, name, week_starts_monday=False)
        found = pc.if_else(pc.equal(low, local), low, found)
    if data_type.root is R.TIMESTAMP_LTZ:
        return local_to_instant(found, frame.context.time_zone)
    return found


def _floor_years(value: Any, count: int, *, up: bool) -> Any:
    base = value.year // count * count if count == 10 else (value.year - 1) // count * count + 1
    found = value.replace(year=max(base, 1), month=1, day=1)
    if isinstance(value, datetime.datetime):
        found = found.replace(hour=0, minute=0, second=0, microsecond=0)
    return found.replace(year=base + count) if up and found != value else found


# ---- arithmetic by unit


def _add_type(args: list[Expr]) -> DataType | None:
    unit, given = args[0], args[2].type
    if not isinstance(unit, Literal):
        return None
    name = unit_of(str(unit.value))
    if name not in _MS and name not in _MONTHS:
        return None
    fine = name in {"HOUR", "MINUTE", "SECOND", "MILLISECOND"}
    return TIMESTAMP(6) if given.root is R.DATE and fine else given


@scalar("TIMESTAMPADD", "s i dht", _add_type)
def timestamp_add(call: Call, args: list[Any], frame: Frame) -> Any:
    """Months are clamped to the month's end."""
    unit = _unit(call)
    if unit in _MONTHS:
        return map_rows(
            lambda n, t: add_months(t, n * _MONTHS[unit]), args[1:], frame, arrow_type(call.type)
        )
    amount, moment = args[1].cast(pa.int64()), args[2]
    if call.type.root is R.DATE:
        days = pc.multiply(amount, _MS[unit] // 86_400_000)
        moved = pc.add(moment.cast(pa.int32()).cast(pa.int64()), days)
        return moved.cast(pa.int32()).cast(pa.date32())
    if call.type.root is R.TIME:
        moved = pc.add(moment.cast(pa.int32()).cast(pa.int64()), pc.multiply(amount, _MS[unit]))
        return map_rows(lambda ms: ms % 86_400_000, [moved], frame, pa.int32()).cast(
            pa.time32("ms")
        )
    step = pc.multiply(amount, _MS[unit] * 1000).cast(pa.duration("us"))
    return pc.add(moment.cast(arrow_type(call.type)), step)


def months_between(start: datetime.datetime, end: datetime.datetime) -> int:
    """Whole months from `start` to `end`.

    Examples:
        >>> months_between(datetime.datetime(2020, 1, 31), datetime.datetime(2020, 2, 29))
        0
    """
    if end < start:
        return -months_between(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    behind = (end.day, end.time()) < (start.day, start.time())
    return months - behind


def _diff_type(args: list[Expr]) -> DataType | None:
    roots = {args[1].type.root, args[2].type.root}
    unit = args[0]
    if roots == {R.TIMESTAMP, R.TIMESTAMP_LTZ} or not isinstance(unit, Literal):
        return None
    name = unit_of(str(unit.value))
    return INT if name in _MS or name in _MONTHS else None


@scalar("TIMESTAMPDIFF", "s dt dt", _diff_type)
def timestamp_diff(call: Call, args: list[Any], frame: Frame) -> Any:
    """Whole units from the first moment to the second."""
    unit = _unit(call)
    start, end = (
        _local(value, arg.type, frame).cast(pa.timestamp("us"))
        for value, arg in zip(args[1:], call.args[1:], strict=True)
    )
    if unit in _MONTHS:
        size = _MONTHS[unit]
        return map_rows(
            lambda a, b: int(months_between(a, b) / size), [start, end], frame, pa.int32()
        )
    micros = pc.subtract(end, start).cast(pa.int64())
    return pc.divide(micros, _MS[unit] * 1000).cast(pa.int32(), safe=False)


@scalar(
    "MINUS_TIME",
    "s dt dt",
    lambda args: DataType(  # noqa: ARG005
        R.INTERVAL_DAY, precision=3
    ),
    operator=True,
)
def minus_time(call: Call, args: list[Any], frame: Frame) -> Any:
    """`(a - b) unit` as an interval of days to milliseconds; the unit is the first argument."""
    a, b = (
        _local(value, arg.type, frame).cast(pa.timestamp("us"))
        for value, arg in zip(args[1:], call.args[1:], strict=True)
    )
    return pc.subtract(a, b).cast(pa.duration("ms"), safe=False)


@scalar("OVERLAPS", "r r", BOOLEAN, operator=True)
@scalar("OVERLAPS", "dht dhtv dht dhtv", BOOLEAN, operator=True)
def overlaps(call: Call, args: list[Any], frame: Frame) -> Any:
    """Whether two periods share a moment; a period is two moments or a moment and an interval."""
    del call

    def moved(start: Any, step: datetime.timedelta) -> Any:
        if isinstance(start, datetime.time):
            return (datetime.datetime.combine(_EPOCH, start) + step).time()
        return start + step

    def check(*bounds: Any) -> bool | None:
        if len(bounds) == 2:
            bounds = (*bounds[0].values(), *bounds[1].values())
        if None in bounds:
            return None
        a, b, c, d = bounds
        ends = []
        for start, end in ((a, b), (c, d)):
            if isinstance(end, datetime.timedelta):
                end = moved(start, end)  # noqa: PLW2901
            elif isinstance(end, int):
                end = add_months(start, end)  # noqa: PLW2901
            ends.append((min(start, end), max(start, end)))
        return bool(ends[0][0] <= ends[1][1] and ends[1][0] <= ends[0][1])

    return map_rows(check, args, frame, pa.bool_())


# ---- texts


def _read_plain(text: str, pattern: str = "") -> datetime.datetime | None:
    return parse_java(text, pattern) if pattern and pattern != _PLAIN else parse_timestamp(text)


def _cut(value: datetime.datetime | None, digits: int = 3) -> datetime.datetime | None:
    unit = 10 ** (6 - digits)
    return value and value.replace(microsecond=value.microsecond // unit * unit)


@scalar("DATE_FORMAT", "st s", STRING, nullable="always")
def date_format(call: Call, args: list[Any], frame: Frame) -> Any:
    """A timestamp in a Java pattern; a string is read as `yyyy-MM-dd HH:mm:ss` first."""
    kind = call.args[0].type
    local = _local(args[0], kind, frame)
    pattern = call.args[1].value if isinstance(call.args[1], Literal) else None
    fast = {"yyyy-MM-dd": 10, "yyyy-MM-dd HH:mm:ss": 19, "yyyy-MM": 7, "yyyy": 4}
    if kind.root is not R.VARCHAR and kind.root is not R.CHAR and pattern in fast:
        return pc.utf8_slice_codeunits(local.cast(pa.string()), 0, fast[pattern])

    def compute(value: Any, form: str) -> str | None:
        moment = parse_timestamp(value) if isinstance(value, str) else value
        return format_java(moment, form) if moment is not None else None

    return map_rows(compute, [local, args[1]], frame, pa.string())


scalar("TO_TIMESTAMP", "s s?", TIMESTAMP(3), nullable="always")(
    rowwise(lambda text, pattern="": _cut(_read_plain(text, pattern)))
)


def _to_date(text: str, pattern: str = "yyyy-MM-dd") -> datetime.date | None:
    if pattern == "yyyy-MM-dd":
        return parse_date(text)
    found = parse_java(text, pattern)
    return found and found.date()


scalar("TO_DATE", "s s?", DATE, nullable="always")(rowwise(_to_date))


def _to_instant(number: Any, precision: int = 3) -> datetime.datetime | None:
    if precision not in {0, 3}:
        return None
    try:
        step = datetime.timedelta(milliseconds=int(number * (1000 if precision == 0 else 1)))
        return _EPOCH + step
    except (OverflowError, ValueError):
        return None


@scalar("TO_TIMESTAMP_LTZ", "n i?", TIMESTAMP_LTZ(3), nullable="always")
def to_timestamp_ltz(call: Call, args: list[Any], frame: Frame) -> Any:
    """Seconds (precision 0) or milliseconds (3, the default) since the epoch."""
    del call
    found = map_rows(_to_instant, args, frame, pa.timestamp("us"))
    return found.cast(pa.timestamp("us", "UTC"))


@scalar("TO_TIMESTAMP_LTZ", "s s? s?", TIMESTAMP_LTZ(3), nullable="always")
def to_timestamp_ltz_text(call: Call, args: list[Any], frame: Frame) -> Any:
    """Text on the wall clock of the given zone, by default UTC, not the session's."""
    del call

    def compute(text: str, pattern: str = "", zone: str = "UTC") -> datetime.datetime | None:
        moment = _cut(_read_plain(text, pattern))
        return None if moment is None else _in_zone(moment, zone)

    found = map_rows(compute, args, frame, pa.timestamp("us"))
    return found.cast(pa.timestamp("us", "UTC"))


def _in_zone(moment: datetime.datetime, zone: str) -> datetime.datetime | None:
    """The wall clock of a zone as a naive moment in UTC; None where the zone does not exist."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        aware = moment.replace(tzinfo=ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return None
    return aware.astimezone(datetime.UTC).replace(tzinfo=None)


@scalar("FROM_UNIXTIME", "i s?", STRING, nullable="always")
def from_unixtime(call: Call, args: list[Any], frame: Frame) -> Any:
    """Seconds since the epoch as text on the session zone's wall clock."""
    del call
    zone = frame.context.zone

    def compute(seconds: int, pattern: str = _PLAIN) -> str | None:
        moment = _to_instant(seconds, 0)
        if moment is None:
            return None
        return format_java(moment.replace(tzinfo=datetime.UTC).astimezone(zone), pattern)

    return map_rows(compute, args, frame, pa.string())


@scalar("UNIX_TIMESTAMP", "", BIGINT, nullable="never", deterministic=False)
def unix_now(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Seconds since the epoch, now."""
    return pa.scalar(frame.context.now_ms // 1000, pa.int64())


@scalar("UNIX_TIMESTAMP", "s s?", BIGINT)
def unix_timestamp(call: Call, args: list[Any], frame: Frame) -> Any:
    """Text on the session zone's wall clock; the smallest BIGINT where it cannot be read."""
    del call
    zone = frame.context.time_zone

    def compute(text: str, pattern: str = _PLAIN) -> int:
        moment = _read_plain(text, pattern)
        instant = moment and _in_zone(moment, zone)
        return -(2**63) if instant is None else (instant - _EPOCH) // datetime.timedelta(seconds=1)

    return map_rows(compute, args, frame, pa.int64())


def _convert_tz(text: str, source: str, target: str) -> str | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    moment = parse_timestamp(text)
    instant = moment and _in_zone(moment, source)
    try:
        zone = ZoneInfo(target)
    except (ZoneInfoNotFoundError, ValueError):
        return None
    if instant is None:
        return None
    return format_java(instant.replace(tzinfo=datetime.UTC).astimezone(zone), _PLAIN)


scalar("CONVERT_TZ", "s s s", STRING, nullable="always")(rowwise(_convert_tz))
