"""Java's date patterns (`yyyy-MM-dd HH:mm:ss.SSS`): formatting and parsing.

Source: java.time.format.DateTimeFormatter, as used by DATE_FORMAT, TO_TIMESTAMP, FROM_UNIXTIME.
"""

from __future__ import annotations

import calendar
import datetime
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MONTHS = list(calendar.month_name)
_DAYS = list(calendar.day_name)
_Part = tuple[str, int]


@lru_cache(maxsize=512)
def parts_of(pattern: str) -> tuple[_Part, ...] | None:
    """Runs of pattern letters with their lengths; literal text has the length 0.

    Examples:
        >>> parts_of("yyyy'T'H")
        (('y', 4), ('T', 0), ('H', 1))
    """
    found: list[_Part] = []
    i = 0
    while i < len(pattern):
        char = pattern[i]
        if char == "'":
            end = i + 1
            text = ""
            while end < len(pattern):
                if pattern[end] == "'":
                    if pattern[end + 1 : end + 2] != "'":
                        break
                    end += 1
                text += pattern[end]
                end += 1
            else:
                return None
            found.append((text or "'", 0))
            i = end + 1
        elif char.isascii() and char.isalpha():
            end = i
            while end < len(pattern) and pattern[end] == char:
                end += 1
            found.append((char, end - i))
            i = end
        else:
            found.append((char, 0))
            i += 1
    return tuple(found)


def _week_year(value: datetime.datetime) -> int:
    """The year of the Sunday-based week that contains the day (US rules)."""
    first = datetime.date(value.year + 1, 1, 1)
    start = first - datetime.timedelta(days=(first.weekday() + 1) % 7)
    return value.year + 1 if value.date() >= start else value.year


def _number(value: int, size: int) -> str:
    return f"{value:0{size}}"


def _year(value: int, size: int) -> str:
    return f"{value % 100:02}" if size == 2 else _number(value, size)


def _month(value: datetime.datetime, size: int) -> str:
    if size <= 2:
        return _number(value.month, size)
    return _MONTHS[value.month][:3] if size == 3 else _MONTHS[value.month]


_FORMATTERS: dict[str, Callable[[datetime.datetime, int], str]] = {
    "y": lambda t, n: _year(t.year, n),
    "u": lambda t, n: _year(t.year, n),
    "Y": lambda t, n: _year(_week_year(t), n),
    "M": _month,
    "L": _month,
    "d": lambda t, n: _number(t.day, n),
    "D": lambda t, n: _number(t.timetuple().tm_yday, n),
    "H": lambda t, n: _number(t.hour, n),
    "k": lambda t, n: _number(t.hour or 24, n),
    "h": lambda t, n: _number((t.hour % 12) or 12, n),
    "K": lambda t, n: _number(t.hour % 12, n),
    "m": lambda t, n: _number(t.minute, n),
    "s": lambda t, n: _number(t.second, n),
    "S": lambda t, n: f"{t.microsecond:06}".ljust(9, "0")[:n].ljust(n, "0"),
    "n": lambda t, n: _number(t.microsecond * 1000, n),
    "a": lambda t, n: "AM" if t.hour < 12 else "PM",  # noqa: ARG005
    "E": lambda t, n: _DAYS[t.weekday()][:3] if n <= 3 else _DAYS[t.weekday()],
    "e": lambda t, n: _number((t.weekday() + 1) % 7 + 1, n),
    "Q": lambda t, n: _number((t.month + 2) // 3, n),
    "q": lambda t, n: _number((t.month + 2) // 3, n),
    "G": lambda t, n: "AD",  # noqa: ARG005
}


def format_java(value: datetime.datetime, pattern: str) -> str | None:
    """A wall clock in a Java pattern; None where the pattern is none.

    Examples:
        >>> format_java(datetime.datetime(2020, 1, 2, 15, 4, 5, 120000), "yyyy-MM-dd hh:mm:ss.SSS a")
        '2020-01-02 03:04:05.120 PM'
    """  # noqa: E501
    parts = parts_of(pattern)
    if parts is None:
        return None
    out: list[str] = []
    for letter, size in parts:
        if not size:
            out.append(letter)
            continue
        formatter = _FORMATTERS.get(letter)
        if formatter is None:
            return None
        out.append(formatter(value, size))
    return "".join(out)


@lru_cache(maxsize=512)
def _reader(pattern: str) -> tuple[re.Pattern[str], tuple[_Part, ...]] | None:
    parts = parts_of(pattern)
    if parts is None:
        return None
    text: list[str] = []
    fields: list[_Part] = []
    for index, (letter, size) in enumerate(parts):
        if not size:
            text.append(re.escape(letter))
            continue
        following = parts[index + 1][1] if index + 1 < len(parts) else 0
        if letter in "yu":
            group = r"(\d{2})" if size == 2 else (rf"(\d{{{size}}})" if following else r"(\d{4,9})")
        elif letter in "ML" and size > 2:
            group = "([A-Za-z]+)"
        elif letter == "a":
            group = "([AaPp][Mm])"
        elif letter == "E":
            group = "([A-Za-z]+)"
        elif letter == "S":
            # Digits beyond the pattern's are dropped at its end (observed on 2.2.1).
            group = rf"(\d{{{size}}})" + (r"\d*" if index + 1 == len(parts) else "")
        elif letter in "MdHhmskKDL":
            group = r"(\d{1,2})" if size == 1 else rf"(\d{{{size}}})"
        else:
            return None
        text.append(group)
        fields.append((letter, size))
    return re.compile("".join(text)), tuple(fields)


def parse_java(text: str, pattern: str) -> datetime.datetime | None:
    """A wall clock read by a Java pattern; None where text and pattern do not fit.

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
    year, month, day, hour, minute, second, micro = 1970, 1, 1, 0, 0, 0, 0
    afternoon: bool | None = None
    for (letter, size), found in zip(reader[1], match.groups(), strict=True):
        match letter:
            case "y" | "u":
                year = int(found) + (2000 if size == 2 else 0)
            case "M" | "L" if size > 2:
                names = [name[:3].lower() for name in _MONTHS]
                if found[:3].lower() not in names:
                    return None
                month = names.index(found[:3].lower())
            case "M" | "L":
                month = int(found)
            case "d":
                day = int(found)
            case "H" | "h" | "K" | "k":
                hour = int(found) % (24 if letter in "Hk" and int(found) == 24 else 100)
                afternoon = afternoon if letter in "Hk" else bool(afternoon)
            case "m":
                minute = int(found)
            case "s":
                second = int(found)
            case "S":
                micro = int(found.ljust(9, "0")[:6])
            case "a":
                afternoon = found.upper() == "PM"
    if afternoon is not None and any(letter in "hK" for letter, _ in reader[1]):
        hour = hour % 12 + (12 if afternoon else 0)
    try:
        return datetime.datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001
    except ValueError:
        return None
