"""`penstock sql`: a file, a statement, or a prompt."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from penstock.cli.settings import read_script, read_settings, substitute_variables
from penstock.errors import ParseError, PenstockError, SqlError


@click.command(name="sql")
@click.option("-f", "--file", type=click.Path(path_type=Path, exists=True), help="Run a script.")
@click.option("-e", "--execute", "statement", help="Run a statement.")
@click.option("-i", "--init", type=click.Path(path_type=Path, exists=True), help="Run first.")
@click.option("-D", "given", multiple=True, metavar="KEY=VALUE", help="A session setting.")
@click.option("--conf", type=click.Path(path_type=Path, exists=True), help="config.yaml of Flink.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where jobs' state lives.")
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
    """Execute Flink SQL. Jobs run in this process; with -f and -e it stays until all have ended."""
    from penstock.cli.results import print_result
    from penstock.cli.script_run import ScriptJobs, run_script

    settings = read_settings(conf, given)
    first = read_script(init) if init else ""
    if file is None and statement is None:
        prompt(first, settings, state_dir)
        return
    name = str(file) if file else "statement"
    text = substitute_variables(f"{first}\n{read_script(file) if file else statement}".lstrip("\n"))
    jobs = ScriptJobs(text, file.stem if file else "sql", state_dir, fresh=fresh)
    try:
        for result in run_script(text, name, settings, jobs):
            print_result(result)
    except SqlError as error:
        click.echo(error.render(text, name), err=True)
        sys.exit(1)
    if not jobs.wait(quiet=False):
        sys.exit(1)


def prompt(first: str, settings: dict[str, str], state_dir: Path | None) -> None:
    """The interactive client: statements end with `;`, QUIT or Ctrl-D leaves."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory

    from penstock.cli.results import print_result
    from penstock.cli.script_run import ScriptJobs
    from penstock.session import Session
    from penstock.sql import parse_script

    jobs = ScriptJobs("", "sql", state_dir, fresh=True)
    session = Session(settings=settings, source_name="prompt", submitter=jobs)
    for result in session.execute_script(substitute_variables(first)) if first else ():
        print_result(result)
    reader: PromptSession[str] = PromptSession(history=InMemoryHistory())
    pending = ""
    while True:
        try:
            line = reader.prompt("Penstock SQL> " if not pending else "> ")
        except KeyboardInterrupt:
            pending = ""
            continue
        except EOFError:
            break
        pending = f"{pending}\n{line}".lstrip("\n")
        if pending.strip().rstrip(";").lower() in {"quit", "exit"}:
            break
        if not pending.rstrip().endswith(";"):
            continue
        text, pending = pending, ""
        try:
            text = substitute_variables(text)
            parse_script(text)
            for result in session.execute_script(text):
                print_result(result)
        except ParseError as error:
            if error.at_end:
                pending = text
                continue
            click.echo(error.render(text, "prompt"), err=True)
        except SqlError as error:
            click.echo(error.render(text, "prompt"), err=True)
        except PenstockError as error:
            click.echo(error.render(), err=True)
    if jobs.local is not None:
        jobs.local.group.stop()
        jobs.wait(quiet=True)
