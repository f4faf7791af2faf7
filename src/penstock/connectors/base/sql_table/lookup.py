"""Look-ups by keys: one SELECT for many keys, over connections that are kept.

Equality is Flink's: of what a server finds for a text by its collation ('a' = 'A', 'a' = 'a '),
only rows with the very key are taken.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.connectors.base.sql_table.conditions import Comparison, where_text
from penstock.connectors.base.sql_table.connect import connect, explained
from penstock.errors import ConnectorError, DataError
from penstock.expressions import InputRef
from penstock.types import Schema, TypeRoot, quote_identifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from penstock.clients.mysql import MySqlConnection
    from penstock.clock import Clock
    from penstock.connectors.base.sql_table.table import ReadColumn, SqlTable
    from penstock.expressions import Expr
    from penstock.state.row_cache import CachePolicy

_RETRY_S = 0.2
_KEY_ROOTS = frozenset(
    (
        TypeRoot.TINYINT,
        TypeRoot.SMALLINT,
        TypeRoot.INT,
        TypeRoot.BIGINT,
        TypeRoot.DECIMAL,
        TypeRoot.CHAR,
        TypeRoot.VARCHAR,
        TypeRoot.DATE,
        TypeRoot.TIMESTAMP,
    )
)


@dataclass(frozen=True)
class SqlLookupTable:
    """A table that is looked up.

    Args:
        table: The table.
        schema: Its declared columns.
        cache: How looked-up rows are kept; None for not at all.
        attempts: How often a look-up that broke is tried in all.
    """

    table: SqlTable
    schema: Schema
    cache: CachePolicy | None
    attempts: int

    def can_be_key(self, column: int) -> bool:
        """Whether its type has exact equality and a text."""
        return self.schema.columns[column].type.root in _KEY_ROOTS

    def rows_by(
        self, keys: Sequence[int], columns: Sequence[int], conditions: Sequence[Expr], clock: Clock
    ) -> SqlRows:
        """Look-ups by these columns."""
        return SqlRows(self, tuple(keys), tuple(columns), tuple(conditions), clock)


@dataclass(frozen=True, slots=True)
class _Select:
    """The query but for its keys."""

    head: str
    tail: str
    keys: tuple[ReadColumn, ...]
    read: tuple[ReadColumn, ...]


class SqlRows:
    """Rows by keys; see `KeyedRows`. Each call has a connection of its own while it lasts."""

    def __init__(
        self,
        lookup: SqlLookupTable,
        keys: tuple[int, ...],
        columns: tuple[int, ...],
        conditions: tuple[Expr, ...],
        clock: Clock,
    ) -> None:
        self._lookup = lookup
        self._keys = keys
        self._columns = columns
        self._conditions = conditions
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[MySqlConnection] = []
        self._busy: set[MySqlConnection] = set()
        self._select: _Select | None = None
        self._closed = False
        self._arrow = pa.schema(
            [
                pa.field(
                    lookup.schema.columns[index].name, lookup.schema.columns[index].type.arrow()
                )
                for index in (*keys, *columns)
            ]
        )

    def fetch(self, keys: pa.RecordBatch) -> pa.RecordBatch:
        """All rows whose keys are among `keys`; blocks.

        Raises:
            ConnectorError: The server failed as often as it may.
            ValidationError: The table or a column is missing, or does not fit.
        """
        for attempt in range(1, self._lookup.attempts + 1):
            kept = self._take_idle()
            try:
                connection = kept or self._open()
                try:
                    rows = self._ask(connection, keys)
                finally:
                    self._give_back(connection)
            except ConnectorError as error:
                # A connection that was kept may have been closed by the server: no attempt.
                if kept is not None and error.retryable and not self._closed:
                    return self.fetch(keys)
                if not error.retryable or attempt >= self._lookup.attempts or self._closed:
                    raise explained(error, self._lookup.table.address) from error
                self._clock.sleep(_RETRY_S * attempt)
            else:
                return rows
        raise AssertionError

    def close(self) -> None:
        """Release connections; calls under way break off."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for connection in idle:
            connection.close()
        for connection in busy:
            connection.interrupt()

    def _take_idle(self) -> MySqlConnection | None:
        with self._lock:
            if not self._idle:
                return None
            connection = self._idle.pop()
            self._busy.add(connection)
            return connection

    def _open(self) -> MySqlConnection:
        connection = connect(self._lookup.table.address)
        with self._lock:
            self._busy.add(connection)
        return connection

    def _give_back(self, connection: MySqlConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
            if connection.is_open and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _ask(self, connection: MySqlConnection, keys: pa.RecordBatch) -> pa.RecordBatch:
        if self._select is None:
            self._select = self._prepared(connection)
        select = self._select
        sql = f"{select.head}{self._in_list(select, keys)}{select.tail}"
        parts = [self._none()]
        columns = (*select.keys, *select.read)
        marker = self._lookup.table.plain_marker
        for texts in connection.stream_text(sql, plain_marker=marker):
            arrays = [c.decode(text) for c, text in zip(columns, texts, strict=True)]
            parts.append(pa.RecordBatch.from_arrays(arrays, schema=self._arrow))
        return self._with_these_keys(pa.concat_batches(parts), keys)

    def _none(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(
            [pa.array([], field.type) for field in self._arrow], schema=self._arrow
        )

    def _with_these_keys(self, rows: pa.RecordBatch, keys: pa.RecordBatch) -> pa.RecordBatch:
        """The rows whose keys were asked for, as Flink compares them."""
        asked = set(_tuples(keys.columns))
        found = _tuples(rows.columns[: len(self._keys)])
        keep = [key in asked for key in found]
        return rows if all(keep) else rows.filter(pa.array(keep, pa.bool_()))

    def _prepared(self, connection: MySqlConnection) -> _Select:
        lookup = self._lookup
        table, given = lookup.table, lookup.schema.columns
        tested = sorted(
            {
                node.index
                for condition in self._conditions
                for node in condition.walk()
                if isinstance(node, InputRef)
            }
        )
        wanted = [given[index] for index in (*self._keys, *self._columns, *tested)]
        read = table.read_columns(connection, wanted)
        width = len(self._keys)
        keys, columns = read[:width], read[width : width + len(self._columns)]
        known = {
            index: (column.name, column.compares)
            for index, column in zip(tested, read[width + len(self._columns) :], strict=True)
        }
        for column in keys:
            if column.compares is Comparison.NONE:
                raise DataError(
                    f"column '{column.name}' cannot be looked up by equality",
                    table=table.path,
                    column=column.name,
                    detail="The server compares values of its type otherwise than Flink.",
                    hint="Join by another column, or through a view that casts it.",
                )
        where, _ = where_text(self._conditions, known, table.dialect)
        select = ", ".join(column.expression for column in (*keys, *columns))
        tail = f" AND {where}" if where else ""
        return _Select(
            f"SELECT {select} FROM {table.quoted} WHERE ", tail, tuple(keys), tuple(columns)
        )

    def _in_list(self, select: _Select, keys: pa.RecordBatch) -> str:
        names = [quote_identifier(column.name) for column in select.keys]
        rows = [
            [self._literal(value, column) for value, column in zip(row, select.keys, strict=True)]
            for row in _tuples(keys.columns)
        ]
        if len(names) == 1:
            return f"{names[0]} IN ({', '.join(row[0] for row in rows)})"
        # Lists of rows are not known to every server.
        alternatives = [
            " AND ".join(f"{name} = {value}" for name, value in zip(names, row, strict=True))
            for row in rows
        ]
        return "(" + " OR ".join(f"({one})" for one in alternatives) + ")"

    def _literal(self, value: Any, column: ReadColumn) -> str:
        text = self._lookup.table.dialect.literal(value)
        if text is None:
            raise DataError(
                f"a key for column '{column.name}' cannot be written in a query",
                table=self._lookup.table.path,
                column=column.name,
                hint="Texts with NUL characters and years before 1000 cannot be looked up.",
            )
        return text


def _tuples(columns: Sequence[pa.Array]) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in columns), strict=True))
