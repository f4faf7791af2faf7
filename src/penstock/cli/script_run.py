"""Runs a script in this process and waits for its jobs: what `run` and `sql -f` share."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.backends.local.jobs import LocalJobs, Resume, directory_name
from penstock.backends.local.kept_script import KeptScript
from penstock.cli.exit_codes import DONE, FAILED
from penstock.cli.hidden import HiddenValues
from penstock.cli.json_output import error_json
from penstock.cli.live_view import LiveView
from penstock.cli.log import show_log
from penstock.cli.progress import summary
from penstock.cli.signals import stop_on_signals
from penstock.errors import JobError, PenstockError
from penstock.planner import existing_targets
from penstock.runtime import JobState
from penstock.session import Session, StatementResult
from penstock.sql import parse_script
from penstock.sql import tree as ast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock.cli.script_file import ScriptFile
    from penstock.plan import PhysicalPlan
    from penstock.runtime import Job

STOP_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the jobs of a script ended.

    Args:
        exit_code: The command's.
        errors: Why jobs failed, each once.
        saved: What the state directory holds for the next run; None where all is done.
    """

    exit_code: int = DONE
    errors: tuple[PenstockError, ...] = ()
    saved: Resume | None = None


class ScriptJobs:
    """Submits the jobs of one script; opens the state directory at the first of them.

    Args:
        script: What is run, for the resume check.
        name: Names the state directory where the user gives none and sets no `pipeline.name`.
        state_dir: Given by the user.
        fresh: Forget an unfinished job.
        announce: Say where the state is, and what is resumed.
        lasting: Whether an unfinished job may be resumed; else its state is thrown away.
    """

    def __init__(
        self,
        script: ScriptFile,
        name: str,
        state_dir: Path | None,
        *,
        fresh: bool,
        announce: bool = True,
        lasting: bool = True,
    ) -> None:
        self._script = script
        self._name = name
        self._state_dir = state_dir
        self._fresh = fresh
        self._announce = announce
        self._lasting = lasting or state_dir is not None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._told: set[str] = set()
        self._started = time.monotonic()
        show_log()
        self.local: LocalJobs | None = None

    def submit(self, plan: PhysicalPlan) -> Job:
        """Start a job."""
        if self.local is None:
            self.local = self._open(plan.settings)
        if self._fresh and self._announce:
            self._tell_kept(plan)
        return self.local.submit(plan)

    def resumes(self, settings: Mapping[str, str]) -> bool:
        """Whether the jobs go on from a state directory; opens it."""
        if self.local is None:
            self.local = self._open(settings)
        return self.local.resumed is not None

    def _say(self, text: str) -> None:
        if self._announce:
            click.echo(f"[INFO] {text}", err=True)

    def _tell_kept(self, plan: PhysicalPlan) -> None:
        """Say which targets keep the rows of an earlier job, once each."""
        for target in existing_targets(plan):
            if target not in self._told:
                self._told.add(target)
                self._say(
                    f"--fresh reads again and does not delete what is in {target}; TRUNCATE it"
                    " first if rows that are gone at the source shall go."
                )

    def _open(self, settings: Mapping[str, str]) -> LocalJobs:
        directory = self._directory(settings)
        local = LocalJobs(directory, self._kept(), settings, fresh=self._fresh)
        if self._lasting:
            self._say(f"State directory: {directory}")
        if local.resumed is not None:
            self._say(f"Resuming after epoch {local.resumed.epoch}: {local.resumed.text()}")
        return local

    def _kept(self) -> KeptScript:
        script = self._script
        statements = parse_script(script.text).statements
        texts = [script.masked(s.span.start, s.text) for s in statements]
        return KeptScript(tuple(texts), script.compared())

    def _directory(self, settings: Mapping[str, str]) -> Path:
        if self._state_dir is not None:
            return self._state_dir.absolute()
        if not self._lasting:
            self._scratch = tempfile.TemporaryDirectory(prefix="penstock-")
            return Path(self._scratch.name)
        return Path(".penstock").absolute() / directory_name(
            settings.get("pipeline.name", self._name)
        )

    def wait(self, *, quiet: bool, last: bool = True) -> Ended:
        """Wait until all jobs have ended, showing how they go. Ctrl-C stops them cleanly.

        Args:
            quiet: Show nothing while they run.
            last: The process only ends after this: a second Ctrl-C that comes too late is nothing.
        """
        if self.local is None:
            return Ended()
        group = self.local.group
        group.seal()
        with stop_on_signals(group.stop, group.stop_now, last=last) as stops:
            LiveView(group, quiet=quiet).watch(lambda: group.join(0))
            group.join(STOP_LIMIT_S)
        return self._ended(stops.exit_code if stops.asked else DONE)

    def _ended(self, stopped: int) -> Ended:
        assert self.local is not None
        jobs = self.local.group.jobs
        if self._lasting:
            self._say(summary(jobs).replace("\n", "\n[INFO] "))
        failed = [job for job in jobs if job.state is JobState.FAILED]
        errors = tuple({id(job.error): job.error for job in failed if job.error}.values())
        unfinished = any(job.state is not JobState.FINISHED for job in jobs)
        saved = self.local.saved() if unfinished and self._lasting else None
        if saved is not None:
            self._say(
                f"Savepoint: {self.local.directory}, epoch {saved.epoch}, {saved.text()}. The same"
                " command goes on from there, --fresh starts anew."
            )
        self.close()
        code = FAILED if failed else stopped if unfinished else DONE
        return Ended(code, errors, saved)

    def stop_now(self) -> None:
        """End what runs, because the script failed half way."""
        if self.local is not None:
            self.local.group.stop_now()
            self.local.group.join(STOP_LIMIT_S)
        self.close()

    def close(self) -> None:
        """Throw state away that is not to last. May be called twice."""
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.cleanup()

    def as_json(self, ended: Ended) -> dict[str, Any]:
        """The jobs and what they did, for `--json`."""
        local = self.local
        status: dict[str, Any] = local.group.status() if local else {"sources": [], "sinks": {}}
        jobs = local.group.jobs if local else []
        return {
            "exit_code": ended.exit_code,
            "jobs": [{"id": j.job_id, "name": j.name, "state": j.status()} for j in jobs],
            "state_dir": str(local.directory) if local and self._lasting else None,
            "resumed": local.resumed.as_json() if local and local.resumed else None,
            "savepoint": ended.saved.as_json() if ended.saved else None,
            "epoch": status.get("epoch", 0),
            "restarts": status.get("restarts", 0),
            "seconds": round(time.monotonic() - self._started, 3),
            "sources": [
                {"table": p.table, "phase": p.phase, "rows": p.rows_done, "position": p.position}
                for p in status["sources"]
            ],
            "sinks": status["sinks"],
            "metrics": local.group.metrics() if local else {},
            "errors": [error_json(error, HiddenValues.current()) for error in ended.errors],
        }


