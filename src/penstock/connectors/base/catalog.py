"""Catalogs of the outside: the tables a server has, seen without DDL.

A connector that can list tables declares `CATALOG = CatalogType(...)` in its module `catalog`. The
room `catalog` opens it and caches what it tells; it knows no catalog type by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from penstock.config import Options
    from penstock.types import DataType, Schema


@dataclass(frozen=True, slots=True)
class ServerColumn:
    """A column as a catalog gives it.

    Args:
        name: Its name at the server.
        type: Its Flink type; None where there is none.
        refusal: Why there is none: the server's type, in words.
        comment: The server's comment.
        generated: Whether the server computes it, so that nothing can be written to it.
        text_bytes: Most bytes of UTF-8 a text in it has; None where that is not known.
    """

    name: str
    type: DataType | None
    refusal: str = ""
    comment: str = ""
    generated: bool = False
    text_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ServerTable:
    """A table as a catalog gives it.

    Args:
        columns: By position.
        primary_key: Names of key columns, in the key's order; empty where there is none.
        options: WITH options of a table of the connector over it, as text.
        comment: The server's comment.
    """

    columns: tuple[ServerColumn, ...]
    primary_key: tuple[str, ...]
    options: Mapping[str, str]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table to be created at a server.

    Args:
        schema: Its columns and primary key.
        options: WITH options of the statement.
        comment: Of the table.
        comments: Of columns, by name.
        distributed_by: Columns that choose the bucket; empty where not given.
        buckets: How many; None where not given.
        partitioned_by: Columns that choose the partition.
        text_bytes: Most bytes of UTF-8 a text has, of columns by name, where that is known.
    """

    schema: Schema
    options: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)
    distributed_by: tuple[str, ...] = ()
    buckets: int | None = None
    partitioned_by: tuple[str, ...] = ()
    text_bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableDesign:
    """How a new table will look at its server.

    Args:
        ddl: The statement that makes it.
        notes: What was chosen and why, a sentence each.
    """

    ddl: str
    notes: tuple[str, ...] = ()


class TableMaker(Protocol):
    """Creates one table at a server."""

    def adapted(self, schema: Schema) -> Schema:
        """The schema with types for which the server has columns; values are cast to them."""

    def design(self, new: NewTable) -> TableDesign:
        """How the table will look; touches no network.

        Raises:
            OptionError: An option of the statement is wrong.
            ValidationError: A column cannot be kept there; names it.
        """

    def sink_options(self, options: Mapping[str, str]) -> dict[str, str]:
        """The WITH options that are not used up by the creation."""

    def differences(self, new: NewTable) -> list[str] | None:
        """How the table that is there differs from a new one, a line per column. Blocks.

        Returns:
            None where no such table is there.

        Raises:
            ConnectorError: The server could not be asked.
        """

    def create(self, new: NewTable) -> None:
        """Make the table. Blocks.

        Raises:
            ConnectorError: The server refused, or could not be reached.
        """


class CatalogWriter(Protocol):
    """What a catalog can change at its server. Blocks; everything raises ConnectorError."""

    def maker(self, database: str, name: str) -> TableMaker:
        """Creates a table."""

    def create_database(self, name: str) -> None:
        """Make a database."""

    def drop_database(self, name: str) -> None:
        """Drop a database with everything in it."""

    def drop_table(self, database: str, name: str) -> None:
        """Drop a table."""


class ServerCatalog(Protocol):
    """The databases and tables of a server, asked anew at every call. Blocks.

    All methods raise ConnectorError where the server cannot be asked. Names are compared exactly.
    """

    @property
    def default_database(self) -> str:
        """The one USE CATALOG chooses; empty where none is."""

    @property
    def cache_ms(self) -> int:
        """How long what it told may be used again."""

    @property
    def writer(self) -> CatalogWriter | None:
        """What can be changed there; None where nothing can."""

    def databases(self) -> Sequence[str]:
        """Names of databases with users' tables; one query."""

    def tables(self, database: str) -> Sequence[str]:
        """Names of a database's tables; one query. Empty where there is no such database."""

    def table(self, database: str, name: str) -> ServerTable | None:
        """A table; None where there is none of that name."""


@dataclass(frozen=True, slots=True)
class CatalogType:
    """A kind of catalog.

    Args:
        name: Value of the 'type' option.
        options: Its option set, for validation and reference.
        open: Makes a catalog of options; touches no network, raises OptionError.
    """

    name: str
    options: type[Options]
    open: Callable[[Mapping[str, str]], ServerCatalog]
