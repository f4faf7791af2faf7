"""Puts a batch of rows into a table by its model; runs inside the caller's DuckDB transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.embedded.starrocks.sql_names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.embedded.starrocks.model import ColumnDef, TableDef

_AGGREGATES = {
    "SUM": "sum({0})",
    "MIN": "min({0})",
    "MAX": "max({0})",
    "REPLACE": "arg_max_null({0}, __seq)",
    "REPLACE_IF_NOT_NULL": "arg_max({0}, __seq)",
    "": "arg_max_null({0}, __seq)",
}


def physical(table: TableDef) -> str:
    """The DuckDB name of the table that holds the rows."""
    return f"main.{quoted(f't{table.table_id}')}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for one table.

    Args:
        rows: Columns by the table's names; all of them, or with `partial` some.
        ops: Per row 0 for upsert, 1 for delete; None is all upserts.
        partial: Keep the columns of existing rows that `rows` does not have.
        is_update: With `partial`, leave out the rows whose key the table does not have.
        merge_condition: A column whose new value must not be less than the present one.
    """

    rows: pa.Table
    ops: pa.Array | None = None
    partial: bool = False
    merge_condition: str = ""
    is_update: bool = False


def apply_batch(cursor: Any, table: TableDef, batch: Batch) -> None:
    """Change the rows of `table`; the last row of a key in the batch wins."""
    if not batch.rows.num_rows:
        return
    if table.keys_type == "DUPLICATE":
        _register(cursor, table, batch.rows)
        cursor.execute(_insert(table, batch.rows, "_batch"))
    elif table.keys_type == "AGGREGATE":
        _merge(cursor, table, batch.rows)
    else:
        _upsert(cursor, table, batch)


def _register(cursor: Any, table: TableDef, rows: pa.Table) -> None:
    """Let `_batch` be the rows; LARGEINT, a decimal in Arrow, is compared as a 128-bit integer."""
    wide = [
        quoted(column.name)
        for column in table.columns
        if column.info.base == "LARGEINT" and column.name in rows.column_names
    ]
    if not wide:
        cursor.register("_batch", rows)
        return
    cursor.register("_raw_batch", rows)
    casts = ", ".join(f"CAST({name} AS HUGEINT) AS {name}" for name in wide)
    cursor.execute(
        f"CREATE OR REPLACE TEMP VIEW _batch AS SELECT * REPLACE ({casts}) FROM _raw_batch"
    )


def _matches(table: TableDef) -> str:
    return " AND ".join(f"t.{quoted(key)} = b.{quoted(key)}" for key in table.key_columns)


def _upsert(cursor: Any, table: TableDef, batch: Batch) -> None:
    place, matches = physical(table), _matches(table)
    rows = _with_numbers(cursor, table, batch.rows)
    rows, ops = last_of_each_key(rows, batch.ops, table.key_columns)
    if ops is not None:
        rows = rows.append_column("__op", ops)
    _register(cursor, table, rows)
    source = "_batch"
    if batch.is_update:
        cursor.execute(
            f"CREATE TEMP TABLE _known AS SELECT b.* FROM {source} b SEMI JOIN {place} t"
            f" ON {matches}"
        )
        source = "_known"
    if batch.merge_condition:
        column = quoted(batch.merge_condition)
        upsert = "" if ops is None else "b.__op = 1 OR "
        cursor.execute(
            f"CREATE TEMP TABLE _kept AS SELECT b.* FROM {source} b LEFT JOIN {place} t"
            f" ON {matches} WHERE {upsert}t.{column} IS NULL OR b.{column} >= t.{column}"
        )
        source = "_kept"
    names = [column.name for column in table.columns]
    loaded = [column.name for column in table.loaded_columns]
    where = "" if ops is None else " WHERE __op = 0"
    if batch.partial and any(name not in rows.column_names for name in loaded):
        _fill(cursor, table, rows, source)
        cursor.execute(f"DELETE FROM {place} t USING {source} b WHERE {matches}")
        listed = ", ".join(map(quoted, names))
        cursor.execute(f"INSERT INTO {place} ({listed}) SELECT {listed} FROM _full{where}")
        cursor.execute("DROP TABLE _full")
    else:
        cursor.execute(f"DELETE FROM {place} t USING {source} b WHERE {matches}")
        cursor.execute(_insert(table, rows, source) + where)
    for made, is_made in (("_kept", batch.merge_condition), ("_known", batch.is_update)):
        if is_made:
            cursor.execute(f"DROP TABLE {made}")


def _with_numbers(cursor: Any, table: TableDef, rows: pa.Table) -> pa.Table:
    """The rows with an AUTO_INCREMENT key filled in: rows are told apart by it."""
    for column in table.columns:
        if not (column.auto_increment and column.key):
            continue
        numbers = f"SELECT nextval({literal(sequence(table))}) AS n FROM range({rows.num_rows})"
        made = cursor.sql(numbers).to_arrow_table().column("n")
        if column.name not in rows.column_names:
            return rows.append_column(column.name, made)
        place = rows.column_names.index(column.name)
        return rows.set_column(place, column.name, pc.coalesce(rows.column(place), made))
    return rows


