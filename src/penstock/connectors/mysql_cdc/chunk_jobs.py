"""Runs the blocking work of snapshots on the connector I/O pool: splitting and reading chunks."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.mysql_cdc import enumerator
from penstock.connectors.mysql_cdc.snapshot_reader import read_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from penstock.clients.mysql import MySqlEndpoint
    from penstock.connectors.base import SourceContext
    from penstock.connectors.mysql_cdc.attached import AttachedSource, CapturedTable
    from penstock.connectors.mysql_cdc.snapshot_reader import StreamPoint

    Apply = Callable[[], None]
    Job = Callable[[MySqlConnection], Apply]


class ChunkJobs:
    """Chunks being split and read. Called by the engine thread; jobs run on the pool.

    Args:
        endpoint: The server.
        context: Of the reader.
    """

    def __init__(self, endpoint: MySqlEndpoint, context: SourceContext) -> None:
        self._endpoint = endpoint
        self._context = context
        self._idle: queue.SimpleQueue[MySqlConnection] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Apply | Exception] = queue.SimpleQueue()
        self._running = 0
        self._closed = False

    def schedule(self, sources: Iterable[AttachedSource], seen: StreamPoint) -> None:
        """Start what can be started, as many at once as the sources allow.

        Args:
            sources: Whose chunks to read.
            seen: What the stream has handed on: no transaction is open.
        """
        for source in sources:
            limit = source.source.parallelism
            for captured in source.tables.values():
                self._split_if_due(captured, source, limit)
                self._read_next(captured, source, limit, seen)

    def take_results(self) -> None:
        """Apply what has come.

        Raises:
            ConnectorError, DataError: Met by a job.
            Exception: A bug met by a job; the engine makes it an `InternalError`.
        """
        while True:
            try:
                result = self._results.get_nowait()
            except queue.Empty:
                return
            self._running -= 1
            if isinstance(result, Exception):
                raise result
            result()

    def close(self) -> None:
        """Close connections, those in use when their job ends."""
        self._closed = True
        while not self._idle.empty():
            self._idle.get().close()

    def _split_if_due(self, captured: CapturedTable, source: AttachedSource, limit: int) -> None:
        chunks = captured.dispatcher.chunks
        if chunks is None or chunks.complete or captured.splitting:
            return
        begun = sum(state > 0 for state in chunks.states)
        if len(chunks.states) < begun + 2 * limit:
            captured.splitting = True
            self._submit(_split_job(captured, source))

    def _read_next(
        self, captured: CapturedTable, source: AttachedSource, limit: int, seen: StreamPoint
    ) -> None:
        chunks = captured.dispatcher.chunks
        if chunks is None or chunks.all_done:
            return
        while self._running < limit + 1 and source.reading < limit + 2:
            chunk = chunks.next_pending(last_first=source.source.options.last_chunk_first)
            if chunk is None:
                return
            captured.dispatcher.register(chunk, self._context.clock.now_ms())
            self._submit(_read_job(captured, chunk, seen))

    def _submit(self, job: Job) -> None:
        self._running += 1
        self._context.executor.submit(self._run, job)

    def _run(self, job: Job) -> None:
        """On a pool thread."""
        try:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = MySqlConnection.open(self._endpoint)
            try:
                result = job(connection)
            except BaseException:
                connection.close()
                raise
            self._results.put(result)
            if self._closed:
                connection.close()
            elif connection.is_open:
                self._idle.put(connection)
        except Exception as error:  # noqa: BLE001 - the engine raises it
            self._results.put(error)
        self._context.wake()


def _split_job(captured: CapturedTable, source: AttachedSource) -> Job:
    chunks = captured.dispatcher.chunks
    assert chunks is not None
    start = list(chunks.bounds)

    def run(connection: MySqlConnection) -> Apply:
        options = source.source.options
        bounds, complete = enumerator.split(connection, captured.table, options, start)

        def apply() -> None:
            captured.splitting = False
            chunks.extend(bounds, complete=complete)

        return apply

    return run


def _read_job(captured: CapturedTable, chunk: int, seen: StreamPoint) -> Job:
    dispatcher = captured.dispatcher
    chunks = dispatcher.chunks
    assert chunks is not None
    read = dispatcher.reads[chunk]
    bounds = chunks.range_of(chunk)
    shape = captured.shape

    def run(connection: MySqlConnection) -> Apply:
        found = read_chunk(connection, captured.table, shape, bounds, seen)

        def apply() -> None:
            dispatcher.take_read(read, found.rows, found.high, found.cut)

        return apply

    return run
