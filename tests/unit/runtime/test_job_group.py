"""Jobs over a scripted source and a sink that records the epoch protocol."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from penstock.changelog import ChangelogBatch
from penstock.checkpoint import StateWriteError
from penstock.connectors.base import Committable, SinkContext, SourceContext, TableProgress
from penstock.errors import ConnectorError
from penstock.plan import PhysicalPlan, SinkNode, SourceNode
from penstock.runtime import JobGroup, JobState
from penstock.types import BIGINT, Column, Schema

SCHEMA = Schema((Column("id", BIGINT),))


@dataclass
class Target:
    """What outlives a job: visible rows and prepared labels."""

    visible: list[int] = field(default_factory=list)
    prepared: dict[str, list[int]] = field(default_factory=dict)
    committed: list[str] = field(default_factory=list)
    fail_prepare_of: int | None = None
    fail_commit_of: int | None = None
    failing_opens: int = 0


@dataclass
class CountingSource:
    end: int
    schema: Schema = SCHEMA
    share_key: None = None
    bounded: bool = True

    def create_reader(self, context: SourceContext) -> CountingReader:
        return CountingReader()


class CountingReader:
    def __init__(self) -> None:
        self.next, self.end, self.id = 0, 0, ""
        self.waiting = False

    def attach(self, source_id: str, source: Any, state: dict[str, Any] | None) -> None:
        self.id, self.end = source_id, source.end
        self.next = state["next"] if state else 0

    def poll(self, emit: Any, budget_ms: float) -> float | None:
        if self.waiting or self.next >= self.end:
            return 5.0
        emit(self.id, ChangelogBatch(pa.record_batch({"id": pa.array([self.next], pa.int64())})))
        self.next += 1
        return 0.0

    def at_boundary(self) -> bool:
        return self.waiting

    def request_boundary(self) -> None:
        self.waiting = True

    def snapshot(self) -> dict[str, dict[str, Any]]:
        self.waiting = False
        return {self.id: {"next": self.next}}

    def acknowledge(self, epoch: int) -> None: ...

    def finished(self, source_id: str) -> bool:
        return self.next >= self.end

    def progress(self) -> list[TableProgress]:
        return [TableProgress("t", rows_done=self.next)]

    def close(self) -> None: ...


@dataclass
class TargetSink:
    target: Target
    every: int = 3
    schema: Schema = SCHEMA
    share_key: None = None

    def writer_for(self, table: str, schema: Schema, context: SinkContext) -> TargetWriter:
        return TargetWriter(self, context)


def done(value: Any = None, error: BaseException | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
    return future


class TargetWriter:
    def __init__(self, sink: TargetSink, context: SinkContext) -> None:
        self.sink, self.context = sink, context
        self.rows: list[int] = []
        self.entries: list[Committable] = []
        self.visible_epoch = 0
        self.failure: ConnectorError | None = None

    full = False
    oldest_open_epoch = None

    def start(self, epoch: int) -> None:
        self.visible_epoch = epoch - 1

    def open(self) -> Future[None]:
        if self.sink.target.failing_opens:
            self.sink.target.failing_opens -= 1
            return done(error=ConnectorError("could not connect", retryable=True))
        listed = {c.payload["label"] for c in self.context.recovered.committables}
        for committable in self.context.recovered.committables:
            self._commit(committable)
        for label in [x for x in self.sink.target.prepared if x not in listed]:
            del self.sink.target.prepared[label]
        return done()

    def write(self, batch: ChangelogBatch) -> None:
        self.rows += batch.rows["id"].to_pylist()

    def barrier_wanted(self, now_ms: int) -> bool:
        return len(self.rows) >= self.sink.every

    def barrier(self, epoch: int, *, final: bool) -> None:
        self.epoch = epoch
        if not self.rows:
            return
        if epoch == self.sink.target.fail_prepare_of:
            self.sink.target.fail_prepare_of = None
            self.failure = ConnectorError("could not prepare", retryable=True)
            return
        label = f"{self.context.incarnation}-{epoch}"
        self.context.intend(epoch, 0)
        self.sink.target.prepared[label], self.rows = self.rows, []
        self.entries.append(Committable(self.context.sink_id, epoch, {"label": label}))

    def listed(self, epoch: int) -> tuple[Committable, ...]:
        self.check()
        return tuple(self.entries)

    def commit(self, epoch: int) -> None:
        for committable in self.entries:
            if committable.epoch == self.sink.target.fail_commit_of:
                self.sink.target.fail_commit_of = None
                self.failure = ConnectorError("could not commit", retryable=True)
                return
            self._commit(committable)
        self.entries.clear()
        self.visible_epoch = epoch

    @property
    def busy(self) -> bool:
        return bool(self.entries)

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _commit(self, committable: Committable) -> None:
        label = committable.payload["label"]
        if label in self.sink.target.prepared:
            self.sink.target.visible += self.sink.target.prepared.pop(label)
            self.sink.target.committed.append(label)

    def status(self) -> dict[str, Any]:
        return {"rows": len(self.sink.target.visible)}

    def close(self, *, abort: bool) -> Future[None]:
        return done()


def plan(end: int, target: Target) -> PhysicalPlan:
    source = SourceNode("t", "t", CountingSource(end), SCHEMA)
    return PhysicalPlan("job", (SinkNode("s", "s", TargetSink(target), SCHEMA, source),))


SETTINGS = {"restart-strategy.exponential-delay.initial-backoff": "10 ms"}


def run(directory: Path, end: int, target: Target) -> JobGroup:
    group = JobGroup(directory, SETTINGS)
    job = group.submit(plan(end, target))
    group.seal()
    assert job.wait(20) is JobState.FINISHED, job.error
    assert group.join(10)
    return group


def test_a_bounded_job_finishes_with_every_row_visible_once(tmp_path: Path) -> None:
    target = Target()
    run(tmp_path, 10, target)
    assert target.visible == list(range(10))
    assert len(target.committed) > 1


def test_a_finished_job_runs_again(tmp_path: Path) -> None:
    target = Target()
    run(tmp_path, 4, target)
    run(tmp_path, 4, target)
    assert target.visible == [0, 1, 2, 3] * 2


def test_a_failed_prepare_goes_on_from_the_last_manifest(tmp_path: Path) -> None:
    target = Target(fail_prepare_of=2)
    group = run(tmp_path, 10, target)
    assert target.visible == list(range(10))
    assert group.status()["restarts"] == 1


def test_a_failed_commit_is_committed_by_recovery(tmp_path: Path) -> None:
    target = Target(fail_commit_of=2)
    run(tmp_path, 10, target)
    assert target.visible == list(range(10))
    assert not target.prepared


def test_stop_commits_everything_and_the_directory_resumes(tmp_path: Path) -> None:
    target = Target()
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(plan(10**9, target))
    group.seal()
    started = threading.Event()
    while not started.wait(0.01) and len(target.visible) < 20:
        pass
    group.stop()
    assert job.wait(20) is JobState.CANCELED
    assert group.join(10)
    seen = len(target.visible)
    assert target.visible == list(range(seen))
    assert not target.prepared
    run(tmp_path, seen + 5, target)
    assert target.visible == list(range(seen + 5))


def test_a_job_that_never_ran_fails_at_once_where_its_server_is_away(tmp_path: Path) -> None:
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(plan(10, Target(failing_opens=1)))
    group.seal()
    assert job.wait(20) is JobState.FAILED
    assert group.join(10)


def test_a_resumed_job_waits_for_a_server_that_is_away(tmp_path: Path) -> None:
    target = Target()
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(plan(10**9, target))
    group.seal()
    while len(target.visible) < 5:
        job.wait(0.01)
    group.stop()
    assert job.wait(20) is JobState.CANCELED
    assert group.join(10)
    target.failing_opens = 2
    end = len(target.visible) + 5
    assert run(tmp_path, end, target).status()["restarts"] == 2
    assert target.visible == list(range(end))


def test_two_jobs_of_one_group_end_separately(tmp_path: Path) -> None:
    first, second = Target(), Target()
    group = JobGroup(tmp_path, SETTINGS)
    jobs = [group.submit(plan(5, first)), group.submit(plan(500, second))]
    group.seal()
    assert [job.wait(20) for job in jobs] == [JobState.FINISHED] * 2
    assert group.join(10)
    assert (first.visible, second.visible) == (list(range(5)), list(range(500)))


def test_ctrl_c_ends_a_job_that_waits_to_start_again(tmp_path: Path) -> None:
    target = Target()
    settings = {
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "9",
    }
    settings["restart-strategy.fixed-delay.delay"] = "1 h"
    group = JobGroup(tmp_path, settings)
    job = group.submit(plan(10**9, target))
    group.seal()
    deadline = time.monotonic() + 20
    while not target.visible and time.monotonic() < deadline:
        time.sleep(0.01)
    target.fail_prepare_of = group.status()["epoch"] + 3
    while job.state is not JobState.RESTARTING and time.monotonic() < deadline:
        time.sleep(0.01)
    group.stop()
    assert job.wait(10) is JobState.CANCELED
    assert group.join(10), "the engine ended and gave the directory back"
    run(tmp_path, len(target.visible) + 5, target)


def test_a_state_that_cannot_be_written_is_tried_again_until_ctrl_c(tmp_path: Path) -> None:
    target = Target()
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(plan(10**9, target))
    group.seal()
    deadline = time.monotonic() + 20
    while not target.visible and time.monotonic() < deadline:
        time.sleep(0.01)

    def full() -> int:
        raise StateWriteError("could not raise the incarnation of the job")

    group.store.raise_incarnation = full  # type: ignore[method-assign]
    target.fail_prepare_of = group.status()["epoch"] + 3
    while group.status()["restarts"] < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert group.status()["restarts"] >= 3
    group.stop()
    assert job.wait(10) is JobState.CANCELED
    assert group.join(10)