def may_resume(text: str) -> bool:
    """Whether a script writes tables: only then is its state worth keeping.

    Raises:
        ParseError: The text does not parse.
    """
    writes = (ast.Insert, ast.StatementSet, ast.BeginStatementSet)
    return any(
        isinstance(found, writes)
        or (isinstance(found, ast.CreateTable) and found.query is not None)
        for found in parse_script(text).statements
    )


def run_script(
    script: ScriptFile, settings: dict[str, str], jobs: ScriptJobs
) -> Iterator[StatementResult]:
    """Execute a script, yielding its results; ends what it has started where a statement fails.

    Raises:
        JobError: The script is empty.
        PenstockError: A statement failed.
    """
    session = Session(settings=settings, source_name=script.name, submitter=jobs)
    for note in session.notes:
        click.echo(note, err=True)
    statements = 0
    with script.errors():
        try:
            for result in session.execute_script(script.text):
                statements += 1
                yield _named(result, script)
        except (PenstockError, KeyboardInterrupt, GeneratorExit):
            jobs.stop_now()
            raise
    if not statements:
        raise JobError(
            f"{script.name} holds no statement",
            code="empty-script",
            hint="A script needs at least one INSERT INTO or SELECT.",
        )


def _named(result: StatementResult, script: ScriptFile) -> StatementResult:
    """The result of SHOW CREATE or EXPLAIN with variables as they were written."""
    if [column.name for column in result.columns] != ["result"]:
        return result
    return replace(result, rows=[(script.named(text),) for (text,) in result.rows])


def plan_all(script: ScriptFile, settings: dict[str, str]) -> int:
    """Plan every job of a script before the first one starts; how many there are.

    Raises:
        PenstockError: A statement is wrong: nothing has been started then.
    """
    session = Session(settings=settings, source_name=script.name)
    with script.errors():
        return sum(1 for _ in session.explain_script(script.text))
