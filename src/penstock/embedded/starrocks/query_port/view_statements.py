"""CREATE, ALTER, DROP and SHOW CREATE of views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.embedded.starrocks.dialect.failure import QueryError, unknown_table
from penstock.embedded.starrocks.query_port.results import Done, text_rows
from penstock.embedded.starrocks.sql_names import ticked, ticked_list
from penstock.embedded.starrocks.views import ViewDef

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.query_port.queries import Queries
    from penstock.embedded.starrocks.query_port.results import Rows


def create_view(queries: Queries, cursor: Cursor, *, replaces: bool) -> Done:
    """CREATE [OR REPLACE] VIEW, cursor behind VIEW."""
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    database, name = cursor.qualified()
    database = queries.database_or_current(database)
    if if_not_exists and queries.store.views.get(database, name) is not None:
        return Done()
    _save(queries, cursor, ViewDef(database, name, ""), replaces=replaces)
    return Done()


def alter_view(queries: Queries, cursor: Cursor) -> Done:
    """ALTER VIEW v AS query, cursor behind VIEW."""
    view = _known(queries, cursor)
    _save(queries, cursor, ViewDef(view.db, view.name, ""), replaces=True)
    return Done()


def _save(queries: Queries, cursor: Cursor, view: ViewDef, *, replaces: bool) -> None:
    if cursor.peeks("("):
        cursor.expect("(")
        while not cursor.accept(")"):
            view.columns.append(cursor.name())
            if cursor.accept("COMMENT"):
                cursor.string()
            cursor.accept(",")
    if cursor.accept("COMMENT"):
        view.comment = cursor.string()
    if cursor.accept("SECURITY"):
        cursor.name()
    cursor.expect("AS")
    view.text = cursor.rest()
    query = queries.translate(view.text)
    if "__information_schema_" in query:
        raise QueryError("a view over information_schema is not supported by the embedded server")
    queries.arrow(f"SELECT * FROM ({view.text}) v LIMIT 0")
    queries.store.views.save(view, query, replaces=replaces)


def _known(queries: Queries, cursor: Cursor) -> ViewDef:
    database, name = cursor.qualified()
    database = queries.database_or_current(database)
    view = queries.store.views.get(database, name)
    if view is None:
        raise unknown_table(database, name)
    return view


def drop_view(queries: Queries, cursor: Cursor) -> Done:
    """DROP VIEW [IF EXISTS] v, cursor behind VIEW."""
    queries.users.check_admin(queries.user, "DROP")
    if cursor.accept("IF", "EXISTS"):
        database, name = cursor.qualified()
        database = queries.database_or_current(database)
        if queries.store.views.get(database, name) is None:
            return Done()
    else:
        view = _known(queries, cursor)
        database, name = view.db, view.name
    queries.store.views.drop(database, name)
    return Done()


def show_create_view(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW CREATE VIEW v."""
    view = _known(queries, cursor)
    names = f" ({ticked_list(view.columns)})" if view.columns else ""
    text = f"CREATE VIEW {ticked(view.name)}{names} AS {view.text};"
    columns = ["View", "Create View", "character_set_client", "collation_connection"]
    return text_rows(columns, [[view.name, text, "utf8", "utf8_general_ci"]])


def view_columns(queries: Queries, view: ViewDef) -> list[tuple[str, str]]:
    """Names and printed types of a view's columns."""
    found = queries.cursor.sql(f"SELECT * FROM {view.physical} LIMIT 0")
    kinds = {"INTEGER": "int(11)", "BIGINT": "bigint(20)", "HUGEINT": "largeint(40)",
             "SMALLINT": "smallint(6)", "TINYINT": "tinyint(4)", "TIMESTAMP": "datetime",
             "VARCHAR": "varchar(65533)"}  # fmt: skip
    return [
        (name, kinds.get(str(kind), str(kind).lower()))
        for name, kind in zip(found.columns, found.types, strict=True)
    ]
