"""The interactive client: statements end with `;`, QUIT or Ctrl-D leaves, Ctrl-C ends a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from penstock.cli.hidden import HiddenValues
from penstock.cli.results import print_result
from penstock.cli.script_file import ScriptFile
from penstock.cli.script_run import ScriptJobs
from penstock.errors import ParseError, PenstockError
from penstock.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.plan import PhysicalPlan
    from penstock.runtime import Job


def prompt(first: str, settings: dict[str, str], state_dir: Path | None) -> None:
    """Read and run statements until the user leaves; jobs still running are then stopped cleanly.

    Args:
        first: Statements to run before.
        settings: Initial settings.
        state_dir: Where jobs' state lives; thrown away where not given.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory

    jobs = PromptJobs(state_dir)
    session = Session(settings=settings, source_name="prompt", submitter=jobs)
    for note in session.notes:
        click.echo(note, err=True)
    transcript = Transcript(session)
    if first:
        transcript.execute(first)
    reader: PromptSession[str] = PromptSession(history=InMemoryHistory())
    pending = ""
    try:
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
            if pending.rstrip().endswith(";"):
                try:
                    done = transcript.execute(pending)
                except KeyboardInterrupt:
                    jobs.stop_latest()
                    done = True
                pending = "" if done else pending
    finally:
        jobs.stop_all()


class PromptJobs:
    """Submits each job to a group of its own, so that one can be ended and the others go on.

    Args:
        state_dir: Where their state lives, a folder each; thrown away where not given.
    """

    def __init__(self, state_dir: Path | None) -> None:
        self._state_dir = state_dir
        self._count = 0
        self._running: list[ScriptJobs] = []

    def submit(self, plan: PhysicalPlan) -> Job:
        """Start a job."""
        self._forget_ended()
        self._count += 1
        directory = self._state_dir / str(self._count) if self._state_dir is not None else None
        jobs = ScriptJobs(
            ScriptFile("", "prompt"),
            "prompt",
            directory,
            fresh=True,
            announce=False,
            lasting=directory is not None,
        )
        job = jobs.submit(plan)
        assert jobs.local is not None
        jobs.local.group.seal()
        self._running.append(jobs)
        return job

    def stop_latest(self) -> None:
        """End the job submitted last at once."""
        if self._running:
            self._running.pop().stop_now()

    def stop_all(self) -> None:
        """End all jobs cleanly."""
        for jobs in self._running:
            if jobs.local is not None:
                jobs.local.group.stop()
        for jobs in self._running:
            for error in jobs.wait(quiet=True, last=False).errors:
                click.echo(HiddenValues.current().hide(error.render()), err=True)
        self._running.clear()

    def _forget_ended(self) -> None:
        for jobs in list(self._running):
            if jobs.local is not None and jobs.local.group.join(0):
                jobs.close()
                self._running.remove(jobs)


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
            error.within(self._shown, "prompt")
            click.echo(HiddenValues.current().hide(error.render()), err=True)
        return True
