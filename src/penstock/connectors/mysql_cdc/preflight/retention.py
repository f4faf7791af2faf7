"""How long the server keeps its binlog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.connectors.mysql_cdc.preflight.variables import number, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.mysql_cdc.tables import Session

DAYS_WANTED = 7
_DAY_S = 86_400


def findings(session: Session) -> Iterator[Finding]:
    """A warning where the binlog is kept for less than a week."""
    found = variables(session, "binlog_expire_logs_seconds", "expire_logs_days")
    seconds = number(found.get("binlog_expire_logs_seconds", "0"))
    seconds = seconds or number(found.get("expire_logs_days", "0")) * _DAY_S
    if not seconds:
        yield Finding(Severity.NOTE, "binlog-retention", "the server never purges its binlog")
        return
    if seconds < DAYS_WANTED * _DAY_S:
        name = next(iter(found))
        yield Finding(
            Severity.WARNING,
            "binlog-retention",
            f"the server keeps its binlog for {_text(seconds)}",
            "A job that is down for longer, or whose snapshot takes longer, cannot go on: the "
            "tables must be read again.",
            f"Raise {name}; {DAYS_WANTED} days are a good start.",
        )
        return
    yield Finding(
        Severity.NOTE, "binlog-retention", f"the server keeps its binlog for {_text(seconds)}"
    )


def _text(seconds: float) -> str:
    for size, unit in ((_DAY_S, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