def _fill(cursor: Any, table: TableDef, rows: pa.Table, source: str) -> None:
    """`_full`: the rows of a partial update with the columns they lack from the present rows."""
    have = set(rows.column_names)
    key = quoted(table.key_columns[0])
    picks = [
        f"b.{quoted(column.name)}"
        if column.name in have
        else f"CASE WHEN t.{key} IS NULL THEN {_filler(table, column)}"
        f" ELSE t.{quoted(column.name)} END AS {quoted(column.name)}"
        for column in table.loaded_columns
    ]
    picks += ["b.__op"] if "__op" in have else []
    inner = (
        f"SELECT {', '.join(picks)} FROM {source} b LEFT JOIN {physical(table)} t"
        f" ON {_matches(table)}"
    )
    cursor.execute(
        f"CREATE TEMP TABLE _full AS SELECT {_computed(table, ['__op'] if '__op' in have else [])}"
        f" FROM ({inner})"
    )


def _insert(table: TableDef, rows: pa.Table, source: str) -> str:
    have = set(rows.column_names)
    picks = []
    for column in table.loaded_columns:
        name = quoted(column.name)
        if column.name not in have:
            picks.append(f"{_filler(table, column)} AS {name}")
        elif column.auto_increment:
            picks.append(f"coalesce({name}, {_filler(table, column)}) AS {name}")
        elif column.info.nested and pa.types.is_string(rows.schema.field(column.name).type):
            picks.append(f"TRY_CAST(TRY_CAST({name} AS JSON) AS {column.duckdb_type}) AS {name}")
        else:
            picks.append(name)
    names = ", ".join(quoted(column.name) for column in table.columns)
    picks += ["__op"] if "__op" in have else []
    inner = f"SELECT {', '.join(picks)} FROM {source}"
    return f"INSERT INTO {physical(table)} ({names}) SELECT {_computed(table)} FROM ({inner})"


def _filler(table: TableDef, column: ColumnDef) -> str:
    """What a column holds that a load does not bring."""
    if column.auto_increment:
        return f"nextval({literal(sequence(table))})"
    return default_sql(column)


def sequence(table: TableDef) -> str:
    """The name of the sequence of a table's AUTO_INCREMENT column."""
    return f"ai{table.table_id}"


def _computed(table: TableDef, more: Sequence[str] = ()) -> str:
    """All columns of the table over a source that has those that are not computed."""
    picks = [
        f"{generated_sql(column)} AS {quoted(column.name)}"
        if column.generated
        else quoted(column.name)
        for column in table.columns
    ]
    return ", ".join([*picks, *map(quoted, more)])


def generated_sql(column: ColumnDef) -> str:
    """The DuckDB expression of a computed column."""
    from penstock.embedded.starrocks.dialect.rewrite import expression_sql

    return f"CAST({expression_sql(column.generated, lambda _name: False)} AS {column.duckdb_type})"


def _merge(cursor: Any, table: TableDef, rows: pa.Table) -> None:
    for absent in table.columns:
        if absent.name not in rows.column_names:
            rows = rows.append_column(absent.name, pa.nulls(rows.num_rows, absent.info.arrow))
    rows = rows.append_column("__seq", pa.array(np.arange(1, rows.num_rows + 1)))
    _register(cursor, table, rows)
    place, matches = physical(table), _matches(table)
    listed = ", ".join(quoted(column.name) for column in table.columns)
    picks = ", ".join(
        quoted(column.name)
        if column.key
        else _AGGREGATES.get(column.aggregate.upper(), _AGGREGATES[""]).format(quoted(column.name))
        + f"::{column.duckdb_type} AS {quoted(column.name)}"
        for column in table.columns
    )
    keys = ", ".join(quoted(name) for name in table.key_columns)
    cursor.execute(
        f"CREATE TEMP TABLE _merged AS SELECT {picks} FROM (SELECT 0 AS __seq, {listed} FROM"
        f" {place} t WHERE EXISTS (SELECT 1 FROM _batch b WHERE {matches})"
        f" UNION ALL SELECT __seq, {listed} FROM _batch) GROUP BY {keys}"
    )
    cursor.execute(f"DELETE FROM {place} t USING _merged b WHERE {matches}")
    cursor.execute(f"INSERT INTO {place} ({listed}) SELECT {listed} FROM _merged")
    cursor.execute("DROP TABLE _merged")


def default_sql(column: ColumnDef) -> str:
    """The DuckDB expression of a column's default."""
    if column.default is None:
        return f"CAST(NULL AS {column.duckdb_type})"
    if column.default.upper().startswith(("CURRENT_TIMESTAMP", "NOW(")):
        return "CAST(now() AS TIMESTAMP)"
    if column.default.lower().strip("()") == "uuid":
        return "CAST(uuid() AS VARCHAR)"
    return f"CAST({literal(column.default)} AS {column.duckdb_type})"


def last_of_each_key(
    rows: pa.Table, ops: pa.Array | None, keys: list[str]
) -> tuple[pa.Table, pa.Array | None]:
    """Only the last row of each key, in the order of the rows."""
    numbered = rows.select(keys).append_column("__row", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(keys).aggregate([("__row", "max")]).column("__row_max")
    if len(last) == rows.num_rows:
        return rows, ops
    places = pc.take(last, pc.sort_indices(last)).combine_chunks()
    return rows.take(places), None if ops is None else ops.take(places)
