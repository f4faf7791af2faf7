"""`penstock sql`: a file, a statement, or a prompt."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.script_file import ScriptFile, settings_options
from penstock.cli.settings import read_script, read_settings
from penstock.errors import ParseError, PenstockError

if TYPE_CHECKING:
    from penstock.session import Session


@click.command(name="sql")
@click.option("-f", "--file", type=click.Path(path_type=Path, exists=True), help="Run a script.")
@click.option("-e", "--execute", "statement", help="Run a statement.")
@click.option("-i", "--init", type=click.Path(path_type=Path, exists=True), help="Run first.")
@settings_options
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
    """Execute Flink SQL: a file, a statement, what standard input holds, or a prompt.

    Jobs run in this process; but for the prompt it stays until all have ended.
    """
    from penstock.cli.results import print_result
    from penstock.cli.script_run import ScriptJobs, may_resume, run_script

    settings = read_settings(conf, given)
    first = read_script(init) if init else ""
    if file is None and statement is None and sys.stdin.isatty():
        prompt(first, settings, state_dir)
        return
    name = str(file) if file else "statement" if statement else "stdin"
    text = read_script(file) if file else statement or sys.stdin.read()
    script = ScriptFile.of(f"{first}\n{text}" if first else text, name)
    with script.errors():
        lasting = may_resume(script.text)
    stem = file.stem if file else f"sql-{_short_hash(script.text)}"
    jobs = ScriptJobs(script.text, stem, state_dir, fresh=fresh, lasting=lasting)
    for result in run_script(script, settings, jobs):
        print_result(result)
    ended = jobs.wait(quiet=not lasting)
    for error in ended.errors:
        click.echo(error.within(script.shown, script.name).render(), err=True)
    sys.exit(ended.exit_code)


def _short_hash(text: str) -> str:
    """Tells statements given with -e apart."""
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()


def prompt(first: str, settings: dict[str, str], state_dir: Path | None) -> None:
    """The interactive client: statements end with `;`, QUIT or Ctrl-D leaves."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory

    from penstock.cli.script_run import ScriptJobs
    from penstock.session import Session

    jobs = ScriptJobs("", "sql", state_dir, fresh=True, lasting=False)
    session = Session(settings=settings, source_name="prompt", submitter=jobs)
    for note in session.notes:
        click.echo(note, err=True)
    transcript = Transcript(session)
    if first:
        transcript.execute(first)
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
        if pending.rstrip().endswith(";") and transcript.execute(pending):
            pending = ""
    if jobs.local is not None:
        jobs.local.group.stop()
        jobs.wait(quiet=True)


class Transcript:
    """What was typed so far, as one text: errors point into it, also into earlier statements.

    Args:
        session: Runs the statements.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shown = ""

    def execute(self, text: str) -> bool:
        """Run statements and print what they give; false where they are not complete yet."""
        from penstock.cli.results import print_result

        blank = re.sub(r"[^\n]", " ", self._shown)
        try:
            script = ScriptFile.of(text, "prompt")
            self._shown += f"{script.shown}\n"
            for result in self._session.execute_script(blank + script.text):
                print_result(result)
        except PenstockError as error:
            if isinstance(error, ParseError) and error.at_end:
                self._shown = self._shown[: len(blank)]
                return False
            click.echo(error.within(self._shown, "prompt").render(), err=True)
        return True
