"""The loader: takes batches from the outbox into one StarRocks transaction after another.

It runs on the sink I/O pool, one step at a time. A broken attempt is closed before another takes
its rows; a refusal is back-pressure: the rows wait in the spool and the loader rests.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.labels import Labels
from penstock.connectors.starrocks.load_api import (
    BACK_PRESSURE,
    LABEL_USED,
    LoadApi,
    RowsRefusedError,
)
from penstock.connectors.starrocks.outbox import EntryKind, Frame, Outbox
from penstock.errors import CheckpointError, ConnectorError, PenstockError
from penstock.wire.stream_load import LoadAnswer, LoadState, sanitized_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.bodies import Bodies
    from penstock.connectors.starrocks.budget import TransactionSlots
    from penstock.connectors.starrocks.dead_letters import Aside
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.sink_metrics import SinkMetrics
    from penstock.formats.csv import CsvDialect

_LOG = logging.getLogger(__name__)
_REST_MS = (200, 500, 1000, 2000, 5000)
STATE_NOT_WRITTEN = "state-not-written"
_CLOSED = {LoadState.UNKNOWN, LoadState.ABORTED}


@dataclass(slots=True)
class _Attempt:
    """A transaction that is being filled; without a label nothing was sent yet."""

    epoch: int
    slot: object
    label: str = ""
    txn_id: int = -1
    rows: int = 0
    size: int = 0
    began_s: float = 0.0
    frames: list[Frame] = field(default_factory=list)
    chosen: bool = False
    dialect: CsvDialect | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Why the loader does not load now, and until when."""

    until_ms: int
    warning: str
    refused: bool


