"""CREATE, DROP and TRUNCATE of databases and tables."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.dialect.failure import QueryError, analysis_error, not_here
from penstock.embedded.starrocks.model import ColumnDef, TableDef
from penstock.embedded.starrocks.partitions import PartitionDef
from penstock.embedded.starrocks.query_port.ddl import parse_create_table, parse_properties
from penstock.embedded.starrocks.query_port.partition_clause import dynamic_partitions
from penstock.embedded.starrocks.query_port.properties import check_properties
from penstock.embedded.starrocks.query_port.results import Done
from penstock.embedded.starrocks.query_port.system_tables import moment
from penstock.embedded.starrocks.query_port.type_names import starrocks_type
from penstock.embedded.starrocks.query_port.user_admin import create_user, drop_user
from penstock.embedded.starrocks.query_port.view_statements import create_view, drop_view
from penstock.embedded.starrocks.query_port.write import insert_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.query_port.ddl import ColumnClause, CreateTableClause
    from penstock.embedded.starrocks.query_port.queries import Queries


def column_def(clause: ColumnClause) -> ColumnDef:
    """The store's column for a clause."""
    return ColumnDef(
        name=clause.name,
        type=clause.type_text,
        nullable=clause.is_nullable,
        default=clause.default,
        comment=clause.comment,
        aggregate=clause.aggregate,
        auto_increment=clause.auto_increment,
        generated=clause.generated,
    )


def create(queries: Queries, cursor: Cursor) -> Done:
    """CREATE of a user, database, view or table, cursor behind CREATE."""
    if cursor.accept("USER"):
        return create_user(queries, cursor)
    queries.users.check_admin(queries.user, "CREATE")
    if cursor.accept("DATABASE") or cursor.accept("SCHEMA"):
        if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
        _, name = cursor.qualified()
        if cursor.accept("PROPERTIES"):
            for key in parse_properties(cursor):
                queries.no_effect(f"property '{key}' of a database")
        if name.lower() == "information_schema":
            raise QueryError(f"Can't create database '{name}'; database exists", 1007)
        queries.store.create_database(name, if_not_exists=if_not_exists)
        return Done()
    replaces = cursor.accept("OR", "REPLACE")
    if cursor.accept("VIEW"):
        return create_view(queries, cursor, replaces=replaces)
    if cursor.accept("INDEX"):
        return index_statement(queries, cursor)
    if not cursor.accept("TABLE"):
        raise not_here(cursor)
    clause = parse_create_table(cursor)
    for what in clause.unused:
        queries.no_effect(what)
    check_properties(queries, clause.properties)
    return _create_table(queries, clause)


def _create_table(queries: Queries, clause: CreateTableClause) -> Done:
    database = queries.database_or_current(clause.database)
    if database == "information_schema":
        raise QueryError("Access denied for database 'information_schema'", 1044, "42000")
    if clause.like is not None:
        return _create_like(queries, clause, database)
    selected = queries.arrow(clause.select) if clause.select else None
    columns = [column_def(column) for column in clause.columns]
    if selected is not None:
        columns = _selected_columns(selected, clause.names)
    for name in (*clause.key, *clause.distribution, *clause.order_by):
        _spelling(columns, name)
    has_aggregates = any(column.aggregate for column in columns)
    keys_type = clause.key_kind or ("AGGREGATE" if has_aggregates else "DUPLICATE")
    keys = [_spelling(columns, name) for name in clause.key]
    if not keys:
        # Without a key clause StarRocks sorts by the leading columns, three at most.
        # (StarRocks docs, CREATE TABLE, key_desc)
        plain = [column.name for column in columns if not column.aggregate]
        keys = plain if keys_type == "AGGREGATE" else plain[:3]
    if keys_type == "PRIMARY" and has_aggregates:
        raise analysis_error("aggregate functions are not allowed in a primary key table")
    by, declared = clause.partition or (None, [])
    if by is not None:
        by.columns = [_spelling(columns, name) for name in by.columns]
        today = moment(queries.store.clock.now_ms())
        assert today is not None
        known = {partition.name for partition in declared}
        made = dynamic_partitions(clause.properties, today.date())
        declared += [partition for partition in made if partition.name not in known]
        if made and by.kind == "TIME":
            by.kind, by.unit = "RANGE", ""
    table = TableDef(
        db=database,
        name=clause.name,
        columns=columns,
        keys_type=keys_type,
        key_columns=keys,
        buckets=clause.buckets or 1,
        distribution_columns=[_spelling(columns, name) for name in clause.distribution],
        partition_by=by,
        partitions=declared,
        order_by=[_spelling(columns, name) for name in clause.order_by],
        properties=clause.properties,
        comment=clause.comment,
    )
    if selected is None:
        queries.store.create_table(table, if_not_exists=clause.if_not_exists)
        return Done()
    if clause.if_not_exists and queries.store.has_table(database, clause.name):
        return Done()
    queries.store.create_table(table)
    return Done(insert_rows(queries, table, table.columns, selected))


