"""What a source promises.

One engine thread calls readers. `poll` never blocks: it emits what there is and returns when to be
called again. State is JSON-able so that a manifest can hold it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from penstock.metrics import MetricGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Executor

    from penstock.changelog import ChangelogBatch
    from penstock.clock import Clock
    from penstock.types import DataType, Schema

SourceState = dict[str, Any]
Emit = "Callable[[str, ChangelogBatch], None]"


@dataclass(frozen=True, slots=True)
class MetadataColumn:
    """A metadata key a source can deliver, and its type."""

    key: str
    type: DataType


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a reader may use.

    Args:
        directory: Folder of the job for this source's own files (the binlog ring).
        executor: The connector I/O pool, for blocking calls with deadlines.
        clock: The door to time.
        wake: Call from any thread: there is something to poll.
        metrics: The metrics of a table, counted under upstream's names.
    """

    directory: Path
    executor: Executor
    clock: Clock
    wake: Callable[[], None]
    metrics: Callable[[str], MetricGroup] = MetricGroup


@dataclass(slots=True)
class TableProgress:
    """What the live view shows of one source table.

    Args:
        phase: "snapshot", "catch-up", "binlog", "reading", "running", "finished".
        rows_done: Rows emitted so far; changes count too.
        rows_total: Estimate of the snapshot's rows, None where unknown.
        position: Where the source is, as text (`binlog.000003:1234`).
        lag_ms: Age of the newest change emitted, None where unknown.
    """

    table: str
    phase: str = "running"
    rows_done: int = 0
    rows_total: int | None = None
    position: str = ""
    lag_ms: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """A table to read. Built while planning: touches no network."""

    @property
    def schema(self) -> Schema:
        """The rows it emits."""

    @property
    def share_key(self) -> Hashable:
        """Sources with equal keys (other than None) share one reader."""

    @property
    def bounded(self) -> bool:
        """Whether it ends by itself."""

    def create_reader(self, context: SourceContext) -> SourceReader:
        """A reader, without tables yet; `attach` gives it some."""


class SourceReader(Protocol):
    """Reads the tables attached to it. All calls from the engine thread."""

    def attach(self, source_id: str, source: Source, state: SourceState | None) -> None:
        """Add a table, from its saved state or its start. May raise ConnectorError."""

    def poll(self, emit: Callable[[str, ChangelogBatch], None], budget_ms: float) -> float | None:
        """Emit what there is, for about `budget_ms` at most.

        Returns:
            Milliseconds until the next call makes sense (0: more is there), or None when waiting
            for `wake`.

        Raises:
            ConnectorError, DataError: Also those met on the reader's own threads.
        """

    def at_boundary(self) -> bool:
        """Whether a barrier may flow now (a MySQL transaction boundary).

        After `request_boundary` the reader stops at the next one and `poll` emits nothing behind
        it until `snapshot` was called.
        """

    def request_boundary(self) -> None:
        """A barrier is wanted: stop at the next boundary."""

    def snapshot(self) -> dict[str, SourceState]:
        """State by source id: the position after the last row emitted. Lets `poll` go on."""

    def acknowledge(self, epoch: int) -> None:
        """The epoch of the latest-but-older snapshots is durable and committed up to `epoch`."""

    def finished(self, source_id: str) -> bool:
        """Whether that table will never emit again."""

    def progress(self) -> list[TableProgress]:
        """Progress by table, for the live view."""

    def close(self) -> None:
        """Release sockets, threads, files. May be called twice."""
