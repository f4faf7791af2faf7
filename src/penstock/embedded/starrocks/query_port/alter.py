"""ALTER TABLE: columns and properties."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.dialect.failure import analysis_error, not_here
from penstock.embedded.starrocks.publish import default_sql
from penstock.embedded.starrocks.query_port.ddl import parse_column, parse_properties, skip_clause
from penstock.embedded.starrocks.query_port.definition import column_def, partition_named
from penstock.embedded.starrocks.query_port.partition_clause import parse_partitions
from penstock.embedded.starrocks.query_port.properties import check_properties
from penstock.embedded.starrocks.query_port.results import Done
from penstock.embedded.starrocks.query_port.user_admin import alter_user
from penstock.embedded.starrocks.query_port.variables import AlterJob
from penstock.embedded.starrocks.query_port.view_statements import alter_view
from penstock.embedded.starrocks.sql_names import quoted

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.model import ColumnDef, TableDef
    from penstock.embedded.starrocks.query_port.queries import Queries


def alter(queries: Queries, cursor: Cursor) -> Done:
    """ALTER TABLE, cursor behind ALTER. Done at once; the job is shown as finished."""
    if cursor.accept("USER"):
        return alter_user(queries, cursor)
    if cursor.accept("VIEW"):
        return alter_view(queries, cursor)
    if not cursor.accept("TABLE"):
        raise not_here(cursor)
    present = queries.table_for("ALTER", *cursor.qualified())
    place = queries.store.physical(present.db, present.name)
    table = copy.deepcopy(present)
    if cursor.accept("SET"):
        given = parse_properties(cursor)
        check_properties(queries, given)
        table.properties.update(given)
        queries.store.alter_table(table, [])
        return Done()
    if cursor.accept("COMMENT"):
        cursor.accept("=")
        table.comment = cursor.string()
        queries.store.alter_table(table, [])
        return Done()
    if cursor.accept("SWAP", "WITH"):
        other = queries.table_for("ALTER", present.db, cursor.name())
        queries.store.swap_tables(present, other)
        return Done()
    if cursor.peeks("RENAME") and not cursor.peeks("RENAME", "COLUMN"):
        cursor.expect("RENAME")
        queries.store.rename_table(present, cursor.name())
        return Done()
    if cursor.peeks("ADD", "PARTITION") or cursor.peeks("ADD", "PARTITIONS"):
        return _add_partitions(queries, present, cursor)
    if cursor.accept("DROP", "PARTITION"):
        return _drop_partition(queries, present, cursor)
    statements: list[str] = []
    while True:
        statements += _clause(queries, table, place, cursor)
        if not cursor.accept(","):
            break
    if not cursor.is_end():
        raise cursor.unexpected(";")
    queries.store.alter_table(table, statements)
    now = queries.store.clock.now_ms()
    queries.settings.add_alter_job(AlterJob(table.db, table.name, table.table_id, now))
    return Done()


def _add_partitions(queries: Queries, table: TableDef, cursor: Cursor) -> Done:
    cursor.expect("ADD")
    cursor.accept("PARTITIONS")
    by = table.partition_by
    if by is None:
        raise analysis_error("Only support adding partition to range/list partitioned table")
    if_not_exists = cursor.peeks("PARTITION", "IF", "NOT", "EXISTS")
    known = {partition.name for partition in table.partitions}
    made = parse_partitions(cursor, by, table.partitions)
    for partition in made:
        if partition.name in known and not if_not_exists:
            raise analysis_error(f"Duplicate partition name {partition.name}")
    queries.store.publisher.add_partitions(table, [p for p in made if p.name not in known])
    return Done()


def _drop_partition(queries: Queries, table: TableDef, cursor: Cursor) -> Done:
    if_exists = cursor.accept("IF", "EXISTS")
    name = cursor.name()
    cursor.accept("FORCE")
    if if_exists and all(partition.name != name for partition in table.partitions):
        return Done()
    queries.store.publisher.clear_partitions(table, [partition_named(table, name)], drop=True)
    return Done()


def _clause(queries: Queries, table: TableDef, place: str, cursor: Cursor) -> list[str]:
    start = cursor.at
    if cursor.accept("ADD") or cursor.accept("DROP"):
        for kind in ("INDEX", "ROLLUP"):
            if cursor.accept(kind):
                queries.no_effect(f"{kind} {cursor.name()}")
                skip_clause(cursor)
                return []
        cursor.at = start
    if cursor.accept("ADD", "COLUMN"):
        return _add(table, place, cursor)
    if cursor.accept("DROP", "COLUMN"):
        column = _existing(table, cursor.name())
        if column.key:
            raise analysis_error(f"Can not drop key column '{column.name}'")
        table.columns.remove(column)
        return [f"ALTER TABLE {place} DROP COLUMN {quoted(column.name)}"]
    if cursor.accept("MODIFY", "COLUMN"):
        return _modify(table, place, cursor)
    if cursor.accept("RENAME", "COLUMN"):
        column = _existing(table, cursor.name())
        if column.key:
            raise analysis_error(f"Can not rename key column '{column.name}'")
        cursor.expect("TO")
        name = cursor.name()
        statement = f"ALTER TABLE {place} RENAME COLUMN {quoted(column.name)} TO {quoted(name)}"
        column.name = name
        return [statement]
    raise not_here(cursor)


def _modify(table: TableDef, place: str, cursor: Cursor) -> list[str]:
    column = _existing(table, cursor.token.value)
    index = table.columns.index(column)
    after = cursor.tokens[cursor.at + 1]
    if after.kind == "word" and after.value.upper() == "COMMENT":
        cursor.advance()
        cursor.expect("COMMENT")
        column.comment = cursor.string()
        return []
    wanted = column_def(parse_column(cursor))
    if wanted.generated or column.generated:
        raise analysis_error(f"Can not modify generated column '{column.name}' here")
    wanted.name, wanted.key = column.name, column.key
    table.columns[index] = wanted
    name = quoted(column.name)
    statements = [f"ALTER TABLE {place} ALTER COLUMN {name} TYPE {wanted.duckdb_type}"]
    if not (cursor.peeks("FIRST") or cursor.peeks("AFTER")):
        return statements
    if wanted.key:
        raise analysis_error(f"Can not move key column '{column.name}'")
    table.columns.remove(wanted)
    table.columns.insert(_position(table, cursor), wanted)
    picks = ", ".join(quoted(each.name) for each in table.columns)
    return [*statements, f"CREATE OR REPLACE TABLE {place} AS SELECT {picks} FROM {place}"]


def _position(table: TableDef, cursor: Cursor) -> int:
    """Where FIRST or AFTER put a column; behind the last one without them.

    Raises:
        QueryError: That is among the key columns, which stay first.
    """
    at = len(table.columns)
    if cursor.accept("FIRST"):
        at = 0
    elif cursor.accept("AFTER"):
        at = table.columns.index(_existing(table, cursor.name())) + 1
    if at < sum(column.key for column in table.columns):
        raise analysis_error("Can not put a value column before key columns")
    return at


def _add(table: TableDef, place: str, cursor: Cursor) -> list[str]:
    many = cursor.accept("(")
    moved = False
    added: list[ColumnDef] = []
    while True:
        clause = parse_column(cursor)
        if clause.is_key:
            raise analysis_error(
                f"adding key column '{clause.name}' is not supported by the embedded server"
            )
        column = column_def(clause)
        if table.column(column.name) is not None:
            raise analysis_error(f"Can not add column which already exists: {column.name}")
        at = _position(table, cursor)
        moved = moved or at < len(table.columns)
        table.columns.insert(at, column)
        added.append(column)
        if not (many and cursor.accept(",")):
            break
    if many:
        cursor.expect(")")
    if not moved:
        return [
            f"ALTER TABLE {place} ADD COLUMN {quoted(column.name)} {column.duckdb_type} "
            f"DEFAULT {default_sql(column)}"
            for column in added
        ]
    picks = ", ".join(
        f"{default_sql(column)} AS {quoted(column.name)}"
        if column in added
        else quoted(column.name)
        for column in table.columns
    )
    return [f"CREATE OR REPLACE TABLE {place} AS SELECT {picks} FROM {place}"]


def _existing(table: TableDef, name: str) -> ColumnDef:
    column = table.column(name)
    if column is None:
        raise analysis_error(f"Column does not exist: {name}")
    return column
