"""Runs the blocking work of snapshots on the connector I/O pool: splitting and reading chunks."""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.mysql_cdc import enumerator
from penstock.connectors.mysql_cdc.chunks import PENDING
from penstock.connectors.mysql_cdc.snapshot_reader import read_chunk
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from penstock.clients.mysql import MySqlEndpoint
    from penstock.connectors.base import SourceContext
    from penstock.connectors.mysql_cdc.attached import AttachedSource, CapturedTable
    from penstock.connectors.mysql_cdc.snapshot_reader import StreamPoint

    Apply = Callable[[], None]
    Job = Callable[[MySqlConnection], Apply]

log = logging.getLogger(__name__)
_RETRY_S = 0.3
# no such table, unknown column, unknown database, a definition changed under a transaction
_DDL_CODES = frozenset({"mysql-1146", "mysql-1054", "mysql-1049", "mysql-1412"})


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
        if chunks.states.count(PENDING) < 2 * limit:
            captured.splitting = True
            self._submit(_split_job(captured, source), source.source.options.max_retries)

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
            job = _read_job(captured, source, chunk, seen)
            self._submit(job, source.source.options.max_retries)

    def _submit(self, job: Job, tries: int) -> None:
        self._running += 1
        self._context.executor.submit(self._run, job, tries)

    def _run(self, job: Job, tries: int) -> None:
        """On a pool thread."""
        try:
            self._results.put(self._try(job, tries))
        except Exception as error:  # noqa: BLE001 - the engine raises it
            self._results.put(error)
        self._context.wake()

    def _try(self, job: Job, tries: int) -> Apply:
        """A lost connection costs the job another try, not the reader a restart."""
        for attempt in range(1, tries + 1):
            try:
                return self._once(job)
            except ConnectorError as error:
                if not error.retryable or attempt == tries or self._closed:
                    raise
                log.warning(
                    "reading a chunk failed, reading it again", extra={"reason": error.message}
                )
                time.sleep(_RETRY_S * attempt)
        raise AssertionError

    def _once(self, job: Job) -> Apply:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = MySqlConnection.open(self._endpoint)
        try:
            result = job(connection)
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        elif connection.is_open:
            self._idle.put(connection)
        return result


def _split_job(captured: CapturedTable, source: AttachedSource) -> Job:
    chunks = captured.dispatcher.chunks
    assert chunks is not None
    start = list(chunks.bounds)

    def run(connection: MySqlConnection) -> Apply:
        options = source.source.options
        try:
            bounds, complete = enumerator.split(connection, captured.table, options, start)
        except ConnectorError as error:
            return _after_ddl(connection, source, captured, error)

        def apply() -> None:
            captured.splitting = False
            chunks.extend(bounds, complete=complete)

        return apply

    return run


def _read_job(
    captured: CapturedTable, source: AttachedSource, chunk: int, seen: StreamPoint
) -> Job:
    dispatcher = captured.dispatcher
    chunks = dispatcher.chunks
    assert chunks is not None
    read = dispatcher.reads[chunk]
    bounds = chunks.range_of(chunk)
    shape = captured.shape

    def run(connection: MySqlConnection) -> Apply:
        try:
            found = read_chunk(connection, captured.table, shape, bounds, seen)
        except ConnectorError as error:
            return _after_ddl(connection, source, captured, error)

        def apply() -> None:
            dispatcher.take_read(read, found.rows, found.high, found.cut)

        return apply

    return run


def _after_ddl(
    connection: MySqlConnection,
    source: AttachedSource,
    captured: CapturedTable,
    error: ConnectorError,
) -> Apply:
    """What to do where a table was dropped or altered behind the stream's back.

    Raises:
        ConnectorError: The error, where no DDL explains it.
    """
    if error.code not in _DDL_CODES:
        raise error
    name = (captured.table.database, captured.table.name)
    table = enumerator.described(connection, source.source, name)
    if table is not None and table.columns == captured.table.columns:
        raise error

    def apply() -> None:
        captured.splitting = False
        if table is not None:
            enumerator.reshape(source, captured, table)
        elif captured.dispatcher.chunks is not None:
            log.warning("a table is gone before it was read", extra={"table": ".".join(name)})
            captured.dispatcher.give_up()

    return apply
