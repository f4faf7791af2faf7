"""Delivers an epoch's rows under a label: begin, loads, prepare; a new attempt where one broke."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.connectors.starrocks.bodies import Bodies
from penstock.connectors.starrocks.load_api import BACK_PRESSURE, LABEL_USED, LoadApi
from penstock.errors import ConnectorError, DataError, PenstockError
from penstock.wire.stream_load import LABEL, LoadAnswer, LoadState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.changes import ChangeRules, Chunk
    from penstock.connectors.starrocks.committer import StarRocksCommitter
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.layout import Layout
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.formats.csv import CsvDialect

_LOG = logging.getLogger(__name__)
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_SETTLED = {LoadState.UNKNOWN, LoadState.ABORTED}


@dataclass(slots=True)
class EpochRows:
    """An epoch on its way: its chunks are kept until it is prepared."""

    epoch: int
    chunks: list[Chunk] = field(default_factory=list)
    label: str = ""
    txn_id: int = -1
    attempt: int = 0
    loaded: int = 0
    chosen: bool = False
    dialect: CsvDialect | None = None

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)


class Transactions:
    """Sends epochs of one table. Called by one task at a time; blocks.

    Args:
        api: Calls for the table.
        options: Of the sink.
        context: Of the writer.
        path: The table's path in Flink, for the label.
        layout: Of the fields of a row.
        rules: How changes become rows.
        committer: Settles what recovery found.
        gate: Told of refusals, and of plain loads, which are visible at once.
        supported: Whether the server has transactions and the user wants them.
    """

    def __init__(
        self,
        api: LoadApi,
        options: StarRocksOptions,
        context: SinkContext,
        path: str,
        layout: Layout,
        rules: ChangeRules,
        committer: StarRocksCommitter,
        *,
        gate: FlushGate,
        supported: bool,
    ) -> None:
        self.api = api
        self.rules = rules
        self.supported = supported
        self._gate = gate
        self.warning = ""
        self.retries = 0
        self._options = options
        self._context = context
        self._bodies = Bodies(options, layout, api.name)
        self._committer = committer
        prefix = options.label_prefix or re.sub(r"[^-A-Za-z0-9_]", "_", context.job_name)
        self._prefix = f"{prefix[:48] or 'penstock'}-{_hash(context.sink_id)}-{_hash(path)}-0"

    def label(self, incarnation: int, epoch: int, attempt: int) -> str:
        """The label of an attempt at an epoch."""
        label = f"{self._prefix}-{incarnation}-{epoch}-{attempt}"
        assert LABEL.fullmatch(label)
        return label

    def settle_recovered(self) -> None:
        """Commit what manifests list, then abort every other label an intent names."""
        recovered = self._context.recovered
        mine = [c for c in recovered.committables if c.sink_id == self._context.sink_id]
        self._committer.commit_now(mine)
        listed = {str(committable.payload["label"]) for committable in mine}
        for intent in recovered.intents:
            label = self.label(*intent)
            if label not in listed and self._options.abort_lingering:
                # VISIBLE is in order here: its manifest entry left once it was acknowledged.
                self.api.settle(label)

    def deliver(self, epoch: EpochRows) -> None:
        """Load the chunks that are not loaded yet; begins lazily."""
        self._again(epoch, lambda: self._load(epoch))

    def finish(self, epoch: EpochRows) -> dict[str, Any] | None:
        """Load the rest and prepare; the committable's payload, None where nothing is to commit."""
        if not self.supported:
            started = self._context.clock.monotonic()
            self._again(epoch, lambda: self._plain(epoch))
            took_ms = 1000 * (self._context.clock.monotonic() - started)
            self._gate.published(took_ms / len(epoch.chunks), len(epoch.chunks))
            return None
        self._again(epoch, lambda: self._prepare(epoch))
        return {
            "label": epoch.label,
            "txn_id": epoch.txn_id,
            "db": self._options.database,
            "table": self._options.table,
            "rows": epoch.rows,
        }

    def _again(self, epoch: EpochRows, call: Any) -> None:
        tries = waits = 0
        while True:
            try:
                call()
            except _MisfitError:
                self._forget(epoch)
                epoch.dialect = None
            except DataError:
                self._forget(epoch)
                raise
            except ConnectorError as error:
                refused = error.code == BACK_PRESSURE
                if error.code != LABEL_USED and not refused:
                    tries += 1
                    if not error.retryable or tries > self._options.max_retries:
                        self._give_up(epoch)
                        raise
                self._warn(error, refused=refused)
                self._forget(epoch)
                longest = self._options.retry_interval_ms / 1000
                pause = min(_BACK_OFF_S[min(waits, len(_BACK_OFF_S) - 1)], longest)
                waits += 1
                self._context.clock.sleep(pause)
            else:
                self.warning = ""
                return

    def _warn(self, error: ConnectorError, *, refused: bool) -> None:
        self.retries += 1
        if refused:
            self._gate.refused(error.detail)
        self.warning = f"{error.message}: {error.detail}"
        why = "back-pressure, rows are kept" if refused else "trying again"
        _LOG.warning("%s (%s): %s", error.message, why, error.detail)

    def _forget(self, epoch: EpochRows) -> None:
        """End the attempt: its label is known to be closed before another takes its rows."""
        if epoch.label:
            state = self.api.settle(epoch.label)
            if state not in _SETTLED:
                raise ConnectorError(
                    f'label "{epoch.label}" is {state.value} without our commit',
                    retryable=False,
                    code="label-taken",
                    hint="Another job uses the same label prefix; set 'sink.label-prefix'.",
                )
        epoch.label, epoch.txn_id = "", -1
        epoch.attempt += 1
        if self.supported:
            # Without transactions what was loaded is visible already.
            epoch.loaded = 0

    def _give_up(self, epoch: EpochRows) -> None:
        try:
            self._forget(epoch)
        except PenstockError as error:
            _LOG.warning("label of epoch %d was left open: %s", epoch.epoch, error)

    def _load(self, epoch: EpochRows) -> None:
        if not epoch.label:
            label = self._next_label(epoch)
            try:
                epoch.label = label
                epoch.txn_id = self.api.begin(label, self._options.begin_headers)
            except ConnectorError as error:
                if error.code == LABEL_USED:
                    # A begin of ours whose answer was lost, or a stranger's label.
                    epoch.label = label if self._is_open(label) else ""
                    epoch.attempt += 0 if epoch.label else 1
                raise
        while epoch.loaded < len(epoch.chunks):
            headers, body = self._body(epoch, epoch.chunks[epoch.loaded])
            self.api.load(epoch.label, headers, body)
            epoch.loaded += 1

    def _is_open(self, label: str) -> bool:
        return self.api.state(label)[0] in {LoadState.PREPARE, LoadState.PREPARED}

    def _next_label(self, epoch: EpochRows) -> str:
        self._context.intend(epoch.epoch, epoch.attempt)
        return self.label(self._context.incarnation, epoch.epoch, epoch.attempt)

    def _prepare(self, epoch: EpochRows) -> None:
        self._load(epoch)
        exactly_once = self._options.semantic == "exactly-once"
        headers = self._options.prepare_headers(exactly_once=exactly_once)
        # Any other answer than OK ends the attempt: without counts rule "rows prepared = rows
        # sent" could not be checked, even where the label turns out to be PREPARED.
        self._check(epoch.label, epoch.rows, self.api.prepare(epoch.label, headers))

    def _plain(self, epoch: EpochRows) -> None:
        while epoch.loaded < len(epoch.chunks):
            chunk = epoch.chunks[epoch.loaded]
            headers, body = self._body(epoch, chunk)
            label = self._next_label(epoch)
            try:
                answer = self.api.stream_load(label, headers, body)
                self._check(label, chunk.rows, answer)
            except ConnectorError as error:
                if not error.retryable or error.code in {BACK_PRESSURE, LABEL_USED}:
                    epoch.attempt += 1
                    raise
                state = self.api.settle(label)
                if state in _SETTLED:
                    epoch.attempt += 1
                    raise
            epoch.attempt += 1
            epoch.loaded += 1
            epoch.chosen = False

    def _check(self, label: str, rows: int, answer: LoadAnswer) -> None:
        if answer.loaded_rows is None:
            return
        accounted = answer.loaded_rows
        if {"max_filter_ratio", "where"} & set(self._options.properties):
            accounted += answer.filtered_rows + answer.unselected_rows
        if accounted != rows:
            raise self.api.bad_data(
                f"StarRocks took {answer.loaded_rows} of {rows} rows for {self.api.name}",
                label,
                answer,
            )

    def _body(self, epoch: EpochRows, chunk: Chunk) -> tuple[dict[str, str], Sequence[memoryview]]:
        if not epoch.chosen:
            epoch.dialect = self._bodies.choose(chunk)
            epoch.chosen = True
        elif not self._bodies.fits(chunk, epoch.dialect):
            raise _MisfitError
        return self._bodies.encode(chunk, epoch.dialect)


class _MisfitError(Exception):
    """A later chunk does not fit the CSV its transaction began with: all again, as JSON."""


def _hash(text: str) -> str:
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()
