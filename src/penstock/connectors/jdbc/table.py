"""A MySQL table to read: bounded scans and look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.clock import session_zone, zone_name
from penstock.connectors.base.mysql_values import Shown, to_declared
from penstock.connectors.base.sql_table import (
    Comparison,
    Dialect,
    ReadColumn,
    ServerAddress,
    SqlLookupTable,
    SqlTableSource,
)
from penstock.connectors.jdbc.options import JdbcOptions
from penstock.errors import OptionError, ValidationError, nearest
from penstock.types import TypeRoot as R
from penstock.types import quote_identifier, quote_literal, quote_path
from penstock.wire.mysql.column import MySqlColumn, parse_column
from penstock.wire.mysql.convert import select_expression, text_to_arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base import TableDescriptor
    from penstock.types import Column, DataType

SCAN_ATTEMPTS = 3
READERS_DEFAULT = 4
_COLUMNS = (
    "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, IS_NULLABLE"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    " ORDER BY ORDINAL_POSITION"
)
_INTEGERS = frozenset((R.TINYINT, R.SMALLINT, R.INT, R.BIGINT))
_TEXTS = frozenset((R.CHAR, R.VARCHAR))
_TEXT_TYPES = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
_BYTE_TYPES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_PAIRS: dict[str, frozenset[R]] = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "bigint", "year"),
        _INTEGERS | {R.DECIMAL, R.BOOLEAN},
    ),
    **dict.fromkeys(_TEXT_TYPES, _TEXTS),
    **dict.fromkeys(_BYTE_TYPES, frozenset((R.BINARY, R.VARBINARY))),
    "bit": frozenset((R.BOOLEAN, R.BINARY, R.VARBINARY)),
    "decimal": frozenset((R.DECIMAL, *_TEXTS)),
    "float": frozenset((R.FLOAT, R.DOUBLE)),
    "double": frozenset((R.DOUBLE,)),
    "date": frozenset((R.DATE,)),
    "time": frozenset((R.TIME, *_TEXTS)),
    "datetime": frozenset((R.TIMESTAMP, R.TIMESTAMP_LTZ)),
    "timestamp": frozenset((R.TIMESTAMP, R.TIMESTAMP_LTZ)),
    "json": _TEXTS,
}


def _text(value: str) -> str:
    """A text whatever the server's SQL mode says of backslashes."""
    if "\\" in value or "\0" in value:
        return f"_utf8mb4 x'{value.encode().hex()}'"
    return quote_literal(value)


MYSQL = Dialect(_text, lambda name: (f"({name} <> 0)", f"({name} = 0)"))


