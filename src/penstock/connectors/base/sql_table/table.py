"""A declared table behind a MySQL protocol, and its source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from penstock.connectors.base.narrowing import Narrowed, Narrowing
from penstock.connectors.base.sql_table.conditions import Comparison, Dialect, where_text
from penstock.types import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import pyarrow as pa

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base.source import SourceContext, SourceReader
    from penstock.connectors.base.sql_table.connect import ServerAddress
    from penstock.expressions import Expr, InputRef
    from penstock.types import Column


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """How a declared column is read from the column the server has.

    Args:
        name: The server's name of it.
        expression: What to select.
        decode: Texts of the protocol (`binary`, NULL as null) to values of the declared type;
            raises DataError.
        compares: How the server compares it.
    """

    name: str
    expression: str
    decode: Callable[[pa.Array], pa.Array]
    compares: Comparison


class SqlTable(Protocol):
    """What a connector says of a table it reads. Built while planning: touches no network."""

    @property
    def path(self) -> str:
        """The declared table, for messages."""

    @property
    def address(self) -> ServerAddress:
        """Where it is."""

    @property
    def dialect(self) -> Dialect:
        """How its server wants things written."""

    @property
    def quoted(self) -> str:
        """The table in FROM."""

    @property
    def attempts(self) -> int:
        """How often a read that broke is tried before the job hears of it."""

    @property
    def plain_marker(self) -> bool:
        """See `MySqlConnection.stream_text`."""

    @property
    def sends_conditions(self) -> bool:
        """Whether the user wants conditions to be sent."""

    @property
    def ranges(self) -> Sequence[str]:
        """Conditions that cut the table into parts that are read side by side; empty for one."""

    @property
    def concurrency(self) -> int:
        """How many parts are read at a time."""

    def compares(self, column: Column) -> Comparison:
        """How the server compares a column, as far as its declared type tells."""

    def read_columns(
        self, connection: MySqlConnection, columns: Sequence[Column]
    ) -> list[ReadColumn]:
        """How to read the columns, once the server's types are known; blocks.

        Raises:
            ValidationError: The table, or a column, is missing, or a type does not fit.
            ConnectorError: The server failed.
        """


@dataclass(frozen=True)
class SqlTableSource:
    """A bounded, insert-only scan of a table: one SELECT, or one per part.

    Args:
        table: What is read.
        schema: The columns that are read, in order.
        full: The schema `conditions` refer to.
        conditions: What rows must satisfy; the server may let too much pass.
        limit: Most rows to emit; only set where the server evaluates all conditions exactly.
    """

    table: SqlTable
    schema: Schema
    full: Schema
    conditions: tuple[Expr, ...] = field(default=(), compare=False)
    limit: int | None = None

    @property
    def share_key(self) -> Hashable:
        return None

    @property
    def bounded(self) -> bool:
        return True

    def create_reader(self, context: SourceContext) -> SourceReader:
        from penstock.connectors.base.sql_table.scan import SqlScanReader

        return SqlScanReader(context)

    def narrow(self, wanted: Narrowing) -> Narrowed:
        """The same table, read no further than wanted."""
        conditions = wanted.conditions if self.table.sends_conditions else ()
        columns = tuple(self.full.columns[index] for index in wanted.columns)
        kept = {column.name for column in columns}
        key = self.full.primary_key if kept.issuperset(self.full.primary_key) else ()
        known = {
            index: (column.name, self.table.compares(column))
            for index, column in enumerate(self.full.columns)
        }
        _, exact = where_text(conditions, known, self.table.dialect)
        limited = wanted.limit is not None and exact and len(conditions) == len(wanted.conditions)
        source = replace(
            self,
            schema=Schema(columns, key),
            conditions=conditions,
            limit=wanted.limit if limited else None,
        )
        return Narrowed(source, limited)

    def described_where(self) -> str:
        """The condition that is sent as far as declared types tell, for `explain`."""
        known = {
            index: (column.name, self.table.compares(column))
            for index, column in enumerate(self.full.columns)
        }
        return where_text(self.conditions, known, self.table.dialect)[0]

    def queries(self, connection: MySqlConnection) -> tuple[list[str], list[ReadColumn]]:
        """The SELECTs, and how to read the columns they give; blocks.

        Raises:
            ValidationError: The table, or a column, is missing, or a type does not fit.
            ConnectorError: The server failed.
        """
        table = self.table
        used = sorted({ref.index for expr in self.conditions for ref in _refs(expr)})
        wanted = list(self.schema.columns) + [self.full.columns[index] for index in used]
        read = table.read_columns(connection, wanted)
        given, tested = read[: len(self.schema.columns)], read[len(self.schema.columns) :]
        known = {i: (c.name, c.compares) for i, c in zip(used, tested, strict=True)}
        where, _ = where_text(self.conditions, known, table.dialect)
        # A query without columns still counts rows: it reads the constant marker alone.
        select = ", ".join(column.expression for column in given) or "1"
        tail = f" LIMIT {self.limit}" if self.limit is not None else ""
        return [
            f"SELECT {select} FROM {table.quoted}{_where(part, where)}{tail}"
            for part in table.ranges or ("",)
        ], given


def _refs(expr: Expr) -> list[InputRef]:
    from penstock.expressions import InputRef

    return [node for node in expr.walk() if isinstance(node, InputRef)]


def _where(*parts: str) -> str:
    given = [part for part in parts if part]
    return f" WHERE {' AND '.join(given)}" if given else ""
