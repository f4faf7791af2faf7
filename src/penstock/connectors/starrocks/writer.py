"""The writer: buffers an epoch, loads it in one transaction, prepares it at the barrier.

The engine thread fills epochs; one task at a time on the sink I/O pool (the lane) sends them.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.connectors.base import Committable
from penstock.connectors.starrocks.changes import Chunk, make_chunk
from penstock.connectors.starrocks.transaction import EpochRows, Transactions
from penstock.errors import ConnectorError, PenstockError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.observer import ClusterObserver
    from penstock.connectors.starrocks.sink import StarRocksSink
    from penstock.types import Schema

_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 8 << 20
T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """What writer and committer of one sink tell each other and the live view."""

    last_commit_ms: int | None = None
    commits: int = 0


@dataclass(slots=True)
class _Epoch:
    """Rows of the running epoch that no load has taken yet, and those already handed over."""

    sending: EpochRows
    pending: list[ChangelogBatch] = field(default_factory=list)
    pending_bytes: int = 0
    total_bytes: int = 0
    total_rows: int = 0


class StarRocksWriter:
    """Writes one table's changes; see `SinkWriter` for who calls what when."""

    def __init__(self, sink: StarRocksSink, schema: Schema, context: SinkContext) -> None:
        self._sink = sink
        self._schema = schema
        self._context = context
        self._progress = sink.progress
        options = sink.options
        self._gate = sink.gate(context)
        self._observer: ClusterObserver | None = None
        self._max_rows = options.max_rows if options.is_set(options.__class__.max_rows) else None
        self._max_bytes = options.max_bytes
        self._lock = threading.Lock()
        self._tasks: deque[Callable[[], None]] = deque()
        self._running = False
        self._epoch = _Epoch(EpochRows(0))
        self._held_bytes = 0
        self._rows = 0
        self._bytes = 0
        self._dropped = 0
        self._failed = False
        self._closed = False
        self._last_barrier_ms: int | None = None
        self._transactions: Transactions | None = None

    def open(self, first_epoch: int) -> Future[None]:
        self._epoch = _Epoch(EpochRows(first_epoch))
        self._observer = self._sink.observer(self._context)
        return self._submit(self._open)

    def _open(self) -> None:
        self._transactions = self._sink.connect(self._schema, self._context)
        self._transactions.settle_recovered()

    def write(self, batch: ChangelogBatch) -> None:
        if batch.num_rows == 0:
            return
        size = int(batch.rows.nbytes)
        epoch = self._epoch
        epoch.pending.append(batch)
        epoch.pending_bytes += size
        epoch.total_bytes += size
        epoch.total_rows += batch.num_rows
        with self._lock:
            self._held_bytes += size
            self._rows += batch.num_rows
            self._bytes += size
        if epoch.pending_bytes >= min(_CHUNK_BYTES, self._sink.options.chunk_limit):
            self._load_early()

    @property
    def full(self) -> bool:
        return self._held_bytes >= self._max_bytes

    def barrier_wanted(self, now_ms: int) -> bool:
        if self._observer is not None:
            self._observer.poll(now_ms)
        epoch = self._epoch
        if not epoch.total_rows:
            return False
        decision = self._gate.decide(now_ms)
        if self._failed or (self._large(epoch) and not decision.hold):
            return True
        if self._context.checkpoint_interval_ms is not None:
            return False
        return self._last_barrier_ms is None or (
            now_ms >= self._last_barrier_ms + decision.interval_ms
        )

    def _large(self, epoch: _Epoch) -> bool:
        # Half, so that the next epoch can be filled while this one is prepared.
        if epoch.total_bytes >= self._max_bytes // 2:
            return True
        return self._max_rows is not None and epoch.total_rows >= self._max_rows

    def next_deadline_ms(self) -> int | None:
        if not self._epoch.total_rows or self._context.checkpoint_interval_ms is not None:
            return None
        if self._last_barrier_ms is None:
            return 0
        decision = self._gate.decide(self._context.clock.now_ms())
        return self._last_barrier_ms + round(decision.interval_ms)

    def barrier(self, epoch: int) -> Future[list[Committable]]:
        ending, self._epoch = self._epoch, _Epoch(EpochRows(epoch + 1))
        ending.sending.epoch = epoch
        if ending.total_rows:
            self._last_barrier_ms = self._context.clock.now_ms()
        return self._submit(lambda: self._finish(ending))

    def discard(self, committables: Sequence[Committable]) -> Future[None]:
        labels = [str(committable.payload["label"]) for committable in committables]

        def roll_back() -> None:
            for label in labels:
                self._ready().api.settle(label)

        return self._submit(roll_back)

    def status(self) -> dict[str, Any]:
        return {
            "rows": self._rows,
            "bytes": self._bytes,
            "waiting_bytes": self._held_bytes,
            "dropped_rows": self._dropped,
            "last_commit_ms": self._progress.last_commit_ms,
            **self._gate.status(self._context.clock.now_ms()),
            "retries": self._transactions.retries if self._transactions else 0,
            "warning": self._transactions.warning if self._transactions else "",
        }

    def close(self, *, abort: bool) -> None:
        if self._closed:
            return
        self._closed = True
        if self._observer is not None:
            self._sink.release_observer(self._context, self._observer)
        label = self._epoch.sending.label

        def release() -> None:
            with contextlib.suppress(PenstockError):
                if abort and label and self._transactions is not None:
                    self._transactions.api.settle(label, within_s=5.0)
            self._sink.disconnect()

        # The pool may be gone already; recovery aborts by the logged intents then.
        with contextlib.suppress(RuntimeError):
            self._submit(release)

    def _ready(self) -> Transactions:
        if self._transactions is None:
            raise ConnectorError("the sink is not open", retryable=False)
        return self._transactions

    def _load_early(self) -> None:
        if self._transactions is None or not self._transactions.supported:
            return
        epoch = self._epoch
        batches, epoch.pending, epoch.pending_bytes = epoch.pending, [], 0

        def load() -> None:
            if not self._failed:
                self._add(epoch.sending, batches)
                self._ready().deliver(epoch.sending)

        # The outcome is met again at the barrier, which then fails the epoch.
        self._submit(load).add_done_callback(self._note)

    def _note(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:
            self._epoch_error = error
            self._failed = True

    _epoch_error: BaseException | None = None

    def _add(self, sending: EpochRows, batches: Sequence[ChangelogBatch]) -> None:
        chunk, dropped = make_chunk(batches, self._ready().rules)
        if dropped:
            if not self._dropped:
                _LOG.warning(
                    "%s has no primary key: deletes are dropped, as its connector for Flink does",
                    self._ready().api.name,
                )
            self._dropped += dropped
        if chunk.rows:
            sending.chunks.append(chunk)

    def _finish(self, ending: _Epoch) -> list[Committable]:
        sending = ending.sending
        try:
            if self._failed and self._epoch_error is not None:
                error, self._epoch_error, self._failed = self._epoch_error, None, False
                raise error
            if ending.pending:
                self._add(sending, ending.pending)
                ending.pending = []
            if not sending.chunks:
                return []
            payload = self._ready().finish(sending)
        finally:
            sending.chunks = list[Chunk]()
            with self._lock:
                self._held_bytes -= ending.total_bytes
        if payload is None:
            self._progress.last_commit_ms = self._context.clock.now_ms()
            return []
        return [Committable(self._context.sink_id, sending.epoch, payload)]

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - the future carries it to the engine
                future.set_exception(error)
            self._context.wake()

        with self._lock:
            self._tasks.append(task)
            if self._running:
                return future
            self._running = True
        try:
            self._context.executor.submit(self._run)
        except RuntimeError:
            with self._lock:
                self._running = False
                self._tasks.clear()
            raise
        return future

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._tasks:
                    self._running = False
                    return
                task = self._tasks.popleft()
            task()
