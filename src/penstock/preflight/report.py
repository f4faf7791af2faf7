"""What a check gives back: findings, and the columns from end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.connectors.base import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.connectors.base import Finding


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """One column of a sink, end to end; texts are empty where they are not known.

    Args:
        name: The sink's column.
        type: Its declared type.
        source: The declared source column it comes from, "(expression)" where none alone.
        source_type: That column's declared type.
        origin_type: The type of the server's column behind it.
        target_type: The type of the target's column.
    """

    name: str
    type: str
    source: str = ""
    source_type: str = ""
    origin_type: str = ""
    target_type: str = ""


@dataclass(frozen=True, slots=True)
class TablePair:
    """A sink with what feeds it."""

    sink: str
    sources: tuple[str, ...]
    columns: tuple[ColumnPath, ...]


_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything found about a script.

    Args:
        findings: Errors first, then by place in the script.
        tables: Every sink, column by column.
        jobs: How many jobs the script would start.
    """

    findings: tuple[Finding, ...]
    tables: tuple[TablePair, ...] = ()
    jobs: int = 0

    @classmethod
    def of(cls, findings: Sequence[Finding], tables: Sequence[TablePair], jobs: int) -> Report:
        """A report with its findings in order."""

        def rank(finding: Finding) -> tuple[int, bool, int]:
            start = finding.span.start if finding.span else 0
            return _ORDER.index(finding.severity), finding.span is None, start

        return cls(tuple(sorted(findings, key=rank)), tuple(tables), jobs)

    def count(self, severity: Severity) -> int:
        """How many findings are that bad."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing found would stop the job."""
        return not self.count(Severity.ERROR)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "jobs": self.jobs,
            "counts": {severity.value: self.count(severity) for severity in Severity},
            "findings": [_finding(finding) for finding in self.findings],
            "tables": [_pair(pair) for pair in self.tables],
        }


def _finding(finding: Finding) -> dict[str, Any]:
    span = finding.span
    return {
        "severity": finding.severity.value,
        "subject": finding.subject,
        "code": finding.code,
        "message": finding.message,
        "cause": finding.cause,
        "remedy": finding.remedy,
        "place": finding.place,
        "column": finding.column or None,
        "line": span.line if span else None,
        "position": span.column if span else None,
    }


def _pair(pair: TablePair) -> dict[str, Any]:
    columns = [
        {
            "name": c.name,
            "type": c.type,
            "source": c.source or None,
            "source_type": c.source_type or None,
            "origin_type": c.origin_type or None,
            "target_type": c.target_type or None,
        }
        for c in pair.columns
    ]
    return {"sink": pair.sink, "sources": list(pair.sources), "columns": columns}
