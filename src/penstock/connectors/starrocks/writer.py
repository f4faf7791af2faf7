"""The writer: what the engine thread sees of a table's sink.

Rows go to the spool (disk lane), from there into transactions (load lane), and are made visible
behind a durable manifest (commit lane). The three lanes meet in the outbox.
"""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.connectors.base import Committable
from penstock.connectors.starrocks import pace
from penstock.connectors.starrocks.budget import MemoryBudget
from penstock.connectors.starrocks.changes import make_chunk
from penstock.connectors.starrocks.committer import Progress
from penstock.connectors.starrocks.lane import Lane
from penstock.connectors.starrocks.outbox import EntryKind, Outbox
from penstock.connectors.starrocks.pace import Pace
from penstock.connectors.starrocks.sink_metrics import SinkMetrics
from penstock.connectors.starrocks.together import Member
from penstock.errors import PenstockError
from penstock.state import Spool, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.observer import ClusterObserver
    from penstock.connectors.starrocks.outbox import Entry
    from penstock.connectors.starrocks.sink import Link, StarRocksSink
    from penstock.connectors.starrocks.together import Together
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
        self._spool_bytes = sink.options.spool_bytes
        self._max_bytes = sink.options.max_bytes
        options = sink.options
        self._user_interval = options.is_set(type(options).interval_ms) and not options.adaptive
        self._gate = sink.gate(context)
        self._observer: ClusterObserver | None = None
        self._max_rows = options.max_rows if options.is_set(type(options).max_rows) else None
        self._budget = context.shared.acquire(_BUDGET_KEY, MemoryBudget)
        self._outbox = Outbox(self._budget)
        self._spool = Spool(sink.spool_folder(context), context.incarnation)
        self._disk = Lane(context.disk, context.wake)
        self._loads = Lane(context.executor, context.wake)
        self._commits = Lane(context.commits, context.wake)
        self.progress = Progress()
        self._link: Link | None = None
        self._epoch = 0
        self._segment: Segment | None = None
        self._pending: list[ChangelogBatch] = []
        self._pending_bytes = 0
        self._barrier: _Barrier | None = None
        self._final = False
        self._slow = False
        self._together = sink.together(context, lambda: self._epoch)
        self._member: Member | None = None
        if self._together is not None:
            self._together.announce()
        self._last_go_ms: int | None = None
        self._failure: BaseException | None = None
        self._disk_warning = ""
        self._closed = False
        self._opening: Future[None] | None = None
        self._released: Future[None] | None = None
        self._metrics = SinkMetrics(context.metrics, options.histogram_window)
        self._rows = self._bytes = self._dropped = 0

    # The engine's calls

    def open(self) -> Future[None]:
        self._observer = self._sink.observer(self._context)
        self._opening = self._loads.submit(self._open)
        return self._opening

    def start(self, epoch: int) -> None:
        self._epoch = epoch
        self._outbox.start(epoch)
        if self._together is not None:
            self._member = Member(self._ready().part, self._waiting_pace)
            self._together.join(self._member)

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
                link.loader.start()
        self._metrics.offered(self._context.clock.monotonic() - started_s)

    @property
    def full(self) -> bool:
        # asked of every writer in every round: nothing is looked up that does not change
        if self._budget.full or self._outbox.kept_bytes >= self._spool_bytes:
            return True
        if self._outbox.waiting_bytes < self._max_bytes:
            return False
        # Rows the target does not take now wait on disk, so that no other table waits for them;
        # rows that only wait for their turn slow the source down.
        loader = self._link.loader if self._link else None
        refused = loader is not None and loader.rest is not None
        now = self._now()
        return not refused and not self._outbox.stuck(now, _STUCK_MS)

    def barrier_wanted(self, now_ms: int) -> bool:
        if self._observer is not None:
            self._observer.poll(now_ms)
        if self._outbox.unlisted:
            return True
        if not self._rows_wait:
            return False
        self._retry(now_ms)
        if self._context.checkpoint_interval_ms is not None and not (self._final or self._big()):
            return False
        return self._may_go(now_ms, 1.0)

    def barrier(self, epoch: int, *, final: bool) -> None:
        assert epoch == self._epoch
        assert self._barrier is None
        self._final = self._final or final
        now = self._now()
        share = 1.0 if self._user_interval else _EARLY_SHARE
        goes = self._rows_wait and self._may_go(now, share)
        self._barrier = _Barrier(epoch, now, goes)
        if self._pending:
            self._hand_over()
        segment, self._segment = self._segment, None
        self._epoch = epoch + 1
        self._disk.submit(lambda: self._guarded(lambda: self._seal(epoch, segment)))
        if goes:
            link = self._ready()
            if self._last_go_ms is not None:
                self._slow = link.loader.prepared_ms - self._last_go_ms > _PATIENCE_MS
            self._last_go_ms = now
            if link.transactions:
                link.loader.through = epoch
                link.loader.start()

    def listed(self, epoch: int) -> tuple[Committable, ...] | None:
        self.check()
        barrier = self._barrier
        assert barrier is not None
        assert barrier.epoch == epoch
        if self._outbox.sealed_through < epoch:
            return None
        if barrier.goes and not self._decided(barrier):
            return None
        self._barrier = None
        sink_id = self._context.sink_id
        return tuple(Committable(sink_id, epoch, p) for p in self._outbox.payloads(epoch))

    def commit(self, epoch: int) -> None:  # noqa: ARG002
        for entry in self._outbox.durable(self._now()):
            if entry.kind is not EntryKind.TOGETHER:
                self._commit_later(entry)
        if self._together is not None:
            self._together.commit()

    @property
    def visible_epoch(self) -> int:
        return self._outbox.visible_epoch

    @property
    def busy(self) -> bool:
        resting = self._link is not None and self._link.loader.resting(self._now())
        return bool(self._outbox.entries) or (self._rows_wait and not resting)

    @property
    def oldest_open_epoch(self) -> int | None:
        return None if self._link is None else self._link.loader.oldest_open_epoch

    def check(self) -> None:
        failures = [self._failure]
        if self._link is not None:
            failures.append(self._link.loader.failure)
        if self._together is not None:
            failures.append(self._together.failure)
        for failure in failures:
            if failure is not None:
                raise failure

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
            **self._gate.status(self._now()),
            "retries": loader.retries if loader else 0,
            "warning": warning,
        }

    def close(self, *, abort: bool) -> Future[None]:
        if self._released is not None:
            return self._released
        self._closed = True
        link = self._link
        if link is not None:
            link.committer.stop()
            if abort or self._together is None:
                link.loader.stop()
        if self._observer is not None:
            self._sink.release_observer(self._context, self._observer)
        self._context.shared.release(_BUDGET_KEY)
        self._budget.give(self._pending_bytes)
        self._pending, self._pending_bytes = [], 0
        release = partial(self._release, abort=abort)
        if self._together is None:
            self._released = self._loads.submit(release)
        elif self._opening is None or self._opening.done():
            self._released = self._together.on_lane(release)
        else:
            self._released = self._released_behind(self._opening, self._together, release)
        return self._released

    def _released_behind(
        self, opening: Future[None], together: Together, release: Callable[[], None]
    ) -> Future[None]:
        """Released once it is open, on the lane of the tables it goes with."""
        released = Future[None]()

        def leave(_: Future[None]) -> None:
            together.on_lane(release).add_done_callback(lambda _: released.set_result(None))

        opening.add_done_callback(leave)
        return released

    def _release(self, *, abort: bool) -> None:
        """On the lane of the loader, once it has ended its step."""
        self._outbox.release()
        link = self._link
        with contextlib.suppress(PenstockError):
            if self._together is not None:
                self._together.leave(self._member, abort=abort)
            elif link is not None:
                link.loader.leave(link.part, abort=abort)
            for entry in list(self._outbox.entries if link is not None else ()):
                assert link is not None
                if abort and not entry.listed:
                    link.part.api.settle(entry.label, within_s=5.0)
                link.slots.release(entry.slot)
        if self._together is not None:
            self._sink.release_together(self._context)
        if link is not None:
            self._context.shared.release(self._sink.slots_key)
            link.close()

    # Decisions

    @property
    def _chunk_bytes(self) -> int:
        return min(_CHUNK_BYTES, self._options.chunk_limit)

    def _big(self) -> bool:
        waiting = self._pending_bytes + self._outbox.waiting_bytes
        rows = 0
        if self._max_rows is not None:
            pending = sum(batch.num_rows for batch in self._pending)
            rows = pending + self._outbox.waiting_rows
        if pace.big(waiting, self._options.max_bytes, rows, self._max_rows):
            return True
        together = self._together
        # The bytes of all tables of a transaction count, of this one what is not spooled yet too.
        return together is not None and pace.big(
            self._pending_bytes + together.waiting_bytes, self._options.multi_table_bytes, 0, None
        )

    def _may_go(self, now_ms: int, share: float) -> bool:
        link = self._link
        if link is None:
            return False
        if self._together is not None:
            return self._together.may_go(self._epoch, share)
        free = pace.may_go(
            resting=link.loader.resting(now_ms),
            loading=link.loader.through is not None,
            unacknowledged=len(self._outbox.entries),
            unacknowledged_max=_LABELS_MAX if link.transactions else 1,
        )
        if not (free and pace.due(self._pace(now_ms), share)):
            return False
        return not link.transactions or link.loader.may_begin()

    def _pace(self, now_ms: int) -> Pace:
        decision = self._gate.decide(now_ms)
        return Pace(
            now_ms,
            self._last_go_ms,
            decision.interval_ms,
            hold=decision.hold,
            stretched=decision.stretched,
            big=self._big(),
            timed=self._context.checkpoint_interval_ms is not None,
            final=self._final,
        )

    def _waiting_pace(self) -> Pace | None:
        return self._pace(self._now()) if self._rows_wait else None

    def _decided(self, barrier: _Barrier) -> bool:
        """Whether the manifest need not wait any more for rows that go with the barrier."""
        link = self._ready()
        if not link.transactions:
            kind = EntryKind.MERGE if link.committer.merges else EntryKind.LOAD
            self._outbox.cover(kind, link.labels.listed(barrier.epoch), -1, barrier.epoch)
            return True
        now = self._now()
        if link.loader.through is None or link.loader.resting(now):
            return True
        # Else the label follows in a later manifest. Nobody waits for a table that was slow before.
        return self._slow or now - barrier.at_ms >= _PATIENCE_MS

    def _retry(self, now_ms: int) -> None:
        """Let the loader try again, with all that has come meanwhile, once its rest is over."""
        loader = self._ready().loader
        if loader.rest is not None and loader.through is not None and not loader.resting(now_ms):
            loader.through = self._epoch - 1
            loader.start()

    @property
    def _rows_wait(self) -> bool:
        return bool(self._pending) or self._outbox.waiting_bytes > 0

    def _now(self) -> int:
        return self._context.clock.now_ms()

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
            self._schema,
            self._context,
            self._outbox,
            self.progress,
            self._loads,
            self._together,
            lambda: self._epoch,
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
            link.loader.start()

    def _seal(self, epoch: int, segment: Segment | None) -> None:
        with self._outbox.lock:
            self._outbox.appended_through = epoch
        loader = self._ready().loader
        if loader.through is not None:
            loader.start()
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
