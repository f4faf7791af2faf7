"""Flink's durations: `30s`, `3 min`, `1 d`, `PT1M`, or a plain number of milliseconds."""

from __future__ import annotations

import re

_UNIT_MS = {
    **dict.fromkeys(["d", "day", "days"], 86_400_000.0),
    **dict.fromkeys(["h", "hour", "hours"], 3_600_000.0),
    **dict.fromkeys(["m", "min", "minute", "minutes"], 60_000.0),
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds"], 1_000.0),
    **dict.fromkeys(["", "ms", "milli", "millis", "millisecond", "milliseconds"], 1.0),
    **dict.fromkeys(["us", "µs", "micro", "micros", "microsecond", "microseconds"], 1e-3),
    **dict.fromkeys(["ns", "nano", "nanos", "nanosecond", "nanoseconds"], 1e-6),
}
_ISO = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$", re.IGNORECASE)


def parse_duration_ms(text: str) -> int:
    """Milliseconds of a duration in Flink's or ISO-8601 syntax.

    Raises:
        ValueError: The text is neither.

    Examples:
        >>> parse_duration_ms("3 min"), parse_duration_ms("500"), parse_duration_ms("PT1M30S")
        (180000, 500, 90000)
    """
    text = text.strip()
    iso = _ISO.match(text)
    if iso and len(text) > 2:
        days, hours, minutes, seconds = (float(part or 0) for part in iso.groups())
        return round(1000 * (((days * 24 + hours) * 60 + minutes) * 60 + seconds))
    match = re.match(r"^(\d+)\s*([a-zµ]*)$", text, re.IGNORECASE)
    if not match or match[2].lower() not in _UNIT_MS:
        message = "expected a duration like '10 s', '3 min' or '500 ms'"
        raise ValueError(message)
    return round(int(match[1]) * _UNIT_MS[match[2].lower()])
