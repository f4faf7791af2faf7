"""A job in a process of its own, ended without notice at a named point: what a crash test runs."""

from __future__ import annotations

import errno
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, RowKind
from penstock.checkpoint import CheckpointStore, Manifest
from penstock.connectors.base import SourceContext, TableDescriptor, TableProgress
from penstock.connectors.starrocks import CONNECTOR, target
from penstock.plan import PhysicalPlan, SinkNode, SourceNode
from penstock.runtime import JobGroup, JobState
from penstock.types import BIGINT, Column, Schema

KEYED = Schema((Column("id", BIGINT.with_nullable(nullable=False)), Column("v", BIGINT)), ("id",))
KEYLESS = Schema(KEYED.columns)
ROWS = 40
KEYS = 7
SETTINGS = {
    "restart-strategy.type": "none",
    "execution.checkpointing.interval": "60 ms",
}


@dataclass(frozen=True)
class Case:
    """What runs, and where it ends.

    Args:
        keyed: Into a primary-key table, by upserts and deletes; else inserts only.
        transactions: The server has them.
        crash: "manifest before", "manifest renamed" or "manifest after", and which one; or "".
        count: At the how-manieth such point.
        options: Of the sink, besides.
        settings: Of the session, besides.
        failing: "rename" or "fsync": that call fails at manifest `count`, and the job by it.
    """

    keyed: bool
    transactions: bool
    crash: str = ""
    count: int = 1
    options: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    failing: str = ""


class ScriptedSource:
    """Rows 0 to ROWS - 1; a keyed one goes round a few keys and deletes now and then."""

    share_key = None
    bounded = True

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def create_reader(self, context: SourceContext) -> ScriptedReader:
        return ScriptedReader(keyed=bool(self.schema.primary_key))


class ScriptedReader:
    def __init__(self, *, keyed: bool) -> None:
        self.keyed = keyed
        self.id, self.next, self.waiting = "", 0, False

    def attach(self, source_id: str, source: Any, state: dict[str, Any] | None) -> None:
        self.id = source_id
        self.next = state["next"] if state else 0

    def poll(self, emit: Any, budget_ms: float) -> float | None:
        if self.waiting or self.next >= ROWS:
            return 5.0
        emit(self.id, change(self.next, keyed=self.keyed))
        self.next += 1
        return 8.0

    def at_boundary(self) -> bool:
        return self.waiting

    def request_boundary(self) -> None:
        self.waiting = True

    def snapshot(self) -> dict[str, dict[str, Any]]:
        self.waiting = False
        return {self.id: {"next": self.next}}

    def acknowledge(self, epoch: int) -> None: ...

    def finished(self, source_id: str) -> bool:
        return self.next >= ROWS

    def progress(self) -> list[TableProgress]:
        return []

    def close(self) -> None: ...


def change(number: int, *, keyed: bool) -> ChangelogBatch:
    """The change of that number."""
    key = number % KEYS if keyed else number
    kind = RowKind.INSERT
    if keyed:
        kind = RowKind.DELETE if number % 11 == 10 else RowKind.UPDATE_AFTER
    rows = pa.record_batch({"id": pa.array([key]), "v": pa.array([number])})
    return ChangelogBatch(rows, np.array([kind], np.int8))


def expected(*, keyed: bool) -> Counter[tuple[int, int]]:
    """What the target must hold."""
    if not keyed:
        return Counter((number, number) for number in range(ROWS))
    state: dict[int, int] = {}
    for number in range(ROWS):
        batch = change(number, keyed=True)
        state.pop(number % KEYS, None)
        if batch.kinds_or_inserts()[0] != RowKind.DELETE:
            state[number % KEYS] = number
    return Counter(state.items())


def run(case: Case, address: str, directory: Path) -> None:
    """Run the job to its end, or to its crash; exit code 0 only when it has finished."""
    columns = [("id", "bigint", "PRI" if case.keyed else "DUP"), ("v", "bigint", "")]
    target.TargetConnection.query = lambda *_: columns  # type: ignore[method-assign]
    _crash_at(case)
    _fail_at(case)
    schema = KEYED if case.keyed else KEYLESS
    options = {
        "connector": "starrocks",
        "jdbc-url": "jdbc:mysql://127.0.0.1:1",
        "load-url": address,
        "database-name": "d",
        "table-name": "t",
        "username": "root",
        "password": "",
        "sink.retry.interval-ms": "10",
        **dict(case.options),
    }
    assert CONNECTOR.sink is not None
    sink: Any = CONNECTOR.sink(
        TableDescriptor("c.d.t", schema, options, settings=dict(case.settings))
    )
    source: Any = ScriptedSource(schema)
    plan = PhysicalPlan(
        "job", (SinkNode("s", "d.t", sink, schema, SourceNode("t", "t", source, schema)),)
    )
    group = JobGroup(directory, {**SETTINGS, **dict(case.settings)})
    job = group.submit(plan)
    group.seal()
    state = job.wait(30)
    group.join(10)
    os._exit(0 if state is JobState.FINISHED else 3)


def _crash_at(case: Case) -> None:
    """Let the process end around the writing of a manifest, as a power cut would end it."""
    if not case.crash.startswith("manifest"):
        return
    seen = 0
    write, sync = CheckpointStore.write, CheckpointStore._sync_directory

    def crash() -> None:
        os._exit(9)

    def counted(store: CheckpointStore, manifest: Manifest) -> None:
        nonlocal seen
        seen += 1
        if seen == case.count and case.crash == "manifest before":
            crash()
        write(store, manifest)
        if seen == case.count and case.crash == "manifest after":
            crash()

    def synced(store: CheckpointStore) -> None:
        if seen == case.count and case.crash == "manifest renamed":
            crash()
        sync(store)

    CheckpointStore.write = counted  # type: ignore[method-assign, assignment]
    CheckpointStore._sync_directory = synced  # type: ignore[method-assign, assignment]


def _fail_at(case: Case) -> None:
    """Let the disk refuse a manifest: its rename, or the sync of its folder behind that."""
    if not case.failing:
        return
    seen = 0
    rename, sync = Path.rename, CheckpointStore._sync_directory

    def renamed(path: Path, target: Path) -> Path:
        nonlocal seen
        if target.name.startswith("manifest"):
            seen += 1
            if seen == case.count and case.failing == "rename":
                raise OSError(errno.EIO, "injected")
        return rename(path, target)

    def synced(store: CheckpointStore) -> None:
        if seen == case.count and case.failing == "fsync":
            raise OSError(errno.EIO, "injected")
        sync(store)

    Path.rename = renamed  # type: ignore[method-assign, assignment]
    CheckpointStore._sync_directory = synced  # type: ignore[method-assign, assignment]
