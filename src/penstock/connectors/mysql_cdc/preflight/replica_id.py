"""Whether the replica id is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.connectors.mysql_cdc.preflight.variables import variables
from penstock.connectors.mysql_cdc.replica_ids import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.mysql_cdc.tables import Session

_EFFECT = "The server drops the older of two connections with one id; both then fail in turn."


def findings(session: Session, wanted: tuple[int, int] | None) -> Iterator[Finding]:
    """Ids of the wanted range that the server or one of its replicas uses."""
    if wanted is None:
        yield Finding(
            Severity.NOTE,
            "server-id",
            "no 'server-id' is set: one is drawn from 5400 to 6400 at each start",
            "With many readers of one server two may draw the same id.",
            "Set 'server-id' to an id nobody else uses.",
        )
        return
    first, last = wanted
    own = variables(session, "server_id").get("server_id", "")
    if own.isdigit() and first <= int(own) <= last:
        yield _taken(own, "the server itself")
    for number, host in connected(session).items():
        if first <= number <= last:
            by = f"a replica that is connected now ({host or 'another reader'})"
            yield _taken(str(number), by)


def _taken(number: str, by: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "server-id-taken",
        f"server id {number} is used by {by}",
        _EFFECT,
        "Set 'server-id' to an id nobody else uses; stop this job's other run, if it is that.",
    )
