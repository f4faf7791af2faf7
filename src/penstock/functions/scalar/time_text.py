"""Times to texts and texts to times: DATE_FORMAT, TO_TIMESTAMP, FROM_UNIXTIME and their kin.

Flink reads and writes with DateTimeFormatter where a TIMESTAMP stands on one side, and with
SimpleDateFormat elsewhere (`functions.java_time`, `functions.simple_date`).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import Literal, broadcast
from penstock.functions.cast import (
    cast_array,
    instant_to_local,
    parse_timestamp,
)
from penstock.functions.java_time import (
    DAYS,
    MONTHS,
    format_java,
    is_readable,
    parse_java,
    parts_of,
)
from penstock.functions.registry import map_rows, rowwise, scalar
from penstock.functions.scalar.time_fields import local_clock
from penstock.functions.simple_date import (
    PLAIN,
    format_simple,
    instant_of,
    java_zone,
    parse_simple,
    parse_sql_timestamp,
    zone_of,
)
from penstock.types import (
    BIGINT,
    DATE,
    DOUBLE,
    STRING,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    DataType,
    TypeRoot,
)
from penstock.types import coercion as co

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Expr, Frame

R = TypeRoot
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_PLACES = {"yyyy": (0, 4), "MM": (5, 7), "dd": (8, 10), "HH": (11, 13), "mm": (14, 16)}
_PLACES |= {"ss": (17, 19), "uuuu": (0, 4)}


def _names(field: Any, names: list[str]) -> Callable[[Any], Any]:
    words = pa.array(names)
    return lambda local: words.take(field(local))


def _weekday(local: Any) -> Any:
    return pc.day_of_week(local, count_from_zero=True, week_start=1)


_SHORT_MONTHS, _SHORT_DAYS = [m[:3] for m in MONTHS], [d[:3] for d in DAYS]
_WORDS: dict[str, Callable[[Any], Any]] = {
    "MMM": _names(pc.month, _SHORT_MONTHS),
    "MMMM": _names(pc.month, MONTHS),
    "EEE": _names(_weekday, _SHORT_DAYS),
    "EEEE": _names(_weekday, DAYS),
    "a": _names(lambda local: pc.divide(pc.hour(local), 12), ["AM", "PM"]),
    "M": lambda local: pc.month(local).cast(pa.string()),
    "d": lambda local: pc.day(local).cast(pa.string()),
    "H": lambda local: pc.hour(local).cast(pa.string()),
    "m": lambda local: pc.minute(local).cast(pa.string()),
    "s": lambda local: pc.second(local).cast(pa.string()),
}
_Piece: TypeAlias = "tuple[int, int] | str | Callable[[Any], Any]"


def _pieces(pattern: str) -> list[_Piece] | None:
    """The pattern as slices of `yyyy-MM-dd HH:mm:ss.SSSSSS`, words, and the texts between them."""
    found: list[_Piece] = []
    for letter, size in parts_of(pattern):
        place: _Piece | None = letter
        if size:
            letters = letter * size
            place = _PLACES.get(letters) or _WORDS.get(letters)
            place = (20, 20 + size) if letter == "S" and size <= 6 else place
        if place is None:
            return None
        found.append(place)
    return found


def _sliced(local: Any, pieces: list[_Piece]) -> Any:
    text = local.cast(pa.string())
    parts: list[Any] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(pa.scalar(piece))
        elif isinstance(piece, tuple):
            parts.append(pc.utf8_slice_codeunits(text, *piece))
        else:
            parts.append(piece(local))
    return pc.binary_join_element_wise(*parts, "")


@scalar("DATE_FORMAT", "t s", STRING, nullable="always")
def date_format(call: Call, args: list[Any], frame: Frame) -> Any:
    """A timestamp in a pattern of DateTimeFormatter."""
    local = local_clock(args[0], call.args[0].type, frame)
    pattern = call.args[1].value if isinstance(call.args[1], Literal) else None
    if pattern:
        contiguous = {"yyyy-MM-dd": 10, "yyyy-MM-dd HH:mm:ss": 19, "yyyy-MM": 7, "yyyy": 4}
        if pattern in contiguous:
            return pc.utf8_slice_codeunits(local.cast(pa.string()), 0, contiguous[pattern])
        pieces = _pieces(pattern)
        if pieces is not None and any(not isinstance(piece, str) for piece in pieces):
            return _sliced(broadcast(local, frame.rows), pieces)
    return map_rows(format_java, [local, args[1]], frame, pa.string())


def _reformat(text: str, pattern: str) -> str | None:
    moment = parse_simple(text, PLAIN, datetime.UTC)
    return None if moment is None else format_simple(moment, pattern)


scalar("DATE_FORMAT", "s s", STRING, nullable="always")(rowwise(_reformat))


# ---- to timestamps


def _cut(value: datetime.datetime | None) -> datetime.datetime | None:
    return value and value.replace(microsecond=value.microsecond // 1000 * 1000)


def _read(text: str, pattern: str = PLAIN) -> datetime.datetime | None:
    """By the pattern, else as java.sql.Timestamp or Date read."""
    if not is_readable(pattern):
        return None
    found = parse_timestamp(text) if pattern == PLAIN else parse_java(text, pattern)
    return _cut(found or parse_sql_timestamp(text))


def _read_plain(text: str) -> datetime.datetime | None:
    return parse_timestamp(text, 3)


_USUAL = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"


def _usual(array: Any) -> Any:
    """Wall clocks of texts that all are `yyyy-MM-dd HH:mm:ss`; None otherwise."""
    if pc.all(pc.match_substring_regex(array, _USUAL)).as_py() is False:
        return None
    try:
        return array.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None


@scalar("TO_TIMESTAMP", "s s?", TIMESTAMP(3), nullable="always")
def to_timestamp(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL where the text cannot be read."""
    pattern = call.args[1].value if len(args) > 1 and isinstance(call.args[1], Literal) else None
    if len(args) == 1 or pattern == PLAIN:
        found = _usual(broadcast(args[0], frame.rows))
        if found is not None:
            return found
    read = _read_plain if len(args) == 1 else _read
    return map_rows(read, args, frame, pa.timestamp("us"))


