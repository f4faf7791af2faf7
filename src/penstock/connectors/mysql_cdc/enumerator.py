"""What a source reads: its tables, their chunks, where it starts; its state and progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.clients.mysql_binlog import current_position
from penstock.connectors.base import TableProgress
from penstock.connectors.mysql_cdc.chunks import (
    DONE,
    PENDING,
    ChunkMap,
    KeyOrder,
    dump_key,
    first_bounds,
    load_key,
    next_bounds,
)
from penstock.connectors.mysql_cdc.dispatcher import RowShape, TableDispatcher
from penstock.connectors.mysql_cdc.snapshot_reader import read_chunk
from penstock.connectors.mysql_cdc.tables import (
    PhysicalTable,
    binlog_files,
    check_server,
    describe,
    discover,
    file_order,
    matches,
)
from penstock.errors import ConnectorError
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.gtid import MySqlGtidSet

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base import SourceState
    from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource

    Ask = Callable[[], MySqlConnection]


@dataclass(eq=False, slots=True)
class CapturedTable:
    """A physical table of one source."""

    table: PhysicalTable
    shape: RowShape
    dispatcher: TableDispatcher
    splitting: bool = False


@dataclass(eq=False, slots=True)
class AttachedSource:
    """A source attached to a reader.

    Args:
        source: As planned.
        tables: Its tables by (database, name).
        position: After the last transaction handed on.
        gtids: GTIDs executed up to there, None without.
        start_by_gtid: The position is another server's: start by GTIDs.
        resumed_rows: Rows up to here were handed on, inside a transaction.
    """

    source: MySqlCdcSource
    tables: dict[tuple[str, str], CapturedTable]
    position: BinlogPosition
    gtids: MySqlGtidSet | None = None
    start_by_gtid: bool = False
    resumed_rows: BinlogPosition | None = None
    rows_done: int = 0
    snapshot_rows: int = 0
    newest_ms: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def snapshotting(self) -> bool:
        chunks = [t.dispatcher.chunks for t in self.tables.values()]
        return any(c is not None and not c.all_done for c in chunks)

    @property
    def finished(self) -> bool:
        return self.source.bounded and not self.snapshotting

    @property
    def reading(self) -> int:
        """Chunks registered and not emitted."""
        return sum(len(t.dispatcher.reads) for t in self.tables.values())

    def state(self, gtids: str) -> SourceState:
        """JSON-able; `resume` reads it."""
        tables = {}
        for (database, name), captured in self.tables.items():
            chunks = captured.dispatcher.chunks
            entry: dict[str, Any] = {"database": database, "name": name}
            if chunks is not None and not chunks.all_done:
                entry["bounds"] = [dump_key(bound) for bound in chunks.bounds]
                entry["done"] = [i for i, state in enumerate(chunks.states) if state == DONE]
                entry["complete"] = chunks.complete
            tables[f"{database}.{name}"] = entry
        return {
            "version": 1,
            "phase": "snapshot" if self.snapshotting else "binlog",
            "file": self.position.file,
            "offset": self.position.offset,
            "gtids": gtids,
            "tables": list(tables.values()),
            "rows_done": self.rows_done,
            "snapshot_rows": self.snapshot_rows,
        }

    def progress(self, now_ms: int, waiting_bytes: int) -> TableProgress:
        """For the live view."""
        phase = "snapshot" if self.snapshotting else "finished" if self.finished else "binlog"
        total = sum(t.table.approx_rows for t in self.tables.values())
        lag = None if self.newest_ms is None else max(0, now_ms - self.newest_ms)
        if waiting_bytes == 0 and phase == "binlog":
            lag = 0 if lag is not None else None
        chunks = [t.dispatcher.chunks for t in self.tables.values()]
        states = [state for c in chunks if c is not None for state in c.states]
        return TableProgress(
            table=self.source.path,
            phase=phase,
            rows_done=self.rows_done,
            rows_total=max(total, self.snapshot_rows) if phase == "snapshot" else None,
            position=str(self.position),
            lag_ms=lag,
            extra={
                "snapshot_rows": self.snapshot_rows,
                "chunks_done": sum(state == DONE for state in states),
                "chunks_known": len(states),
                "waiting_bytes": waiting_bytes,
            },
        )


def attach(
    session: MySqlConnection, source: MySqlCdcSource, state: SourceState | None, ask: Ask
) -> AttachedSource:
    """Check the server, find the tables, and where to start or go on.

    Raises:
        ConnectorError: See `check_server`, `discover`; or the position is not there any more.
    """
    endpoint = str(source.endpoint)
    check_server(session, endpoint)
    position, gtid_text = current_position(session)
    gtids = None
    if gtid_text and not session.server_info.is_mariadb:
        gtids = MySqlGtidSet.parse(gtid_text)
    found = discover(session, source.options, source.schema.primary_key, endpoint)
    if state is not None:
        return _resume(session, source, state, found, ask)
    by_gtid = False
    options = source.options
    match options.startup_mode:
        case "earliest-offset" | "timestamp":
            position = BinlogPosition(binlog_files(session)[0], 4)
        case "specific-offset" if options.offset_gtids:
            gtids = MySqlGtidSet.parse(options.offset_gtids)
            position, by_gtid = BinlogPosition("", 0), True
        case "specific-offset":
            position = BinlogPosition(options.offset_file, int(options.offset_pos or 4))
            _check_available(session, source, position, None)
    tables = {(t.database, t.name): _captured(source, t, ask, None) for t in found}
    return AttachedSource(source, tables, position, gtids, by_gtid)


def _resume(
    session: MySqlConnection,
    source: MySqlCdcSource,
    state: SourceState,
    found: list[PhysicalTable],
    ask: Ask,
) -> AttachedSource:
    position = BinlogPosition(str(state["file"]), int(state["offset"]))
    gtids = MySqlGtidSet.parse(state["gtids"]) if state.get("gtids") else None
    by_gtid = _check_available(session, source, position, gtids)
    known = {(e["database"], e["name"]): e for e in state["tables"]}
    tables = {}
    for table in found:
        name = (table.database, table.name)
        entry = known.get(name)
        if entry is None:
            fresh = source.options.newly_added and source.options.startup_mode == "initial"
            entry = None if fresh else {}
        tables[name] = _captured(source, table, ask, entry)
    return AttachedSource(
        source,
        tables,
        position,
        gtids,
        by_gtid,
        rows_done=int(state.get("rows_done", 0)),
        snapshot_rows=int(state.get("snapshot_rows", 0)),
    )


def _check_available(
    session: MySqlConnection,
    source: MySqlCdcSource,
    position: BinlogPosition,
    gtids: MySqlGtidSet | None,
) -> bool:
    """Whether to start by GTIDs because the file is not this server's."""
    if not position.file and gtids is not None:
        return True
    files = binlog_files(session)
    if position.file in files:
        end, _ = current_position(session)
        if gtids is None or file_order(position) <= file_order(end):
            return False
    if gtids is not None and session.server_info.gtid_mode:
        purged = str(session.query("SELECT @@GLOBAL.gtid_purged")[0][0] or "")
        if gtids.contains(MySqlGtidSet.parse(purged)):
            return True
    raise ConnectorError(
        f"binlog position '{position}' is no longer on the server",
        retryable=False,
        endpoint=str(source.endpoint),
        code="binlog-purged",
        detail=f"The server's oldest binlog file is '{files[0] if files else 'none'}'.\n"
        "Changes since that position are lost to this job.",
        hint="Start the job without its state to read the tables again (initial), or go on with"
        " 'scan.startup.mode' = 'earliest-offset' and accept the gap;"
        " keep binlogs longer with binlog_expire_logs_seconds.",
    )


