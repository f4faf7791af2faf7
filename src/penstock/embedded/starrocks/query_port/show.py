"""SHOW and DESC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from penstock.embedded.starrocks.dialect.failure import syntax_error
from penstock.embedded.starrocks.dialect.lexer import quote
from penstock.embedded.starrocks.partitions import range_text
from penstock.embedded.starrocks.query_port.results import Rows, text_rows
from penstock.embedded.starrocks.query_port.show_admin import (
    show_backends,
    show_frontends,
    show_proc,
)
from penstock.embedded.starrocks.query_port.show_loads import (
    show_alter,
    show_load,
    show_stream_load,
    show_transaction,
)
from penstock.embedded.starrocks.query_port.show_tablets import (
    show_data,
    show_partitions,
    show_tablet,
)
from penstock.embedded.starrocks.query_port.system_tables import (
    key_mark,
    moment,
    system_table,
    system_tables,
)
from penstock.embedded.starrocks.query_port.type_names import default_clause, printed_type
from penstock.embedded.starrocks.query_port.user_admin import show_grants, show_users
from penstock.embedded.starrocks.query_port.view_statements import show_create_view, view_columns
from penstock.embedded.starrocks.sql_names import ticked, ticked_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.model import TableDef
    from penstock.embedded.starrocks.partitions import PartitionBy
    from penstock.embedded.starrocks.query_port.queries import Queries


def filtered(queries: Queries, rows: Rows, cursor: Cursor) -> Rows:
    """Applies what follows a SHOW: LIKE on the first column, WHERE, ORDER BY, LIMIT."""
    if cursor.is_end():
        return rows
    condition = cursor.rest()
    if cursor.accept("LIKE"):
        first = ticked(rows.table.column_names[0])
        condition = f"WHERE lower({first}) LIKE {quote(cursor.string().lower())} {cursor.rest()}"
    elif not any(cursor.peeks(word) for word in ("WHERE", "ORDER", "LIMIT")):
        raise cursor.unexpected("WHERE")
    queries.cursor.register("__show", rows.table)
    table = queries.arrow(f"SELECT * FROM __show {condition}")
    return Rows(table.rename_columns(rows.table.column_names))


def show(queries: Queries, cursor: Cursor) -> Rows:
    """Any SHOW, cursor behind SHOW."""
    for words, handler in _SHOWS:
        if cursor.accept(*words):
            return filtered(queries, handler(queries, cursor), cursor)
    raise syntax_error(f"SHOW {cursor.rest()} is not supported by the embedded server")


def _from(queries: Queries, cursor: Cursor) -> str:
    named = cursor.qualified()[1] if cursor.accept("FROM") or cursor.accept("IN") else ""
    return queries.database_or_current(named)


def _table_from(queries: Queries, cursor: Cursor) -> tuple[str, str]:
    if not (cursor.accept("FROM") or cursor.accept("IN")):
        raise cursor.unexpected("FROM")
    database, name = cursor.qualified()
    if cursor.accept("FROM") or cursor.accept("IN"):
        database = cursor.name()
    return queries.database_or_current(database), name


def _databases(queries: Queries, _cursor: Cursor) -> Rows:
    names = ["information_schema", *(database.name for database in queries.store.databases())]
    return text_rows(["Database"], [[name] for name in sorted(names)])


def _table_names(queries: Queries, database: str) -> list[str]:
    if database == "information_schema":
        return system_tables()
    names = [table.name for table in queries.store.tables(database)]
    return sorted([*names, *(view.name for view in queries.store.views.all(database))])


def _tables(queries: Queries, cursor: Cursor) -> Rows:
    database = _from(queries, cursor)
    names = _table_names(queries, database)
    return text_rows([f"Tables_in_{database}"], [[name] for name in names])


def _full_tables(queries: Queries, cursor: Cursor) -> Rows:
    database = _from(queries, cursor)
    kind = "SYSTEM VIEW" if database == "information_schema" else "BASE TABLE"
    views = {view.name for view in queries.store.views.all(database)}
    rows = [[name, "VIEW" if name in views else kind] for name in _table_names(queries, database)]
    return text_rows([f"Tables_in_{database}", "Table_type"], rows)


def _table_status(queries: Queries, cursor: Cursor) -> Rows:
    database = _from(queries, cursor)
    names = [
        "Name", "Engine", "Version", "Row_format", "Rows", "Avg_row_length", "Data_length",
        "Max_data_length", "Index_length", "Data_free", "Auto_increment", "Create_time",
        "Update_time", "Check_time", "Collation", "Checksum", "Create_options", "Comment",
    ]  # fmt: skip
    rows = [
        [
            table.name, "StarRocks", None, None, queries.store.row_count(table), None, None, None,
            None, None, None, moment(table.created_ms), None, None, "utf8_general_ci", None, None,
            table.comment,
        ]
        for table in queries.store.tables(database)
    ]  # fmt: skip
    return text_rows(names, rows)


def _system_columns(queries: Queries, name: str) -> list[tuple[str, str]]:
    found = system_table(queries.store, name)
    if found is None:
        queries.resolve("information_schema", name)
        return []
    return [(field.name, str(field.type)) for field in found.schema]


def _columns(queries: Queries, cursor: Cursor) -> Rows:
    return _column_rows(queries, cursor, is_full=False)


def _full_columns(queries: Queries, cursor: Cursor) -> Rows:
    return _column_rows(queries, cursor, is_full=True)


def _column_rows(queries: Queries, cursor: Cursor, *, is_full: bool) -> Rows:
    database, name = _table_from(queries, cursor)
    names = [
        "Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment",
    ]  # fmt: skip
    if database == "information_schema":
        rows = [
            [column, kind, None, "YES", "", None, "", "", ""]
            for column, kind in _system_columns(queries, name)
        ]
    else:
        table = queries.table(database, name)
        rows = [
            [
                column.name, printed_type(column.info),
                "utf8_general_ci" if column.info.length else None,
                "YES" if column.nullable else "NO", key_mark(table, is_key=column.key),
                column.default, "auto_increment" if column.auto_increment else "", "",
                column.comment,
            ]
            for column in table.columns
        ]  # fmt: skip
    full = text_rows(names, rows)
    if is_full:
        return full
    return Rows(full.table.select(["Field", "Type", "Null", "Key", "Default", "Extra"]))


def describe(queries: Queries, cursor: Cursor) -> Rows:
    """DESC and DESCRIBE."""
    cursor.accept("TABLE")
    database, name = cursor.qualified()
    database = queries.database_or_current(database)
    cursor.accept("ALL")
    view = queries.store.views.get(database, name)
    if view is not None:
        rows = [
            [column, kind, "YES", "false", None, ""] for column, kind in view_columns(queries, view)
        ]
    elif database == "information_schema":
        rows = [
            [column, kind, "YES", "false", None, ""]
            for column, kind in _system_columns(queries, name)
        ]
    else:
        rows = [
            [
                column.name, printed_type(column.info), "YES" if column.nullable else "NO",
                "true" if column.key else "false", column.default, column.aggregate,
            ]
            for column in queries.table(database, name).columns
        ]  # fmt: skip
    return text_rows(["Field", "Type", "Null", "Key", "Default", "Extra"], rows)


def _create_table(queries: Queries, cursor: Cursor) -> Rows:
    table = queries.table(*cursor.qualified())
    return text_rows(["Table", "Create Table"], [[table.name, create_table_text(table)]])


def create_table_text(table: TableDef) -> str:
    """The CREATE TABLE statement that would make this table again."""
    columns = []
    for column in table.columns:
        text = f"  {ticked(column.name)} {printed_type(column.info)}"
        text += f" {column.aggregate}" if column.aggregate else ""
        text += " NULL" if column.nullable else " NOT NULL"
        text += f" AS {column.generated}" if column.generated else ""
        text += " AUTO_INCREMENT" if column.auto_increment else default_clause(column)
        text += f" COMMENT {_double_quoted(column.comment)}" if column.comment else ""
        columns.append(text)
    lines = [f"CREATE TABLE {ticked(table.name)} (", ",\n".join(columns), ") ENGINE=OLAP "]
    lines.append(f"{table.keys_type} KEY({ticked_list(table.key_columns)})")
    if table.comment:
        lines.append(f"COMMENT {_double_quoted(table.comment)}")
    if table.partition_by is not None:
        lines += _partition_lines(table, table.partition_by)
    how = (
        f"HASH({ticked_list(table.distribution_columns)})"
        if table.distribution_columns
        else "RANDOM"
    )
    lines.append(f"DISTRIBUTED BY {how} BUCKETS {table.buckets}")
    if table.order_by:
        lines.append(f"ORDER BY({ticked_list(table.order_by)})")
    properties = {"replication_num": "1", "compression": "LZ4", **table.properties}
    pairs = ",\n".join(f'"{key}" = "{value}"' for key, value in properties.items())
    return "\n".join([*lines, "PROPERTIES (", pairs, ");"])


def _partition_lines(table: TableDef, by: PartitionBy) -> list[str]:
    columns = ticked_list(by.columns)
    if by.kind == "TIME":
        return [f"PARTITION BY date_trunc('{by.unit}', {by.columns[0]})"]
    if by.kind == "VALUES":
        return [f"PARTITION BY ({columns})"]
    ranges = [
        f"PARTITION {partition.name} VALUES {range_text(partition)}"
        for partition in table.partitions
    ]
    return [f"PARTITION BY {by.kind}({columns})", "(" + ",\n".join(ranges) + ")"]


def _double_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _create_database(queries: Queries, cursor: Cursor) -> Rows:
    name = queries.database_or_current(cursor.qualified()[1])
    return text_rows(["Database", "Create Database"], [[name, f"CREATE DATABASE {ticked(name)}"]])


def _variables(queries: Queries, _cursor: Cursor) -> Rows:
    rows = sorted(queries.variables.items())
    shown = [(key, _switch(key, value)) for key, value in rows]
    return text_rows(["Variable_name", "Value"], shown)


def _switch(key: str, value: str) -> str:
    return ("ON" if value == "1" else "OFF") if key == "autocommit" else value


def _warnings(queries: Queries, _cursor: Cursor) -> Rows:
    rows = [["Warning", "1105", text] for text in queries.warnings]
    return text_rows(["Level", "Code", "Message"], rows)


def _errors(_queries: Queries, _cursor: Cursor) -> Rows:
    return text_rows(["Level", "Code", "Message"], [])


def _engines(_queries: Queries, _cursor: Cursor) -> Rows:
    names = ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"]
    comment = "Default storage engine of StarRocks"
    return text_rows(names, [["OLAP", "DEFAULT", comment, "NO", "NO", "NO"]])


def _collation(_queries: Queries, _cursor: Cursor) -> Rows:
    names = ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"]
    return text_rows(names, [["utf8_general_ci", "utf8", 33, "Yes", "Yes", 1]])


def _charset(_queries: Queries, _cursor: Cursor) -> Rows:
    names = ["Charset", "Description", "Default collation", "Maxlen"]
    return text_rows(names, [["utf8", "UTF-8 Unicode", "utf8_general_ci", 3]])


def _processlist(queries: Queries, _cursor: Cursor) -> Rows:
    names = ["Id", "User", "Host", "Db", "Command", "ConnectionStartTime", "Time", "State", "Info"]
    row = [queries.number, queries.user, "", queries.database, "Query", None, 0, "OK", ""]
    return text_rows(names, [row])


def _index(queries: Queries, cursor: Cursor) -> Rows:
    queries.table(*_table_from(queries, cursor))
    names = [
        "Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name", "Collation",
        "Cardinality", "Sub_part", "Packed", "Null", "Index_type", "Comment",
    ]  # fmt: skip
    return text_rows(names, [])


def _catalogs(_queries: Queries, _cursor: Cursor) -> Rows:
    comment = "An internal catalog contains this cluster's self-managed tables."
    return text_rows(["Catalog", "Type", "Comment"], [["default_catalog", "Internal", comment]])


def _nothing(*names: str) -> Callable[[Queries, Cursor], Rows]:
    def answer(_queries: Queries, cursor: Cursor) -> Rows:
        cursor.at = len(cursor.tokens) - 1
        return text_rows(names, [])

    return answer


_SHOWS: Final[tuple[tuple[tuple[str, ...], Callable[[Queries, Cursor], Rows]], ...]] = (
    (("DATABASES",), _databases),
    (("SCHEMAS",), _databases),
    (("TABLES",), _tables),
    (("FULL", "TABLES"), _full_tables),
    (("TABLE", "STATUS"), _table_status),
    (("FULL", "COLUMNS"), _full_columns),
    (("FULL", "FIELDS"), _full_columns),
    (("COLUMNS",), _columns),
    (("FIELDS",), _columns),
    (("CREATE", "TABLE"), _create_table),
    (("CREATE", "VIEW"), show_create_view),
    (("CREATE", "DATABASE"), _create_database),
    (("CREATE", "SCHEMA"), _create_database),
    (("VARIABLES",), _variables),
    (("SESSION", "VARIABLES"), _variables),
    (("GLOBAL", "VARIABLES"), _variables),
    (("STATUS",), _nothing("Variable_name", "Value")),
    (("SESSION", "STATUS"), _nothing("Variable_name", "Value")),
    (("GLOBAL", "STATUS"), _nothing("Variable_name", "Value")),
    (("WARNINGS",), _warnings),
    (("ERRORS",), _errors),
    (("ENGINES",), _engines),
    (("STORAGE", "ENGINES"), _engines),
    (("COLLATION",), _collation),
    (("CHARSET",), _charset),
    (("CHARACTER", "SET"), _charset),
    (("PROCESSLIST",), _processlist),
    (("FULL", "PROCESSLIST"), _processlist),
    (("INDEX",), _index),
    (("INDEXES",), _index),
    (("KEYS",), _index),
    (("CATALOGS",), _catalogs),
    (("GRANTS",), show_grants),
    (("USERS",), show_users),
    (("PLUGINS",), _nothing("Name", "Type", "Description", "Version")),
    (("PROCEDURE", "STATUS"), _nothing("Db", "Name", "Type")),
    (("FUNCTION", "STATUS"), _nothing("Db", "Name", "Type")),
    (("TRIGGERS",), _nothing("Trigger", "Event", "Table")),
    (("EVENTS",), _nothing("Db", "Name")),
    (("BACKENDS",), show_backends),
    (("FRONTENDS",), show_frontends),
    (("PROC",), show_proc),
    (("TABLET",), show_tablet),
    (("TABLETS",), show_tablet),
    (("LOAD",), show_load),
    (("STREAM", "LOAD"), show_stream_load),
    (("ALL", "STREAM", "LOAD"), show_stream_load),
    (("ALTER", "TABLE"), show_alter),
    (("PARTITIONS",), show_partitions),
    (("DATA",), show_data),
    (("TRANSACTION",), show_transaction),
)
