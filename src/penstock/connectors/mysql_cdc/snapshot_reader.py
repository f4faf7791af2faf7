"""Reads one chunk on a pool thread, so that it holds all that the stream has handed on before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection
from penstock.clients.mysql_binlog import current_position
from penstock.connectors.mysql_cdc.chunks import KeyOrder, predicate
from penstock.connectors.mysql_cdc.tables import file_order
from penstock.errors import ConnectorError
from penstock.types import quote_identifier
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.convert import select_expression, text_to_arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.connectors.mysql_cdc.row_shape import RowShape
    from penstock.connectors.mysql_cdc.tables import PhysicalTable
    from penstock.wire.mysql.gtid import GtidPosition

    Bounds = tuple[object | None, object | None]

# A chunk of more is cut where it is reached: chunks wait in memory for the stream to pass them.
_CHUNK_BYTES = 8 << 20
_VISIBLE_WITHIN_S = 60.0
_ASK_AGAIN_S = 0.005


@dataclass(frozen=True, slots=True)
class StreamPoint:
    """What the stream had handed on when a chunk was registered.

    Args:
        position: After the last transaction.
        gtids: All executed up to there; None where the server has none of MySQL's kind.
    """

    position: BinlogPosition
    gtids: GtidPosition | None = None


@dataclass(frozen=True, slots=True)
class ChunkRows:
    """What a read gave.

    Args:
        rows: The chunk's rows.
        high: A position of the binlog by which all changes they contain are written.
        cut: The key they end before where the chunk was too big; None where it is complete.
    """

    rows: list[pa.RecordBatch]
    high: BinlogPosition
    cut: object | None = None


def read_chunk(
    connection: MySqlConnection,
    table: PhysicalTable,
    shape: RowShape,
    bounds: Bounds,
    seen: StreamPoint,
) -> ChunkRows:
    """The chunk's rows, as of a moment when all before `seen` was visible.

    Raises:
        ConnectorError: The connection broke, or the server refused the query.
        DataError: A value does not fit its declared type.
    """
    if connection.server_info.is_mariadb:
        high = _snapshot_behind(connection, seen.position)
        rows, cut = _select(connection, table, shape, bounds)
        if connection.is_open:
            connection.query("COMMIT")
        return ChunkRows(rows, high, cut)
    if seen.gtids:
        _wait_visible(connection, seen.gtids)
    rows, cut = _select(connection, table, shape, bounds)
    if connection.is_open:
        return ChunkRows(rows, current_position(connection)[0], cut)
    fresh = MySqlConnection.open(connection.endpoint)
    try:
        return ChunkRows(rows, current_position(fresh)[0], cut)
    finally:
        fresh.close()


def _snapshot_behind(connection: MySqlConnection, position: BinlogPosition) -> BinlogPosition:
    """Opens a consistent snapshot whose place in the binlog is known and not before `position`.

    Source: MariaDB, "Enhancements for START TRANSACTION WITH CONSISTENT SNAPSHOT".
    """
    end = time.monotonic() + _VISIBLE_WITHIN_S
    while True:
        connection.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        status = dict(connection.query("SHOW STATUS LIKE 'binlog_snapshot_%'"))
        found = {str(key).lower(): str(value) for key, value in status.items()}
        place = BinlogPosition(
            found["binlog_snapshot_file"], int(found["binlog_snapshot_position"])
        )
        if file_order(place) >= file_order(position):
            return place
        connection.query("COMMIT")
        _wait_until(end, connection)


def _wait_visible(connection: MySqlConnection, gtids: GtidPosition) -> None:
    """Waits until all of `gtids` is executed: a GTID is, once its changes are visible."""
    end = time.monotonic() + _VISIBLE_WITHIN_S
    asked = "SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)"
    while not connection.query(asked, [str(gtids)])[0][0]:
        _wait_until(end, connection)


def _wait_until(end: float, connection: MySqlConnection) -> None:
    if time.monotonic() > end:
        raise ConnectorError(
            "a transaction of the binlog did not become visible",
            retryable=True,
            endpoint=str(connection.endpoint),
            detail=f"Waited {_VISIBLE_WITHIN_S:.0f} s for it before reading a chunk.",
            hint="The server may wait for an acknowledgement of a semi-synchronous replica.",
        )
    time.sleep(_ASK_AGAIN_S)


def _select(
    connection: MySqlConnection, table: PhysicalTable, shape: RowShape, bounds: Bounds
) -> tuple[list[pa.RecordBatch], object | None]:
    """Rows of the range, and where they end if that is before the range does."""
    by_name = {column.name: column for column in table.columns}
    columns = [by_name[name] for name in shape.needed]
    names = [column.name for column in columns]
    where, order = "", ""
    if table.chunk_key is not None:
        where = predicate(table.chunk_key, *bounds)
        if table.splits_by_index:
            order = f" ORDER BY {quote_identifier(table.chunk_key.name)}"
    expressions = ", ".join(select_expression(column) for column in columns)
    batches: list[pa.RecordBatch] = []
    size = 0
    stream = connection.stream_text(f"SELECT {expressions} FROM {table.quoted}{where}{order}")
    for texts in stream:
        arrays = [text_to_arrow(c, text) for c, text in zip(columns, texts, strict=True)]
        count = len(texts[0])
        batches.append(shape.build(names, arrays, count, [0] * count))
        size += int(batches[-1].nbytes)
        if size > _CHUNK_BYTES and order:
            end = _last_key(connection, table, shape, batches[-1])
            if end is not None:
                stream.close()
                batches[-1] = batches[-1].slice(0, end[0])
                return batches, end[1]
    return batches, None


def _last_key(
    connection: MySqlConnection, table: PhysicalTable, shape: RowShape, batch: pa.RecordBatch
) -> tuple[int, object] | None:
    """Where the rows of the last key begin, and that key; None where the batch has only one.

    The rows behind the batch may have that key too, so the chunk ends before it.
    """
    values = shape.chunk_values(batch)
    if KeyOrder.needs_server(table):
        # keys that differ may be equal in the collation: ask while the result is still open
        with_own_session = MySqlConnection.open(connection.endpoint)
        try:
            keys = KeyOrder(table, lambda: with_own_session).sort_keys(values)
        finally:
            with_own_session.close()
    else:
        keys = list(values)
    first = len(keys) - 1
    while first and keys[first - 1] == keys[-1]:
        first -= 1
    return (first, values[-1]) if first else None