def _ltz_type(args: list[Expr]) -> DataType:
    del args
    return TIMESTAMP_LTZ(3)


@scalar("TO_TIMESTAMP_LTZ", "n i?", _ltz_type, nullable="always")
def to_timestamp_ltz(call: Call, args: list[Any], frame: Frame) -> Any:
    """Seconds (precision 0) or milliseconds (3, the default) since the epoch."""
    numbers = broadcast(args[0], frame.rows)
    kind = call.args[0].type
    if len(args) == 1 or (isinstance(call.args[1], Literal) and call.args[1].value == 3):
        return _instants(numbers, kind, 1000, frame)
    precisions = set(broadcast(args[1], frame.rows).to_pylist())
    if precisions - {0, 3, None}:
        raise DataError(
            f"precision {max(precisions - {0, 3, None})} of TO_TIMESTAMP_LTZ is not known",
            code="argument",
            detail="The number is seconds with precision 0, milliseconds with 3.",
        )
    seconds = _instants(numbers, kind, 1_000_000, frame)
    millis = _instants(numbers, kind, 1000, frame)
    return pc.if_else(pc.equal(broadcast(args[1], frame.rows), 0), seconds, millis)


def _instants(numbers: Any, kind: DataType, unit_us: int, frame: Frame) -> Any:
    if kind.root in co.APPROXIMATE:
        scaled = cast_array(numbers, kind, DOUBLE, frame.context)
        micros = pc.multiply(pc.trunc(pc.multiply(scaled, unit_us // 1000)), 1000)
        micros = micros.cast(pa.int64(), safe=False)
    else:
        micros = pc.multiply(cast_array(numbers, kind, BIGINT, frame.context), unit_us)
    whole = cast_array(numbers, kind, BIGINT, frame.context)
    low, high = _FIRST_US // unit_us, _LAST_US // unit_us
    inside = pc.and_(pc.greater_equal(whole, low), pc.less_equal(whole, high))
    known = pc.if_else(inside, micros, pa.scalar(None, pa.int64()))
    return known.cast(pa.timestamp("us", "UTC"))


_FIRST_US, _LAST_US = -62_167_219_200_000_000, 253_402_300_799_999_999  # the years 0000 to 9999


@scalar("TO_TIMESTAMP_LTZ", "s", TIMESTAMP_LTZ(3), nullable="always", may_fail=True)
def to_timestamp_ltz_plain(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Text on the wall clock of UTC, not of the session's zone."""

    def read(text: str) -> datetime.datetime:
        found = _read_plain(text)
        if found is None:
            raise DataError("text of TO_TIMESTAMP_LTZ is no timestamp", code="timestamp")
        return found

    return map_rows(read, args, frame, pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))


@scalar("TO_TIMESTAMP_LTZ", "s s s?", TIMESTAMP_LTZ(3), nullable="always")
def to_timestamp_ltz_text(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Text on the wall clock of the given zone, by default UTC, not the session's."""

    def compute(text: str, pattern: str, zone: str = "UTC") -> datetime.datetime | None:
        moment, rules = _read(text, pattern), zone_of(zone)
        if moment is None or rules is None:
            return None
        return instant_of(moment, rules).replace(tzinfo=None)

    found = map_rows(compute, args, frame, pa.timestamp("us"))
    return found.cast(pa.timestamp("us", "UTC"))


def _to_date(text: str, pattern: str) -> datetime.date | None:
    found = parse_simple(text, pattern, datetime.UTC)
    return found and found.date()


@scalar("TO_DATE", "s", DATE, nullable="always")
def to_date(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """As CAST reads a DATE, but NULL where it cannot."""
    array = broadcast(args[0], frame.rows)
    return cast_array(array, STRING, DATE, frame.context, try_cast=True)


scalar("TO_DATE", "s s", DATE, nullable="always")(rowwise(_to_date))


# ---- seconds since the epoch


@scalar("FROM_UNIXTIME", "i s?", STRING, nullable="always")
def from_unixtime(call: Call, args: list[Any], frame: Frame) -> Any:
    """Seconds since the epoch as text on the session zone's wall clock."""
    if len(args) == 1 or (isinstance(call.args[1], Literal) and call.args[1].value == PLAIN):
        moments = _instants(
            broadcast(args[0], frame.rows).cast(pa.int64()), BIGINT, 1_000_000, frame
        )
        local = instant_to_local(moments, frame.context.time_zone)
        return pc.utf8_slice_codeunits(local.cast(pa.string()), 0, 19)
    zone = frame.context.zone

    def compute(seconds: int, pattern: str) -> str | None:
        try:
            moment = _EPOCH + datetime.timedelta(seconds=seconds)
            return format_simple(moment.astimezone(zone), pattern)
        except OverflowError:
            return None

    return map_rows(compute, args, frame, pa.string())


_UNREADABLE = -(2**63)


def _seconds_of(local: Any, zone: str) -> Any:
    """Wall clocks as seconds, the later in an overlap; None where one lies in a gap."""
    try:
        found = pc.assume_timezone(local, zone, ambiguous="latest", nonexistent="raise")
    except pa.ArrowInvalid:
        return None
    return pc.divide(found.cast(pa.int64()), 1_000_000)


@scalar("UNIX_TIMESTAMP", "s s?", BIGINT)
def unix_timestamp(call: Call, args: list[Any], frame: Frame) -> Any:
    """Text on the session zone's wall clock; the smallest BIGINT where it cannot be read."""
    if len(args) == 1 or (isinstance(call.args[1], Literal) and call.args[1].value == PLAIN):
        local = _usual(broadcast(args[0], frame.rows))
        if local is not None:
            found = _seconds_of(local, frame.context.time_zone)
            if found is not None:
                return found
    zone = frame.context.zone

    def compute(text: str, pattern: str = PLAIN) -> int:
        instant = parse_simple(text, pattern, zone)
        if instant is None:
            return _UNREADABLE
        return int((instant - _EPOCH) // datetime.timedelta(seconds=1))

    return map_rows(compute, args, frame, pa.int64())


def _convert_tz(text: str, source: str, target: str) -> str | None:
    instant = parse_simple(text, PLAIN, java_zone(source))
    return None if instant is None else format_simple(instant.astimezone(java_zone(target)), PLAIN)


scalar("CONVERT_TZ", "s s s", STRING, nullable="always")(rowwise(_convert_tz))
