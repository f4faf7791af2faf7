"""Merge commit: rows go in requests that StarRocks merges, with those of others, into one version.

Nobody can ask for a request after a crash, so rows may be sent again. No older value surfaces by
that: a manifest lists the rows before any is sent, and of each key only the last row is, so that
neither the order of requests nor a second sending shows what a later row has replaced.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.clients.http import Endpoint, HttpClient
from penstock.connectors.starrocks.changes import Chunk, last_rows
from penstock.connectors.starrocks.load_api import BACK_PRESSURE, LoadApi, load_client
from penstock.errors import ConnectorError
from penstock.wire.stream_load import LoadState, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from penstock.clock import Clock
    from penstock.connectors.starrocks.bodies import Bodies
    from penstock.connectors.starrocks.changes import ChangeRules
    from penstock.connectors.starrocks.committer import Progress
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.outbox import Entry
    from penstock.connectors.starrocks.sink_metrics import SinkMetrics

_PAUSES_S = (0.1, 0.2, 0.5, 1.0)


class MergeCommit:
    """Sends entries by merge commit; blocks until they are visible. One entry at a time.

    Args:
        api: Calls for the table at the frontends.
        routes: Where requests go.
        bodies: Encodes requests.
        options: Of the sink.
        rules: Which columns are the key.
        clock: The door to time.
        gate: Told of refusals.
        metrics: Where to count.
        progress: What others read.
    """

    def __init__(
        self,
        api: LoadApi,
        routes: Routes,
        bodies: Bodies,
        options: StarRocksOptions,
        rules: ChangeRules,
        clock: Clock,
        gate: FlushGate,
        metrics: SinkMetrics,
        progress: Progress,
    ) -> None:
        self._api = api
        self._routes = routes
        self._bodies = bodies
        self._options = options
        # A row that merge_condition drops is dropped in any order: every row may go.
        self._keys = () if rules.keep_all else rules.keys
        self._in_order = rules.keep_all
        self._clock = clock
        self._gate = gate
        self._metrics = metrics
        self._progress = progress
        self.stopped = False

    def load(self, entry: Entry) -> int:
        """Send the entry's rows and wait until they are visible; how many versions that made.

        Raises:
            ConnectorError: StarRocks does not take them, and the user limits the attempts.
            DataError: It refuses rows.
        """
        chunks = enumerate(_requests(entry, self._keys, self._options.chunk_bytes), 1)
        width = 1 if self._in_order else self._routes.width
        if width == 1:
            labels = {self._deliver(f"{entry.label}-{number}", chunk) for number, chunk in chunks}
            return max(len(labels), 1)
        return max(len(self._at_once(entry.label, chunks, width)), 1)

    def _at_once(self, prefix: str, chunks: Iterator[tuple[int, Chunk]], width: int) -> set[str]:
        labels = set()
        running: deque[Future[str]] = deque()
        with ThreadPoolExecutor(width, "merge-commit") as pool:
            for number, chunk in chunks:
                if len(running) >= width:
                    labels.add(running.popleft().result())
                running.append(pool.submit(self._deliver, f"{prefix}-{number}", chunk))
            while running:
                labels.add(running.popleft().result())
        return labels

    def _deliver(self, name: str, chunk: Chunk) -> str:
        """Send one request until it is visible; the label of the merged load."""
        failures = 0
        for pause in self._pauses():
            try:
                return self._send(name, chunk)
            except ConnectorError as error:
                self._metrics.failed()
                refused = error.code == BACK_PRESSURE
                if refused:
                    self._gate.refused(error.detail)
                failures += not refused
                limited = self._options.is_set(type(self._options).max_retries)
                if not error.retryable or (limited and failures > self._options.max_retries):
                    raise
                self._progress.warning = f"{error.message}: {error.detail}"
            # What an answer lost on its way may have left with StarRocks is merged by then.
            self._clock.sleep(max(pause, (self._options.merge_commit_interval or 0) / 1000))
        raise AssertionError

    def _send(self, name: str, chunk: Chunk) -> str:
        headers, body = self._bodies.encode(chunk, self._bodies.choose(chunk))
        headers |= self._options.merge_headers
        answer = self._routes.next(headers).merge_load(name, headers, body)
        if self._options.merge_commit_async or answer.outcome is Outcome.PUBLISH_TIMEOUT:
            self._follow(answer.label)
        return answer.label

    def _follow(self, label: str) -> None:
        """Ask for the state of a merged load until it is final.

        Raises:
            ConnectorError: It was aborted, is unknown or not final in time.
            DataError: It was aborted for its rows.
        """
        options = self._options
        enough_ms = options.enough_ms(type(options).publish_timeout_ms)
        began = self._clock.monotonic()
        committed: float | None = None
        self._clock.sleep(options.merge_poll_delay_ms / 1000)
        while True:
            state, reason = self._api.state(label)
            now = self._clock.monotonic()
            if state is LoadState.VISIBLE:
                return
            if state is LoadState.COMMITTED:
                committed = now if committed is None else committed
                if enough_ms and 1000 * (now - committed) >= enough_ms:
                    return
            if state is LoadState.ABORTED:
                raise self._api.aborted(label, reason)
            if state is LoadState.UNKNOWN or 1000 * (now - began) > options.follow_ms:
                raise _lost(self._api.name, label, state)
            self._check_stopped()
            self._clock.sleep(options.merge_poll_ms / 1000)

    def _pauses(self) -> Iterator[float]:
        yield from _PAUSES_S
        while True:
            self._check_stopped()
            yield self._options.retry_interval_ms / 1000

    def _check_stopped(self) -> None:
        if self.stopped:
            raise ConnectorError("the sink is closed", retryable=True, code="sink-closed")


class Routes:
    """Where requests go: to the frontends, or in turn to the backends they name. Thread-safe.

    Args:
        api: Calls at the frontends.
        options: Of the sink.
        clock: The door to time.
        at: Calls for the table by a client.
    """

    def __init__(
        self,
        api: LoadApi,
        options: StarRocksOptions,
        clock: Clock,
        at: Callable[[HttpClient], LoadApi],
    ) -> None:
        self._api = api
        self._options = options
        self._clock = clock
        self._at = at
        self._lock = threading.Lock()
        self._known: dict[str, tuple[HttpClient, LoadApi]] = {}
        self._named: list[str] = []
        self._turn = 0
        self._asked_s: float | None = None

    @property
    def width(self) -> int:
        """How many requests may be under way."""
        return self._options.requests_at_once(len(self._named) or len(self._options.load_url))

    def next(self, headers: dict[str, str]) -> LoadApi:
        """Where the next request goes.

        Raises:
            ConnectorError: The frontends name no backend.
        """
        if not self._options.merge_direct:
            return self._api
        with self._lock:
            now = self._clock.monotonic()
            held_s = self._options.merge_nodes_ms / 1000
            if self._asked_s is None or now - self._asked_s >= held_s:
                self._named = self._api.coordinators(headers)
                self._asked_s = now
            self._turn += 1
            name = self._named[self._turn % len(self._named)]
            if name not in self._known:
                self._known[name] = self._connected(name)
            return self._known[name][1]

    def close(self) -> None:
        """Close the connections to backends."""
        for client, _ in self._known.values():
            client.close()

    def _connected(self, name: str) -> tuple[HttpClient, LoadApi]:
        host, _, port = name.rpartition(":")
        tls = self._options.load_url[0].tls
        place = self._options.host_mapping(Endpoint(host.strip("[]"), int(port), tls))
        client = load_client(self._options, self._clock, (place,))
        return client, self._at(client)


def _requests(entry: Entry, keys: tuple[int, ...], size_bytes: int) -> Iterator[Chunk]:
    """The entry's rows in chunks of about that size; with keys only the last row of each."""
    kept = _kept(entry, keys) if keys else None
    place = 0
    waiting: list[pa.RecordBatch] = []
    waiting_bytes = 0
    for batch in _batches(entry):
        rows = batch
        if kept is not None:
            rows = batch.filter(pa.array(kept[place : place + batch.num_rows]))
            place += batch.num_rows
        for part in _cut(rows, size_bytes):
            if waiting and waiting_bytes + part.nbytes > size_bytes:
                yield _chunk(waiting)
                waiting, waiting_bytes = [], 0
            waiting.append(part)
            waiting_bytes += int(part.nbytes)
    if waiting:
        yield _chunk(waiting)


def _kept(entry: Entry, keys: tuple[int, ...]) -> NDArray[np.bool_]:
    columns: list[list[pa.Array]] = [[] for _ in keys]
    for batch in _batches(entry):
        for found, key in zip(columns, keys, strict=True):
            found.append(batch.column(key))
    if not columns[0]:
        return np.zeros(0, np.bool_)
    return last_rows([pa.chunked_array(column) for column in columns])


def _batches(entry: Entry) -> Iterator[pa.RecordBatch]:
    for segment in entry.segments:
        for index in range(segment.frame_count):
            yield segment.read(index)


def _cut(batch: pa.RecordBatch, size_bytes: int) -> Iterator[pa.RecordBatch]:
    if not batch.num_rows:
        return
    rows = max(1, batch.num_rows * size_bytes // max(int(batch.nbytes), 1))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _chunk(batches: list[pa.RecordBatch]) -> Chunk:
    (whole,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return Chunk(whole.columns, whole.num_rows)


def _lost(table: str, label: str, state: LoadState) -> ConnectorError:
    return ConnectorError(
        f"a merged load of {table} did not become visible",
        retryable=True,
        code="merge-commit-late",
        detail=f"StarRocks says: state {state.value}\nlabel {label}",
    )
