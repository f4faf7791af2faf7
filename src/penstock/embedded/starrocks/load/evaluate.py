"""Derived columns and the `where` filter of a load, by DuckDB over the source fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

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
    replaced = {name for name, _ in derived}
    picks = [
        quoted(name)
        for name in columns
        if (name == OP or table.column(name)) and name not in replaced
    ]
    picks += [f"{_expression(text)} AS {quoted(name)}" for name, text in derived]
    where = f" WHERE {_expression(condition)}" if condition else ""
    count = len(next(iter(columns.values())))
    with scratch(source=pa.table(dict(columns))) as database:
        database.execute(f"SET TimeZone = {literal(timezone)}")
        try:
            try:
                typed = _typed_fields(table, columns, "VARCHAR")
                found = _query(database, picks, typed, where)
            except duckdb.BinderException:  # arithmetic on text fields
                typed = _typed_fields(table, columns, "DOUBLE")
                found = _query(database, picks, typed, where)
        except duckdb.Error as error:
            raise ServerError(f"cannot evaluate the columns of the load: {error}") from error
    result = {name: found.column(name).combine_chunks() for name in found.column_names}
    return result, count - found.num_rows


def _query(database: Any, picks: Sequence[str], typed: str, where: str) -> pa.Table:
    text = f"SELECT {', '.join(picks)} FROM (SELECT {typed} FROM source){where}"
    return database.sql(text).to_arrow_table()


def _expression(text: str) -> str:
    return re.sub(r"`([^`]*)`", r'"\1"', text)


def _typed_fields(table: TableDef, columns: Mapping[str, pa.Array], other: str) -> str:
    """Source fields named like a column have its type, the remaining ones are `other`."""
    picks = []
    for name in columns:
        column = table.column(name)
        kind = column.duckdb_type if column and not column.info.nested else other
        kind = "VARCHAR" if name == OP or (column and column.info.nested) else kind
        picks.append(f"TRY_CAST({quoted(name)} AS {kind}) AS {quoted(name)}")
    return ", ".join(picks)
