"""Which server it is, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.clients.mysql import ServerInfo

OLDEST = (5, 6)
OLDEST_MARIADB = (10, 0)


def findings(server: ServerInfo) -> Iterator[Finding]:
    """The version, and what follows from it."""
    name = "MariaDB" if server.is_mariadb else "MySQL"
    shown = server.version_text if name in server.version_text else f"{name} {server.version_text}"
    yield Finding(Severity.NOTE, "server-version", f"server is {shown}")
    oldest = OLDEST_MARIADB if server.is_mariadb else OLDEST
    if server.version < oldest:
        yield Finding(
            Severity.ERROR,
            "server-too-old",
            f"{shown} is older than {name} {'.'.join(map(str, oldest))}",
            "Its binlog events are not those the reader knows.",
            "Upgrade the server, or read from a newer replica of it.",
        )
    if server.is_mariadb:
        yield Finding(
            Severity.NOTE,
            "no-failover",
            "a job on MariaDB resumes by binlog file and position",
            "The files of another server of the same group have other positions.",
            "After a fail-over start the job anew (--fresh).",
        )
    elif server.version < (8, 0):
        yield Finding(
            Severity.NOTE,
            "no-column-names",
            f"the binlog of {shown} holds no column names",
            "Rows are matched with the table's columns as they are when the job starts.",
            "Let the job read everything before a column is added, dropped or moved.",
        )
