"""What the account may do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.connectors.mysql_cdc.preflight.variables import first_understood
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.mysql_cdc.tables import PhysicalTable, Session

_POSITION = ("SHOW BINARY LOG STATUS", "SHOW BINLOG STATUS", "SHOW MASTER STATUS")
_GRANT = re.compile(r"^GRANT (.+?) ON (.+?) TO ", re.IGNORECASE | re.DOTALL)
# REPLICATION REPLICA is MariaDB's other word (10.5).
_SLAVE = {"REPLICATION SLAVE", "REPLICATION REPLICA", "ALL PRIVILEGES", "ALL"}


def server_findings(session: Session) -> Iterator[Finding]:
    """Privileges on `*.*` that reading the binlog needs."""
    if first_understood(session, *_POSITION) is None:
        yield _missing(
            "REPLICATION CLIENT",
            "The server does not tell the account where its binlog ends.",
        )
    grants = [str(row[0]) for row in session.query("SHOW GRANTS")]
    if may_replicate(grants):
        return
    if any(_GRANT.match(grant) is None for grant in grants):
        yield Finding(
            Severity.NOTE,
            "privileges-by-role",
            "whether the account may read the binlog cannot be told",
            "Its privileges come from roles, whose content it does not see.",
            "Make sure that a role active by default holds REPLICATION SLAVE.",
        )
        return
    yield _missing("REPLICATION SLAVE", "The server does not send its binlog to the account.")


def may_replicate(grants: Sequence[str]) -> bool:
    """Whether one of the grants allows to read the binlog.

    Examples:
        >>> may_replicate(["GRANT SELECT, REPLICATION SLAVE ON *.* TO `u`@`%`"])
        True
        >>> may_replicate(["GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%`"])
        False
    """
    for grant in grants:
        found = _GRANT.match(grant)
        if found is None or found[2].replace("`", "") != "*.*":
            continue
        if _SLAVE & {word.strip().upper() for word in found[1].split(",")}:
            return True
    return False


def table_findings(session: Session, tables: Sequence[PhysicalTable]) -> Iterator[Finding]:
    """Tables the account sees and may not read."""
    for table in tables:
        try:
            session.query(f"SELECT 1 FROM {table.quoted} WHERE FALSE")
        except ConnectorError as error:
            if error.retryable:
                raise
            yield Finding(
                Severity.ERROR,
                "missing-privilege",
                f"the account may not read table '{table.full_name}'",
                f"{error.message}.",
                f"GRANT SELECT ON {table.quoted} to the account.",
            )


def _missing(privilege: str, cause: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "missing-privilege",
        f"the account lacks {privilege}",
        cause,
        f"GRANT {privilege} ON *.* to the account.",
    )
