"""The findings of a run: for the terminal and, of a whole run, as `docs/interop.md`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.interop.explanations import EXPLANATIONS, explanation_of
from tests.interop.jars import pom_version
from tests.interop.recording import recorded

if TYPE_CHECKING:
    from tests.interop.cases import Case
    from tests.interop.compare import Difference
    from tests.interop.world import Outcome

_INTRO = """# Beside the real connector

Written by `make interop`; do not edit. Real Flink {flink} with flink-connector-starrocks
{connector} and Flink CDC {cdc}, in a JVM, and Penstock ran the same SQL scripts (`{folder}`) into
the same embedded StarRocks, each through a proxy that recorded its requests.

An outcome is equal when both target tables hold the same rows at the end. Differences between the
requests are listed below with their reasons; one without a reason fails the run, and so does a
reason that nothing needs.

## Scripts

| Script | Shows | Target tables |
|---|---|---|
"""
_DIFFERENCES = """
## Differences

Host names, lengths, labels' unique parts and databases are left out of the comparison.
"""
_NOT_COMPARED = """
## What is not compared

- Merge commit and transactions over several tables: the real connector has them from 1.2.14 and
  1.2.15 on, which the Maven Central this ran against does not have.
- The real connector's source and lookup: they read from the backends by a protocol of their own,
  which the embedded StarRocks does not speak. It answers `_query_plan` with status 501 and says to
  read over the MySQL protocol; the job fails with that text.
"""
_FOLDER = "tests/interop/cases.py"
_TEXT_MAX = 70


@dataclass(slots=True)
class Report:
    """What was found so far."""

    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    recordings: list[dict[str, Any]] = field(default_factory=list)
    _found: dict[Difference, list[str]] = field(default_factory=dict)

    def add(self, case: Case, real: Outcome, ours: Outcome, found: list[Difference]) -> None:
        """A case both clients have run."""
        self.recordings.append(recorded(case, real))
        equal = real.rows == ours.rows
        if not equal:
            self.failures.append(f"{case.name}: real {real.rows} but Penstock {ours.rows}")
        self.lines.append(f"| {case.name} | {case.about} | {'equal' if equal else 'DIFFERENT'} |")
        for difference in found:
            self._found.setdefault(difference, []).append(case.name)
            if explanation_of(difference) is None:
                self.failures.append(f"{case.name}: unexplained {difference}")

    def unused(self) -> list[str]:
        """Reasons that nothing needed; for a run of all cases."""
        used = [explanation_of(difference) for difference in self._found]
        return [reason.why for reason in EXPLANATIONS if reason not in used]

    def markdown(self) -> str:
        """The page."""
        versions = {name: pom_version(name) for name in ("flink", "connector", "cdc")}
        text = _INTRO.format(folder=_FOLDER, **versions) + "\n".join(self.lines) + "\n"
        text += _DIFFERENCES
        for reason in EXPLANATIONS:
            mine = {d: names for d, names in self._found.items() if explanation_of(d) is reason}
            if mine:
                text += "\n".join([f"\n{reason.why}\n", *_lines(mine), ""])
        return text + _NOT_COMPARED


def _lines(found: dict[Difference, list[str]]) -> list[str]:
    """A line for each field."""
    grouped: dict[tuple[str, str], list[Difference]] = {}
    for difference in found:
        grouped.setdefault((difference.kind, difference.field), []).append(difference)
    lines = []
    for (kind, name), group in grouped.items():
        places = list(dict.fromkeys(d.place for d in group))
        cases = {case for d in group for case in found[d]}
        shown = f" `{name}`" if name else ""
        first = group[0]
        lines.append(
            f"- {kind}{shown} ({_where(kind, places)}; {len(cases)} scripts):"
            f" {_text(first.real)} - Penstock {_text(first.ours)}"
        )
    return lines


def _where(kind: str, places: list[str]) -> str:
    if kind in {"value", "row"}:
        return " and ".join(places)
    if len(places) > 2:
        return f"{len(places)} kinds of requests"
    return ", ".join(f"`{place}`" for place in places if place) or "at the start"


def _text(text: str) -> str:
    if len(text) > _TEXT_MAX:
        text = text[:_TEXT_MAX].rstrip() + " ..."
    return text if text in {"not sent", "sent"} else f"`` {text} ``"
