"""Things only one reader may use, given to two in one script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.preflight.case import short_name

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from penstock.preflight.case import Case


def findings(case: Case) -> Iterator[Finding]:
    """An error per name that two different connections of the script claim."""
    owners: dict[str, tuple[Hashable, str]] = {}
    for look in case.looks:
        for name in look.inspection.exclusive:
            key = look.inspection.server_key
            owner, table = owners.setdefault(name, (key, look.node.table))
            if owner == key:
                continue
            yield Finding(
                Severity.ERROR,
                "used-twice",
                f"{name} is used by two readers of this script",
                f"Tables '{short_name(table)}' and '{short_name(look.node.table)}' read over"
                " connections of their own. "
                "The server drops the older of two connections with one id.",
                "Give each account of a server its own id.",
                look.inspection.place,
                span=look.node.span,
            )
