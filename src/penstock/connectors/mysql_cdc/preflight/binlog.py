"""Whether the binlog holds what a change stream needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.connectors.mysql_cdc.preflight.variables import variables
from penstock.connectors.mysql_cdc.tables import server_failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.mysql_cdc.tables import Session

_NAMES = ("log_bin", "binlog_row_metadata", "gtid_mode", "enforce_gtid_consistency")


def findings(session: Session, endpoint: str) -> Iterator[Finding]:
    """Settings that forbid reading changes, and those that make it poorer."""
    yield from (Finding.of(failure) for failure in server_failures(session, endpoint))
    found = variables(session, *_NAMES)
    if found.get("log_bin", "ON").upper() not in {"ON", "1"}:
        return
    if found.get("binlog_row_metadata", "FULL").upper() != "FULL":
        yield Finding(
            Severity.NOTE,
            "mysql-binlog-row-metadata",
            f"server variable 'binlog_row_metadata' is '{found['binlog_row_metadata']}'",
            "The binlog then holds no column names: after a change of columns, rows written before "
            "it are matched with the columns as they are now.",
            "Set binlog_row_metadata=FULL on the server.",
        )
    if found.get("gtid_mode", "ON").upper() != "ON":
        yield Finding(
            Severity.WARNING,
            "mysql-gtid-mode",
            f"server variable 'gtid_mode' is '{found['gtid_mode']}'",
            "A job resumes by binlog file and position, which hold on this one server only: after "
            "a fail-over it cannot go on.",
            "Set gtid_mode=ON and enforce_gtid_consistency=ON on the server.",
        )
