"""`penstock sql`: a file, a statement, or a prompt."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import click

from penstock.cli.log import log_options
from penstock.cli.script_file import ScriptFile, settings_options
from penstock.cli.settings import read_script, read_settings


@click.command(name="sql")
@click.option("-f", "--file", type=click.Path(path_type=Path, exists=True), help="Run a script.")
@click.option("-e", "--execute", "statement", help="Run a statement.")
@click.option("-i", "--init", type=click.Path(path_type=Path, exists=True), help="Run first.")
@settings_options
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where jobs' state lives.")
@log_options
@click.option("--fresh", is_flag=True, help="Forget an unfinished job and start anew.")
def command(
    file: Path | None,
    statement: str | None,
    init: Path | None,
    given: tuple[str, ...],
    conf: Path | None,
    state_dir: Path | None,
    fresh: bool,  # noqa: FBT001
) -> None:
    """Execute Flink SQL: a file, a statement, what standard input holds, or a prompt.

    Jobs run in this process; but for the prompt it stays until all have ended.
    """
    from penstock.cli.results import print_result
    from penstock.cli.script_run import ScriptJobs, may_resume, run_script

    settings = read_settings(conf, given)
    first = read_script(init) if init else ""
    if file is None and statement is None and sys.stdin.isatty():
        from penstock.cli.prompt import prompt

        prompt(first, settings, state_dir)
        return
    name = str(file) if file else "statement" if statement else "stdin"
    text = read_script(file) if file else statement or sys.stdin.read()
    script = ScriptFile.of(f"{first}\n{text}" if first else text, name)
    with script.errors():
        lasting = may_resume(script.text)
    stem = file.stem if file else f"sql-{_short_hash(script.text)}"
    jobs = ScriptJobs(script, stem, state_dir, fresh=fresh, lasting=lasting)
    for result in run_script(script, settings, jobs):
        print_result(result)
    ended = jobs.wait(quiet=not lasting)
    for error in ended.errors:
        click.echo(script.rendered(error), err=True)
    sys.exit(ended.exit_code)


def _short_hash(text: str) -> str:
    """Tells statements given with -e apart."""
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()
