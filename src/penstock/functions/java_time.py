"""Java's DateTimeFormatter patterns over wall clocks: formatting and parsing.

Source: java.time.format.DateTimeFormatter (Java 17, US names), as DATE_FORMAT of timestamps and
TO_TIMESTAMP use it; observed on Flink 2.2.1.
"""

from __future__ import annotations

import calendar
import datetime
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from penstock.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    Format = Callable[[datetime.datetime, int], str]

MONTHS = list(calendar.month_name)
DAYS = list(calendar.day_name)
_ZONE_LETTERS = frozenset("VvzOXxZ")
_ORDINALS = ("1st", "2nd", "3rd", "4th")
_EPOCH_MJD = 678_576  # the ordinal of the day before modified Julian day 1, plus one


class Part(NamedTuple):
    """A run of one pattern letter with its length, or literal text with the length 0."""

    letter: str
    size: int


def _bad(pattern: str, why: str) -> DataError:
    return DataError(f"date pattern '{pattern}' is invalid: {why}", code="date-pattern")


@lru_cache(maxsize=512)
def parts_of(pattern: str) -> tuple[Part, ...]:
    """The parts of a pattern; optional sections and padding count as what they hold.

    Raises:
        DataError: The pattern is none.

    Examples:
        >>> [tuple(part) for part in parts_of("yyyy'T'H")]
        [('y', 4), ('T', 0), ('H', 1)]
    """
    found: list[Part] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        end = at + 1
        if char == "'":
            text, end = _quoted(pattern, at)
            found.append(Part(text, 0))
        elif char in "{}#":
            raise _bad(pattern, f"it includes the reserved character '{char}'")
        elif char.isascii() and char.isalpha():
            while end < len(pattern) and pattern[end] == char:
                end += 1
            if char != "p":
                found.append(Part(char, end - at))
        elif char not in "[]":
            found.append(Part(char, 0))
        at = end
    return tuple(found)


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    """The text between quotes and the position behind it; two quotes are one."""
    end, text = at + 1, ""
    while end < len(pattern):
        if pattern[end] == "'":
            if pattern[end + 1 : end + 2] != "'":
                return text or "'", end + 1
            end += 1
        text += pattern[end]
        end += 1
    raise _bad(pattern, "a quote is not closed")


def sunday_week(day: datetime.date, first: datetime.date) -> int:
    """The week of a day, weeks beginning on Sunday, the first being that of `first`."""
    return ((day - first).days + (first.weekday() + 1) % 7) // 7 + 1


def week_year(day: datetime.date) -> tuple[int, int]:
    """Year and week by US rules: the week with 1 January is the first of its year."""
    following = datetime.date(day.year + 1, 1, 1) if day.year < 9999 else None
    start = day - datetime.timedelta(days=(day.weekday() + 1) % 7)
    if following and following <= start + datetime.timedelta(days=6):
        return day.year + 1, 1
    return day.year, sunday_week(day, datetime.date(day.year, 1, 1))


def _number(value: int, size: int) -> str:
    return f"{value:0{size}}"


def _year(value: int, size: int) -> str:
    return f"{value % 100:02}" if size == 2 else _number(value, size)


def _name(names: list[str], index: int, size: int) -> str:
    """The text form of 3 (short), 4 (full) or 5 (narrow) letters."""
    return {4: names[index], 5: names[index][0]}.get(size, names[index][:3])


def _month(value: datetime.datetime, size: int) -> str:
    return _number(value.month, size) if size <= 2 else _name(MONTHS, value.month, size)


def _local_day(value: datetime.datetime, size: int) -> str:
    if size <= 2:
        return _number((value.weekday() + 1) % 7 + 1, size)
    return _name(DAYS, value.weekday(), size)


def _quarter(value: datetime.datetime, size: int) -> str:
    number = (value.month + 2) // 3
    if size <= 2:
        return _number(number, size)
    return {3: f"Q{number}", 4: f"{_ORDINALS[number - 1]} quarter"}.get(size, str(number))


def _period(value: datetime.datetime, size: int) -> str:
    del size
    if (value.minute, value.second) == (0, 0) and value.hour in {0, 12}:
        return "noon" if value.hour else "midnight"
    bounds = ((6, "at night"), (12, "in the morning"), (18, "in the afternoon"))
    for bound, text in (*bounds, (21, "in the evening")):
        if value.hour < bound:
            return text
    return "at night"


