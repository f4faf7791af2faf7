"""A sink that hands a query's rows to its reader in this process."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from penstock.connectors.base import ImmediateWriter

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import SinkContext
    from penstock.types import Schema

QUEUE_BATCHES_MAX = 64


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


class _Writer(ImmediateWriter):
    """Puts batches into the queue; full while the reader lags."""

    def __init__(self, batches: queue.SimpleQueue[ChangelogBatch]) -> None:
        super().__init__()
        self._batches = batches

    def write(self, batch: ChangelogBatch) -> None:
        self.rows += batch.num_rows
        self._batches.put(batch)

    @property
    def full(self) -> bool:
        return self._batches.qsize() >= QUEUE_BATCHES_MAX
