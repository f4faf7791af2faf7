"""Names of time zones, as StarRocks writes them and as DuckDB takes them."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

DEFAULT_TIMEZONE: Final = "Asia/Shanghai"
_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):([0-5]\d)")


def zone_name(text: str) -> str | None:
    """The zone for DuckDB; None if there is none of this name.

    Examples:
        >>> zone_name("+05:30"), zone_name("Europe/Berlin"), zone_name("CST"), zone_name("Mars/X")
        ('GMT+05:30', 'Europe/Berlin', 'Asia/Shanghai', None)
    """
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        hours, minutes = int(offset[2]), int(offset[3])
        is_known = hours * 60 + minutes <= 14 * 60
        return f"GMT{offset[1]}{hours:02}:{minutes:02}" if is_known else None
    name = DEFAULT_TIMEZONE if text.upper() == "CST" else text
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None
    return name
