"""What the account may do with the target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.starrocks.target import TargetConnection

_GRANT = re.compile(
    r"^GRANT\s+(.+?)\s+ON\s+(?:(ALL\s+TABLES\s+IN\s+.+?)|TABLE\s+(.+?))\s+TO\s", re.I
)
_VERSIONS = "SELECT NUM_VERSION FROM information_schema.be_tablets LIMIT 1"


def findings(
    connection: TargetConnection, database: str, table: str, user: str
) -> Iterator[Finding]:
    """Missing INSERT or SELECT, and version counts that cannot be read."""
    rows = connection.query("SHOW GRANTS")
    grants = [str(row[-1]) for row in rows]
    allowed = table_privileges(grants, database, table)
    by_role = user == "root" or any(re.match(r"GRANT\s+'", grant) for grant in grants)
    for privilege in ("INSERT", "SELECT"):
        if privilege in allowed or "ALL" in allowed or by_role:
            continue
        yield Finding(
            Severity.ERROR,
            "missing-privilege",
            f"the account lacks {privilege} on {database}.{table}",
            f"StarRocks shows no grant of it to '{user}'.",
            f"GRANT {privilege} ON TABLE {database}.{table} TO USER '{user}'.",
        )
    try:
        connection.query(_VERSIONS)
    except ConnectorError as error:
        yield Finding(
            Severity.NOTE,
            "versions-hidden",
            "the account may not read information_schema.be_tablets",
            f"{error.detail} Commits are then paced without knowing the tablets' versions.",
            "GRANT OPERATE ON SYSTEM to the account, to let the gate see them.",
        )


def table_privileges(grants: Sequence[str], database: str, table: str) -> set[str]:
    """Privileges that grants give on a table.

    Examples:
        >>> table_privileges(["GRANT INSERT, SELECT ON TABLE shop.orders TO USER 'u'@'%'"],
        ...                  "shop", "orders") == {"INSERT", "SELECT"}
        True
        >>> table_privileges(["GRANT SELECT ON ALL TABLES IN DATABASE shop TO USER 'u'@'%'"],
        ...                  "shop", "orders")
        {'SELECT'}
    """
    found: set[str] = set()
    for grant in grants:
        match = _GRANT.match(grant)
        if match is None:
            continue
        privileges, every, names = match.groups()
        covers = _covers(every, database) if every else _names(names, database, table)
        if covers:
            found |= {word.strip().upper() for word in privileges.split(",")}
    return found


def _covers(every: str, database: str) -> bool:
    words = every.replace("`", "").split()
    return words[-1].upper() == "DATABASES" or database in words[-1].split(",")


def _names(names: str, database: str, table: str) -> bool:
    wanted = f"{database}.{table}"
    return wanted in {name.strip().replace("`", "") for name in names.split(",")}
