"""The reader of one server: all tables attached to it share one binlog stream.

A source's position is that of the stream after the last transaction handed on, with the count of
changes of each table handed on behind it: a transaction too big for one epoch is cut there. Chunks
are handed on between transactions only, once the stream has passed their high watermark, so every
finished chunk contains exactly the changes before that position: a resumed source needs the
position, the counts and the list of finished chunks, nothing else.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.mysql_cdc import enumerator, replica_ids, schema_history
from penstock.connectors.mysql_cdc.binlog_reader import BinlogReader
from penstock.connectors.mysql_cdc.chunk_jobs import ChunkJobs
from penstock.connectors.mysql_cdc.chunks import READING
from penstock.connectors.mysql_cdc.output import BatchOutput
from penstock.connectors.mysql_cdc.snapshot_reader import StreamPoint
from penstock.connectors.mysql_cdc.tables import file_order
from penstock.errors import ConnectorError
from penstock.wire.mysql.binlog_events import (
    BinlogPosition,
    Heartbeat,
    Rotate,
    RowsBlock,
    Statement,
    TransactionBegin,
    TransactionEnd,
)
from penstock.wire.mysql.gtid import contains

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from penstock.changelog import ChangelogBatch
    from penstock.clients.mysql import MySqlEndpoint
    from penstock.connectors.base import Source, SourceContext, SourceState, TableProgress
    from penstock.connectors.mysql_cdc.attached import AttachedSource
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.wire.mysql.binlog_events import BinlogElement
    from penstock.wire.mysql.column import MySqlColumn
    from penstock.wire.mysql.gtid import GtidPosition

    EmitBatch = Callable[[str, ChangelogBatch], None]
    Changes = tuple[pa.RecordBatch, NDArray[np.int8]]

log = logging.getLogger(__name__)
_SETTLE_S = 0.1
_RETRY_S = 0.3
# A transaction of which so much was handed on may be cut by an epoch: none is held in memory.
_CUT_BYTES = 32 << 20


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
        self._jobs = ChunkJobs(endpoint, context)
        self._output = BatchOutput()
        self._stream: BinlogReader | None = None
        self._elements: deque[BinlogElement] = deque()
        self._position: BinlogPosition | None = None
        self._in_transaction = False
        self._end_follows = False
        self._transaction_bytes = 0
        self._boundary_wanted = False
        self._ready_at = 0.0
        self._retry_at = 0.0
        self._retries = 0
        self._closed = False

    # ---- contract -------------------------------------------------------------------------

    def attach(self, source_id: str, source: Source, state: SourceState | None) -> None:
        """Add a table; asks the server what it is and where it stands.

        Raises:
            ConnectorError: The server cannot be read, a table is missing or lacks a key, or the
                saved position is gone.
        """
        mysql = cast("MySqlCdcSource", source)
        attached = enumerator.attach(self._ask(), mysql, state, self._ask)
        if self._stream is not None and (
            self._position is None
            or file_order(attached.position) < file_order(self._position)
            or attached.skip
            or attached.cuts
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
        self._output.emit = emit
        self._jobs.take_results()
        if self._boundary_wanted and self.at_boundary():
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
        self._output.flush()
        self._schedule(now)
        if more:
            return 0
        if self._stream is None:
            return 1000 * _RETRY_S
        if now < self._ready_at:
            return 1000 * (self._ready_at - now) + 1
        return None

    def at_boundary(self) -> bool:
        """Whether no transaction is half emitted, but for one too big to be held."""
        if not self._in_transaction:
            return True
        return self._transaction_bytes >= _CUT_BYTES and not self._end_follows

    def request_boundary(self) -> None:
        """Stop behind the transaction being emitted."""
        self._boundary_wanted = True

    def snapshot(self) -> dict[str, SourceState]:
        """State by source id; lets `poll` go on."""
        self._boundary_wanted = False
        self._transaction_bytes = 0
        return {key: source.state() for key, source in self._sources.items()}

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
        self._close_session()
        self._jobs.close()

    # ---- binlog ---------------------------------------------------------------------------

    def _start_stream(self) -> None:
        sources = list(self._sources.values())
        at = _stream_start(sources)
        wanted = sources[0].source.server_ids
        log.info("binlog stream started", extra={"position": str(at), "server_ids": wanted})
        self._position = min((s.position for s in sources), key=file_order)
        self._stream = BinlogReader(
            self._endpoint,
            lambda session: replica_ids.choose(session, wanted),
            at,
            self._context.directory,
            self._columns,
            self._context.wake,
            apart={gtid for source in sources for gtid in source.cuts},
        )

    def _stop_stream(self) -> None:
        """The next stream starts at the last whole transaction; what was handed on is skipped."""
        if self._stream is None:
            return
        self._stream.close()
        self._stream = None
        self._elements.clear()
        self._in_transaction = self._end_follows = False
        for source in self._sources.values():
            source.begin_again()

    def _read_stream(self, deadline: float) -> bool:
        clock = self._context.clock
        while not (self._boundary_wanted and self.at_boundary()):
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
        self._retries += 1
        if not error.retryable or self._retries > tries:
            raise error
        log.warning("binlog stream lost, connecting again", extra={"reason": error.message})
        self._output.flush()
        self._stop_stream()
        self._close_session()
        self._retry_at = self._context.clock.monotonic() + _RETRY_S * self._retries

    def _handle(self, element: BinlogElement) -> None:
        match element:
            case RowsBlock():
                self._in_transaction = True
                self._end_follows = element.complete
                self._rows(element)
            case TransactionEnd():
                self._in_transaction = self._end_follows = False
                self._transaction_bytes = 0
                self._advance(element.position, element.gtids)
            case TransactionBegin():
                for source in self._sources.values():
                    source.begin(element.gtid, element.position)
            case Statement():
                self._output.flush()
                self._statement(element)
            case Rotate() | Heartbeat():
                if not self._in_transaction and element.position.file:
                    self._advance(element.position, ())

    def _advance(self, position: BinlogPosition, gtids: tuple[str, ...]) -> None:
        if self._position is None or file_order(position) > file_order(self._position):
            self._position = position
        for source in self._sources.values():
            source.advance(position, gtids)

    def _rows(self, block: RowsBlock) -> None:
        for source_id, source in self._sources.items():
            captured = source.tables.get(block.table)
            if captured is None:
                continue
            mask = source.wanted(block)
            if not mask.any():
                continue
            images, kinds, op_ms = block.images, block.kinds, block.timestamp_s * 1000
            if not mask.all():
                taken = pa.array(mask)
                images = [array.filter(taken) for array in images]
                kinds, op_ms = kinds[mask], op_ms[mask]
            rows = captured.shape.build(block.columns, images, len(kinds), op_ms)
            routed = captured.dispatcher.route(rows, kinds, self._context.clock.now_ms())
            routed = _without(routed, source.source.skipped)
            source.newest_ms = int(op_ms[-1])
            if routed is not None:
                owner = (source, captured)
                self._transaction_bytes += self._output.collect(source_id, owner, *routed)

    def _statement(self, statement: Statement) -> None:
        """A DDL statement: tables and their columns may differ from here."""
        place = file_order(statement.position)
        for source in self._sources.values():
            if source.start_by_gtid or place > file_order(source.position):
                schema_history.follow(self._ask, source, statement)
        if self._stream is not None:
            self._stream.forget_tables()

    def _columns(self, database: str, table: str) -> list[MySqlColumn] | None:
        """The columns of a table where the stream stands; those of the source furthest behind."""
        name = (database, table)
        for source in sorted(self._sources.values(), key=lambda s: file_order(s.position)):
            captured = source.tables.get(name)
            if captured is None and enumerator.appears(source, database, table):
                captured = enumerator.add_new(self._ask, source, name)
            if captured is not None:
                if captured.logged is None:
                    captured.logged = enumerator.columns_now(self._ask(), source, name)
                return list(captured.logged)
        return None

    # ---- snapshot -------------------------------------------------------------------------

    def _schedule(self, now: float) -> None:
        """Chunks are registered between transactions: what they must contain is then known."""
        if now < self._ready_at or self._boundary_wanted or self._in_transaction:
            return
        snapshotting = [s for s in self._sources.values() if s.snapshotting]
        if not snapshotting or self._position is None:
            return
        gtids = snapshotting[0].all_gtids()
        self._jobs.schedule(snapshotting, StreamPoint(self._position, gtids))

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
                        self._output.collect(source_id, (source, captured), rows, None)

    # ---- helpers --------------------------------------------------------------------------

    def _ask(self) -> MySqlConnection:
        """The session for short questions; opened again when lost."""
        if self._session is not None:
            try:
                self._session.query("SELECT 1")
            except ConnectorError:
                self._close_session()
        if self._session is None:
            self._session = MySqlConnection.open(self._endpoint)
        return self._session

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _everything_finished(self) -> bool:
        return all(source.finished for source in self._sources.values())


def _without(routed: Changes | None, skipped: NDArray[np.int8]) -> Changes | None:
    """The changes whose kinds are not left out by 'debezium.skipped.operations'."""
    if routed is None or not len(skipped):
        return routed
    rows, kinds = routed
    kept = ~np.isin(kinds, skipped)
    return (rows.filter(pa.array(kept)), kinds[kept]) if kept.any() else None


def _stream_start(sources: list[AttachedSource]) -> BinlogPosition | GtidPosition:
    """Where one stream starts that serves all.

    Raises:
        ConnectorError: No place is right for all of them.
    """
    by_gtid = [s for s in sources if s.start_by_gtid]
    if not by_gtid:
        return min((s.position for s in sources), key=file_order)
    first = by_gtid[0].all_gtids()
    assert first is not None
    for source in sources:
        gtids = source.all_gtids()
        fits = gtids == first if source.start_by_gtid else gtids and contains(gtids, first)
        if not fits:
            raise ConnectorError(
                f"table '{source.source.path}' cannot share the binlog stream of"
                f" table '{by_gtid[0].source.path}'",
                retryable=False,
                code="start-mismatch",
                detail=f"The one starts behind GTIDs '{first}', the other at '{source.position}',"
                f" GTIDs '{gtids or ''}'; which is later cannot be told.",
                hint="Give the tables different 'server-id's: each then has a stream of its own.",
            )
    return first
