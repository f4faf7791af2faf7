"""`penstock check FILE`: everything that can be known before a row moves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.hidden import HiddenValues
from penstock.cli.script_file import ScriptFile, script_options
from penstock.cli.settings import read_settings
from penstock.errors import place_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.base import Finding
    from penstock.preflight import Report, TablePair


@click.command(name="check")
@script_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, nothing else.")
@click.option("--columns", is_flag=True, help="Show every column from source to target.")
def command(
    file: Path,
    given: tuple[str, ...],
    conf: Path | None,
    as_json: bool,  # noqa: FBT001
    columns: bool,  # noqa: FBT001
) -> None:
    """Check a script, and the servers behind its tables, before any data is touched.

    Looks at servers, privileges, binlog settings, time zones, keys and columns; writes nothing.
    Exit code 0 where nothing found would stop the job, 1 where something would.
    """
    from penstock.preflight import check_script

    settings = read_settings(conf, given)
    script = ScriptFile.read(file)
    report = check_script(script.text, settings)
    if as_json:
        shown = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
    else:
        shown = "\n".join(text_of(report, script, columns=columns))
    click.echo(HiddenValues.current().hide(shown))
    sys.exit(0 if report.ok else 1)


def text_of(report: Report, script: ScriptFile, *, columns: bool) -> Iterator[str]:
    """The report as lines: tables where wanted, findings, the count."""
    from penstock.connectors.base import Severity

    if columns:
        for pair in report.tables:
            yield from _table(pair)
    for finding in report.findings:
        yield from _finding(finding, script)
        yield ""
    counts = [
        f"{report.count(severity)} {severity.value}{'s' * (report.count(severity) != 1)}"
        for severity in Severity
    ]
    jobs = f"{report.jobs} job{'s' * (report.jobs != 1)}"
    yield f"{script.name}: {jobs}, {', '.join(counts)}"


def _finding(finding: Finding, script: ScriptFile) -> Iterator[str]:
    from penstock.connectors.base import Severity

    yield f"{finding.severity.value}[{finding.code}]: {finding.message}"
    if finding.span is not None:
        shown = None if finding.severity is Severity.NOTE else script.shown
        yield from place_lines(finding.span, shown, script.name)
    if finding.place:
        yield f"  at {finding.place}"
    for line in finding.cause.splitlines():
        yield f"  {line}"
    if finding.remedy:
        yield f"  hint: {finding.remedy}"


def _table(pair: TablePair) -> Iterator[str]:
    from penstock.preflight import short_name

    yield f"{', '.join(map(short_name, pair.sources))} -> {short_name(pair.sink)}"
    head = ("server", "source column", "declared", "sink column", "declared", "target")
    rows = [
        (c.origin_type, c.source, c.source_type, c.name, c.type, c.target_type)
        for c in pair.columns
    ]
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
    yield ""
