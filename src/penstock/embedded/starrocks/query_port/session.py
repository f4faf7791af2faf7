"""One client's session: decides what a statement is and who answers it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from penstock.embedded.starrocks.dialect.failure import (
    QueryError,
    analysis_error,
    not_here,
    unknown_database,
)
from penstock.embedded.starrocks.dialect.lexer import Cursor, strip_statement
from penstock.embedded.starrocks.dialect.rewrite import parsed, rewrite
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.query_port import alter, definition, show, user_admin, write
from penstock.embedded.starrocks.query_port.ddl import parse_properties
from penstock.embedded.starrocks.query_port.queries import Queries
from penstock.embedded.starrocks.query_port.results import Done, text_rows
from penstock.embedded.starrocks.zones import zone_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.embedded.starrocks.query_port.results import Answer
    from penstock.embedded.starrocks.query_port.variables import ServerSettings
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users

_UNKNOWN_COLUMN: Final = re.compile(r'Referenced column "([^"]*)" not found')


class Session:
    """Answers the statements of one connection; used by that connection's thread only.

    Args:
        transactions: All loads, and through them the data.
        settings: What all connections share.
        users: All users.
        number: The connection's id.
        user: Who logged in.
    """

    def __init__(
        self,
        transactions: Transactions,
        settings: ServerSettings,
        users: Users,
        *,
        number: int,
        user: str,
    ) -> None:
        self._queries = Queries(transactions, settings, users, number=number, user=user)
        self._settings = settings

    def close(self) -> None:
        """Gives the store's cursor back."""
        self._queries.close()

    def use(self, database: str) -> None:
        """Chooses the current database.

        Raises:
            QueryError: There is none of this name.
        """
        name = database.strip().strip("`")
        if name.startswith("default_catalog."):
            name = name.removeprefix("default_catalog.")
        if name.lower() == "information_schema":
            name = "information_schema"
        elif not self._queries.store.has_database(name):
            raise unknown_database(name)
        self._queries.database = name

    def columns_of(self, table: str) -> pa.Schema:
        """The columns of a table of the current database, for COM_FIELD_LIST."""
        found = self._queries.table("", table)
        return pa.schema([(column.name, column.info.arrow) for column in found.columns])

    def execute(self, text: str) -> Answer:
        """Runs one statement.

        Raises:
            QueryError: It was refused; the text is as StarRocks words it.
        """
        statement = strip_statement(text)
        if not statement:
            raise QueryError("Query was empty", 1065, "42000")
        cursor = Cursor(statement)
        if not cursor.peeks("SHOW"):
            self._queries.warnings.clear()
        try:
            answer = self._dispatch(cursor)
            if isinstance(answer, Done) and self._queries.warnings:
                return replace(answer, warnings=len(self._queries.warnings))
            return answer  # noqa: TRY300 - one way out
        except ServerError as error:
            raise QueryError(error.message, error.errno) from error
        except duckdb.Error as error:
            raise analysis_error(_plain(error)) from error
        except pa.ArrowException as error:
            raise analysis_error(str(error).splitlines()[0]) from error

    def _dispatch(self, cursor: Cursor) -> Answer:
        token = cursor.token
        if token.kind == "symbol" and token.value == "(":
            return self._queries.select(cursor.text)
        if token.kind != "word":
            raise cursor.unexpected("SELECT")
        word = token.value.upper()
        if word in {"SELECT", "WITH", "VALUES"}:
            return self._queries.select(cursor.text)
        handler = _STATEMENTS.get(word)
        if handler is None and word in _NOT_HERE:
            raise not_here(cursor)
        if handler is None:
            raise cursor.unexpected("SELECT")
        cursor.advance()
        return handler(self._queries, cursor)

    @property
    def settings(self) -> ServerSettings:
        """What all connections share."""
        return self._settings


def warm_up() -> None:
    """Translate a query: the SQL toolkit loads its dialects at the first one."""
    rewrite(parsed("SELECT 1").copy()).sql(dialect="duckdb")


def _plain(error: duckdb.Error) -> str:
    text = str(error).split("\n\nLINE", 1)[0].splitlines()[0]
    column = _UNKNOWN_COLUMN.search(text)
    if column is not None:
        return f"Column '{column[1]}' cannot be resolved"
    _, _, rest = text.partition(": ")
    return (rest or text).rstrip(".")


def _use(queries: Queries, cursor: Cursor) -> Answer:
    _, name = cursor.qualified()
    if name.lower() == "information_schema":
        name = "information_schema"
    elif not queries.store.has_database(name):
        raise unknown_database(name)
    queries.database = name
    return Done()


def _nothing(_queries: Queries, _cursor: Cursor) -> Answer:
    return Done()


