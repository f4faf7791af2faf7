"""Reads one chunk on a pool thread: its rows, then the position after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.clients.mysql_binlog import current_position
from penstock.connectors.mysql_cdc.chunks import predicate
from penstock.wire.mysql.convert import select_expression, text_to_arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.mysql_cdc.dispatcher import RowShape
    from penstock.connectors.mysql_cdc.tables import PhysicalTable
    from penstock.wire.mysql.binlog_events import BinlogPosition


def read_chunk(
    connection: MySqlConnection,
    table: PhysicalTable,
    shape: RowShape,
    bounds: tuple[object | None, object | None],
) -> tuple[list[pa.RecordBatch], BinlogPosition]:
    """The chunk's rows and the binlog position read after them (its high watermark).

    Raises:
        ConnectorError: The connection broke, or the server refused the query.
        DataError: A value does not fit its declared type.
    """
    by_name = {column.name: column for column in table.columns}
    columns = [by_name[name] for name in shape.needed]
    names = [column.name for column in columns]
    where = ""
    if table.chunk_key is not None:
        where = predicate(table.chunk_key, *bounds)
    expressions = ", ".join(select_expression(column) for column in columns)
    sql = f"SELECT {expressions} FROM {table.quoted}{where}"
    batches = []
    for texts in connection.stream_text(sql):
        arrays = [text_to_arrow(c, text) for c, text in zip(columns, texts, strict=True)]
        count = len(texts[0])
        batches.append(shape.build(names, arrays, count, [0] * count))
    return batches, current_position(connection)[0]
