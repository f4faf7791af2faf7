"""A StarRocks table to read: bounded scans and look-ups over the MySQL protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.connectors.base.sql_table import (
    Comparison,
    Dialect,
    ReadColumn,
    ServerAddress,
    SqlLookupTable,
    SqlTableSource,
)
from penstock.connectors.starrocks.options import ltz_zone
from penstock.connectors.starrocks.read_options import StarRocksReadOptions
from penstock.connectors.starrocks.read_types import (
    REFUSED,
    comparison,
    decoder,
    fits,
    readable_as,
)
from penstock.connectors.starrocks.types import base_type
from penstock.errors import ValidationError, nearest
from penstock.types import quote_identifier, quote_literal, quote_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base import TableDescriptor
    from penstock.types import Column

_COLUMNS = (
    "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)


def _text(value: str) -> str | None:
    if "\0" in value:
        return None
    return quote_literal(value.replace("\\", "\\\\"))


STARROCKS = Dialect(_text, lambda name: (f"({name} = true)", f"({name} = false)"))


@dataclass(frozen=True)
class StarRocksReadTable:
    """The declared table and its options; touches no network before it is read.

    Args:
        path: The declared table.
        options: Its options.
        zone: Of the wall clocks that are read as instants.
    """

    path: str
    options: StarRocksReadOptions
    zone: str = "UTC"

    @classmethod
    def from_descriptor(cls, table: TableDescriptor) -> StarRocksReadTable:
        """The table of a declaration.

        Raises:
            OptionError: An option is wrong.
        """
        options = StarRocksReadOptions(table.options)
        return cls(table.path, options, ltz_zone(options.ltz_zone, table.settings))

    @property
    def dialect(self) -> Dialect:
        return STARROCKS

    @property
    def address(self) -> ServerAddress:
        options = self.options
        return ServerAddress(
            options.jdbc_url,
            options.username,
            options.password,
            "jdbc-url",
            connect_timeout_ms=options.connect_timeout_ms,
            read_timeout_ms=options.query_timeout_s * 1000,
            ca_file=options.ca_file,
            assignments=tuple(self._assignments()),
        )

    def _assignments(self) -> list[str]:
        options = self.options
        found = [f"query_timeout = {options.query_timeout_s}"]
        if options.is_set(StarRocksReadOptions.mem_limit_bytes):
            found.append(f"query_mem_limit = {options.mem_limit_bytes}")
        if options.warehouse:
            name = _text(options.warehouse)
            found.append(f"warehouse = {name}")
        return found

    @property
    def quoted(self) -> str:
        return quote_path((self.options.database, self.options.table))

    @property
    def attempts(self) -> int:
        return max(1, self.options.max_retries)

    @property
    def plain_marker(self) -> bool:
        return True

    @property
    def sends_conditions(self) -> bool:
        return True

    @property
    def ranges(self) -> Sequence[str]:
        """None: several queries would show several versions of the table."""
        return ()

    @property
    def concurrency(self) -> int:
        return 1

    def compares(self, column: Column) -> Comparison:
        return comparison(column.type)

    def read_columns(
        self, connection: MySqlConnection, columns: Sequence[Column]
    ) -> list[ReadColumn]:
        given = connection.query(_COLUMNS, (self.options.database, self.options.table))
        if not given:
            raise ValidationError(
                f'table "{self.options.database}.{self.options.table}" does not exist in StarRocks',
                code="missing-table",
                hint="Check 'database-name' and 'table-name', and grant SELECT on the table.",
            )
        actual = {str(name).lower(): (str(name), str(kind)) for name, kind in given}
        return [self._read(column, actual) for column in columns]

    def _read(self, column: Column, actual: dict[str, tuple[str, str]]) -> ReadColumn:
        found = actual.get(column.name.lower())
        if found is None:
            near = nearest(column.name, [name for name, _ in actual.values()])
            raise ValidationError(
                f'column "{column.name}" of table "{self.path}" does not exist in StarRocks',
                code="unknown-column",
                detail=f"The table has: {', '.join(name for name, _ in actual.values())}.",
                hint=f'Did you mean "{near}"?' if near else "",
            )
        name, kind = found
        if not fits(kind, column.type):
            raise self._misfit(column, kind)
        return ReadColumn(
            name,
            quote_identifier(name),
            decoder(column.type, self.zone, self.path, column.name),
            comparison(column.type, kind),
        )

    def _misfit(self, column: Column, kind: str) -> ValidationError:
        base = base_type(kind)
        if base in REFUSED:
            return ValidationError(
                f'column "{column.name}" of table "{self.path}" is of a type that cannot be read',
                code="unsupported-type",
                detail=f"StarRocks type {kind} holds a state of an aggregation, not a value.",
                hint="Leave the column out of the declaration; read it through a view of StarRocks"
                " that computes its value, as BITMAP_COUNT or HLL_CARDINALITY do.",
            )
        known = ", ".join(sorted(root.value for root in readable_as(kind)))
        return ValidationError(
            f'type of column "{column.name}" of table "{self.path}" does not fit StarRocks',
            code="type-mismatch",
            detail=f"Flink type {column.type.sql()} cannot take all values of StarRocks type "
            f"{kind}{f', which is read as {known}' if known else ''}.",
            hint="Declare the column with the type it has in StarRocks, and CAST it in the query.",
        )


def source(table: TableDescriptor) -> SqlTableSource:
    """A bounded scan of the table.

    Raises:
        OptionError: An option is wrong.
    """
    return SqlTableSource(StarRocksReadTable.from_descriptor(table), table.schema, table.schema)


def lookup(table: TableDescriptor) -> SqlLookupTable:
    """The table as it is looked up.

    Raises:
        OptionError: An option is wrong.
    """
    made = StarRocksReadTable.from_descriptor(table)
    options = made.options
    return SqlLookupTable(made, table.schema, options.cache, 1 + options.lookup_max_retries)
