"""Ids of replicas: which the server knows, which one to take."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from penstock.connectors.mysql_cdc.preflight.variables import first_understood

if TYPE_CHECKING:
    from penstock.connectors.mysql_cdc.tables import Session

_REPLICAS = ("SHOW REPLICAS", "SHOW REPLICA HOSTS", "SHOW SLAVE HOSTS")


def connected(session: Session) -> dict[int, str]:
    """Ids of the replicas connected now, and their hosts as far as they say; {} if not told."""
    rows = first_understood(session, *_REPLICAS) or []
    return {int(row[0]): str(row[1] or "") for row in rows if str(row[0]).isdigit()}


def choose(session: Session, wanted: tuple[int, int]) -> int:
    """An id of the range that no replica uses; where all are used, one of them.

    A used id may be that of this job's own lost connection: the server then ends that one.
    """
    used = connected(session)
    free = [number for number in range(wanted[0], wanted[1] + 1) if number not in used]
    return random.choice(free) if free else random.randint(*wanted)  # noqa: S311
