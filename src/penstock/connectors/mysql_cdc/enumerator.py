"""What a source reads: its tables, their chunks, where it starts or goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.clients.mysql_binlog import current_position
from penstock.connectors.mysql_cdc.attached import AttachedSource, CapturedTable
from penstock.connectors.mysql_cdc.chunks import (
    DONE,
    PENDING,
    ChunkMap,
    KeyOrder,
    first_bounds,
    load_key,
    next_bounds,
)
from penstock.connectors.mysql_cdc.dispatcher import TableDispatcher
from penstock.connectors.mysql_cdc.row_shape import RowShape
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

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base import SourceState
    from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource

    Ask = Callable[[], MySqlConnection]


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
    if session.server_info.gtid_mode and not session.server_info.is_mariadb:
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
    margin = not session.server_info.gtid_mode
    tables = {(t.database, t.name): _captured(source, t, ask, None, margin=margin) for t in found}
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
    handed = {(str(db), str(name)): int(n) for db, name, n in state.get("handed", [])}
    known = {(e["database"], e["name"]): e for e in state["tables"]}
    tables = {}
    for table in found:
        name = (table.database, table.name)
        entry = known.get(name)
        if entry is None:
            fresh = source.options.newly_added and source.options.startup_mode == "initial"
            entry = None if fresh else {}
        tables[name] = _captured(
            source, table, ask, entry, margin=not session.server_info.gtid_mode
        )
    return AttachedSource(
        source,
        tables,
        position,
        gtids,
        by_gtid,
        handed=dict(handed),
        skip=handed,
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
    source: MySqlCdcSource,
    table: PhysicalTable,
    ask: Ask,
    entry: dict[str, Any] | None,
    *,
    margin: bool,
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
    dispatcher = TableDispatcher(shape, chunks, live=not source.bounded, margin=margin)
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


def refresh(session: MySqlConnection, source: AttachedSource) -> None:
    """After DDL: columns as they are now; chunks being read are read again."""
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
