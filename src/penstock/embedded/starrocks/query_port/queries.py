"""Runs queries of one session over the store and the system tables."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from penstock.embedded.starrocks.dialect.failure import (
    analysis_error,
    no_database,
    unknown_database,
    unknown_table,
)
from penstock.embedded.starrocks.load.json_body import JsonNumber, json_text
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.query_port.results import Rows
from penstock.embedded.starrocks.query_port.system_tables import system_table
from penstock.embedded.starrocks.query_port.translate import (
    SessionFacts,
    parse,
    to_duckdb,
)
from penstock.embedded.starrocks.query_port.variables import CURRENT_VERSION
from penstock.embedded.starrocks.sql_names import literal

if TYPE_CHECKING:
    from penstock.embedded.starrocks.model import TableDef
    from penstock.embedded.starrocks.query_port.variables import ServerSettings
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users

_ROW_COUNTS: Final = re.compile(r"\*|num_row\b|data_size", re.IGNORECASE)
_CURRENT_VERSION: Final = re.compile(r"\bcurrent_version(?=\s*\()", re.IGNORECASE)


class Queries:
    """A session's view of the data: current database, variables and a cursor of its own.

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
        self.transactions = transactions
        self.store = transactions.store
        self.users = users
        self.settings = settings
        self.number = number
        self.user = user
        self.database = ""
        self.variables = settings.variables()
        self.warnings: list[str] = []
        self._cursor: Any = None
        self._counts_rows = True

    @property
    def cursor(self) -> Any:
        """The session's DuckDB connection, made at first use."""
        if self._cursor is None:
            self._cursor = self.store.cursor()
            self._cursor.execute("SET TimeZone = 'UTC'")
        return self._cursor

    def close(self) -> None:
        """Closes the cursor."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def database_or_current(self, name: str) -> str:
        """The database meant by a qualifier that may be empty.

        Raises:
            QueryError: None is chosen, or there is none of this name.
        """
        chosen = name or self.database
        if not chosen:
            raise no_database()
        if chosen.lower() == "information_schema":
            return "information_schema"
        if not self.store.has_database(chosen):
            raise unknown_database(chosen)
        return chosen

    def table(self, database: str, name: str) -> TableDef:
        """A user's table.

        Raises:
            QueryError: There is none.
        """
        database = self.database_or_current(database)
        try:
            return self.store.table(database, name)
        except ServerError as error:
            raise unknown_table(database, name) from error

    def table_for(self, privilege: str, database: str, name: str) -> TableDef:
        """A user's table, for a statement that needs a privilege on it.

        Raises:
            QueryError: There is none.
            ServerError: The privilege was not granted.
        """
        table = self.table(database, name)
        self.users.check(self.user, privilege, table.db, table.name)
        return table

    def resolve(self, database: str, name: str) -> str:
        """DuckDB's text for a table of a query; registers system tables."""
        if not database and name.lower() in {"dual", "__show"}:
            if name.lower() == "dual":
                self.cursor.register("dual", pa.table({"dummy": ["X"]}))
            return name.lower()
        if self.database_or_current(database) != "information_schema":
            view = self.store.views.get(self.database_or_current(database), name)
            if view is not None:
                return view.physical
            table = self.table(database, name)
            self.users.check(self.user, "SELECT", table.db, table.name)
            return self.store.physical(table.db, table.name)
        found = system_table(self.store, name, counted=self._counts_rows)
        if found is None:
            raise unknown_table("information_schema", name)
        registered = f"__information_schema_{name.lower()}"
        self.cursor.register(registered, found)
        return registered

    def facts(self) -> SessionFacts:
        """What variables and constant functions stand for now."""
        user = f"'{self.user}'@'%'"
        database = self.database or None
        functions: dict[str, str | int | None] = {
            "CURRENT_SCHEMA": database,
            "DATABASE": database,
            "SCHEMA": database,
            "CURRENT_VERSION": self.variables.get("version", ""),
            "VERSION": self.variables.get("version", ""),
            "CURRENT_USER": user,
            "USER": user,
            "SESSION_USER": user,
            "CONNECTION_ID": self.number,
            "PENSTOCK_CURRENT_VERSION": CURRENT_VERSION,
            "CATALOG": "default_catalog",
            "HOST_NAME": socket.gethostname(),
            "LAST_INSERT_ID": 0,
            "LAST_QUERY_ID": "",
            "ROW_COUNT": -1,
            "FOUND_ROWS": 0,
        }
        return SessionFacts(self.variables, functions)

    def no_effect(self, what: str) -> None:
        """Warn of a clause that StarRocks heeds and this server has no use for."""
        self.warnings.append(f"{what} has no effect in the embedded server")

    def set_zone(self, name: str) -> None:
        """Let functions of time use a zone, given by the name DuckDB knows."""
        self.cursor.execute(f"SET TimeZone = {literal(name)}")

    def translate(self, text: str) -> str:
        """The statement for DuckDB."""
        return to_duckdb(_spelled(text), self.facts(), self.resolve)

    def select(self, text: str) -> Rows:
        """Runs a query."""
        return Rows(self.arrow(text))

    def arrow(self, text: str) -> pa.Table:
        """Runs a query; columns have the names the user gave and types MySQL knows."""
        spelled = _spelled(text)
        tree: Any = parse(spelled)
        if tree.find(exp.DML, exp.DDL) not in (None, tree) or not isinstance(tree, exp.Query):
            raise analysis_error("only a query may follow WITH in the embedded server")
        self._counts_rows = _ROW_COUNTS.search(text) is not None
        relation = self.cursor.sql(to_duckdb(spelled, self.facts(), self.resolve))
        kinds = [str(kind) for kind in relation.types]
        table: pa.Table = relation.to_arrow_table()
        projections = tree.expressions if isinstance(tree, exp.Select) else []
        plain = [isinstance(item, exp.Column) for item in projections]
        if len(plain) == table.num_columns and not any(item.is_star for item in projections):
            names = [
                item.alias_or_name if isinstance(item, exp.Alias | exp.Column) else name
                for item, name in zip(projections, table.column_names, strict=True)
            ]
            names = [name.replace("penstock_current_version", "current_version") for name in names]
            table = table.rename_columns(names)
        else:
            plain = [True] * table.num_columns
        columns = [
            _presented(column, kind, is_column)
            for column, kind, is_column in zip(table.columns, kinds, plain, strict=True)
        ]
        return pa.Table.from_arrays(columns, names=table.column_names)

    def duckdb_arrow(self, statement: str) -> pa.Table:
        """Runs DuckDB's own text."""
        return self.cursor.sql(statement).to_arrow_table()

    def explain(self, text: str) -> str:
        """The plan of a query."""
        found = self.cursor.execute("EXPLAIN " + self.translate(text)).fetchall()
        return "\n".join(str(row[1]) for row in found)


def _spelled(text: str) -> str:
    """The text with `current_version()` renamed: sqlglot takes it for `version()`."""
    return (
        _CURRENT_VERSION.sub("penstock_current_version", text)
        if "urrent_" in text.lower()
        else text
    )


def _presented(column: pa.ChunkedArray, kind: str, is_column: bool) -> pa.ChunkedArray:  # noqa: FBT001
    """LARGEINT columns are text, as StarRocks sends them; computed ones are BIGINT if they fit."""
    if kind == "JSON":
        texts = [None if v is None else _json(v) for v in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.large_string())])
    if kind == "HUGEINT":
        if is_column:
            return pc.cast(column, pa.large_string())
        try:
            return pc.cast(column, pa.int64())
        except pa.ArrowInvalid:
            return column
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return pc.cast(column, pa.timestamp("us"))
    return column


def _json(text: str) -> str:
    """A JSON text as StarRocks prints it."""
    return json_text(json.loads(text, parse_float=JsonNumber), " ")
