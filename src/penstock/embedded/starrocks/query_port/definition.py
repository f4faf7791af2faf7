"""CREATE, DROP and TRUNCATE of databases and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.embedded.starrocks.dialect.failure import QueryError, analysis_error
from penstock.embedded.starrocks.model import ColumnDef, TableDef
from penstock.embedded.starrocks.query_port.ddl import parse_create_table, parse_properties
from penstock.embedded.starrocks.query_port.results import Done
from penstock.embedded.starrocks.query_port.user_admin import create_user, drop_user

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.partitions import PartitionDef
    from penstock.embedded.starrocks.query_port.ddl import ColumnClause
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
    )


def create(queries: Queries, cursor: Cursor) -> Done:
    """CREATE DATABASE and CREATE TABLE, cursor behind CREATE."""
    if cursor.accept("USER"):
        return create_user(queries, cursor)
    queries.users.check_admin(queries.user, "CREATE")
    if cursor.accept("DATABASE") or cursor.accept("SCHEMA"):
        if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
        _, name = cursor.qualified()
        if cursor.accept("PROPERTIES"):
            parse_properties(cursor)
        if name.lower() == "information_schema":
            raise QueryError(f"Can't create database '{name}'; database exists", 1007)
        queries.store.create_database(name, if_not_exists=if_not_exists)
        return Done()
    if not cursor.accept("TABLE"):
        raise cursor.unexpected("TABLE")
    clause = parse_create_table(cursor)
    database = queries.database_or_current(clause.database)
    if database == "information_schema":
        raise QueryError("Access denied for database 'information_schema'", 1044, "42000")
    columns = [column_def(column) for column in clause.columns]
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
    queries.store.create_table(table, if_not_exists=clause.if_not_exists)
    return Done()


def _spelling(columns: list[ColumnDef], name: str) -> str:
    return next(column.name for column in columns if column.name.lower() == name.lower())


def partition_named(table: TableDef, name: str) -> PartitionDef:
    """A partition of a table.

    Raises:
        QueryError: There is none of this name.
    """
    for partition in table.partitions:
        if partition.name == name:
            return partition
    raise analysis_error(f"Partition does not exist: {name}")


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
    if not cursor.accept("TABLE"):
        raise cursor.unexpected("TABLE")
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