def _set(queries: Queries, cursor: Cursor) -> Answer:
    """SET: names and character sets are taken as said, variables are remembered."""
    if cursor.accept("PASSWORD"):
        return user_admin.set_password(queries, cursor)
    if cursor.peeks("ROLE") or cursor.peeks("DEFAULT"):
        return Done()  # the roles a user has are all active
    while not cursor.is_end():
        if _is_charset(cursor):
            cursor.accept(",")
            continue
        is_global = cursor.accept("GLOBAL")
        if not is_global:
            cursor.accept("SESSION") or cursor.accept("LOCAL")
        if cursor.accept("TRANSACTION"):
            return Done()
        name = cursor.advance().value.lstrip("@").lower()
        while cursor.accept("."):
            name = cursor.name().lower()
        if not (cursor.accept("=") or cursor.accept(":=")):
            raise cursor.unexpected("=")
        value = _set_value(queries, cursor)
        if name == "time_zone":
            _set_zone(queries, value)
        queries.variables[name] = value
        if is_global:
            queries.settings.set_variable(name, value)
        cursor.accept(",")
    return Done()


def _set_zone(queries: Queries, value: str) -> None:
    zone = "Etc/UTC" if value.upper() == "SYSTEM" else zone_name(value)
    if zone is None:
        raise QueryError(f"Unknown or incorrect time zone: '{value}'", 1298)
    queries.set_zone(zone)


def _is_charset(cursor: Cursor) -> bool:
    """Moves behind NAMES, CHARSET and CHARACTER SET: everything is UTF-8 here."""
    if not (
        cursor.accept("NAMES") or cursor.accept("CHARSET") or cursor.accept("CHARACTER", "SET")
    ):
        return False
    while not (cursor.is_end() or cursor.peeks(",")):
        cursor.advance()
    return True


def _set_value(queries: Queries, cursor: Cursor) -> str:
    start = cursor.token.start
    depth, count = 0, 0
    last = cursor.token
    while not cursor.is_end() and not (depth == 0 and cursor.peeks(",")):
        last = cursor.advance()
        count += 1
        depth += {"(": 1, ")": -1}.get(last.value, 0) if last.kind == "symbol" else 0
    if count == 1 and not last.value.startswith("@@"):
        word = last.value
        return {"on": "1", "off": "0", "true": "1", "false": "0"}.get(word.lower(), word)
    value = queries.arrow(f"SELECT {cursor.text[start : last.end]}").column(0)[0].as_py()
    return "" if value is None else str(value)


def _explain(queries: Queries, cursor: Cursor) -> Answer:
    for word in ("ANALYZE", "VERBOSE", "COSTS", "LOGICAL"):
        cursor.accept(word)
    if not (cursor.peeks("SELECT") or cursor.peeks("WITH")):
        return show.describe(queries, cursor)
    lines = [
        "PLAN OF DUCKDB, WHICH RUNS THE QUERIES HERE: NOT STARROCKS' PLAN",
        "",
    ]
    lines += queries.explain(cursor.rest()).splitlines()
    return text_rows(["Explain String"], [[line] for line in lines])


def _admin(queries: Queries, cursor: Cursor) -> Answer:
    if cursor.accept("SHOW", "FRONTEND", "CONFIG"):
        names = ["Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"]
        config = queries.store.frontend_config
        listed = [
            (entry.name, "[]", value, entry.kind, str(entry.is_mutable).lower(), entry.comment)
            for entry, value in config.items()
        ]
        rows = text_rows(names, listed)
        return show.filtered(queries, rows, cursor)
    queries.users.check_admin(queries.user, "OPERATE")
    if cursor.accept("SET", "FRONTEND", "CONFIG"):
        for name, value in parse_properties(cursor).items():
            queries.store.frontend_config.set(name, value)
        return Done()
    raise not_here(cursor)


def _kill(_queries: Queries, cursor: Cursor) -> Answer:
    raise QueryError(f"Unknown thread id: {cursor.rest()}", 1094)


_NOT_HERE: Final = frozenset(
    {
        "ANALYZE", "BACKUP", "CALL", "CANCEL", "CLEAN", "DEALLOCATE", "EXECUTE",
        "EXPORT", "HELP", "INSTALL", "LOAD", "LOCK", "PAUSE", "PREPARE",
        "RECOVER", "REFRESH", "REPLACE", "RESTORE", "RESUME", "STOP", "SUBMIT",
        "SYNC", "TRACE", "UNINSTALL", "UNLOCK",
    }
)  # fmt: skip
"""First words of StarRocks' statements that this server does not have."""

_STATEMENTS: Final[dict[str, Callable[[Queries, Cursor], Answer]]] = {
    "ADMIN": _admin,
    "ALTER": alter.alter,
    "BEGIN": _nothing,
    "COMMIT": _nothing,
    "CREATE": definition.create,
    "DELETE": write.delete,
    "DESC": show.describe,
    "DESCRIBE": show.describe,
    "DROP": definition.drop,
    "EXPLAIN": _explain,
    "GRANT": user_admin.grant,
    "INSERT": write.insert,
    "KILL": _kill,
    "REVOKE": user_admin.revoke,
    "ROLLBACK": _nothing,
    "SET": _set,
    "SHOW": show.show,
    "START": _nothing,
    "TRUNCATE": definition.truncate,
    "UPDATE": write.update,
    "USE": _use,
}
