"""Which StarRocks it is, and what it lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.target import TargetConnection

COMPRESSED_JSON = (3, 2, 7)
PREPARED_TIMEOUT = (3, 5, 4)


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers of a version, empty where it holds none.

    Examples:
        >>> parse_version("3.5.2-abcdef1"), parse_version("main-1234567")
        ((3, 5, 2), ())
    """
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def findings(connection: TargetConnection, options: StarRocksOptions) -> Iterator[Finding]:
    """The version, and options it does not know."""
    text = str(connection.query("SELECT current_version()")[0][0])
    version = parse_version(text)
    yield Finding(Severity.NOTE, "server-version", f"server is StarRocks {text}")
    if not version:
        return
    given = options.properties
    lacking = (
        ("compression", COMPRESSED_JSON, given.get("format", "").lower() == "json"),
        ("prepared_timeout", PREPARED_TIMEOUT, True),
    )
    for key, since, counts in lacking:
        if key in given and counts and version < since:
            yield Finding(
                Severity.WARNING,
                "server-too-old",
                f"StarRocks {text} does not know 'sink.properties.{key}'",
                f"It came with {'.'.join(map(str, since))}.",
                "Remove the option, or upgrade the cluster.",
            )
