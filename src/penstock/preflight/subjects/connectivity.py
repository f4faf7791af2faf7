"""Servers that cannot be reached, or refuse the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.preflight.case import Case


def findings(case: Case) -> Iterator[Finding]:
    """One finding per server, at the first table that needs it."""
    told = set()
    for look in case.looks:
        server = look.inspection.server_key
        if look.failure is None or server in told:
            continue
        told.add(server)
        found = Finding.of(look.failure.at(look.node.span), place=look.inspection.place)
        yield found
