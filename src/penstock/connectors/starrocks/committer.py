"""The committer: makes visible what a durable manifest lists, in order, however often asked."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.connectors.starrocks.changes import Chunk
from penstock.connectors.starrocks.load_api import BACK_PRESSURE, LoadApi
from penstock.connectors.starrocks.outbox import Entry, EntryKind
from penstock.connectors.starrocks.row_counts import check_rows
from penstock.errors import ConnectorError
from penstock.wire.stream_load import LoadState, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.clock import Clock
    from penstock.connectors.starrocks.bodies import Bodies
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.merge_commit import MergeCommit
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.sink_metrics import SinkMetrics

LOST = "transaction-lost"
_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_PATIENCE_S = 60.0
_PUBLISH_PATIENCE_S = 600.0
_UNPUBLISHED_MAX = 2
_LOAD_BYTES = 32 << 20


@dataclass(slots=True)
class Progress:
    """What the committer tells the writer and the live view."""

    last_commit_ms: int | None = None
    commits: int = 0
    warning: str = ""


class Committer:
    """Commits entries of one table; blocks. An unclear answer is settled by the label's state.

    Args:
        api: Calls for the table.
        bodies: Bodies of plain loads.
        options: Of the sink.
        clock: The door to time.
        gate: Told of what became visible.
        progress: What others read.
        metrics: Where to count.
        merge: Sends what goes by merge commit, where the user wants it.
    """

    def __init__(
        self,
        api: LoadApi,
        bodies: Bodies,
        options: StarRocksOptions,
        clock: Clock,
        gate: FlushGate,
        progress: Progress,
        metrics: SinkMetrics,
        merge: MergeCommit | None = None,
    ) -> None:
        self._api = api
        self._bodies = bodies
        self._options = options
        self._clock = clock
        self._gate = gate
        self._progress = progress
        self._metrics = metrics
        self._merge = merge
        self._unpublished: deque[str] = deque()
        self._stopped = False

    def stop(self) -> None:
        """Wait for nothing any more. Any thread."""
        self._stopped = True
        if self._merge is not None:
            self._merge.stopped = True

    @property
    def merges(self) -> bool:
        """Whether rows go by merge commit."""
        return self._merge is not None

    def commit(self, entry: Entry) -> None:
        """Commit and wait until it is visible.

        Raises:
            ConnectorError: StarRocks aborted or forgot it (code LOST), or did not answer in time.
            DataError: A plain load was refused for its rows.
        """
        if entry.kind is EntryKind.NOTHING:
            return
        started = self._clock.monotonic()
        versions = 1
        plain = entry.kind not in {EntryKind.TRANSACTION, EntryKind.TOGETHER}
        if entry.kind is EntryKind.MERGE:
            assert self._merge is not None
            versions = self._merge.load(entry)
        elif plain:
            versions = self._load(entry)
        else:
            self._commit_transaction(entry)
        took_s = self._clock.monotonic() - started
        if plain:
            size = sum(segment.size_bytes for segment in entry.segments)
            self._metrics.flushed(entry.rows, size, took_s, took_s)
        self.visible(took_s, versions)

    def visible(self, took_s: float, versions: int = 1) -> None:
        """Count what became visible, in how many versions, after so long."""
        self._gate.published(1000 * took_s / versions, versions)
        self._metrics.published(1000 * took_s)
        self._progress.last_commit_ms = self._clock.now_ms()
        self._progress.commits += 1
        self._progress.warning = ""

    # Transactions

    def _commit_transaction(self, entry: Entry) -> None:
        self._wait_for_publishes()
        api = self._api if entry.kind is EntryKind.TRANSACTION else self._api.together()
        label = entry.label
        headers = {}
        enough = None
        timeout_ms = self._options.enough_ms(type(self._options).publish_timeout_ms)
        if timeout_ms > 0:
            headers["timeout"] = str(max(1, timeout_ms // 1000))
            enough = self._clock.monotonic() + timeout_ms / 1000
        deadline = self._clock.monotonic() + _PATIENCE_S
        publish_deadline = self._clock.monotonic() + _PUBLISH_PATIENCE_S
        said = ""
        ask = True
        for pause in self._pauses():
            failure: ConnectorError | None = None
            state = None
            reason = ""
            try:
                if ask:
                    answer = api.commit(label, headers)
                    if answer.outcome is Outcome.OK:
                        self._same(entry, answer.txn_id)
                        return
                    said = f"{answer.status}: {answer.message}"
                state, reason = self._api.state(label)
            except ConnectorError as error:
                if not error.retryable:
                    raise
                failure = error
                ask = True
            now = self._clock.monotonic()
            if state is LoadState.VISIBLE:
                return
            if state in {LoadState.UNKNOWN, LoadState.ABORTED}:
                raise lost(self._api.name, entry, state, reason or said)
            ask = state is not LoadState.COMMITTED
            if not ask and enough is not None and now >= enough:
                # It will become visible, in the order of commits; the user does not wait for it.
                self._unpublished.append(label)
                return
            if ask and now > deadline:
                raise failure or self._late(label, said or f"state {state}")
            if now > publish_deadline:
                raise self._late(label, said or "COMMITTED")
            self._clock.sleep(pause)

    def _wait_for_publishes(self) -> None:
        """At most two commits of a table may be unpublished: the oldest must be visible."""
        while len(self._unpublished) >= _UNPUBLISHED_MAX:
            label = self._unpublished.popleft()
            deadline = self._clock.monotonic() + _PUBLISH_PATIENCE_S
            for pause in self._pauses():
                state, _ = self._api.state(label)
                if state is not LoadState.COMMITTED:
                    break
                if self._clock.monotonic() > deadline:
                    raise self._late(label, "COMMITTED")
                self._clock.sleep(pause)

    def _same(self, entry: Entry, txn_id: int) -> None:
        """A label says nothing by itself: another job may have used it after StarRocks forgot."""
        if -1 not in {entry.txn_id, txn_id} and entry.txn_id != txn_id:
            raise ConnectorError(
                f'label "{entry.label}" belongs to transaction {txn_id}, not to ours',
                retryable=False,
                code="label-taken",
                detail=f"Ours is transaction {entry.txn_id} of {entry.rows} rows.",
                hint="Another job uses the same label prefix; set 'sink.label-prefix'.",
            )

    def _late(self, label: str, said: str) -> ConnectorError:
        return ConnectorError(
            f"could not commit a transaction on {self._api.name} in time",
            retryable=True,
            code="commit-late",
            detail=f"StarRocks says: {said}\nlabel {label}",
        )

    # Plain loads: a manifest lists the label before its rows are sent, so that recovery asks for it

    def _load(self, entry: Entry) -> int:
        """Send the entry's rows; how many loads that took."""
        number = 0
        for number, batches in enumerate(_groups(entry), 1):
            self._load_one(f"{entry.label}-{number}", batches)
        return max(number, 1)

    def _load_one(self, label: str, batches: list[pa.RecordBatch]) -> None:
        table = pa.Table.from_batches(batches).combine_chunks()
        columns = table.to_batches()[0].columns if table.num_rows else []
        if not columns:
            return
        deadline = self._clock.monotonic() + _PATIENCE_S
        chunk = Chunk(columns, table.num_rows)
        dialect = self._bodies.choose(chunk)
        failures = 0
        for pause in self._pauses():
            try:
                state, _ = self._api.state(label)
                if state is LoadState.VISIBLE:
                    return
                if state is LoadState.COMMITTED:
                    self._clock.sleep(pause)
                    continue
                if state in {LoadState.PREPARE, LoadState.PREPARED}:
                    self._api.settle(label)
                headers, body = self._bodies.encode(chunk, dialect)
                answer = self._api.stream_load(label, headers, body)
                check_rows(self._api, self._options, label, table.num_rows, answer)
                if answer.outcome is Outcome.OK:
                    return
            except ConnectorError as error:
                self._metrics.failed()
                if error.code == BACK_PRESSURE:
                    self._gate.refused(error.detail)
                failures += error.code != BACK_PRESSURE
                limited = self._options.is_set(type(self._options).max_retries)
                spent = limited and failures > self._options.max_retries
                late = error.code != BACK_PRESSURE and self._clock.monotonic() > deadline
                if not error.retryable or spent or late:
                    raise
                self._progress.warning = f"{error.message}: {error.detail}"
            self._clock.sleep(pause)

    def _pauses(self) -> Iterator[float]:
        yield from _PAUSES_S
        while not self._stopped:
            yield _PAUSES_S[-1]
        raise ConnectorError("the sink is closed", retryable=True, code="sink-closed")


def lost(table: str, entry: Entry, state: LoadState | None, said: str) -> ConnectorError:
    """The error for a prepared transaction that StarRocks aborted or forgot."""
    what = "aborted" if state is LoadState.ABORTED else "does not know any more"
    return ConnectorError(
        f"StarRocks {what} a prepared transaction of {entry.rows} rows on {table}",
        retryable=True,
        code=LOST,
        detail=f"StarRocks says: {said}\nlabel {entry.label}",
    )


def _groups(entry: Entry) -> Iterator[list[pa.RecordBatch]]:
    """The entry's batches in groups of one load each; the same ones after a restart."""
    group: list[pa.RecordBatch] = []
    size = 0
    for segment in entry.segments:
        for index in range(segment.frame_count):
            batch = segment.read(index)
            if group and size + batch.nbytes > _LOAD_BYTES:
                yield group
                group, size = [], 0
            group.append(batch)
            size += int(batch.nbytes)
    if group:
        yield group
