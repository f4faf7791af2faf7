"""The server's side of a source: what it must offer, which tables match, what their columns are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import ConnectorError
from penstock.types import quote_path
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.column import MySqlColumn, parse_column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from penstock.connectors.mysql_cdc.options import MySqlCdcOptions

    class Session(Protocol):
        """What is needed of a connection for short queries."""

        def query(
            self, sql: str, args: Sequence[object] | None = None
        ) -> list[tuple[Any, ...]]: ...


SYSTEM_DATABASES = ("mysql", "information_schema", "performance_schema", "sys")
# Tables in which gh-ost and pt-online-schema-change rewrite another one, and what they leave.
_REWRITING = re.compile(r"_+.+_(gho|ghc|del|new|old)", re.IGNORECASE)
SNAPSHOT_MODES = frozenset({"initial", "snapshot"})
_REQUIRED = {
    "log_bin": ({"ON", "1"}, "Start the server with --log-bin."),
    "binlog_format": ({"ROW"}, "Set binlog_format=ROW on the server."),
    "binlog_row_image": ({"FULL"}, "Set binlog_row_image=FULL on the server."),
    "binlog_row_value_options": ({""}, "Set binlog_row_value_options='' on the server."),
}


@dataclass(frozen=True)
class PhysicalTable:
    """A table of the server.

    Args:
        database: Its database.
        name: Its name.
        columns: All columns, by position.
        key: Columns that identify a row, empty where none do.
        chunk_key: Column it is split by; None where it is not snapshotted.
        approx_rows: The server's estimate.
        charset: Character set of the chunk key, "" for other than text.
        collation: Its collation.
    """

    database: str
    name: str
    columns: tuple[MySqlColumn, ...]
    key: tuple[str, ...]
    chunk_key: MySqlColumn | None = None
    approx_rows: int = 0
    charset: str = ""
    collation: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def splits_by_index(self) -> bool:
        """Whether rows in the order of the chunk key cost no sorting: it leads the key."""
        return self.chunk_key is not None and self.key[:1] == (self.chunk_key.name,)

    @property
    def quoted(self) -> str:
        return quote_path((self.database, self.name))


def file_order(position: BinlogPosition) -> tuple[int, str, int]:
    """Sort key of positions: `binlog.1000000` follows `binlog.999999`."""
    return len(position.file), position.file.lower(), position.offset


def matches(options: MySqlCdcOptions, database: str, table: str) -> bool:
    """Whether the source reads that table."""
    if database.lower() in SYSTEM_DATABASES or (
        options.online_schema and _REWRITING.fullmatch(table)
    ):
        return False
    tables = options.table
    parts = [tables] if "{" in tables or "[" in tables else tables.split(",")
    return bool(re.fullmatch(options.database, database, re.IGNORECASE)) and any(
        re.fullmatch(part.strip(), table, re.IGNORECASE) for part in parts
    )


def server_failures(session: Session, endpoint: str) -> list[ConnectorError]:
    """Every setting of the server that forbids reading changes: which, and what to set."""
    names = ", ".join(f"'{name}'" for name in _REQUIRED)
    found = {
        str(name).lower(): str(value)
        for name, value in session.query(f"SHOW VARIABLES WHERE Variable_name IN ({names})")
    }
    return [
        ConnectorError(
            f"server variable '{name}' is '{found[name]}'",
            retryable=False,
            endpoint=endpoint,
            code=f"mysql-{name.replace('_', '-')}",
            detail="Changes of rows cannot be read from its binlog.",
            hint=hint,
        )
        for name, (wanted, hint) in _REQUIRED.items()
        if name in found and found[name].upper() not in wanted
    ]


def check_server(session: Session, endpoint: str) -> None:
    """The server's settings allow reading changes.

    Raises:
        ConnectorError: They do not; says which and what to set.
    """
    for failure in server_failures(session, endpoint):
        raise failure


def discover(
    session: Session, options: MySqlCdcOptions, declared_key: tuple[str, ...], endpoint: str
) -> list[PhysicalTable]:
    """All base tables the source reads, by name.

    Raises:
        ConnectorError: None matches, or one cannot be snapshotted.
    """
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES"
        " WHERE TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_SCHEMA, TABLE_NAME"
    )
    found = [
        describe(session, options, (str(db), str(name)), declared_key, int(count or 0))
        for db, name, count in rows
        if matches(options, str(db), str(name))
    ]
    if not found:
        raise ConnectorError(
            f"no table matches database-name '{options.database}' and table-name '{options.table}'",
            retryable=False,
            endpoint=endpoint,
            code="no-matching-table",
            hint="Check both patterns, and that the user has SELECT on the table.",
        )
    if options.startup_mode in SNAPSHOT_MODES:
        for table in found:
            _check_chunk_key(table, options, endpoint)
    return found


def _check_chunk_key(table: PhysicalTable, options: MySqlCdcOptions, endpoint: str) -> None:
    if not table.key:
        raise ConnectorError(
            f"table '{table.full_name}' has no primary key to snapshot it by",
            retryable=False,
            endpoint=endpoint,
            code="no-primary-key",
            detail="Changes made while it is read could not be matched with its rows.",
            hint="Add a primary key, declare one in the DDL, or start at 'latest-offset'.",
        )
    if table.chunk_key is None:
        raise ConnectorError(
            f"chunk key column '{options.chunk_key}' does not exist in table '{table.full_name}'",
            retryable=False,
            endpoint=endpoint,
            code="unknown-column",
            hint=f"Columns: {', '.join(column.name for column in table.columns)}.",
        )


def describe(
    session: Session,
    options: MySqlCdcOptions,
    table: tuple[str, str],
    declared_key: tuple[str, ...],
    approx_rows: int = 0,
) -> PhysicalTable:
    """One table's columns and key as they are now; without columns where it is not there."""
    rows = session.query(
        "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, IS_NULLABLE, COLLATION_NAME"
        " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        " ORDER BY ORDINAL_POSITION",
        table,
    )
    if not rows:
        return PhysicalTable(*table, (), ())
    columns = {
        str(r[0]): parse_column(str(r[0]), _text(r[1]), r[2], nullable=r[3] == "YES") for r in rows
    }
    key = primary_key(session, table)
    if not key and all(name in columns for name in declared_key):
        key = declared_key
    chunk_key = options.chunk_key or (key[0] if key else "")
    if options.startup_mode not in SNAPSHOT_MODES or not key or chunk_key not in columns:
        return PhysicalTable(*table, tuple(columns.values()), key)
    row = next(r for r in rows if str(r[0]) == chunk_key)
    return PhysicalTable(
        *table,
        tuple(columns.values()),
        key,
        columns[chunk_key],
        approx_rows,
        str(row[2] or ""),
        str(row[4] or ""),
    )


def primary_key(session: Session, table: tuple[str, str]) -> tuple[str, ...]:
    """Columns of a table's primary key, in its order; empty where it has none."""
    rows = session.query(
        "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s"
        " AND TABLE_NAME = %s AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
        table,
    )
    return tuple(str(row[0]) for row in rows)


def binlog_files(session: Session) -> list[str]:
    """The server's binlog files, oldest first."""
    return [str(row[0]) for row in session.query("SHOW BINARY LOGS")]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
