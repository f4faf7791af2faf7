"""StarRocks' databases and tables as information_schema has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.catalog.types import StarRocksType, parse_type
from penstock.connectors.starrocks.target import configured_key
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from penstock.connectors.starrocks.target import TargetConnection

# Values behind it may be secret.
PROPERTIES = "\nPROPERTIES ("
_SYSTEM = frozenset(("information_schema", "sys", "_statistics_"))
_DATABASES = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"
_TABLES = (
    "SELECT TABLE_NAME, TABLE_SCHEMA, TABLE_COMMENT FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'"
)
_COLUMNS = (
    "SELECT COLUMN_NAME, COLUMN_TYPE, COLUMN_KEY, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_COMMENT,"
    " EXTRA, GENERATION_EXPRESSION FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column that is there.

    Args:
        name: Its name.
        text: Its type as the server writes it.
        type: Its type; None where it is not understood.
        key: PRI, DUP, UNI, AGG or empty.
        nullable: Whether it takes NULL.
        default: Whether a row without it gets a value.
        comment: Its comment.
        generated: Whether the server computes it.
    """

    name: str
    text: str
    type: StarRocksType | None
    key: str
    nullable: bool
    default: bool
    comment: str
    generated: bool

    @property
    def required(self) -> bool:
        """Whether a row needs a value for it."""
        return not (self.nullable or self.default or self.generated)


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that is there; its primary key is empty for other models."""

    columns: tuple[FoundColumn, ...]
    primary_key: tuple[str, ...]
    comment: str


def read_databases(connection: TargetConnection) -> list[str]:
    """Names of databases, sorted, but those of the system."""
    found = (str(row[0]) for row in connection.query(_DATABASES))
    return sorted(name for name in found if name.lower() not in _SYSTEM)


def read_names(connection: TargetConnection, database: str) -> dict[str, str]:
    """Names and comments of a database's tables."""
    rows = connection.query(_TABLES, (database,))
    return {str(name): str(comment or "") for name, owner, comment in rows if owner == database}


def read_table(connection: TargetConnection, database: str, name: str) -> FoundTable | None:
    """A table; None where there is none of that name."""
    rows = connection.query(_COLUMNS, (database, name))
    if not rows:
        return None
    columns = tuple(_column(row) for row in rows)
    key = tuple(column.name for column in columns if column.key.startswith("PRI"))
    if not any(column.key for column in columns):
        configured = configured_key(connection, database, name)
        key = tuple(column.name for column in columns if column.name.lower() in configured)
    comment = read_names(connection, database).get(name, "")
    return FoundTable(columns, key, comment)


def change(connection: TargetConnection, statement: str) -> None:
    """Run a statement that changes the server.

    Raises:
        ConnectorError: The server refused it, or could not be reached.
    """
    try:
        connection.query(statement)
    except ConnectorError as error:
        if error.code != "starrocks-query":
            raise
        raise ConnectorError(
            f"StarRocks refused {' '.join(statement.split()[:2])}",
            retryable=False,
            code="starrocks-ddl",
            detail=f"{error.detail}\n{statement.partition(PROPERTIES)[0]}",
            hint="Check the statement, and the privileges of 'username' to create and drop.",
        ) from error


def _column(row: tuple[object, ...]) -> FoundColumn:
    name, text, key, nullable, default, comment, extra, expression = row
    shown = str(text)
    return FoundColumn(
        str(name),
        shown,
        _understood(shown),
        str(key or "").upper(),
        str(nullable).upper() == "YES",
        default is not None or "auto_increment" in str(extra or "").lower(),
        str(comment or ""),
        bool(expression),
    )


def _understood(text: str) -> StarRocksType | None:
    try:
        return parse_type(text)
    except (IndexError, ValueError):
        return None
