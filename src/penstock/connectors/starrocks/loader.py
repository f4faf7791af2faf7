"""The loader: takes batches from outboxes into one StarRocks transaction after another.

It runs on the sink I/O pool, one step at a time. A broken attempt is closed before another takes
its rows; a refusal is back-pressure: the rows wait in the spool and the loader rests. As a rule a
transaction has rows of one table; with 'sink.transaction.multi-table.enabled' of several, which
then load, wait and break together.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.attempt import Attempt, Loaded, Part, Rest
from penstock.connectors.starrocks.load_api import BACK_PRESSURE, LABEL_USED, RowsRefusedError
from penstock.connectors.starrocks.outbox import EntryKind
from penstock.connectors.starrocks.row_counts import check_rows
from penstock.errors import CheckpointError, ConnectorError, PenstockError
from penstock.wire.stream_load import LoadState

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.budget import TransactionSlots
    from penstock.connectors.starrocks.labels import Labels
    from penstock.connectors.starrocks.lane import Lane
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.outbox import Entry, Frame

_LOG = logging.getLogger(__name__)
_REST_MS = (200, 500, 1000, 2000, 5000)
STATE_NOT_WRITTEN = "state-not-written"
_CLOSED = {LoadState.UNKNOWN, LoadState.ABORTED}


class Loader:
    """Loads the batches of tables. `work` runs on its lane; the rest is called from any thread.

    Args:
        parts: The tables; more may join and leave.
        lane: Where it works.
        labels: Names attempts.
        options: Of the sink.
        context: Of the writer.
        slots: Caps open transactions.
        open_epoch: The epoch that is open now, for labels.
        covered: Called with what a transaction carries, once it is complete and no manifest lists
            it yet; given where its tables go together and none is prepared.
    """

    def __init__(
        self,
        parts: list[Part],
        lane: Lane,
        labels: Labels,
        options: StarRocksOptions,
        context: SinkContext,
        slots: TransactionSlots,
        open_epoch: Callable[[], int],
        covered: Callable[[list[tuple[Part, Entry]]], None] | None = None,
    ) -> None:
        self.parts = parts
        self.lock = threading.RLock()
        self._lane = lane
        self._labels = labels
        self._options = options
        self._context = context
        self._slots = slots
        self._open_epoch = open_epoch
        self._covered = covered
        self._first_s: float | None = None
        # The batches of which nothing is left.
        self._emptied: list[Frame] = []
        self._attempt: Attempt | None = None
        self._broken: Attempt | None = None
        self._slot: object = object()
        self._json_only = False
        self._failures = 0
        self._rests = 0
        self._queued = False
        self._closed = False
        self.failure: BaseException | None = None
        self.through: int | None = None
        self.early = False
        self.rest: Rest | None = None
        self.retries = 0
        self.prepared_ms = 0

    # Asked by the engine

    def start(self) -> None:
        """Work, soon. What fails is in `failure`."""
        if self._queued:
            return
        self._queued = True
        with contextlib.suppress(RuntimeError):
            self._lane.submit(self._run)

    def may_begin(self) -> bool:
        """Whether a transaction is open, or a place for one is free now."""
        with self.lock:
            if self._attempt is not None:
                return True
            return self._slots.acquire(self._slot)

    def resting(self, now_ms: int) -> bool:
        """Whether it waits after a refusal or a failure."""
        rest = self.rest
        return rest is not None and now_ms < rest.until_ms

    @property
    def oldest_open_epoch(self) -> int | None:
        """The epoch in the label of the oldest transaction that is open and in no manifest."""
        with self.lock:
            epochs = [a.epoch for a in (self._attempt, self._broken) if a is not None]
            unlisted = [part.outbox.oldest_unlisted for part in self.parts]
        return min([*epochs, *(epoch for epoch in unlisted if epoch is not None)], default=None)

    # On the lane

    def _run(self) -> None:
        self._queued = False
        if self.failure is not None:
            return
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - the engine raises it
            self.failure = error

    def work(self) -> None:
        """Load what may be loaded, prepare what must be; returns when there is nothing to do.

        Raises:
            PenstockError: The rows cannot be delivered.
        """
        while not self._closed and not self.resting(self._context.clock.now_ms()):
            try:
                if not self._step():
                    return
            except _MisfitError:
                self._json_only = True
                self._break()
            except ConnectorError as error:
                self.recover_from(error)
            except CheckpointError as error:
                self._break()
                if error.code != STATE_NOT_WRITTEN:
                    raise
                self._rest(error, refused=False)
            except RowsRefusedError as error:
                self._put_aside(error)
            except PenstockError:
                self._break()
                self._close_broken(patient=False)
                raise

    def stop(self) -> None:
        """Let `work` end after the step it is at. Any thread."""
        self._closed = True

    def leave(self, part: Part, *, abort: bool) -> None:
        """Load nothing more of a table; with the last one it ends. On the lane.

        With `abort` what is open is rolled back.
        """
        with self.lock:
            attempt = self._attempt
            is_last = self.parts == [part]
            if is_last or (attempt is not None and part in attempt.loaded):
                self._closed = self._closed or is_last
                self._break()
            self.parts.remove(part)
        if abort:
            self._close_broken(patient=False)
        if is_last:
            self._slots.release(self._slot)

    def _step(self) -> bool:
        if self._broken is not None:
            self._close_broken(patient=True)
            return True
        through = self.through
        if through is None and not self.early:
            return False
        for part in list(self.parts):
            frame = part.outbox.next_frame(through)
            if frame is not None:
                self._load(part, frame)
                return True
        appended = min((part.outbox.appended_through for part in self.parts), default=-1)
        if through is None or appended < through:
            return False
        self._prepare(through)
        return True

    def _load(self, part: Part, frame: Frame) -> None:
        chunk = part.aside.without(frame, part.outbox.read(frame))
        if not chunk.rows:
            self._emptied.append(frame)
            return
        attempt = self._attempt or self._begin(part)
        loaded = attempt.loaded.setdefault(part, Loaded())
        loaded.frames.append(frame)
        if not loaded.chosen:
            loaded.dialect = None if self._json_only else part.bodies.choose(chunk)
            loaded.chosen = True
        elif not part.bodies.fits(chunk, loaded.dialect):
            raise _MisfitError
        headers, body = part.bodies.encode(chunk, loaded.dialect)
        part.api.load(attempt.label, headers, body)
        loaded.rows += chunk.rows
        loaded.size += sum(piece.nbytes for piece in body)
        part.outbox.loaded(frame)

    def _put_aside(self, error: RowsRefusedError) -> None:
        """Put the refused rows of the attempt aside, so that the next one loads the rest.

        Raises:
            RowsRefusedError: No row is bad by itself, or nobody wants dead letters.
            DataError: Too many are.
        """
        attempt = self._attempt
        self._break()
        self._close_broken(patient=False)
        if attempt is None:
            raise error
        found = 0
        try:
            for part, loaded in attempt.loaded.items():
                if not part.aside.wanted:
                    raise error
                for frame in loaded.frames:
                    batch = part.outbox.read(frame)
                    found += part.aside.sift(frame, batch, lambda: self._labels.next(attempt.epoch))
        except ConnectorError as failure:
            self.recover_from(failure)
            return
        if not found:
            raise error

    def _begin(self, part: Part) -> Attempt:
        # One step under the lock: a manifest either sees the attempt or is of an earlier epoch.
        with self.lock:
            attempt = Attempt(self._open_epoch(), self._slot, part.api)
            self._attempt, self._slot = attempt, object()
        attempt.began_s = self._context.clock.monotonic()
        if self._first_s is None:
            self._first_s = attempt.began_s
        attempt.label = self._labels.next(attempt.epoch)
        attempt.txn_id = part.api.begin(attempt.label, self._options.begin_headers)
        return attempt

    def _prepare(self, through: int) -> None:
        attempt = self._attempt
        if attempt is not None:
            if self._covered is None:
                self._prepare_in_starrocks(attempt)
            with self.lock:
                self._attempt = None
                entries = self._cover(attempt, through)
                if self._covered is not None:
                    self._covered(entries)
            self._json_only = False
            self._count(attempt)
        elif self._emptied:
            for part in self.parts:
                part.outbox.cover(EntryKind.NOTHING, "", -1, through)
        for part in self.parts:
            part.aside.forget()
        self._emptied = []
        with self.lock:
            if self.through == through:
                self.through = None
            self.early = False
        self.prepared_ms = self._context.clock.now_ms()
        if self._covered is None:
            self.succeeded()

    def succeeded(self) -> None:
        """StarRocks has taken what was loaded: a failure from now on is the first again."""
        self._failures, self._rests, self.rest = 0, 0, None

    def _prepare_in_starrocks(self, attempt: Attempt) -> None:
        (part,) = attempt.loaded
        exactly_once = self._options.semantic == "exactly-once"
        headers = self._options.prepare_headers(exactly_once=exactly_once)
        # Any other answer than OK ends the attempt: without counts the rule "rows prepared =
        # rows sent" could not be checked, even where the label turns out to be PREPARED.
        answer = part.api.prepare(attempt.label, headers)
        if answer.loaded_rows is None:
            raise ConnectorError(
                f"StarRocks did not say how many rows it prepared for {part.api.name}",
                retryable=True,
                code="rows-unknown",
                detail=f"{answer.status}: {answer.message}\nlabel {attempt.label}",
            )
        check_rows(part.api, self._options, attempt.label, attempt.rows, answer)

    def _cover(self, attempt: Attempt, through: int) -> list[tuple[Part, Entry]]:
        kind = EntryKind.TRANSACTION if self._covered is None else EntryKind.TOGETHER
        facts = (kind, attempt.label, attempt.txn_id, through, attempt.slot)
        return [
            (part, entry)
            for part in self.parts
            if (entry := part.outbox.cover(*facts, intent_epoch=attempt.epoch)) is not None
        ]

    def _count(self, attempt: Attempt) -> None:
        now_s = self._context.clock.monotonic()
        first_s, self._first_s = self._first_s or attempt.began_s, None
        for part, loaded in attempt.loaded.items():
            part.metrics.flushed(loaded.rows, loaded.size, now_s - first_s, now_s - attempt.began_s)

    # When it breaks

    def recover_from(self, error: ConnectorError) -> None:
        """Take the rows of the attempt back, and rest before the next one.

        Raises:
            ConnectorError: Trying again is in vain, or the user does not want it.
        """
        refused = error.code == BACK_PRESSURE
        self._break()
        if not refused and error.code != LABEL_USED:
            self._failures += 1
            limited = self._options.is_set(type(self._options).max_retries)
            spent = limited and self._failures > self._options.max_retries
            if not error.retryable or spent:
                self._close_broken(patient=False)
                raise error
        self._rest(error, refused=refused)

    def _rest(self, error: PenstockError, *, refused: bool) -> None:
        self.retries += 1
        for part in self.parts:
            part.metrics.failed()
            if refused:
                part.gate.refused(error.detail)
        pause = min(_REST_MS[min(self._rests, len(_REST_MS) - 1)], self._longest_rest_ms)
        self._rests += 1
        warning = f"{error.message}: {error.detail}"
        if len(self.parts) > 1:
            warning += f" ({len(self.parts)} tables go together, so all of them wait)"
        self.rest = Rest(self._context.clock.now_ms() + pause, warning, refused)
        # Who rests does not stand in the queue for a transaction.
        self._slots.release(self._slot)
        why = "back-pressure, rows are kept" if refused else "trying again"
        _LOG.warning("%s (%s): %s", error.message, why, error.detail)

    @property
    def _longest_rest_ms(self) -> int:
        return max(self._options.retry_interval_ms, 1)

    def _break(self) -> None:
        """End the attempt: its batches wait again, its label must be closed first."""
        with self.lock:
            attempt, self._attempt = self._attempt, None
            if attempt is None:
                return
            self._emptied = []
            for part in self.parts:
                part.outbox.rewind()
            if not attempt.label:
                self._slots.release(attempt.slot)
                return
            assert self._broken is None
            self._broken = attempt

    def _close_broken(self, *, patient: bool) -> None:
        attempt = self._broken
        if attempt is None:
            return
        try:
            state = attempt.api.settle(attempt.label, within_s=10.0 if patient else 5.0)
        except PenstockError as error:
            if patient:
                raise
            _LOG.warning("label of epoch %d was left open: %s", attempt.epoch, error)
            state = LoadState.UNKNOWN
        if patient and state not in _CLOSED:
            raise ConnectorError(
                f'label "{attempt.label}" is {state.value} without our commit',
                retryable=False,
                code="label-taken",
                hint="Another job uses the same label prefix; set 'sink.label-prefix'.",
            )
        with self.lock:
            self._broken = None
        self._slots.release(attempt.slot)


class _MisfitError(Exception):
    """Rows do not fit the CSV their transaction began with: all of it again, as JSON."""
