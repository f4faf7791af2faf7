"""What a sink promises: the epoch protocol.

The engine thread calls `write`, `barrier` and the properties; none blocks. A writer encodes and
sends on the sink I/O pool and reports through futures. The order per sink is
`write* barrier(n) write* barrier(n+1)`; `commit(n)` comes after `barrier(n)` resolved and the
manifest holding its committables is durable, and before `commit(n+1)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from penstock.connectors.base.shared import SharedResources

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from penstock.changelog import ChangelogBatch
    from penstock.clock import Clock
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class Committable:
    """Something prepared and not yet visible; `payload` is JSON-able and the sink's own."""

    sink_id: str
    epoch: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecoveredSink:
    """What recovery found on disk for one sink.

    Args:
        committables: Listed in the last manifest and not acknowledged, in commit order: commit.
        intents: (incarnation, epoch, attempt) that may have begun a transaction. Those whose
            label is not among `committables` must be aborted.
    """

    committables: tuple[Committable, ...] = ()
    intents: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a writer may use.

    Args:
        sink_id: Stable name of the sink in the job.
        job_name: Default label prefix.
        incarnation: Raised and fsynced at every start of the job, before the first begin.
        directory: Folder of the job for the sink's own files (the spool).
        executor: The sink I/O pool.
        clock: The door to time.
        wake: Call from any thread: a future or a property changed.
        intend: Log durably that (epoch, attempt) may begin transactions; call from the pool,
            before every begin; cheap when already logged.
        checkpoint_interval_ms: Set by the user, else None: then the gate ends epochs.
        recovered: What recovery found; the writer settles it before its first begin.
        io: The connector I/O pool, for other blocking calls; None: `executor` serves both.
        shared: What the sinks of the job group use together.
    """

    sink_id: str
    job_name: str
    incarnation: int
    directory: Path
    executor: Executor
    clock: Clock
    wake: Callable[[], None]
    intend: Callable[[int, int], None]
    checkpoint_interval_ms: int | None
    recovered: RecoveredSink
    io: Executor | None = None
    shared: SharedResources = field(default_factory=SharedResources)


class SinkWriter(Protocol):
    """Writes one table's changes. `first_epoch` of a fresh writer is given to `open`."""

    def open(self, first_epoch: int) -> Future[None]:
        """Connect, validate against the target, settle recovered transactions."""

    def write(self, batch: ChangelogBatch) -> None:
        """Take rows of the current epoch; buffers, never blocks."""

    @property
    def full(self) -> bool:
        """Back-pressure: do not write more now."""

    def barrier_wanted(self, now_ms: int) -> bool:
        """The gate: rows wait and their time has come."""

    def next_deadline_ms(self) -> int | None:
        """When `barrier_wanted` may turn true without a further write; None: never."""

    def barrier(self, epoch: int) -> Future[list[Committable]]:
        """End `epoch`: end loads, prepare. Resolves to what must be committed, [] if nothing."""

    def discard(self, committables: Sequence[Committable]) -> Future[None]:
        """Roll back what was prepared: its manifest did not become durable (before rename)."""

    def status(self) -> dict[str, Any]:
        """For the live view: rows, bytes, last_commit_ms, versions, version_limit, interval_ms."""

    def close(self, *, abort: bool) -> None:
        """Release; with `abort` roll back what is open and unprepared. May be called twice."""


class Committer(Protocol):
    """Makes prepared things visible. A commit may repeat: same label, same effect."""

    def commit(self, committables: Sequence[Committable]) -> Future[None]:
        """Commit in order; resolves when all are visible.

        Raises (through the future): ConnectorError retryable or not.
        """


class Sink(Protocol):
    """A table to write. Built while planning: touches no network."""

    schema: Schema

    @property
    def share_key(self) -> Hashable:
        """Sinks with equal keys (other than None) share one writer."""

    def writer_for(self, table: str, schema: Schema, context: SinkContext) -> SinkWriter:
        """A writer for rows of that schema."""

    def committer(self, context: SinkContext) -> Committer:
        """The committer."""