@dataclass(frozen=True)
class JdbcTable:
    """The declared table and its options; touches no network before it is read.

    Args:
        path: The declared table.
        options: Its options.
        zone: Of the wall clocks in which instants (TIMESTAMP columns) are shown.
        readers: How many parts are read at a time.
    """

    path: str
    options: JdbcOptions
    zone: str = "UTC"
    readers: int = READERS_DEFAULT

    @classmethod
    def from_descriptor(cls, table: TableDescriptor) -> JdbcTable:
        """The table of a declaration.

        Raises:
            OptionError: An option is wrong.
        """
        options = JdbcOptions(table.options)
        column = options.partition_column
        if column and table.schema.index_of(column) is None:
            raise OptionError(
                f"column '{column}' of option 'scan.partition.column' is not declared",
                key="scan.partition.column",
                code="invalid-option",
                hint=f"Declared: {', '.join(table.schema.names)}.",
            )
        readers = table.settings.get("parallelism.default", "")
        return cls(
            table.path,
            options,
            _zone(options, table.settings.get("table.local-time-zone", "")),
            int(readers) if readers.isdigit() and int(readers) else READERS_DEFAULT,
        )

    @property
    def dialect(self) -> Dialect:
        return MYSQL

    @property
    def address(self) -> ServerAddress:
        options = self.options
        return ServerAddress(
            options.url,
            options.username,
            options.password,
            "url",
            connect_timeout_ms=options.max_retry_timeout_ms,
            read_timeout_ms=options.max_retry_timeout_ms,
        )

    @property
    def quoted(self) -> str:
        return quote_path((self.options.url.database, self.options.table))

    @property
    def attempts(self) -> int:
        return SCAN_ATTEMPTS

    @property
    def plain_marker(self) -> bool:
        return False

    @property
    def sends_conditions(self) -> bool:
        return self.options.filter_policy != "never"

    @property
    def ranges(self) -> Sequence[str]:
        column = quote_identifier(self.options.partition_column)
        return [f"{column} BETWEEN {low} AND {high}" for low, high in self.options.ranges]

    @property
    def concurrency(self) -> int:
        return self.readers

    def compares(self, column: Column) -> Comparison:
        return _compares(column.type, None)

    def read_columns(
        self, connection: MySqlConnection, columns: Sequence[Column]
    ) -> list[ReadColumn]:
        given = connection.query(_COLUMNS, (self.options.url.database, self.options.table))
        if not given:
            raise ValidationError(
                f'table "{self.options.url.database}.{self.options.table}" does not exist in MySQL',
                code="missing-table",
                hint="Check 'url' and 'table-name', and grant SELECT on the table.",
            )
        actual = {
            str(name).lower(): parse_column(
                str(name), str(kind), charset, nullable=str(nullable).upper() == "YES"
            )
            for name, kind, charset, nullable in given
        }
        return [self._read(column, actual) for column in columns]

    def _read(self, column: Column, actual: dict[str, MySqlColumn]) -> ReadColumn:
        found = actual.get(column.name.lower())
        if found is None:
            names = [one.name for one in actual.values()]
            near = nearest(column.name, names)
            raise ValidationError(
                f'column "{column.name}" of table "{self.path}" does not exist in MySQL',
                code="unknown-column",
                detail=f"The table has: {', '.join(names)}.",
                hint=f'Did you mean "{near}"?' if near else "",
            )
        roots = _PAIRS.get(found.type_name, frozenset())
        if column.type.root not in roots:
            known = ", ".join(sorted(root.value for root in roots))
            raise ValidationError(
                f'type of column "{column.name}" of table "{self.path}" does not fit MySQL',
                code="type-mismatch",
                detail=f"MySQL type {found.type_name} is "
                + (f"read as {known}, not as {column.type.sql()}." if known else "not read here."),
                hint="Declare the column with the type the MySQL column maps to, and CAST it in the"
                " query.",
            )
        return ReadColumn(
            found.name,
            select_expression(found),
            self._decoder(found, column),
            _compares(column.type, found),
        )

    def _decoder(self, found: MySqlColumn, column: Column) -> Callable[[pa.Array], pa.Array]:
        shown = Shown(self.zone)

        def decode(texts: pa.Array) -> pa.Array:
            values = text_to_arrow(found, texts)
            return to_declared(values, column.type, shown, table=self.path, column=column.name)

        return decode


def _zone(options: JdbcOptions, local: str) -> str:
    given = options.url.time_zone
    zone = zone_name(given) if given and given.upper() != "LOCAL" else session_zone(local)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise OptionError(
            f"unknown time zone '{zone}' in option 'url'",
            key="url",
            code="invalid-option",
            hint="Use a name like 'Asia/Shanghai' or 'UTC' for serverTimezone.",
        ) from error
    return zone


def _compares(declared: DataType, actual: MySqlColumn | None) -> Comparison:
    """How MySQL compares a column that is read as `declared`.

    A date that is none (`0000-00-00`) reads as NULL; texts compare by collation; a JSON document
    or an instant compares otherwise than what is read of it.
    """
    name = actual.type_name if actual is not None else ""
    if declared.root in {*_INTEGERS, R.DECIMAL, R.BOOLEAN}:
        return Comparison.EXACT
    if declared.root is R.DATE:
        return Comparison.NULLABLE
    if declared.root is R.TIMESTAMP and name in {"", "datetime"}:
        fits = actual is None or declared.precision >= actual.precision
        return Comparison.NULLABLE if fits else Comparison.NONE
    if declared.root in _TEXTS and name in {"", *_TEXT_TYPES}:
        return Comparison.EQUAL
    return Comparison.NONE


def source(table: TableDescriptor) -> SqlTableSource:
    """A bounded scan of the table.

    Raises:
        OptionError: An option is wrong.
    """
    return SqlTableSource(JdbcTable.from_descriptor(table), table.schema, table.schema)


def lookup(table: TableDescriptor) -> SqlLookupTable:
    """The table as it is looked up.

    Raises:
        OptionError: An option is wrong.
    """
    made = JdbcTable.from_descriptor(table)
    options = made.options
    return SqlLookupTable(made, table.schema, options.cache, 1 + options.lookup_max_retries)
