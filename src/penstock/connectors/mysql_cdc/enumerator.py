"""What a source reads: its tables, their chunks, where it starts or goes on."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from penstock.connectors.mysql_cdc.attached import (
    AttachedSource,
    CapturedTable,
    load_columns,
    load_counts,
)
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
from penstock.connectors.mysql_cdc.start import StartPoint, begin, go_on
from penstock.connectors.mysql_cdc.tables import (
    PhysicalTable,
    check_server,
    describe,
    discover,
    matches,
)
from penstock.errors import ConnectorError
from penstock.wire.mysql.charsets import decoder_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base import SourceState
    from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.wire.mysql.column import MySqlColumn

    Ask = Callable[[], MySqlConnection]

log = logging.getLogger(__name__)


def attach(
    session: MySqlConnection, source: MySqlCdcSource, state: SourceState | None, ask: Ask
) -> AttachedSource:
    """Check the server, find the tables, and where to start or go on.

    Raises:
        ConnectorError: See `check_server`, `discover`; or the position is not there any more.
    """
    check_server(session, str(source.endpoint))
    found = discover(session, source.options, source.schema.primary_key, str(source.endpoint))
    at = begin(session, source) if state is None else go_on(session, source, state)
    margin = not session.server_info.gtid_mode
    if state is None:
        tables = {
            (t.database, t.name): _captured(source, t, ask, None, margin=margin) for t in found
        }
        return AttachedSource(source, tables, at.position, at.gtids, at.by_gtid, at.server)
    return _resume(source, state, at, {(t.database, t.name): t for t in found}, ask, margin=margin)


def _resume(
    source: MySqlCdcSource,
    state: SourceState,
    at: StartPoint,
    found: dict[tuple[str, str], PhysicalTable],
    ask: Ask,
    *,
    margin: bool,
) -> AttachedSource:
    handed = load_counts(state.get("handed", []))
    cuts = {gtid: load_counts(counts) for gtid, counts in state.get("cuts", [])}
    known = {(e["database"], e["name"]): e for e in state["tables"]}
    tables = {}
    for name, table in found.items():
        entry = known.get(name)
        if entry is None:
            fresh = source.options.newly_added and source.options.startup_mode == "initial"
            entry = None if fresh else {}
        tables[name] = _captured(source, table, ask, entry, margin=margin)
    return AttachedSource(
        source,
        tables,
        at.position,
        at.gtids,
        at.by_gtid,
        at.server,
        handed=dict(handed),
        skip=handed,
        cuts=cuts,
        rows_done=int(state.get("rows_done", 0)),
        snapshot_rows=int(state.get("snapshot_rows", 0)),
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
    shape = RowShape(source.schema, source.metadata, table, source.shown)
    _check_charsets(source, table, shape)
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
    logged = load_columns((entry or {}).get("columns") or []) or table.columns
    return CapturedTable(table, shape, dispatcher, logged)


def _check_charsets(source: MySqlCdcSource, table: PhysicalTable, shape: RowShape) -> None:
    """The binlog has text in its own character set: refuse what could not be decoded later."""
    for column in table.columns:
        if column.name in shape.needed and column.charset and not decoder_of(column.charset):
            raise ConnectorError(
                f"column '{column.name}' of table '{table.full_name}' has character set"
                f" '{column.charset}', which is not known here",
                retryable=False,
                endpoint=str(source.endpoint),
                code="unknown-charset",
                detail="Its text could be read by SELECT, but not out of the binlog.",
                hint="Leave the column out, or convert it to utf8mb4.",
            )


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
    ask: Ask, source: AttachedSource, name: tuple[str, str], *, was_read: bool = False
) -> CapturedTable | None:
    """A table that matches while running; None if it is gone again.

    Its rows are read as those of the first tables are, unless `was_read` under another name, or it
    has no key to read them by: then its changes flow from here on.
    """
    session, planned = ask(), source.source
    table = described(session, planned, name)
    if table is None:
        return None
    by_key = table.chunk_key is not None
    if planned.snapshots and not by_key and not was_read:
        log.warning(
            "a table without key appeared: its changes are read, not the rows it had before",
            extra={"table": table.full_name},
        )
    entry: dict[str, Any] | None = None if by_key and not was_read else {}
    margin = not session.server_info.gtid_mode
    source.tables[name] = _captured(planned, table, ask, entry, margin=margin)
    return source.tables[name]


def refresh(session: MySqlConnection, source: AttachedSource, name: tuple[str, str]) -> bool:
    """After DDL: the table as it is now; chunks being read are read again. Whether it changed."""
    captured = source.tables[name]
    table = described(session, source.source, name)
    if table is None or table.columns == captured.table.columns:
        return False
    reshape(source, captured, table)
    return True


def reshape(source: AttachedSource, captured: CapturedTable, table: PhysicalTable) -> None:
    """The table is like this now."""
    shape = RowShape(source.source.schema, source.source.metadata, table, source.source.shown)
    captured.table = replace(table, approx_rows=captured.table.approx_rows)
    captured.shape = shape
    captured.dispatcher.change_shape(shape)


def columns_now(
    session: MySqlConnection, source: AttachedSource, name: tuple[str, str]
) -> tuple[MySqlColumn, ...]:
    """The columns of a captured table as the server describes them now."""
    table = described(session, source.source, name)
    return table.columns if table is not None else source.tables[name].table.columns


def described(
    session: MySqlConnection, source: MySqlCdcSource, name: tuple[str, str]
) -> PhysicalTable | None:
    """A table as the server describes it now; None if there is none."""
    table = describe(session, source.options, name, source.schema.primary_key)
    return table if table.columns else None