def _era(value: datetime.datetime, size: int) -> str:
    del value
    return {4: "Anno Domini", 5: "A"}.get(size, "AD")


def _nanos(t: datetime.datetime) -> int:
    return t.microsecond * 1000


def _day_nanos(t: datetime.datetime) -> int:
    return (t.hour * 3600 + t.minute * 60 + t.second) * 10**9 + _nanos(t)


_FORMATTERS: dict[str, Format] = {
    "G": _era,
    "y": lambda t, n: _year(t.year, n),
    "u": lambda t, n: _year(t.year, n),
    "Y": lambda t, n: _year(week_year(t.date())[0], n),
    "M": _month,
    "L": _month,
    "d": lambda t, n: _number(t.day, n),
    "D": lambda t, n: _number(t.timetuple().tm_yday, n),
    "Q": _quarter,
    "q": _quarter,
    "w": lambda t, n: _number(week_year(t.date())[1], n),
    "W": lambda t, n: _number(sunday_week(t.date(), t.date().replace(day=1)), n),
    "E": lambda t, n: _name(DAYS, t.weekday(), n),
    "e": _local_day,
    "c": _local_day,
    "F": lambda t, n: _number((t.day - 1) % 7 + 1, n),
    "g": lambda t, n: _number(t.toordinal() - _EPOCH_MJD, n),
    "a": lambda t, n: "AM" if t.hour < 12 else "PM",  # noqa: ARG005
    "B": _period,
    "H": lambda t, n: _number(t.hour, n),
    "k": lambda t, n: _number(t.hour or 24, n),
    "h": lambda t, n: _number((t.hour % 12) or 12, n),
    "K": lambda t, n: _number(t.hour % 12, n),
    "m": lambda t, n: _number(t.minute, n),
    "s": lambda t, n: _number(t.second, n),
    "S": lambda t, n: f"{t.microsecond:06}".ljust(9, "0")[:n].ljust(n, "0"),
    "A": lambda t, n: _number(_day_nanos(t) // 10**6, n),
    "n": lambda t, n: _number(_nanos(t), n),
    "N": lambda t, n: _number(_day_nanos(t), n),
}


@lru_cache(maxsize=512)
def _formatters(pattern: str) -> tuple[tuple[Format | None, Part], ...]:
    found: list[tuple[Format | None, Part]] = []
    for part in parts_of(pattern):
        formatter = _FORMATTERS.get(part.letter) if part.size else None
        if part.size and formatter is None:
            why = "a wall clock has no zone" if part.letter in _ZONE_LETTERS else "unknown letter"
            raise _bad(pattern, f"{why} '{part.letter}'")
        found.append((formatter, part))
    return tuple(found)


def format_java(value: datetime.datetime, pattern: str) -> str:
    """A wall clock in a Java pattern.

    Raises:
        DataError: The pattern is none, or needs a zone.

    Examples:
        >>> moment = datetime.datetime(2020, 1, 2, 15, 4, 5, 120000)
        >>> format_java(moment, "yyyy-MM-dd hh:mm:ss.SSS a")
        '2020-01-02 03:04:05.120 PM'
    """
    return "".join(
        part.letter if formatter is None else formatter(value, part.size)
        for formatter, part in _formatters(pattern)
    )


_TEXTS = {
    "a": "(AM|PM)",
    "G": "(AD|BC|Anno Domini)",
    "V": r"([A-Za-z0-9_+\-/:]+)",
    "z": r"([A-Za-z0-9_+\-/:]+)",
    "O": r"(GMT[+\-0-9:]*|UTC)",
    "X": r"(Z|[+-]\d{2}(?::?\d{2})?)",
    "x": r"([+-]\d{2}(?::?\d{2})?)",
    "Z": r"([+-]\d{4}|GMT[+\-0-9:]*)",
}


def _takes_all(parts: tuple[Part, ...], index: int) -> bool:
    """Whether a number of any width follows at once: then a year takes all digits."""
    for letter, size in parts[index + 1 :]:
        if not size or letter not in "MLdHhmskKDQS" or (letter in "ML" and size > 2):
            return False
        if size == 1:
            return True
    return False


def _group(part: Part, *, greedy: bool) -> str | None:
    letter, size = part
    if letter in _TEXTS:
        return _TEXTS[letter]
    if letter in "yuY":
        return r"(\d{2})" if size == 2 else (r"(\d{4})(?!\d)" if greedy else r"(\d{4})")
    if letter in "MLEQq" and (size > 2 or letter == "E"):
        names = {"E": DAYS, "M": MONTHS[1:], "L": MONTHS[1:]}.get(letter)
        if names is None:
            return r"(Q?[1-4](?:st quarter|nd quarter|rd quarter|th quarter)?)"
        return "(" + "|".join(n if size == 4 else n[:3] for n in names) + ")"
    if letter == "S":
        return rf"(\d{{{size}}})"
    if letter in "MLdHhmskKDQqwWeFnNA":
        return r"(\d{1,19})" if size == 1 else rf"(\d{{{size}}})"
    return None


@lru_cache(maxsize=512)
def _reader(pattern: str) -> tuple[re.Pattern[str], tuple[str, ...]] | None:
    try:
        parts = parts_of(pattern)
    except DataError:
        return None
    text: list[str] = []
    letters: list[str] = []
    for index, part in enumerate(parts):
        if not part.size:
            text.append(re.escape(part.letter))
            continue
        group = _group(part, greedy=_takes_all(parts, index))
        if group is None:
            return None
        text.append(group)
        letters.append(part.letter)
    return re.compile("".join(text)), tuple(letters)


def is_readable(pattern: str) -> bool:
    """Whether a text can be read by the pattern at all."""
    return _reader(pattern) is not None


def parse_java(text: str, pattern: str) -> datetime.datetime | None:
    """A wall clock read by a Java pattern, missing fields from 1970-01-01 00:00; None if it fails.

    Examples:
        >>> parse_java("02/01/2020", "dd/MM/yyyy")
        datetime.datetime(2020, 1, 2, 0, 0)
        >>> parse_java("x", "yyyy") is None
        True
    """
    reader = _reader(pattern)
    match = reader[0].fullmatch(text) if reader else None
    if reader is None or match is None:
        return None
    fields = dict(zip(reader[1], match.groups(), strict=True))
    date = _date_of(fields)
    time = _time_of(fields)
    if date is None or time is None:
        return None
    if "E" in fields and not DAYS[date.weekday()].startswith(fields["E"]):
        return None
    moment = datetime.datetime.combine(date, time[0])
    return moment + datetime.timedelta(days=1) if time[1] else moment


def _date_of(fields: dict[str, str]) -> datetime.date | None:
    written = fields.get("u") or fields.get("y")
    year = 1970 if written is None else int(written) + (2000 if len(written) == 2 else 0)
    if not year:
        return None
    if "D" in fields and "d" not in fields:
        day = int(fields["D"])
        if not 1 <= day <= 365 + calendar.isleap(year):
            return None
        return datetime.date(year, 1, 1) + datetime.timedelta(days=day - 1)
    name = fields.get("M") or fields.get("L") or "1"
    short = [month[:3] for month in MONTHS]
    month = int(name) if name.isdigit() else short.index(name[:3])
    day = int(fields.get("d", "1"))
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    # Java's smart resolving takes the month's last day for those it lacks.
    return datetime.date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _time_of(fields: dict[str, str]) -> tuple[datetime.time, bool] | None:
    """The time of day, and whether it was 24:00."""
    if "H" in fields or "k" in fields:
        hour = int(fields["H"]) if "H" in fields else int(fields["k"]) % 24
    elif "a" in fields and ("h" in fields or "K" in fields):
        half = int(fields.get("h") or fields["K"])
        if not (1 <= half <= 12 if "h" in fields else 0 <= half <= 11):
            return None
        hour = half % 12 + (12 if fields["a"] == "PM" else 0)
    else:
        hour = 0
    minute, second = int(fields.get("m", "0")), int(fields.get("s", "0"))
    micros = int(fields.get("S", "0").ljust(9, "0")[:6])
    if (hour, minute, second, micros) == (24, 0, 0, 0):
        return datetime.time(), True
    try:
        return datetime.time(hour, minute, second, micros), False
    except ValueError:
        return None
