"""A DuckDB for expressions over rows at hand; holds nothing and cannot reach files."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.embedded.starrocks.duck import open_duckdb
from penstock.embedded.starrocks.partitions import partition_sql
from penstock.embedded.starrocks.sql_names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.embedded.starrocks.model import TableDef

_THREADS = threading.local()


@contextmanager
def scratch(**tables: pa.Table) -> Iterator[Any]:
    """A connection of this thread that knows the tables by name until the block ends."""
    connection = getattr(_THREADS, "connection", None)
    if connection is None:
        config = {"threads": "1", "enable_external_access": "false"}
        connection = _THREADS.connection = open_duckdb(":memory:", config)
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield connection
    finally:
        for name in tables:
            connection.unregister(name)


def has_partition_columns(table: TableDef, rows: pa.Table) -> bool:
    """Whether the rows have what decides about their partition."""
    return all(name in rows.column_names for name in table.partition_columns)


def partition_names(table: TableDef, rows: pa.Table) -> pa.Array:
    """The partition of each row; NULL where there is none."""
    needed = rows.select(table.partition_columns)
    with scratch(source=needed) as database:
        found = database.sql(f"SELECT {partition_sql(table)} AS name FROM source").to_arrow_table()
    return found.column("name").combine_chunks()


def partition_samples(table: TableDef, rows: pa.Table) -> dict[str, list[Any]]:
    """The partitions the rows belong to, each with one row's values of the partition columns."""
    columns = ", ".join(f"any_value({quoted(name)})" for name in table.partition_columns)
    needed = rows.select(table.partition_columns)
    with scratch(source=needed) as database:
        found = database.execute(
            f"SELECT {partition_sql(table)} AS name, {columns} FROM source GROUP BY 1"
        ).fetchall()
    return {row[0]: list(row[1:]) for row in found if row[0] is not None}
