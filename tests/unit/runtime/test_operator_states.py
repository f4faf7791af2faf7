"""Jobs with operators that keep state: counts go on where the manifest in force left them."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.runtime.test_job_group import SCHEMA, SETTINGS, Target, plan

from penstock.changelog import ChangelogBatch
from penstock.checkpoint.state_files import StateFiles, decode
from penstock.errors import CheckpointError
from penstock.operators import OperatorContext
from penstock.operators.accumulators import AggregateCall
from penstock.operators.group_aggregate import GroupAggregateSpec
from penstock.plan import PhysicalPlan, TransformNode
from penstock.runtime import JobGroup, JobState
from penstock.runtime.operator_states import OperatorStates
from penstock.types import BIGINT, Column, Schema

COUNT = AggregateCall("COUNT", (), BIGINT)
SUM = AggregateCall("SUM", (0,), BIGINT)


def counting(end: int, target: Target, call: AggregateCall = COUNT) -> PhysicalPlan:
    found = plan(end, target)
    output = Schema((Column("id", BIGINT),))
    spec = GroupAggregateSpec(SCHEMA, output, (), (call,), update_before=False)
    sinks = [replace(sink, input=TransformNode(spec, sink.input)) for sink in found.sinks]
    return replace(found, sinks=tuple(sinks))


def run(directory: Path, end: int, target: Target) -> JobGroup:
    group = JobGroup(directory, SETTINGS)
    job = group.submit(counting(end, target))
    group.seal()
    assert job.wait(20) is JobState.FINISHED, job.error
    assert group.join(10)
    return group


def test_a_restarted_job_counts_on_from_the_last_manifest(tmp_path: Path) -> None:
    target = Target(fail_prepare_of=2)
    group = run(tmp_path, 60, target)
    assert target.visible == list(range(1, 61))
    assert group.status()["restarts"] == 1
    assert len(list((tmp_path / "operators").glob("*.state"))) < 40, "segments were merged"


def stopped(directory: Path, target: Target) -> None:
    group = JobGroup(directory, SETTINGS)
    job = group.submit(counting(10**9, target))
    group.seal()
    ticks = threading.Event()
    while not ticks.wait(0.01) and len(target.visible) < 80:
        pass
    group.stop_now()
    assert job.wait(20) is JobState.CANCELED
    assert group.join(10)


def test_a_job_stopped_at_once_counts_on_in_another_process(tmp_path: Path) -> None:
    target = Target()
    stopped(tmp_path, target)
    end = len(target.visible) + 3000
    run(tmp_path, end, target)
    assert target.visible == list(range(1, end + 1))


def test_state_of_another_query_is_refused(tmp_path: Path) -> None:
    target = Target()
    stopped(tmp_path, target)
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(counting(10**9, target, SUM))
    group.seal()
    assert job.wait(20) is JobState.FAILED
    assert isinstance(job.error, CheckpointError)
    assert job.error.code == "changed-state"
    assert "COUNT(*)" in job.error.detail
    assert "SUM(id)" in job.error.detail
    assert group.join(10)


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_missing_or_damaged_state_is_refused(tmp_path: Path, damage: str) -> None:
    target = Target()
    stopped(tmp_path, target)
    for path in (tmp_path / "operators").glob("*.state"):
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:20])
        else:
            path.unlink()
    group = JobGroup(tmp_path, SETTINGS)
    job = group.submit(counting(10**9, target))
    group.seal()
    assert job.wait(20) is JobState.FAILED
    assert isinstance(job.error, CheckpointError)
    assert job.error.code == "damaged-state"
    assert group.join(10)


class Late(Future[Any]):
    """Ends between the second look and the third."""

    looks = 0

    def done(self) -> bool:
        self.looks += 1
        return self.looks > 2


class Merger(Executor):
    """Merges at once, and says so late."""

    merges = 0

    def submit(self, call: Any, /, *args: Any, **named: Any) -> Future[Any]:
        self.merges += 1
        late = Late()
        late.set_result(call(*args, **named))
        return late


class Nothing:
    def emit(self, batch: ChangelogBatch) -> None: ...

    def watermark(self, watermark: Any) -> None: ...


def test_a_merge_that_ends_while_files_are_deleted_keeps_its_file(tmp_path: Path) -> None:
    files, merger = StateFiles(tmp_path), Merger()
    states = OperatorStates(files, merger, 1, {})
    spec = GroupAggregateSpec(SCHEMA, SCHEMA, (), (COUNT,))
    operator = spec.create(OperatorContext())
    states.attach("0", spec, operator)
    for epoch in range(1, 60):
        rows = pa.record_batch({"id": pa.array([epoch], pa.int64())})
        operator.process(ChangelogBatch(rows), Nothing())
        tables, _ = decode(states.capture(epoch).write())
        for segments in tables.values():
            files.read(segments)
        states.durable()
    assert merger.merges > 1
    assert len(list(tmp_path.iterdir())) < 40, "files are deleted"
