"""Derived columns and the `where` filter of a load, by DuckDB over the source fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from penstock.embedded.starrocks.dialect.failure import QueryError
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.scratch import scratch
from penstock.embedded.starrocks.sql_names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.embedded.starrocks.model import TableDef

OP = "__op"


def evaluate(
    table: TableDef,
    columns: Mapping[str, pa.Array],
    derived: Sequence[tuple[str, str]],
    condition: str,
    *,
    timezone: str,
) -> tuple[dict[str, pa.Array], int]:
    """The columns for the table, and how many rows the condition left out.

    Args:
        table: The table.
        columns: The source fields.
        derived: Names and expressions of the columns to make of them.
        condition: What a row must meet; empty is nothing.
        timezone: The zone of functions that have one.

    Raises:
        ServerError: An expression is not understood.
    """
    from penstock.embedded.starrocks.dialect.rewrite import expression_sql

    def is_text(name: str) -> bool:
        column = table.column(name)
        return column is None or column.info.arrow == pa.string()

    replaced = {name for name, _ in derived}
    picks = [
        quoted(name)
        for name in columns
        if (name == OP or table.column(name)) and name not in replaced
    ]
    try:
        picks += [f"{expression_sql(text, is_text)} AS {quoted(name)}" for name, text in derived]
        where = f" WHERE {expression_sql(condition, is_text)}" if condition else ""
    except QueryError as error:
        raise ServerError(f"cannot evaluate the columns of the load: {error.message}") from error
    count = len(next(iter(columns.values())))
    with scratch(source=pa.table(dict(columns))) as database:
        database.execute(f"SET TimeZone = {literal(timezone)}")
        typed = _typed_fields(table, columns)
        query = f"SELECT {', '.join(picks)} FROM (SELECT {typed} FROM source){where}"
        try:
            found = database.sql(query).to_arrow_table()
        except duckdb.Error as error:
            raise ServerError(f"cannot evaluate the columns of the load: {error}") from error
    result = {name: found.column(name).combine_chunks() for name in found.column_names}
    return result, count - found.num_rows


def _typed_fields(table: TableDef, columns: Mapping[str, pa.Array]) -> str:
    """Source fields named like a column have its type, the remaining ones are text."""
    picks = []
    for name in columns:
        column = table.column(name)
        kind = "VARCHAR" if column is None or column.info.nested else column.duckdb_type
        picks.append(f"TRY_CAST({quoted(name)} AS {kind}) AS {quoted(name)}")
    return ", ".join(picks)
