"""The reader of one server: all tables attached to it share one binlog stream.

A source's position is that of the stream after the last transaction handed on. Chunks are handed
on between transactions only, once the stream has passed their high watermark, so every finished
chunk contains exactly the changes before that position: a resumed source needs the position and
the list of finished chunks, nothing else.
"""

from __future__ import annotations

import logging
import queue
import random
from collections import deque
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch
from penstock.clients.mysql import MySqlConnection
from penstock.connectors.base import TableProgress
from penstock.connectors.mysql_cdc import enumerator
from penstock.connectors.mysql_cdc.binlog_reader import BinlogReader
from penstock.connectors.mysql_cdc.chunks import READING
from penstock.connectors.mysql_cdc.dispatcher import interleave
from penstock.connectors.mysql_cdc.enumerator import AttachedSource, CapturedTable
from penstock.connectors.mysql_cdc.tables import file_order
from penstock.errors import ConnectorError, PenstockError
from penstock.wire.mysql.binlog_events import (
    BinlogPosition,
    Heartbeat,
    Rotate,
    RowsBlock,
    Statement,
    TransactionBegin,
    TransactionEnd,
)
from penstock.wire.mysql.gtid import MySqlGtidSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from penstock.clients.mysql import MySqlEndpoint
    from penstock.connectors.base import Source, SourceContext, SourceState
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.wire.mysql.binlog_events import BinlogElement
    from penstock.wire.mysql.column import MySqlColumn

    EmitBatch = Callable[[str, ChangelogBatch], None]

log = logging.getLogger(__name__)
_SETTLE_S = 0.1
_BATCH_ROWS = 16_384
_RETRY_S = 0.3


