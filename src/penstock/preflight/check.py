"""Checks a script: reads it, looks outside, asks every subject."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import penstock.preflight.subjects
from penstock.preflight.case import Case
from penstock.preflight.outside import look, sources_of
from penstock.preflight.report import ColumnPath, Report, TablePair
from penstock.preflight.script import read_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from penstock.connectors.base import Finding
    from penstock.plan import SinkNode


def check_script(text: str, settings: Mapping[str, str]) -> Report:
    """Everything about a script that can be known before a row moves.

    Connects to the servers it names and reads their settings and definitions. Writes nothing.

    Args:
        text: The script, variables replaced.
        settings: Settings given beside it.
    """
    script = read_script(text, settings)
    case = Case(script, look(script.plans))
    findings = [
        replace(finding, subject=finding.subject or name)
        for name, subject in subjects().items()
        for finding in subject(case)
    ]
    pairs = [_pair(case, sink) for sink in case.sinks()]
    return Report.of(_once(findings), pairs, len(script.plans))


def subjects() -> dict[str, Callable[[Case], Iterable[Finding]]]:
    """The subjects by name: a file of the folder `subjects` each."""
    package = penstock.preflight.subjects
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {
        name.replace("_", " "): import_module(f"{package.__name__}.{name}").findings
        for name in names
    }


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: several jobs may share a table."""
    return list(dict.fromkeys(findings))


def _pair(case: Case, sink: SinkNode) -> TablePair:
    columns = []
    for column, origins in case.origins(sink):
        target = case.outside(sink, column.name)
        first = origins[0] if origins else None
        behind = case.outside(first.source, first.column.name) if first else None
        columns.append(
            ColumnPath(
                column.name,
                column.type.sql(),
                first.column.name if first else "(expression)",
                first.column.type.sql() if first else "",
                behind.type if behind else "",
                target.type if target else "",
            )
        )
    sources = dict.fromkeys(source.table for source in sources_of(sink.input))
    return TablePair(sink.table, tuple(sources), tuple(columns))
