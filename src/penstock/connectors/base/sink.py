"""What a sink promises: the epoch protocol.

The engine thread calls everything here; nothing blocks. A writer encodes, spools and sends on the
pools it is given. The order per sink is `open start(n) write* barrier(n) listed(n)* commit(n)`,
where `write`s of epoch n+1 may come between `barrier(n)` and `commit(n)`, and `barrier(n+1)` only
after `commit(n)`.

No table waits for another: a writer that cannot prepare an epoch soon lists its rows where they
are durable (the spool) and prepares them in a later epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from penstock.metrics import MetricGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from penstock.changelog import ChangelogBatch
    from penstock.clock import Clock
    from penstock.connectors.base.shared import SharedResources
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class Committable:
    """Rows of a sink that are not acknowledged: prepared, or durable and still to be sent.

    `payload` is JSON-able and the sink's own.
    """

    sink_id: str
    epoch: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecoveredSink:
    """What recovery found on disk for one sink.

    Args:
        committables: What the last manifest lists, in commit order.
        intents: (incarnation, epoch, attempt) that may have begun a transaction. Those whose
            label is not among `committables` must be aborted.
        others: What the manifest lists for other sinks.
    """

    committables: tuple[Committable, ...] = ()
    intents: tuple[tuple[int, int, int], ...] = ()
    others: tuple[Committable, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a writer may use.

    Args:
        sink_id: Stable name of the sink in the job.
        job_name: Default label prefix.
        identity: Of the job's directory, for names that no other job may have.
        incarnation: Raised and fsynced at every start of the job, before the first begin.
        directory: Folder of the job for the sink's own files (the spool).
        executor: The sink I/O pool: loads.
        commits: The pool for commits, which may wait long.
        disk: The disk pool: writes to the job's folder, never behind a call to the target.
        clock: The door to time.
        wake: Call from any thread: something changed.
        intend: Log durably that (epoch, attempt) may begin transactions; call from a pool,
            before every begin; cheap when already logged.
        checkpoint_interval_ms: Set by the user, else None: then the gate ends epochs.
        recovered: What recovery found; the writer settles it before its first begin.
        io: The connector I/O pool, for other blocking calls.
        shared: What the sinks of the job group use together.
        metrics: Where the sink counts; it outlives the writer.
    """

    sink_id: str
    job_name: str
    identity: str
    incarnation: int
    directory: Path
    executor: Executor
    commits: Executor
    disk: Executor
    clock: Clock
    wake: Callable[[], None]
    intend: Callable[[int, int], None]
    checkpoint_interval_ms: int | None
    recovered: RecoveredSink
    io: Executor
    shared: SharedResources
    metrics: MetricGroup = field(default_factory=lambda: MetricGroup("sink"))


class SinkWriter(Protocol):
    """Writes one table's changes."""

    def open(self) -> Future[None]:
        """Connect, validate against the target, settle what recovery found."""

    def start(self, epoch: int) -> None:
        """It is open, and `epoch` too: rows and barriers follow."""

    def write(self, batch: ChangelogBatch) -> None:
        """Take rows of the open epoch; buffers, never blocks."""

    @property
    def full(self) -> bool:
        """Back-pressure: do not write more now."""

    def barrier_wanted(self, now_ms: int) -> bool:
        """The gate: rows wait and their time has come."""

    def barrier(self, epoch: int, *, final: bool) -> None:
        """End the open epoch. With `final` its rows go now, whatever the interval: the job ends."""

    def listed(self, epoch: int) -> tuple[Committable, ...] | None:
        """Everything not acknowledged up to `epoch`, in commit order, for its manifest.

        None: not decided yet; ask again. An answer is never taken back: what it lists may be in a
        durable manifest and is not aborted by `close`.

        Raises:
            PenstockError: The rows cannot be delivered.
        """

    def commit(self, epoch: int) -> None:
        """The manifest of `epoch` is durable: commit what it lists, in order.

        A commit may repeat: same label, same effect.
        """

    @property
    def visible_epoch(self) -> int:
        """The last ended epoch whose rows, and all before, are visible in the target."""

    @property
    def busy(self) -> bool:
        """Whether rows are on their way: not visible yet, and not refused by the target now."""

    @property
    def oldest_open_epoch(self) -> int | None:
        """The epoch of an intent whose transaction is open and not listed; None without one."""

    def check(self) -> None:
        """Raise what failed on a pool since the last call, if anything did.

        Raises:
            PenstockError: The job must restart or end.
        """

    def status(self) -> dict[str, Any]:
        """For the live view: rows, bytes, last_commit_ms, versions, version_limit, interval_ms."""

    def close(self, *, abort: bool) -> Future[None]:
        """Release; with `abort` roll back what is open and unlisted. May be called twice."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Why two sinks on one target cannot share a writer.

    Args:
        target: The target's name.
        options: Keys of the options that differ.
        columns: Whether the columns differ.
    """

    target: str
    options: tuple[str, ...]
    columns: bool = False


@runtime_checkable
class NamesTarget(Protocol):
    """A sink that knows whether another one writes the same target in another way."""

    def clash(self, other: object) -> Clash | None:
        """What differs; None where the targets are two, or one writer can serve both."""


class Sink(Protocol):
    """A table to write. Built while planning: touches no network."""

    schema: Schema

    @property
    def share_key(self) -> Hashable:
        """Sinks with equal keys (other than None) share one writer."""

    def writer_for(self, table: str, schema: Schema, context: SinkContext) -> SinkWriter:
        """A writer for rows of that schema."""
