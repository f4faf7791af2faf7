"""Options of tables that are accepted and change nothing, or not what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.preflight.case import Case


def findings(case: Case) -> Iterator[Finding]:
    """A note per option, once."""
    for note in (note for plan in case.script.plans for note in plan.notes):
        yield Finding(Severity.NOTE, "option-note", note)