def _captured(
    source: MySqlCdcSource, table: PhysicalTable, ask: Ask, entry: dict[str, Any] | None
) -> CapturedTable:
    """`entry` is the table's saved state, None for a snapshot from the start, {} for none."""
    shape = RowShape(source.schema, source.metadata, table, source.zone)
    chunks = None
    if source.snapshots and (entry is None or "bounds" in entry):
        order = KeyOrder(table, ask)
        chunks = ChunkMap(order)
        if entry is not None:
            bounds = [load_key(pair) for pair in entry["bounds"]]
            complete = bool(entry["complete"])
            states = [PENDING] * (len(bounds) + complete)
            for chunk in entry["done"]:
                states[chunk] = DONE
            chunks = ChunkMap(order, bounds, states, complete=complete)
    dispatcher = TableDispatcher(shape, chunks, live=not source.bounded)
    return CapturedTable(table, shape, dispatcher)


def split(
    connection: MySqlConnection,
    table: PhysicalTable,
    options: MySqlCdcOptions,
    bounds: list[object],
) -> tuple[list[object], bool]:
    """More bounds of a table, and whether they are all; on a pool thread."""
    if not bounds:
        return first_bounds(connection, table, options)
    return next_bounds(connection, table, options, bounds[-1])


def read(
    connection: MySqlConnection,
    captured: CapturedTable,
    bounds: tuple[object | None, object | None],
) -> tuple[list[pa.RecordBatch], BinlogPosition]:
    """A chunk's rows and high watermark; on a pool thread."""
    return read_chunk(connection, captured.table, captured.shape, bounds)


def appears(source: AttachedSource, database: str, table: str) -> bool:
    """Whether a table not seen before belongs to the source's live stream."""
    return not source.source.bounded and matches(source.source.options, database, table)


def add_new(
    session: MySqlConnection, source: AttachedSource, name: tuple[str, str]
) -> CapturedTable | None:
    """A table made while running: its changes flow from its creation; None if it is gone again."""
    planned = source.source
    table = _described(session, planned, name)
    if table is None:
        return None
    shape = RowShape(planned.schema, planned.metadata, table, planned.zone)
    source.tables[name] = CapturedTable(table, shape, TableDispatcher(shape, None))
    return source.tables[name]


def refresh(session: MySqlConnection, source: AttachedSource, ask: Ask) -> None:
    """After DDL: columns as they are now; chunks being read are read again."""
    del ask
    for name, captured in source.tables.items():
        table = _described(session, source.source, name)
        if table is None or table.columns == captured.table.columns:
            continue
        shape = RowShape(source.source.schema, source.source.metadata, table, source.source.zone)
        captured.table, captured.shape = table, shape
        captured.dispatcher.change_shape(shape)


def _described(
    session: MySqlConnection, source: MySqlCdcSource, name: tuple[str, str]
) -> PhysicalTable | None:
    table = describe(session, source.options, name, source.schema.primary_key, str(source.endpoint))
    return table if table.columns else None
