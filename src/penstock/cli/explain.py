"""`penstock explain FILE`: the plans of a script, and what is sent where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.script_file import ScriptFile, script_options
from penstock.cli.settings import read_settings
from penstock.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from penstock.session import Explained


@click.command(name="explain")
@script_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")
def command(
    file: Path,
    given: tuple[str, ...],
    conf: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Show what the jobs of a script would do, without touching any server.

    For each job: its plan, the kinds of changes every node emits, what is read, and what is sent
    where and how.
    """
    from penstock.session import Session

    settings = read_settings(conf, given)
    script = ScriptFile.read(file)
    session = Session(settings=settings, source_name=script.name)
    with script.errors():
        jobs = list(session.explain_script(script.text))
    if not jobs:
        raise JobError(
            f'script "{file}" has nothing to run',
            code="nothing-to-run",
            hint="Add at least one INSERT INTO or query.",
        )
    if as_json:
        shown = {"jobs": [_as_json(job, script) for job in jobs]}
        click.echo(script.named(json.dumps(shown, ensure_ascii=False, indent=2)))
        return
    for number, job in enumerate(jobs, 1):
        click.echo(script.named("\n".join(_text(number, job, script))))


def _as_json(job: Explained, script: ScriptFile) -> dict[str, Any]:
    return {
        "name": job.name,
        "statement": script.masked(job.start, job.statement),
        "plan": job.trees,
        "ends": job.ends,
    }


def _text(number: int, job: Explained, script: ScriptFile) -> Iterator[str]:
    yield f"== Job {number}: {job.name} =="
    yield script.masked(job.start, job.statement)
    yield f"\n== Physical plan ==\n{job.text}"
    for end in job.ends:
        verb = "Reads" if end["role"] == "source" else "Sends to"
        yield f"\n== {verb} {end['table']} ({end['connector']}) =="
        columns = ", ".join(f"{c['name']} {c['type']}" for c in end["columns"])
        facts = {"columns": columns, "changes": end["changelog_mode"], **end["facts"]}
        if end["primary_key"]:
            facts["primary key"] = ", ".join(end["primary_key"])
        for name, fact in facts.items():
            yield f"  {name:<16} {fact}"
        if end["created"]:
            yield f"\n== Creates {end['table']} =="
            yield end["created"]["ddl"]
            yield from (f"  - {note}" for note in end["created"]["notes"])
    yield ""