def _create_like(queries: Queries, clause: CreateTableClause, database: str) -> Done:
    assert clause.like is not None
    table = copy.deepcopy(queries.table(*clause.like))
    table.db, table.name = database, clause.name
    table.partitions = [
        PartitionDef(p.name, p.lower, p.upper, p.values)
        for p in table.partitions
        if table.partition_by is not None and not table.partition_by.is_automatic
    ]
    queries.store.create_table(table, if_not_exists=clause.if_not_exists)
    return Done()


def _selected_columns(selected: pa.Table, names: tuple[str, ...]) -> list[ColumnDef]:
    """The columns of CREATE TABLE AS: types of the query, names of the clause if it has some."""
    if names and len(names) != selected.num_columns:
        raise analysis_error("Number of CTAS column names must equal the query's columns")
    return [
        ColumnDef(name, starrocks_type(field.type))
        for name, field in zip(names or selected.column_names, selected.schema, strict=True)
    ]


def _spelling(columns: list[ColumnDef], name: str) -> str:
    for column in columns:
        if column.name.lower() == name.lower():
            return column.name
    raise analysis_error(f"Key column({name}) doesn't exist")


def partition_named(table: TableDef, name: str) -> PartitionDef:
    """A partition of a table.

    Raises:
        QueryError: There is none of this name.
    """
    for partition in table.partitions:
        if partition.name == name:
            return partition
    raise analysis_error(f"Partition does not exist: {name}")


def index_statement(queries: Queries, cursor: Cursor) -> Done:
    """CREATE INDEX and DROP INDEX, cursor behind INDEX: answers do not depend on one."""
    name = cursor.name()
    cursor.expect("ON")
    queries.table_for("ALTER", *cursor.qualified())
    queries.no_effect(f"INDEX {name}")
    return Done()


def drop(queries: Queries, cursor: Cursor) -> Done:
    """DROP DATABASE and DROP TABLE, cursor behind DROP."""
    if cursor.accept("USER"):
        return drop_user(queries, cursor)
    if cursor.accept("DATABASE") or cursor.accept("SCHEMA"):
        queries.users.check_admin(queries.user, "DROP")
        if_exists = cursor.accept("IF", "EXISTS")
        _, name = cursor.qualified()
        cursor.accept("FORCE")
        queries.store.drop_database(name, if_exists=if_exists)
        if queries.database == name:
            queries.database = ""
        return Done()
    if cursor.accept("VIEW"):
        return drop_view(queries, cursor)
    if cursor.accept("INDEX"):
        return index_statement(queries, cursor)
    if not cursor.accept("TABLE"):
        raise not_here(cursor)
    if_exists = cursor.accept("IF", "EXISTS")
    names = [cursor.qualified()]
    while cursor.accept(","):
        names.append(cursor.qualified())
    cursor.accept("FORCE")
    for database, name in names:
        chosen = queries.database_or_current(database)
        if not if_exists or queries.store.has_table(chosen, name):
            queries.table_for("DROP", chosen, name)
        queries.store.drop_table(chosen, name, if_exists=if_exists)
    return Done()


def truncate(queries: Queries, cursor: Cursor) -> Done:
    """TRUNCATE TABLE t [PARTITION (p, ...)], cursor behind TRUNCATE."""
    cursor.accept("TABLE")
    table = queries.table_for("DELETE", *cursor.qualified())
    if cursor.accept("PARTITION") or cursor.accept("PARTITIONS"):
        chosen = [partition_named(table, name) for name in cursor.names()]
        queries.store.publisher.clear_partitions(table, chosen, drop=False)
        return Done()
    if not cursor.is_end():
        raise cursor.unexpected(";")
    queries.store.truncate(table.db, table.name)
    return Done()
