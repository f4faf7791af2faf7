"""The writer: what the engine thread sees of a table's sink.

Rows go to the spool (disk lane), from there into transactions (load lane), and are made visible
behind a durable manifest (commit lane). The three lanes meet in the outbox.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.connectors.base import Committable
from penstock.connectors.starrocks.budget import MemoryBudget
from penstock.connectors.starrocks.changes import make_chunk
from penstock.connectors.starrocks.committer import Progress
from penstock.connectors.starrocks.lane import Lane
from penstock.connectors.starrocks.outbox import EntryKind, Outbox
from penstock.connectors.starrocks.sink_metrics import SinkMetrics
from penstock.errors import PenstockError
from penstock.state import Spool, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.observer import ClusterObserver
    from penstock.connectors.starrocks.outbox import Entry
    from penstock.connectors.starrocks.sink import Link, StarRocksSink
    from penstock.state import Segment
    from penstock.types import Schema

_BUDGET_KEY = ("starrocks", "memory")
_LOG = logging.getLogger(__name__)
_CHUNK_BYTES = 8 << 20
_SMALL_CHUNK_BYTES = 256 << 10
_OBSERVE_MS = 1000
_PATIENCE_MS = 1000
_STUCK_MS = 5000
_LABELS_MAX = 2  # one being committed, one prepared and waiting
_DISK_PAUSE_S = 0.5
# Tables whose time is near go along with a barrier another table asked for: phases fall in step.
_EARLY_SHARE = 0.5


@dataclass(slots=True)
class _Barrier:
    """The barrier whose manifest is being made."""

    epoch: int
    at_ms: int
    goes: bool


class StarRocksWriter:
    """Writes one table's changes; see `SinkWriter` for who calls what when."""

    def __init__(self, sink: StarRocksSink, schema: Schema, context: SinkContext) -> None:
        self._sink = sink
        self._schema = schema
        self._context = context
        self._options = sink.options
        options = sink.options
        self._user_interval = options.is_set(type(options).interval_ms) and not options.adaptive
        self._gate = sink.gate(context)
        self._observer: ClusterObserver | None = None
        self._max_rows = options.max_rows if options.is_set(type(options).max_rows) else None
        self._budget = context.shared.acquire(_BUDGET_KEY, MemoryBudget)
        self._outbox = Outbox(self._budget)
        self._spool = Spool(
            context.directory / "spool" / context.sink_id.replace("/", "_"), context.incarnation
        )
        self._disk = Lane(context.disk, context.wake)
        self._loads = Lane(context.executor, context.wake)
        self._commits = Lane(context.executor, context.wake)
        self.progress = Progress()
        self._link: Link | None = None
        self._epoch = 0
        self._segment: Segment | None = None
        self._pending: list[ChangelogBatch] = []
        self._pending_bytes = 0
        self._barrier: _Barrier | None = None
        self._final = False
        self._last_go_ms: int | None = None
        self._failure: BaseException | None = None
        self._disk_warning = ""
        self._closed = False
        self._released: Future[None] | None = None
        self._metrics = SinkMetrics(context.metrics, options.histogram_window)
        self._rows = self._bytes = self._dropped = 0

    # The engine's calls

    def open(self) -> Future[None]:
        self._observer = self._sink.observer(self._context)
        return self._loads.submit(self._open)

    def start(self, epoch: int) -> None:
        self._epoch = epoch
        self._outbox.start(epoch)

    def write(self, batch: ChangelogBatch) -> None:
        if batch.num_rows == 0:
            return
        started_s = self._context.clock.monotonic()
        size = int(batch.rows.nbytes)
        self._pending.append(batch)
        self._pending_bytes += size
        self._rows += batch.num_rows
        self._bytes += size
        self._budget.take(size)
        least = _SMALL_CHUNK_BYTES if self._budget.tight else self._chunk_bytes
        if self._pending_bytes >= least:
            self._hand_over()
            link = self._ready()
            if link.transactions and link.loader.may_begin():
                link.loader.early = True
                self._load()
        self._metrics.offered(self._context.clock.monotonic() - started_s)

    @property
    def full(self) -> bool:
        if self._budget.full:
            return True
        kept = self._outbox.kept_bytes
        if kept >= self._options.spool_bytes:
            return True
        if self._outbox.waiting_bytes < self._options.max_bytes:
            return False
        # Rows the target does not take now wait on disk, so that no other table waits for them;
        # rows that only wait for their turn slow the source down.
        loader = self._link.loader if self._link else None
        refused = loader is not None and loader.rest is not None
        now = self._context.clock.now_ms()
        return not refused and not self._outbox.stuck(now, _STUCK_MS)

    def barrier_wanted(self, now_ms: int) -> bool:
        if self._observer is not None:
            self._observer.poll(now_ms)
        if self._outbox.unlisted:
            return True
        if not self._pending and not self._outbox.waiting_bytes:
            return False
        if self._context.checkpoint_interval_ms is not None and not (self._final or self._big()):
            return False
        return self._may_go(now_ms, 1.0)

    def barrier(self, epoch: int, *, final: bool) -> None:
        assert epoch == self._epoch
        assert self._barrier is None
        self._final = self._final or final
        now = self._context.clock.now_ms()
        rows_wait = bool(self._pending) or self._outbox.waiting_bytes > 0
        share = 1.0 if self._user_interval else _EARLY_SHARE
        goes = rows_wait and self._may_go(now, share) and self._may_begin()
        self._barrier = _Barrier(epoch, now, goes)
        if self._pending:
            self._hand_over()
        segment, self._segment = self._segment, None
        self._epoch = epoch + 1
        self._disk.submit(lambda: self._guarded(lambda: self._seal(epoch, segment)))
        if goes:
            self._last_go_ms = now
            link = self._ready()
            if link.transactions:
                link.loader.through = epoch
                self._load()

    def listed(self, epoch: int) -> tuple[Committable, ...] | None:
        self.check()
        barrier = self._barrier
        assert barrier is not None
        assert barrier.epoch == epoch
        now = self._context.clock.now_ms()
        if self._outbox.sealed_through < epoch:
            return None
        link = self._link
        if barrier.goes and link is not None:
            if not link.transactions:
                self._outbox.cover(EntryKind.LOAD, link.labels.listed(epoch), -1, epoch)
            elif (
                link.loader.through is not None
                and not link.loader.resting(now)
                and now - barrier.at_ms < _PATIENCE_MS
            ):
                return None
        self._barrier = None
        sink_id = self._context.sink_id
        return tuple(Committable(sink_id, epoch, p) for p in self._outbox.payloads(epoch))

    def commit(self, epoch: int) -> None:  # noqa: ARG002
        for entry in self._outbox.durable(self._context.clock.now_ms()):
            self._commit_later(entry)

    @property
    def visible_epoch(self) -> int:
        return self._outbox.visible_epoch

    @property
    def committing(self) -> bool:
        return bool(self._outbox.entries)

    @property
    def oldest_open_epoch(self) -> int | None:
        return None if self._link is None else self._link.loader.oldest_open_epoch

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def status(self) -> dict[str, Any]:
        loader = self._link.loader if self._link else None
        rest = loader.rest if loader else None
        warning = self._disk_warning or (rest.warning if rest else "") or self.progress.warning
        return {
            "rows": self._rows,
            "bytes": self._bytes,
            "waiting_bytes": self._pending_bytes + self._outbox.waiting_bytes,
            "spool_bytes": self._outbox.kept_bytes,
            "dropped_rows": self._dropped,
            "dead_letters": self._link.aside.count if self._link else 0,
            "last_commit_ms": self.progress.last_commit_ms,
            **self._gate.status(self._context.clock.now_ms()),
            "retries": loader.retries if loader else 0,
            "warning": warning,
        }

    def close(self, *, abort: bool) -> Future[None]:
        if self._released is not None:
            return self._released
        self._closed = True
        link = self._link
        if link is not None:
            link.committer.stopped = True

        def release() -> None:
            self._outbox.release()
            if link is None:
                return
            with contextlib.suppress(PenstockError):
                link.loader.close(abort=abort)
                for entry in list(self._outbox.entries):
                    if abort and not entry.listed:
                        link.api.settle(entry.label, within_s=5.0)
                    link.slots.release(entry.slot)
            self._context.shared.release(self._sink.slots_key)
            link.close()

        if self._observer is not None:
            self._sink.release_observer(self._context, self._observer)
        self._context.shared.release(_BUDGET_KEY)
        self._budget.give(self._pending_bytes)
        self._pending, self._pending_bytes = [], 0
        self._released = self._loads.submit(release)
        return self._released

    # Decisions

    @property
    def _chunk_bytes(self) -> int:
        return min(_CHUNK_BYTES, self._options.chunk_limit)

    def _big(self) -> bool:
        # Half, so that the next epoch can be filled while this one is prepared.
        waiting = self._pending_bytes + self._outbox.waiting_bytes
        if waiting >= self._options.max_bytes // 2:
            return True
        if self._max_rows is None:
            return False
        pending = sum(batch.num_rows for batch in self._pending)
        return pending + self._outbox.waiting_rows >= self._max_rows

    def _may_go(self, now_ms: int, share: float) -> bool:
        if self._link is None or self._link.loader.resting(now_ms):
            return False
        if len(self._outbox.entries) >= (_LABELS_MAX if self._link.transactions else 1):
            return False
        decision = self._gate.decide(now_ms)
        if self._final or (self._big() and not decision.hold):
            return True
        if self._context.checkpoint_interval_ms is not None or self._last_go_ms is None:
            return True
        share = 1.0 if decision.stretched else share
        return now_ms >= self._last_go_ms + share * decision.interval_ms

    def _may_begin(self) -> bool:
        link = self._ready()
        return not link.transactions or link.loader.may_begin()

    # Lanes

    def _guarded(self, call: Callable[[], None]) -> None:
        """Run on a lane; what fails is met by the engine at its next `check`."""
        if self._failure is not None:
            return
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - the engine raises it
            self._failure = error

    def _open(self) -> None:
        link = self._sink.connect(
            self._schema, self._context, self._outbox, self.progress, lambda: self._epoch
        )
        self._link = link
        for entry in link.recovery.run(
            self._context.recovered, link.labels, self._spool, self._outbox
        ):
            self._commit_later(entry)

    def _hand_over(self) -> None:
        batches, self._pending = self._pending, []
        size, self._pending_bytes = self._pending_bytes, 0
        if self._segment is None:
            self._segment = self._spool.create(self._epoch)
        segment = self._segment
        self._disk.submit(lambda: self._guarded(lambda: self._append(segment, batches, size)))

    def _append(self, segment: Segment, batches: Sequence[ChangelogBatch], size: int) -> None:
        link = self._ready()
        chunk, dropped = make_chunk(batches, link.rules)
        if dropped:
            if not self._dropped:
                _LOG.warning(
                    "deletes for %s are dropped, as 'sink.ignore-delete' asks",
                    link.api.name,
                )
            self._dropped += dropped
        if chunk.rows:
            batch = pa.RecordBatch.from_arrays(chunk.columns, names=list(link.bodies.columns))
            written = self._on_disk(lambda: segment.append(batch))
            self._outbox.add(segment, batch, written, keep=link.transactions)
        self._budget.give(size)
        if link.loader.through is not None or link.loader.early:
            self._load()

    def _seal(self, epoch: int, segment: Segment | None) -> None:
        with self._outbox.lock:
            self._outbox.appended_through = epoch
        if self._ready().loader.through is not None:
            self._load()
        if segment is not None:
            self._on_disk(segment.seal)
        with self._outbox.lock:
            self._outbox.sealed_through = epoch

    def _on_disk(self, call: Callable[[], Any]) -> Any:
        """Try until the disk takes it: a full disk is back-pressure, not failure."""
        while True:
            try:
                result = call()
            except SpoolFullError as error:
                if self._closed:
                    raise
                if not self._disk_warning:
                    _LOG.warning("%s, trying again: %s", error.message, error.detail)
                self._disk_warning = f"{error.message}: {error.detail}"
                self._context.clock.sleep(_DISK_PAUSE_S)
            else:
                self._disk_warning = ""
                return result

    def _load(self) -> None:
        link = self._ready()

        def work() -> None:
            self._guarded(link.loader.work)

        with contextlib.suppress(RuntimeError):
            self._loads.submit(work)

    def _commit_later(self, entry: Entry) -> None:
        link = self._ready()

        def commit() -> None:
            link.committer.commit(entry)
            link.slots.release(entry.slot)
            self._outbox.acknowledge(entry)

        with contextlib.suppress(RuntimeError):
            self._commits.submit(lambda: self._guarded(commit))

    def _ready(self) -> Link:
        assert self._link is not None, "the writer is not open"
        return self._link
