"""Which StarRocks it is, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.connectors.starrocks.server_version import (
    COMPRESSED_JSON,
    MERGE_COMMIT,
    MULTI_TABLE,
    PREPARED_TIMEOUT,
    parse_version,
    shown,
    version_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.target import TargetConnection


def findings(connection: TargetConnection, options: StarRocksOptions) -> Iterator[Finding]:
    """The version, and options it does not know."""
    text = version_text(connection)
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
                f"It came with {shown(since)}.",
                "Remove the option, or upgrade the cluster.",
            )
    asked = (
        (type(options).enable_merge_commit, MERGE_COMMIT),
        (type(options).multi_table, MULTI_TABLE),
    )
    for option, since in asked:
        if options.values.get(option.key) and version < since:
            yield Finding(
                Severity.ERROR,
                "server-too-old",
                f"StarRocks {text} does not know what '{option.key}' asks for",
                f"It came with {shown(since)}.",
                "Remove the option, or upgrade the cluster.",
            )
