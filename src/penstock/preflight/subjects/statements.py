"""Statements that are wrong or not supported, and scripts with nothing to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.preflight.case import Case


def findings(case: Case) -> Iterator[Finding]:
    """One finding per statement that would stop the script."""
    for failure in case.script.failures:
        yield Finding.of(failure)
    if not case.script.plans and not case.script.failures:
        yield Finding(
            Severity.ERROR,
            "nothing-to-run",
            "script has nothing to run",
            "It holds no INSERT INTO and no query.",
            "Add at least one INSERT INTO ... SELECT ...",
        )