class Loader:
    """Loads the batches of one table. `work` on one thread at a time; the rest from any.

    Args:
        api: Calls for the table.
        outbox: Where batches come from and labels go.
        labels: Names attempts.
        bodies: Encodes loads.
        options: Of the sink.
        context: Of the writer.
        slots: Caps open transactions.
        gate: Told of refusals.
        metrics: Where to count.
        open_epoch: The epoch that is open now, for labels.
        aside: Rows put aside because StarRocks refuses them.
    """

    def __init__(
        self,
        api: LoadApi,
        outbox: Outbox,
        labels: Labels,
        bodies: Bodies,
        options: StarRocksOptions,
        context: SinkContext,
        slots: TransactionSlots,
        gate: FlushGate,
        metrics: SinkMetrics,
        open_epoch: Callable[[], int],
        aside: Aside,
    ) -> None:
        self._api = api
        self._outbox = outbox
        self._labels = labels
        self._bodies = bodies
        self._options = options
        self._context = context
        self._slots = slots
        self._gate = gate
        self._metrics = metrics
        self._first_s: float | None = None
        self._open_epoch = open_epoch
        self._aside = aside
        # The batches of which nothing is left.
        self._emptied: list[Frame] = []
        self._attempt: _Attempt | None = None
        self._broken: _Attempt | None = None
        self._slot: object = object()
        self._json_only = False
        self._failures = 0
        self._rests = 0
        self._closed = False
        self.through: int | None = None
        self.early = False
        self.rest: Rest | None = None
        self.retries = 0
        self.prepared_ms = 0

    # Asked by the engine

    def may_begin(self) -> bool:
        """Whether a transaction is open, or a place for one is free now."""
        with self._outbox.lock:
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
        with self._outbox.lock:
            epochs = [a.epoch for a in (self._attempt, self._broken) if a is not None]
            unlisted = self._outbox.oldest_unlisted
        return min([*epochs, *([] if unlisted is None else [unlisted])], default=None)

    # On the pool

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
                self._recover_from(error)
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

    def close(self, *, abort: bool) -> None:
        """Stop; with `abort` roll back what is open. On the pool."""
        self._closed = True
        self._break()
        if abort:
            self._close_broken(patient=False)
        self._slots.release(self._slot)

    def _step(self) -> bool:
        if self._broken is not None:
            self._close_broken(patient=True)
            return True
        through = self.through
        if through is None and not self.early:
            return False
        frame = self._outbox.next_frame(through)
        if frame is not None:
            self._load(frame)
            return True
        if through is None or self._outbox.appended_through < through:
            return False
        self._prepare(through)
        return True

    def _load(self, frame: Frame) -> None:
        chunk = self._aside.without(frame, self._outbox.read(frame))
        if not chunk.rows:
            self._emptied.append(frame)
            return
        attempt = self._attempt or self._begin()
        attempt.frames.append(frame)
        if not attempt.chosen:
            attempt.dialect = None if self._json_only else self._bodies.choose(chunk)
            attempt.chosen = True
        elif not self._bodies.fits(chunk, attempt.dialect):
            raise _MisfitError
        headers, body = self._bodies.encode(chunk, attempt.dialect)
        self._api.load(attempt.label, headers, body)
        attempt.rows += chunk.rows
        attempt.size += sum(part.nbytes for part in body)
        self._outbox.loaded(frame)

    def _put_aside(self, error: RowsRefusedError) -> None:
        """Put the refused rows of the attempt aside, so that the next one loads the rest.

        Raises:
            RowsRefusedError: No row is bad by itself, or nobody wants dead letters.
            DataError: Too many are.
        """
        attempt = self._attempt
        self._break()
        self._close_broken(patient=False)
        if attempt is None or not self._aside.wanted:
            raise error
        found = 0
        try:
            for frame in attempt.frames:
                batch = self._outbox.read(frame)
                found += self._aside.sift(frame, batch, lambda: self._labels.next(attempt.epoch))
        except ConnectorError as failure:
            self._recover_from(failure)
            return
        if not found:
            raise error

    def _begin(self) -> _Attempt:
        # One step under the lock: a manifest either sees the attempt or is of an earlier epoch.
        with self._outbox.lock:
            attempt = _Attempt(self._open_epoch(), self._slot)
            self._attempt, self._slot = attempt, object()
        attempt.began_s = self._context.clock.monotonic()
        if self._first_s is None:
            self._first_s = attempt.began_s
        attempt.label = self._labels.next(attempt.epoch)
        attempt.txn_id = self._api.begin(attempt.label, self._options.begin_headers)
        return attempt

    def _prepare(self, through: int) -> None:
        attempt = self._attempt
        if attempt is not None:
            exactly_once = self._options.semantic == "exactly-once"
            headers = self._options.prepare_headers(exactly_once=exactly_once)
            # Any other answer than OK ends the attempt: without counts the rule "rows prepared =
            # rows sent" could not be checked, even where the label turns out to be PREPARED.
            answer = self._api.prepare(attempt.label, headers)
            if answer.loaded_rows is None:
                raise ConnectorError(
                    f"StarRocks did not say how many rows it prepared for {self._api.name}",
                    retryable=True,
                    code="rows-unknown",
                    detail=f"{answer.status}: {answer.message}\nlabel {attempt.label}",
                )
            check_rows(self._api, self._options, attempt.label, attempt.rows, answer)
            with self._outbox.lock:
                self._attempt = None
                self._outbox.cover(
                    EntryKind.TRANSACTION,
                    attempt.label,
                    attempt.txn_id,
                    through,
                    attempt.slot,
                    intent_epoch=attempt.epoch,
                )
            self._json_only = False
            self._count(attempt)
        elif self._emptied:
            self._outbox.cover(EntryKind.NOTHING, "", -1, through)
        self._aside.forget()
        self._emptied = []
        with self._outbox.lock:
            if self.through == through:
                self.through = None
            self.early = False
        self._failures, self._rests, self.rest = 0, 0, None
        self.prepared_ms = self._context.clock.now_ms()

    def _count(self, attempt: _Attempt) -> None:
        now_s = self._context.clock.monotonic()
        first_s, self._first_s = self._first_s or attempt.began_s, None
        self._metrics.flushed(attempt.rows, attempt.size, now_s - first_s, now_s - attempt.began_s)

    # When it breaks

    def _recover_from(self, error: ConnectorError) -> None:
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
        self._metrics.failed()
        if refused:
            self._gate.refused(error.detail)
        pause = min(_REST_MS[min(self._rests, len(_REST_MS) - 1)], self._longest_rest_ms)
        self._rests += 1
        warning = f"{error.message}: {error.detail}"
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
        with self._outbox.lock:
            attempt, self._attempt = self._attempt, None
            if attempt is None:
                return
            self._emptied = []
            self._outbox.rewind()
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
            state = self._api.settle(attempt.label, within_s=10.0 if patient else 5.0)
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
        with self._outbox.lock:
            self._broken = None
        self._slots.release(attempt.slot)


class _MisfitError(Exception):
    """Rows do not fit the CSV their transaction began with: all of it again, as JSON."""


def check_rows(
    api: LoadApi, options: StarRocksOptions, label: str, rows: int, answer: LoadAnswer
) -> None:
    """Rows taken must be rows sent.

    Raises:
        DataError: They are not.
    """
    if answer.loaded_rows is None:
        return
    accounted = answer.loaded_rows
    if {"max_filter_ratio", "where"} & set(options.properties):
        accounted += answer.filtered_rows + answer.unselected_rows
    if accounted != rows:
        raise api.bad_data(
            f"StarRocks took {answer.loaded_rows} of {rows} rows for {api.name}", label, answer
        )
    if answer.filtered_rows:
        # Without the rows themselves: a log is no place for data.
        log = sanitized_log(api.error_log(answer.error_url))
        text = "%d of %d rows for %s were left out, as 'max_filter_ratio' allows: %s"
        _LOG.warning(text, answer.filtered_rows, rows, api.name, log)
