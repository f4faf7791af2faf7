"""What the connectors found about their servers and tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.base import Finding
    from penstock.preflight.case import Case


def findings(case: Case) -> Iterator[Finding]:
    """The connectors' findings, each with its place in the script."""
    for look in case.looks:
        for finding in look.findings:
            span = finding.span or case.span(look.node.table, finding.column)
            yield replace(finding, span=span)