class MySqlCdcReader:
    """Reads the tables attached to it; all calls from the engine thread.

    Args:
        endpoint: The server.
        context: What a reader may use.
    """

    def __init__(self, endpoint: MySqlEndpoint, context: SourceContext) -> None:
        self._endpoint = endpoint
        self._context = context
        self._sources: dict[str, AttachedSource] = {}
        self._session: MySqlConnection | None = None
        self._idle: queue.SimpleQueue[MySqlConnection] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Callable[[], None] | PenstockError] = queue.SimpleQueue()
        self._running = 0
        self._stream: BinlogReader | None = None
        self._elements: deque[BinlogElement] = deque()
        self._position: BinlogPosition | None = None
        self._seen: BinlogPosition | None = None
        self._gtids: MySqlGtidSet | None = None
        self._new_gtids: list[str] = []
        self._in_transaction = False
        self._boundary_wanted = False
        self._ready_at = 0.0
        self._retry_at = 0.0
        self._retries = 0
        self._closed = False
        self._out: dict[str, list[tuple[pa.RecordBatch, NDArray[np.int8] | None]]] = {}
        self._out_shape: dict[str, CapturedTable] = {}
        self._emit: EmitBatch | None = None

    # ---- contract -------------------------------------------------------------------------

    def attach(self, source_id: str, source: Source, state: SourceState | None) -> None:
        """Add a table; asks the server what it is and where it stands.

        Raises:
            ConnectorError: The server cannot be read, a table is missing or lacks a key, or the
                saved position is gone.
        """
        mysql = cast("MySqlCdcSource", source)
        attached = enumerator.attach(self._ask(), mysql, state, self._ask)
        if attached.gtids and self._gtids is None:
            self._gtids = attached.gtids
        if self._stream is not None and (
            self._position is None or file_order(attached.position) < file_order(self._position)
        ):
            self._stop_stream()  # read again from the older position; the others skip
        self._sources[source_id] = attached
        if attached.snapshotting and not state:
            self._ready_at = self._context.clock.monotonic() + _SETTLE_S

    def poll(self, emit: EmitBatch, budget_ms: float) -> float | None:
        """Emit what there is; see the contract."""
        if self._closed or not self._sources:
            return None
        clock = self._context.clock
        deadline = clock.monotonic() + budget_ms / 1000
        self._emit = emit
        self._take_results()
        if self._boundary_wanted and not self._in_transaction:
            return None
        if self._everything_finished():
            self._stop_stream()
            return None
        now = clock.monotonic()
        if self._stream is None:
            if now < self._retry_at:
                return 1000 * (self._retry_at - now)
            self._start_stream()
        self._schedule(now)
        more = self._read_stream(deadline)
        if not self._in_transaction:
            self._emit_chunks()
        self._flush()
        self._schedule(now)
        if more:
            return 0
        if self._stream is None:
            return 1000 * _RETRY_S
        if now < self._ready_at:
            return 1000 * (self._ready_at - now) + 1
        return None

    def at_boundary(self) -> bool:
        """Whether no transaction is half emitted."""
        return not self._in_transaction

    def request_boundary(self) -> None:
        """Stop behind the transaction being emitted."""
        self._boundary_wanted = True

    def snapshot(self) -> dict[str, SourceState]:
        """State by source id; lets `poll` go on."""
        self._boundary_wanted = False
        if self._gtids is not None and self._new_gtids:
            self._gtids = self._gtids.merge(MySqlGtidSet.parse(",".join(self._new_gtids)))
            self._new_gtids.clear()
        gtids = "" if self._gtids is None else str(self._gtids)
        return {key: source.state(gtids) for key, source in self._sources.items()}

    def acknowledge(self, epoch: int) -> None:
        """Nothing is held back for an epoch."""

    def finished(self, source_id: str) -> bool:
        """Whether the source is bounded and all its chunks were emitted."""
        return self._sources[source_id].finished

    def progress(self) -> list[TableProgress]:
        """One line per source."""
        now = self._context.clock.now_ms()
        waiting = self._stream.waiting_bytes if self._stream is not None else 0
        return [s.progress(now, waiting) for s in self._sources.values()]

    def close(self) -> None:
        """Release all connections, the thread and the ring."""
        self._closed = True
        self._stop_stream()
        if self._session is not None:
            self._session.close()
            self._session = None
        while not self._idle.empty():
            self._idle.get().close()

    # ---- binlog ---------------------------------------------------------------------------

    def _start_stream(self) -> None:
        sources = list(self._sources.values())
        by_gtid = next((s for s in sources if s.start_by_gtid), None)
        start = min((s.position for s in sources), key=file_order)
        first = sources[0].source.options
        ids = first.server_id
        server_id = random.randint(*ids) if ids else None  # noqa: S311
        at: BinlogPosition | MySqlGtidSet = start
        if by_gtid is not None and by_gtid.gtids is not None:
            at = by_gtid.gtids
        log.info("binlog stream started", extra={"position": str(at)})
        self._position = start
        self._elements.clear()
        self._stream = BinlogReader(
            self._endpoint,
            server_id,
            at,
            self._context.directory / "binlog.ring",
            self._columns,
            self._context.wake,
        )

    def _stop_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            for source in self._sources.values():
                source.resumed_rows = self._seen

    def _read_stream(self, deadline: float) -> bool:
        clock = self._context.clock
        while not (self._boundary_wanted and not self._in_transaction):
            if not self._elements:
                if self._stream is None:
                    return False
                try:
                    self._elements.extend(self._stream.read())
                except ConnectorError as error:
                    self._reconnect(error)
                    return False
                if not self._elements:
                    return False
                self._retries = 0
            self._handle(self._elements.popleft())
            if clock.monotonic() >= deadline:
                return bool(self._elements) or self._more_waits()
        return False

    def _more_waits(self) -> bool:
        return self._stream is not None and self._stream.waiting_bytes > 0

    def _reconnect(self, error: ConnectorError) -> None:
        """Read again from the last whole transaction; rows already emitted are skipped."""
        tries = max(s.source.options.max_retries for s in self._sources.values())
        by_gtid = any(s.start_by_gtid for s in self._sources.values())
        self._retries += 1
        if not error.retryable or self._retries > tries or (by_gtid and self._in_transaction):
            raise error
        log.warning("binlog stream lost, connecting again", extra={"reason": error.message})
        self._flush()
        self._stop_stream()
        if self._session is not None:
            self._session.close()
            self._session = None
        self._retry_at = self._context.clock.monotonic() + _RETRY_S * self._retries

    def _handle(self, element: BinlogElement) -> None:
        match element:
            case RowsBlock():
                self._in_transaction = True
                self._rows(element)
            case TransactionEnd():
                self._in_transaction = False
                if element.gtid:
                    self._remember_gtid(element.gtid)
                self._advance(element.position)
            case TransactionBegin():
                pass
            case Statement():
                self._flush()
                self._statement(element)
                if element.gtid:
                    self._remember_gtid(element.gtid)
                if not self._in_transaction:
                    self._advance(element.position)
            case Rotate() | Heartbeat():
                if not self._in_transaction and element.position.file:
                    self._advance(element.position)

    def _remember_gtid(self, gtid: str) -> None:
        if self._gtids is not None:
            self._new_gtids.append(gtid)
            if len(self._new_gtids) > 10_000:
                self._gtids = self._gtids.merge(MySqlGtidSet.parse(",".join(self._new_gtids)))
                self._new_gtids.clear()

    def _advance(self, position: BinlogPosition) -> None:
        if self._position is None or file_order(position) > file_order(self._position):
            self._position = position
        for source in self._sources.values():
            if source.start_by_gtid:
                source.position = position
                source.start_by_gtid = False
            elif file_order(position) > file_order(source.position):
                source.position = position

    def _rows(self, block: RowsBlock) -> None:
        for gtid in block.gtid:
            if gtid:
                self._remember_gtid(gtid)
        if not block.row_count:
            return
        last = BinlogPosition(block.file, int(block.next_offset[-1]))
        for source_id, source in self._sources.items():
            captured = source.tables.get(block.table)
            if captured is None:
                continue
            mask = self._wanted(block, source)
            if not mask.any():
                continue
            op_ms = block.timestamp_s * 1000
            images = [i for i in (block.before, block.after) if i is not None]
            if not mask.all():
                taken = pa.array(mask)
                images = [[array.filter(taken) for array in image] for image in images]
                op_ms = op_ms[mask]
            rows, kinds = interleave(captured.shape, block.kind, block.columns, images, op_ms)
            now = self._context.clock.now_ms()
            routed = captured.dispatcher.route(rows, kinds, now)
            source.newest_ms = int(op_ms[-1])
            if routed is not None:
                self._collect(source_id, captured, *routed)
        if self._seen is None or file_order(last) > file_order(self._seen):
            self._seen = last

    def _wanted(self, block: RowsBlock, source: AttachedSource) -> NDArray[np.bool_]:
        """Rows the source has not had yet and that are not older than it starts."""
        mask = np.ones(block.row_count, np.bool_)
        limit = source.source.options.timestamp_ms
        if source.source.options.startup_mode == "timestamp" and limit is not None:
            mask &= block.timestamp_s >= limit // 1000
        if source.start_by_gtid:
            return mask
        for bound in (source.position, source.resumed_rows):
            if bound is None:
                continue
            mine = file_order(BinlogPosition(block.file, 0))[:2]
            theirs = file_order(bound)[:2]
            if mine < theirs:
                mask[:] = False
            elif mine == theirs:
                mask &= block.next_offset > bound.offset
        return mask

    def _statement(self, statement: Statement) -> None:
        """A DDL statement: columns of the tables may differ from here."""
        words = statement.text.lstrip().upper().split(None, 2)
        if not words or words[0] not in {"ALTER", "CREATE", "DROP", "RENAME", "/*"}:
            return
        if not file_order(statement.position) > file_order(self._oldest_wanted()):
            return
        for source in self._sources.values():
            enumerator.refresh(self._ask(), source, self._ask)
        if self._stream is not None:
            self._stream.forget_tables()

    def _oldest_wanted(self) -> BinlogPosition:
        return min((s.position for s in self._sources.values()), key=file_order)

    def _columns(self, database: str, table: str) -> list[MySqlColumn] | None:
        for source in self._sources.values():
            captured = source.tables.get((database, table))
            if captured is None and enumerator.appears(source, database, table):
                captured = enumerator.add_new(self._ask(), source, (database, table))
            if captured is not None:
                return list(captured.table.columns)
        return None

    # ---- snapshot -------------------------------------------------------------------------

    def _schedule(self, now: float) -> None:
        if now < self._ready_at or self._boundary_wanted:
            return
        for source in self._sources.values():
            limit = source.source.parallelism
            for captured in source.tables.values():
                chunks = captured.dispatcher.chunks
                if chunks is None or chunks.all_done:
                    continue
                if (
                    not chunks.complete
                    and not captured.splitting
                    and len(chunks.states) < (sum(state > 0 for state in chunks.states) + 2 * limit)
                ):
                    captured.splitting = True
                    self._submit(self._split_job(captured, source))
                while self._running < limit + 1 and source.reading < limit + 2:
                    chunk = chunks.next_pending(last_first=source.source.options.last_chunk_first)
                    if chunk is None:
                        break
                    captured.dispatcher.register(chunk, self._context.clock.now_ms())
                    self._submit(self._read_job(captured, chunk))

    def _split_job(
        self, captured: CapturedTable, source: AttachedSource
    ) -> Callable[[MySqlConnection], Callable[[], None]]:
        chunks = captured.dispatcher.chunks
        assert chunks is not None
        start = list(chunks.bounds)

        def run(connection: MySqlConnection) -> Callable[[], None]:
            options = source.source.options
            bounds, complete = enumerator.split(connection, captured.table, options, start)

            def apply() -> None:
                captured.splitting = False
                chunks.extend(bounds, complete=complete)

            return apply

        return run

    def _read_job(
        self, captured: CapturedTable, chunk: int
    ) -> Callable[[MySqlConnection], Callable[[], None]]:
        dispatcher = captured.dispatcher
        chunks = dispatcher.chunks
        assert chunks is not None
        read = dispatcher.reads[chunk]
        bounds = chunks.range_of(chunk)

        def run(connection: MySqlConnection) -> Callable[[], None]:
            rows, high = enumerator.read(connection, captured, bounds)

            def apply() -> None:
                read.rows, read.high = rows, high

            return apply

        return run

    def _submit(self, job: Callable[[MySqlConnection], Callable[[], None]]) -> None:
        self._running += 1
        self._context.executor.submit(self._run, job)

    def _run(self, job: Callable[[MySqlConnection], Callable[[], None]]) -> None:
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
            else:
                self._idle.put(connection)
        except PenstockError as error:
            self._results.put(error)
        except Exception as error:  # noqa: BLE001 - a lost result would stall the job
            self._results.put(ConnectorError(f"reading a table failed: {error!r}", retryable=False))
        self._context.wake()

    def _take_results(self) -> None:
        while True:
            try:
                result = self._results.get_nowait()
            except queue.Empty:
                return
            self._running -= 1
            if isinstance(result, PenstockError):
                raise result
            result()

    def _emit_chunks(self) -> None:
        if self._boundary_wanted or self._position is None:
            return
        at = file_order(self._position)
        for source_id, source in self._sources.items():
            for captured in source.tables.values():
                dispatcher = captured.dispatcher
                ready = [
                    chunk
                    for chunk, read in dispatcher.reads.items()
                    if read.high is not None and file_order(read.high) <= at
                ]
                for chunk in ready:
                    assert dispatcher.chunks is not None
                    assert dispatcher.chunks.states[chunk] == READING
                    for rows in dispatcher.emit(chunk):
                        source.snapshot_rows += rows.num_rows
                        self._collect(source_id, captured, rows, None)

    # ---- output ---------------------------------------------------------------------------

    def _collect(
        self,
        source_id: str,
        captured: CapturedTable,
        rows: pa.RecordBatch,
        kinds: NDArray[np.int8] | None,
    ) -> None:
        """Gather small pieces of one table; a batch leaves when full or the table changes."""
        if self._out_shape.get(source_id) is not captured:
            self._flush_source(source_id)
            self._out_shape[source_id] = captured
        pieces = self._out.setdefault(source_id, [])
        pieces.append((rows, kinds))
        if sum(piece[0].num_rows for piece in pieces) >= _BATCH_ROWS:
            self._flush_source(source_id)

    def _flush(self) -> None:
        for source_id in list(self._out):
            self._flush_source(source_id)

    def _flush_source(self, source_id: str) -> None:
        pieces = self._out.pop(source_id, [])
        if not pieces:
            return
        source, captured = self._sources[source_id], self._out_shape[source_id]
        rows = pa.Table.from_batches([piece[0] for piece in pieces]).combine_chunks()
        kinds = None
        if any(piece[1] is not None for piece in pieces):
            parts = [np.zeros(r.num_rows, np.int8) if k is None else k for r, k in pieces]
            kinds = np.concatenate(parts)
        assert self._emit is not None
        start = 0
        for batch in rows.to_batches():
            part = None if kinds is None else kinds[start : start + batch.num_rows]
            start += batch.num_rows
            source.rows_done += batch.num_rows
            self._emit(
                source_id,
                captured.shape.finish(batch, part, append_only=source.source.options.append_only),
            )

    # ---- helpers --------------------------------------------------------------------------

    def _ask(self) -> MySqlConnection:
        """The session for short questions; opened again when lost."""
        if self._session is not None:
            try:
                self._session.query("SELECT 1")
            except ConnectorError:
                self._session.close()
                self._session = None
        if self._session is None:
            self._session = MySqlConnection.open(self._endpoint)
        return self._session

    def _everything_finished(self) -> bool:
        return all(source.finished for source in self._sources.values())
