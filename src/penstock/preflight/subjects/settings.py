"""What becomes of each setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.backends.local.settings import Outcome, nearest_setting, outcome_of
from penstock.config import shown_value
from penstock.connectors.base import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.preflight.case import Case
    from penstock.preflight.script import GivenSetting


def findings(case: Case) -> Iterator[Finding]:
    """Settings that have no effect, are refused, or are unknown; then those that are honoured."""
    honoured = []
    for given in case.script.settings:
        found = outcome_of(given.key, given.value)
        match found.outcome:
            case Outcome.HONOURED:
                value = shown_value(given.key, given.value)
                honoured.append(f"'{given.key}' = '{value}'")
            case Outcome.NO_EFFECT:
                yield _finding(
                    Severity.NOTE, "no-effect", given, "has no effect here", found.reason
                )
            case Outcome.REFUSED:
                text = f"= '{shown_value(given.key, given.value)}' is refused"
                remedy = "Remove the SET, or give another value."
                yield _finding(Severity.ERROR, "setting-refused", given, text, found.reason, remedy)
            case Outcome.UNKNOWN:
                near = nearest_setting(given.key)
                remedy = f"Did you mean '{near}'?" if near else "Remove it."
                yield _finding(Severity.WARNING, "unknown-setting", given, "is unknown", "", remedy)
    if honoured:
        message = f"{len(honoured)} setting{'s' * (len(honoured) > 1)} honoured"
        yield Finding(Severity.NOTE, "honoured", message, f"{', '.join(honoured)}.")


def _finding(
    severity: Severity,
    code: str,
    given: GivenSetting,
    text: str,
    reason: str,
    remedy: str = "",
) -> Finding:
    cause = f"{reason[:1].upper()}{reason[1:]}." if reason else ""
    return Finding(severity, code, f"setting '{given.key}' {text}", cause, remedy, span=given.span)
