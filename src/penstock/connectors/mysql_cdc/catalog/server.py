"""A MySQL server's databases and tables, from information_schema."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.base import ServerColumn, ServerTable
from penstock.connectors.base.sql_table import ServerAddress, connect
from penstock.connectors.mysql_cdc.catalog.options import JdbcCatalogOptions, MySqlCatalogOptions
from penstock.connectors.mysql_cdc.catalog.types import flink_type
from penstock.connectors.mysql_cdc.preflight.schema import text_bytes
from penstock.connectors.mysql_cdc.source import endpoint_of
from penstock.connectors.mysql_cdc.tables import SYSTEM_DATABASES, primary_key
from penstock.errors import ValidationError
from penstock.types import STRING
from penstock.wire.mysql.column import parse_column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from penstock.types import DataType

_DATABASES = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"
_TABLES = (
    "SELECT TABLE_NAME, TABLE_SCHEMA FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'"
)
_TABLE = (
    "SELECT TABLE_NAME, TABLE_SCHEMA, TABLE_TYPE, TABLE_COMMENT FROM information_schema.TABLES"
    " WHERE LOWER(TABLE_SCHEMA) = LOWER(%s) AND LOWER(TABLE_NAME) = LOWER(%s)"
)
_COLUMNS = (
    "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, IS_NULLABLE, COLUMN_COMMENT"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    " ORDER BY ORDINAL_POSITION"
)


@dataclass(frozen=True, slots=True)
class MySqlCatalog:
    """Implements `ServerCatalog`; connects for every question and writes nothing.

    Args:
        connect: Opens a session.
        default_database: Empty for none.
        cache_ms: How long answers may be used again.
        options: WITH options of a table: given its database and name, and of each whether another
            name differs from it by case only.
        tiny_is_bit: Whether TINYINT(1) is BOOLEAN.
        other_types: Types the connector takes otherwise, by MySQL's name; None where it takes none.
    """

    connect: Callable[[], MySqlConnection]
    default_database: str
    cache_ms: int
    options: Callable[[str, str, tuple[bool, bool]], dict[str, str]]
    tiny_is_bit: bool = True
    other_types: Mapping[str, DataType | None] = field(default_factory=dict)
    writer: None = None

    def databases(self) -> list[str]:
        found = (_text(row[0]) for row in self._ask(_DATABASES))
        return sorted(name for name in found if name.lower() not in SYSTEM_DATABASES)

    def tables(self, database: str) -> list[str]:
        rows = self._ask(_TABLES, (database,))
        return sorted(_text(name) for name, owner in rows if _text(owner) == database)

    def table(self, database: str, name: str) -> ServerTable | None:
        """A table; names are compared exactly, even where the server does not."""
        with contextlib.closing(self.connect()) as session:
            alike = {
                (_text(owner), _text(found)): (_text(kind), _text(comment or ""))
                for found, owner, kind, comment in session.query(_TABLE, (database, name))
            }
            kind, comment = alike.get((database, name), ("", ""))
            if not kind:
                return None
            _check_kind(kind, database, name)
            columns = session.query(_COLUMNS, (database, name))
            key = primary_key(session, (database, name))
        other_case = (
            any(owner != database for owner, _ in alike),
            any(found != name for _, found in alike),
        )
        return ServerTable(
            tuple(self._column(row, key) for row in columns),
            key,
            self.options(database, name, other_case),
            comment,
        )

    def _column(self, row: Sequence[Any], key: tuple[str, ...]) -> ServerColumn:
        name, kind, charset, nullable, comment = row
        nullable = nullable == "YES" and name not in key
        column = parse_column(str(name), _text(kind), charset, nullable=nullable)
        found = flink_type(column, tiny_is_bit=self.tiny_is_bit)
        found = self.other_types.get(column.type_name, found)
        return ServerColumn(
            str(name),
            found.with_nullable(nullable=nullable) if found is not None else None,
            f"MySQL's type {_text(kind)} has no counterpart" if found is None else "",
            _text(comment or ""),
            text_bytes=text_bytes(column) if column.type_name in {"char", "varchar"} else None,
        )

    def _ask(self, sql: str, arguments: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connect()) as session:
            return session.query(sql, arguments)


def open_mysql(raw: Mapping[str, str]) -> MySqlCatalog:
    """A catalog of type 'mysql'; touches no network.

    Raises:
        OptionError: An option is wrong.
    """
    options = MySqlCatalogOptions(raw)
    options.validate()
    endpoint, shared = endpoint_of(options), options.table_options()

    def of_table(database: str, name: str, other_case: tuple[bool, bool]) -> dict[str, str]:
        return {
            **shared,
            "database-name": pattern(database, exact_case=other_case[0]),
            "table-name": pattern(name, exact_case=other_case[1]),
        }

    return MySqlCatalog(
        lambda: MySqlConnection.open(endpoint),
        options.default_database,
        options.cache_ms,
        of_table,
        options.tiny_is_bit,
    )


def open_jdbc(raw: Mapping[str, str]) -> MySqlCatalog:
    """A catalog of type 'jdbc'; touches no network.

    Raises:
        OptionError: An option is wrong.
    """
    options = JdbcCatalogOptions(raw)
    address = ServerAddress(options.base_url, options.username, options.password, "base-url")
    return MySqlCatalog(
        lambda: connect(address),
        options.default_database,
        options.cache_ms,
        lambda database, name, _: options.table_options(database, name),
        other_types={"set": STRING, "geometry": None},
    )


def pattern(name: str, *, exact_case: bool = False) -> str:
    r"""The regular expression that matches a name and nothing else.

    Args:
        name: Of a database or table.
        exact_case: Whether another name differs from it by case only.

    Examples:
        >>> pattern("orders"), pattern("a.b,c"), pattern("T", exact_case=True)
        ('orders', 'a\\.b[,]c', '(?-i:T)')
    """
    # A comma outside of brackets parts two patterns; a backslash outside may begin `\Q`.
    escaped = re.sub(r"([.^$|?*+()\[\]{}])", r"\\\1", name.replace("\\", "\0"))
    escaped = escaped.replace(",", "[,]").replace("\0", r"[\\]")
    return f"(?-i:{escaped})" if exact_case else escaped


def _check_kind(kind: str, database: str, name: str) -> None:
    """Only rows of tables have changes."""
    if kind == "BASE TABLE":
        return
    raise ValidationError(
        f"'{database}.{name}' is a {kind.lower()} of MySQL",
        code="unsupported-table",
        detail="A binlog holds the changes of tables only.",
        hint="Name the tables behind it.",
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
