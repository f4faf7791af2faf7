"""Runs a script in this process and waits for its jobs: what `run` and `sql -f` share."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.backends.local.jobs import LocalJobs, directory_name
from penstock.cli.live_view import LiveView, summary
from penstock.cli.settings import mask_secrets
from penstock.errors import JobError, PenstockError
from penstock.runtime import JobState
from penstock.session import Session, StatementResult
from penstock.sql import parse_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from penstock.cli.script_file import ScriptFile
    from penstock.plan import PhysicalPlan
    from penstock.runtime import Job


class ScriptJobs:
    """Submits the jobs of one script; opens the state directory at the first of them.

    Args:
        text: The script, for the resume check.
        name: Names the state directory where the user gives none and sets no `pipeline.name`.
        state_dir: Given by the user.
        fresh: Forget an unfinished job.
        announce: Say what is submitted, and where its state is.
    """

    def __init__(
        self, text: str, name: str, state_dir: Path | None, *, fresh: bool, announce: bool = True
    ) -> None:
        self._text = text
        self._name = name
        self._state_dir = state_dir
        self._fresh = fresh
        self._announce = announce
        self.local: LocalJobs | None = None

    def submit(self, plan: PhysicalPlan) -> Job:
        """Start a job and say so as Flink does."""
        if self.local is None:
            self.local = self._open(plan.settings)
        job = self.local.submit(plan)
        self._say(f"[INFO] {plan.name} submitted.\nJob ID: {job.job_id}")
        return job

    def _say(self, text: str) -> None:
        if self._announce:
            click.echo(text, err=True)

    def _open(self, settings: Mapping[str, str]) -> LocalJobs:
        name = directory_name(settings.get("pipeline.name", self._name))
        directory = self._state_dir or Path(".penstock") / name
        statements = [mask_secrets(s.text) for s in parse_script(self._text).statements]
        local = LocalJobs(directory, statements, settings, fresh=self._fresh)
        self._say(f"[INFO] State directory: {directory}")
        if local.resumed is not None:
            positions = ", ".join(f"{k} at {v}" for k, v in local.resumed.positions.items())
            self._say(f"[INFO] Resuming after epoch {local.resumed.epoch}: {positions}")
        return local

    def wait(self, *, quiet: bool) -> bool:
        """Wait until all jobs have ended; true when none failed. Ctrl-C stops them cleanly."""
        if self.local is None:
            return True
        group = self.local.group
        group.seal()
        with stop_on_signals(group.stop, group.stop_now):
            LiveView(group, quiet=quiet).watch(lambda: group.join(0))
        group.join(60)
        click.echo(summary(group.jobs), err=True)
        failed = [job for job in group.jobs if job.state is JobState.FAILED]
        for error in {id(job.error): job.error for job in failed if job.error}.values():
            click.echo(error.render(), err=True)
        return not failed

    def stop_now(self) -> None:
        """End what runs, because the script failed half way."""
        if self.local is not None:
            self.local.group.stop_now()
            self.local.group.join(60)


@contextmanager
def stop_on_signals(stop: Callable[[], None], stop_now: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C or SIGTERM asks for a clean stop, the second one for a stop at once."""
    asked = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        text = "stopping: committing what was read" if asked == 1 else "stopping now"
        click.echo(f"\n[INFO] {text} ...", err=True)
        (stop if asked == 1 else stop_now)()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_script(
    script: ScriptFile, settings: dict[str, str], jobs: ScriptJobs
) -> Iterator[StatementResult]:
    """Execute a script, yielding its results; ends what it has started where a statement fails.

    Raises:
        JobError: The script is empty.
        PenstockError: A statement failed.
    """
    session = Session(settings=settings, source_name=script.name, submitter=jobs)
    statements = 0
    with script.errors():
        try:
            for result in session.execute_script(script.text):
                statements += 1
                yield result
        except PenstockError:
            jobs.stop_now()
            raise
    if not statements:
        raise JobError(
            f"{script.name} holds no statement",
            code="empty-script",
            hint="A script needs at least one INSERT INTO or SELECT.",
        )
