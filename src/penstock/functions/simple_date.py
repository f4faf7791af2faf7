"""Java's SimpleDateFormat: lenient reading, writing with a zone; and what java.sql reads.

DATE_FORMAT of strings, TO_DATE with a pattern, UNIX_TIMESTAMP, FROM_UNIXTIME and CONVERT_TZ use it.
It rolls fields over (30 February is 1 March), and ignores what follows.

Source: java.text.SimpleDateFormat, java.sql.Timestamp.valueOf (Java 17); observed on Flink 2.2.1.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.errors import DataError
from penstock.functions.java_time import DAYS, MONTHS, parts_of, sunday_week, week_year

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = "yyyy-MM-dd HH:mm:ss"
_SHORT_ZONES = {
    "ACT": "Australia/Darwin",
    "AET": "Australia/Sydney",
    "AST": "America/Anchorage",
    "BST": "Asia/Dhaka",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "EST": "Etc/GMT+5",
    "HST": "Etc/GMT+10",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "MST": "Etc/GMT+7",
    "PST": "America/Los_Angeles",
    "VST": "Asia/Ho_Chi_Minh",
}
_CUSTOM_ZONE = re.compile(r"GMT([+-])(\d{1,2})(?::?(\d{2}))?$")
_ZONE_ID = re.compile(r"(?:GMT|UTC|UT)?([+-])(\d{1,2})(?::?(\d{2}))?$")
_OFFSET = re.compile(r"\s*(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?|\s*(Z|GMT|UTC)")
_NUMBERS = frozenset("yYMLwWDdFuHkKhmsS")
_LETTERS = _NUMBERS | frozenset("GEazZX")


@lru_cache(maxsize=256)
def zone_of(name: str) -> datetime.tzinfo | None:
    """The zone java.time means by a name, or None: `Asia/Shanghai`, `GMT+8`, `+08:00`."""
    custom = _ZONE_ID.match(name)
    if custom:
        minutes = int(custom[2]) * 60 + int(custom[3] or 0)
        return datetime.timezone(
            datetime.timedelta(minutes=minutes if custom[1] == "+" else -minutes)
        )
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=256)
def java_zone(name: str) -> datetime.tzinfo:
    """The zone java.util means by a name; UTC where it knows none."""
    custom = _CUSTOM_ZONE.match(name)
    if custom:
        minutes = int(custom[2]) * 60 + int(custom[3] or 0)
        return datetime.timezone(
            datetime.timedelta(minutes=minutes if custom[1] == "+" else -minutes)
        )
    if _ZONE_ID.match(name):
        return datetime.UTC  # java.util knows offsets behind GMT only
    return zone_of(_SHORT_ZONES.get(name, name)) or datetime.UTC


def instant_of(local: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The instant of a wall clock: in an overlap the later, in a gap by the offset before it."""
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    offsets = first.utcoffset(), second.utcoffset()
    overlap = offsets[0] is not None and offsets[1] is not None and offsets[0] > offsets[1]
    return (second if overlap else first).astimezone(datetime.UTC)


@lru_cache(maxsize=256)
def _checked(pattern: str) -> tuple[tuple[str, int], ...]:
    parts = parts_of(pattern)
    for letter, size in parts:
        if size and letter not in _LETTERS:
            raise DataError(
                f"date pattern '{pattern}' is invalid: illegal character '{letter}'",
                code="date-pattern",
            )
    return tuple(parts)


def _offset_text(value: datetime.datetime, letter: str, size: int) -> str:
    if letter == "z":
        return value.tzname() or ""
    offset = value.utcoffset() or datetime.timedelta()
    minutes = abs(offset) // datetime.timedelta(minutes=1)
    if letter == "X" and not minutes:
        return "Z"
    sign = "-" if offset < datetime.timedelta() else "+"
    middle = ":" if letter == "X" and size == 3 else ""
    rest = "" if letter == "X" and size == 1 else f"{middle}{minutes % 60:02}"
    return f"{sign}{minutes // 60:02}{rest}"


_FORMATTERS: dict[str, Callable[[datetime.datetime], int]] = {
    "Y": lambda t: week_year(t.date())[0],
    "w": lambda t: week_year(t.date())[1],
    "W": lambda t: sunday_week(t.date(), t.date().replace(day=1)),
    "D": lambda t: t.timetuple().tm_yday,
    "d": lambda t: t.day,
    "F": lambda t: (t.day - 1) // 7 + 1,
    "u": lambda t: t.isoweekday(),
    "H": lambda t: t.hour,
    "k": lambda t: t.hour or 24,
    "K": lambda t: t.hour % 12,
    "h": lambda t: t.hour % 12 or 12,
    "m": lambda t: t.minute,
    "s": lambda t: t.second,
    "S": lambda t: t.microsecond // 1000,
    "M": lambda t: t.month,
    "L": lambda t: t.month,
    "y": lambda t: t.year,
}


