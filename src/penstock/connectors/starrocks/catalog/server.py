"""A StarRocks cluster's databases and tables, and changes of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.connectors.base import ServerColumn, ServerTable
from penstock.connectors.starrocks.catalog.maker import StarRocksMaker
from penstock.connectors.starrocks.catalog.options import StarRocksCatalogOptions
from penstock.connectors.starrocks.catalog.tables import (
    change,
    read_databases,
    read_names,
    read_table,
)
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.read_options import StarRocksReadOptions
from penstock.connectors.starrocks.target import TargetConnection
from penstock.types import quote_identifier, quote_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.connectors.starrocks.catalog.tables import FoundColumn


@dataclass(frozen=True, slots=True)
class StarRocksCatalog:
    """Implements `ServerCatalog` and `CatalogWriter`; connects for every question."""

    options: StarRocksCatalogOptions

    @classmethod
    def open(cls, raw: Mapping[str, str]) -> StarRocksCatalog:
        """A catalog of type 'starrocks'; touches no network.

        Raises:
            OptionError: An option is wrong, one that is handed to each table among them.
        """
        options = StarRocksCatalogOptions(raw)
        StarRocksOptions(options.table_options("d", "t"))
        StarRocksReadOptions(options.table_options("d", "t"))
        return cls(options)

    @property
    def default_database(self) -> str:
        return self.options.default_database

    @property
    def cache_ms(self) -> int:
        return self.options.cache_ms

    @property
    def writer(self) -> StarRocksCatalog:
        return self

    def databases(self) -> list[str]:
        with self._connection() as connection:
            return read_databases(connection)

    def tables(self, database: str) -> list[str]:
        with self._connection() as connection:
            return sorted(read_names(connection, database))

    def table(self, database: str, name: str) -> ServerTable | None:
        with self._connection() as connection:
            found = read_table(connection, database, name)
        if found is None:
            return None
        return ServerTable(
            tuple(_column(column, found.primary_key) for column in found.columns),
            found.primary_key,
            self.options.table_options(database, name),
            found.comment,
        )

    def maker(self, database: str, name: str) -> StarRocksMaker:
        return StarRocksMaker(
            self.options.table_options(database, name), self.options.creation(), from_catalog=True
        )

    def create_database(self, name: str) -> None:
        self._change(f"CREATE DATABASE {quote_identifier(name)}")

    def drop_database(self, name: str) -> None:
        self._change(f"DROP DATABASE {quote_identifier(name)}")

    def drop_table(self, database: str, name: str) -> None:
        self._change(f"DROP TABLE {quote_path((database, name))}")

    def _change(self, statement: str) -> None:
        with self._connection() as connection:
            change(connection, statement)

    def _connection(self) -> contextlib.closing[TargetConnection]:
        options = StarRocksOptions(self.options.table_options("information_schema", "tables"))
        return contextlib.closing(TargetConnection(options))


def _column(column: FoundColumn, key: tuple[str, ...]) -> ServerColumn:
    found = column.type.flink() if column.type is not None else None
    nullable = column.nullable and column.name not in key
    return ServerColumn(
        column.name,
        found.with_nullable(nullable=nullable) if found is not None else None,
        f"StarRocks' type {column.text} has no counterpart" if found is None else "",
        column.comment,
        column.generated,
        column.type.size if column.type is not None and column.type.is_text else None,
    )
