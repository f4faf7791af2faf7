"""The only door to time: everything that waits or stamps asks a `Clock`."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_OFFSET = re.compile(r"(?:GMT|UTC|UT)?([+-])(\d{1,2})(?::?00)?(?::?00)?", re.IGNORECASE)


def zone_name(text: str) -> str:
    """A zone of Java's as the time zone database names it: whole hours from UTC have names there.

    Examples:
        >>> zone_name("GMT+08:00"), zone_name("-3"), zone_name("Z"), zone_name("Asia/Shanghai")
        ('Etc/GMT-8', 'Etc/GMT+3', 'UTC', 'Asia/Shanghai')
    """
    found = _OFFSET.fullmatch(text.strip())
    if text.strip().upper() == "Z":
        return "UTC"
    if found is None:
        return text.strip()
    hours = int(found[2])
    # The database's signs are those of POSIX: west is positive.
    return f"Etc/GMT{'-' if found[1] == '+' else '+'}{hours}" if hours else "UTC"


def session_zone(zone: str) -> str:
    """The name of the session's time zone; `default` and nothing are the machine's.

    Examples:
        >>> session_zone("Asia/Shanghai"), session_zone("UTC")
        ('Asia/Shanghai', 'UTC')
    """
    if zone and zone.lower() != "default":
        return zone_name(zone)
    if os.environ.get("TZ"):
        return os.environ["TZ"].lstrip(":")
    return machine_zone() or (time.tzname[0] if time.tzname[0] in {"UTC", "GMT"} else "UTC")


def machine_zone(root: Path = Path("/")) -> str:
    """The name of the machine's zone, "" where nothing tells it.

    `/etc/localtime` is a link into the zone files, or a copy of one: then `/etc/timezone` says its
    name, or the zone file with the same content does.
    """
    local = root / "etc/localtime"
    name = str(local.resolve()).partition("zoneinfo/")[2]
    if name or not local.is_file():
        return name
    zones, wanted = root / "usr/share/zoneinfo", local.read_bytes()
    written = root / "etc/timezone"
    if written.is_file():
        name = written.read_text(encoding="utf-8").strip()
        if name and _holds(zones / name, wanted):
            return name
    alike = [path for path in zones.rglob("*") if _holds(path, wanted)]
    names = sorted(str(path.relative_to(zones)) for path in alike)
    places = [n for n in names if "/" in n and n.split("/")[0] not in {"posix", "right", "Etc"}]
    return next(iter(places or names), "")


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has that content."""
    found = path.is_file() and path.stat().st_size == len(content)
    return found and path.read_bytes() == content
