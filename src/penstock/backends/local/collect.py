"""A sink that hands a query's rows to its reader in this process."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from penstock.connectors.base import Committable, SinkContext

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from penstock.changelog import ChangelogBatch
    from penstock.types import Schema

QUEUE_BATCHES_MAX = 64


def _done(value: Any = None) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


class CollectSink:
    """Keeps batches until they are taken. Written by the engine thread, read by any other."""

    def __init__(self) -> None:
        self._batches: queue.SimpleQueue[ChangelogBatch] = queue.SimpleQueue()

    def take(self, timeout_s: float | None = None) -> ChangelogBatch | None:
        """The next batch; None where none comes in time."""
        try:
            if timeout_s is None:
                return self._batches.get_nowait()
            return self._batches.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def drain(self) -> Iterator[ChangelogBatch]:
        """All batches there are."""
        while (batch := self.take()) is not None:
            yield batch

    schema: Schema

    @property
    def share_key(self) -> Hashable:
        return None

    def writer_for(self, table: str, schema: Schema, context: SinkContext) -> _Writer:  # noqa: ARG002
        return _Writer(self._batches)

    def committer(self, context: SinkContext) -> _Committer:  # noqa: ARG002
        return _Committer()


class _Writer:
    """Puts batches into the queue; full while the reader lags."""

    def __init__(self, batches: queue.SimpleQueue[ChangelogBatch]) -> None:
        self._batches = batches
        self.rows = 0

    def open(self, first_epoch: int) -> Future[None]:  # noqa: ARG002
        return _done()

    def write(self, batch: ChangelogBatch) -> None:
        self.rows += batch.num_rows
        self._batches.put(batch)

    @property
    def full(self) -> bool:
        return self._batches.qsize() >= QUEUE_BATCHES_MAX

    def barrier_wanted(self, now_ms: int) -> bool:  # noqa: ARG002
        return False

    def next_deadline_ms(self) -> int | None:
        return None

    def barrier(self, epoch: int) -> Future[list[Committable]]:  # noqa: ARG002
        return _done([])

    def discard(self, committables: Sequence[Committable]) -> Future[None]:  # noqa: ARG002
        return _done()

    def status(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def close(self, *, abort: bool) -> None:
        """Rows not taken yet stay takeable."""


class _Committer:
    def commit(self, committables: Sequence[Committable]) -> Future[None]:  # noqa: ARG002
        return _done()