def format_simple(value: datetime.datetime, pattern: str) -> str:
    """A moment with a zone in a pattern.

    Raises:
        DataError: The pattern is none.

    Examples:
        >>> moment = datetime.datetime(2020, 1, 1, 12, 34, 56, tzinfo=datetime.UTC)
        >>> format_simple(moment, "yyyy-MM-dd EEE a hh Z")
        '2020-01-01 Wed PM 12 +0000'
    """
    out: list[str] = []
    for letter, size in _checked(pattern):
        if not size:
            out.append(letter)
        elif letter in "zZX":
            out.append(_offset_text(value, letter, size))
        elif letter == "G":
            out.append("AD")
        elif letter == "a":
            out.append("AM" if value.hour < 12 else "PM")
        elif letter == "E" or (letter in "ML" and size > 2):
            name = DAYS[value.weekday()] if letter == "E" else MONTHS[value.month]
            out.append(name if size > 3 else name[:3])
        else:
            number = _FORMATTERS[letter](value)
            short = letter in "yY" and size == 2
            out.append(f"{number % 100:02}" if short else f"{number:0{size}}")
    return "".join(out)


def parse_simple(text: str, pattern: str, zone: datetime.tzinfo) -> datetime.datetime | None:
    """The instant a text begins with, fields rolled over; None where it does not fit.

    Raises:
        DataError: The pattern is none.

    Examples:
        >>> parse_simple("2020-02-30 00:00:00 x", PLAIN, datetime.UTC).isoformat()
        '2020-03-01T00:00:00+00:00'
    """
    fields = _read(text, _checked(pattern))
    if fields is None:
        return None
    offset = fields.pop("offset", None)
    local = _rolled(fields)
    if local is None:
        return None
    if offset is not None:
        zone = datetime.timezone(datetime.timedelta(minutes=offset))
    return instant_of(local, zone)


def _read(text: str, parts: tuple[tuple[str, int], ...]) -> dict[str, int] | None:
    fields: dict[str, int] = {}
    at = 0
    for index, (letter, size) in enumerate(parts):
        if not size:
            if not text.startswith(letter, at):
                return None
            at += len(letter)
            continue
        following = parts[index + 1] if index + 1 < len(parts) else ("", 0)
        limit = size if following[1] and following[0] in _NUMBERS else 0
        found = _field(text, at, letter, size, limit)
        if found is None:
            return None
        name, value, at = found
        fields[name] = value
    return fields


def _field(text: str, at: int, letter: str, size: int, limit: int) -> tuple[str, int, int] | None:
    """Name and value of one field and the position behind it."""
    if letter in "zZX":
        zone = _OFFSET.match(text, at)
        if not zone:
            return None
        minutes = int(zone[2] or 0) * 60 + int(zone[3] or 0)
        return "offset", -minutes if zone[1] == "-" else minutes, zone.end()
    if letter in "Ga" or letter == "E" or (letter in "ML" and size > 2):
        names = {"G": ["BC", "AD"], "a": ["AM", "PM"], "E": DAYS}.get(letter, MONTHS)
        return _named(text, at, letter, names)
    digits = re.compile(rf"\s*(\d{{1,{limit}}})" if limit else r"\s*(-?\d+)").match(text, at)
    if not digits:
        return None
    value = int(digits[1])
    if letter == "y" and size == 2 and len(digits[1]) == 2:
        value += 2000 if value < 47 else 1900  # 80 years back, 20 on, from the year of writing
    return {"L": "M"}.get(letter, letter), value, digits.end()


def _named(text: str, at: int, letter: str, names: list[str]) -> tuple[str, int, int] | None:
    lower = text[at:].lower()
    for width in (None, 3):
        for number, name in enumerate(names):
            wanted = name.lower()[:width]
            if wanted and lower.startswith(wanted):
                return ("M" if letter in "ML" else letter), number, at + len(wanted)
    return None


def _rolled(fields: dict[str, int]) -> datetime.datetime | None:
    month = fields.get("M", 1) - 1
    hour = fields.get("H", fields.get("k", 0) % 24)
    for letter in "hK":
        if letter in fields:
            hour = fields[letter] % 12 + 12 * fields.get("a", 0)
    days = fields.get("D", fields.get("d", 1)) - 1
    try:
        start = datetime.datetime(fields.get("y", 1970) + month // 12, month % 12 + 1, 1)  # noqa: DTZ001
        return start + datetime.timedelta(
            days=days,
            hours=hour,
            minutes=fields.get("m", 0),
            seconds=fields.get("s", 0),
            milliseconds=fields.get("S", 0),
        )
    except (ValueError, OverflowError):
        return None


_SQL = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?)?$"
)


def parse_sql_timestamp(text: str) -> datetime.datetime | None:
    """What java.sql.Timestamp or Date read: `yyyy-M-d[ H:m:s[.f]]`, fields rolled over.

    Examples:
        >>> parse_sql_timestamp("2020-05-06 25:00:00").isoformat()
        '2020-05-07T01:00:00'
    """
    found = _SQL.match(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    fields = {"y": year, "M": month, "d": day, "H": hour, "m": minute, "s": second}
    moment = _rolled(fields)
    micros = int((found[7] or "").ljust(6, "0")[:6])
    return moment and moment.replace(microsecond=micros)
