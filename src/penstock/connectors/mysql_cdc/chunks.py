"""Chunks of a table: where it is cut, in which order keys lie, and what a chunk's state is.

Source: Flink CDC, MySqlChunkSplitter (even and uneven splitting, half-open ranges).
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.types import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
    from penstock.connectors.mysql_cdc.tables import PhysicalTable, Session
    from penstock.wire.mysql.column import MySqlColumn

PENDING, READING, DONE = 0, 1, 2
_EVEN = frozenset({"int", "bigint", "decimal"})
_TEXT = frozenset({"char", "varchar"})
_SPLITTABLE = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"}
    | {"date", "datetime", "timestamp", "binary", "varbinary"}
    | _TEXT
)
_QUERIES_PER_STEP = 10


def literal(value: object) -> str:
    """A key as SQL, whatever the session's SQL mode and character set.

    Examples:
        >>> literal(5), literal("a'b"), literal(b"x")
        ('5', "_utf8mb4 X'612762'", "X'78'")
    """
    match value:
        case str():
            return f"_utf8mb4 X'{value.encode().hex()}'"
        case bytes():
            return f"X'{value.hex()}'"
        case dt.datetime() | dt.date():
            return f"'{value.isoformat(' ') if isinstance(value, dt.datetime) else value}'"
    return str(value)


def dump_key(value: object) -> list[str]:
    """A key as JSON, with its type."""
    match value:
        case bytes():
            return ["bytes", value.hex()]
        case dt.datetime():
            return ["datetime", value.isoformat()]
        case dt.date():
            return ["date", value.isoformat()]
    return [type(value).__name__, str(value)]


def load_key(pair: Sequence[str]) -> object:
    """What `dump_key` wrote.

    Examples:
        >>> [load_key(dump_key(v)) for v in (1, "a", b"b", Decimal("1.50"))]
        [1, 'a', b'b', Decimal('1.50')]
    """
    readers: dict[str, Callable[[str], object]] = {
        "int": int,
        "str": str,
        "bytes": bytes.fromhex,
        "Decimal": Decimal,
        "datetime": dt.datetime.fromisoformat,
        "date": dt.date.fromisoformat,
    }
    return readers[pair[0]](pair[1])


class KeyOrder:
    """Sort keys of chunk key values in the server's order.

    Text lies in the order of its collation, which only the server knows: it is asked for weights.

    Args:
        table: The table, with its chunk key.
        session: Gives a session when weights are needed.
    """

    def __init__(self, table: PhysicalTable, session: Callable[[], Session]) -> None:
        assert table.chunk_key is not None
        self._session = session
        self._text = self.needs_server(table)
        self._known: dict[object, bytes] = {}
        pads = "_0900_" not in table.collation and "nopad" not in table.collation
        as_char = f" AS CHAR({max(1, table.chunk_key.length)})" if pads else ""
        self._weight = (
            f"HEX(WEIGHT_STRING(CONVERT({{}} USING {table.charset})"
            f" COLLATE {table.collation}{as_char}))"
        )

    @staticmethod
    def needs_server(table: PhysicalTable) -> bool:
        """Whether only the server can compare the table's chunk keys."""
        return table.chunk_key is not None and table.chunk_key.type_name in _TEXT

    def sort_keys(self, values: Sequence[object]) -> list[Any]:
        """One comparable per value."""
        if not self._text:
            return [v.replace(tzinfo=None) if isinstance(v, dt.datetime) else v for v in values]
        missing = [v for v in dict.fromkeys(values) if v not in self._known]
        if len(self._known) > 100_000:
            self._known.clear()
            missing = list(dict.fromkeys(values))
        for start in range(0, len(missing), 500):
            part = missing[start : start + 500]
            sql = "SELECT " + ", ".join(self._weight.format(literal(v)) for v in part)
            weights = self._session().query(sql)[0]
            self._known.update(
                {v: bytes.fromhex(_ascii(w)) for v, w in zip(part, weights, strict=True)}
            )
        return [self._known[v] for v in values]


class ChunkMap:
    """The chunks of one table so far, and the state of each.

    Chunk i is [bounds[i-1], bounds[i]); the first and the last are open. While the table is not
    split to its end, keys from the last bound on belong to no chunk yet.

    Args:
        order: Sort keys of values.
        bounds: Known bounds.
        states: One per chunk known.
        complete: Whether the splitter is done.
    """

    def __init__(
        self,
        order: KeyOrder,
        bounds: Sequence[object] = (),
        states: Sequence[int] = (),
        *,
        complete: bool = False,
    ) -> None:
        self.order = order
        self.bounds = list(bounds)
        self.states = list(states)
        self.complete = complete
        self._keys: list[Any] = order.sort_keys(self.bounds) if self.bounds else []
        self._done_before = 0

    @property
    def all_done(self) -> bool:
        return self.complete and self._first_open() == len(self.states)

    def _first_open(self) -> int:
        """The first chunk that is not done; those before are not looked at again."""
        while self._done_before < len(self.states) and self.states[self._done_before] == DONE:
            self._done_before += 1
        return self._done_before

    def reopen(self, chunk: int) -> None:
        """The chunk is to be read again."""
        self.states[chunk] = PENDING
        self._done_before = min(self._done_before, chunk)

    def extend(self, bounds: Sequence[object], *, complete: bool) -> None:
        """More bounds, and with `complete` the last chunk."""
        self._keys += self.order.sort_keys(bounds) if bounds else []
        self.bounds += bounds
        self.states += [PENDING] * len(bounds)
        if complete and not self.complete:
            self.states.append(PENDING)
            self.complete = True

    def finish(self) -> None:
        """Nothing is left to be read."""
        self.extend((), complete=True)
        self.states = [DONE] * len(self.states)
        self._done_before = len(self.states)

    def cut(self, chunk: int, bound: object) -> None:
        """The chunk ends at `bound`; from there to its old end is a new one, to be read."""
        self.bounds.insert(chunk, bound)
        self._keys[chunk:chunk] = self.order.sort_keys([bound])
        self.states.insert(chunk + 1, PENDING)

    def next_pending(self, *, last_first: bool) -> int | None:
        """The chunk to read next."""
        if last_first and self.complete and self.states[-1] == PENDING:
            return len(self.states) - 1
        try:
            return self.states.index(PENDING, self._first_open())
        except ValueError:
            return None

    def range_of(self, chunk: int) -> tuple[object | None, object | None]:
        """Lower bound (inclusive) and upper (exclusive); None is open."""
        low = self.bounds[chunk - 1] if chunk else None
        return low, self.bounds[chunk] if chunk < len(self.bounds) else None

    def locate(self, values: Sequence[object]) -> NDArray[np.int64]:
        """The chunk each key lies in; one past the last known chunk where not split yet."""
        if not self._keys:
            return np.zeros(len(values), np.int64)
        if all(type(v) is int for v in (self._keys[0], *values[:1])):
            return np.searchsorted(np.array(self._keys), np.array(values), side="right").astype(
                np.int64
            )
        keys = self.order.sort_keys(values)
        return np.array([bisect_right(self._keys, key) for key in keys], np.int64)


def predicate(column: MySqlColumn, low: object | None, high: object | None) -> str:
    """The WHERE clause of a chunk, "" for all rows; the upper bound is exclusive."""
    name = quote_identifier(column.name)
    parts = []
    if low is not None:
        parts.append(f"{name} >= {literal(low)}")
    if high is not None:
        parts.append(f"{name} <= {literal(high)} AND NOT ({name} = {literal(high)})")
    return " WHERE " + " AND ".join(parts) if parts else ""


def first_bounds(
    session: Session, table: PhysicalTable, options: MySqlCdcOptions
) -> tuple[list[object], bool]:
    """Bounds of a table not split yet, and whether they are all."""
    column = table.chunk_key
    assert column is not None
    if column.type_name not in _SPLITTABLE:
        return [], True
    name = quote_identifier(column.name)
    low, high = session.query(f"SELECT MIN({name}), MAX({name}) FROM {table.quoted}")[0]
    if low is None or low == high:
        return [], True
    if column.type_name in _EVEN:
        even = even_bounds(
            low,
            high,
            table.approx_rows,
            options.chunk_size,
            (options.factor_lower, options.factor_upper),
        )
        if even is not None:
            return even, True
    return next_bounds(session, table, options, low)


def even_bounds(
    low: Any, high: Any, rows: int, size: int, limits: tuple[float, float]
) -> list[object] | None:
    """Bounds at equal distances, or None where keys are too sparse or dense for that.

    Examples:
        >>> even_bounds(1, 10, 10, 4, (0.05, 1000.0))
        [5, 9]
        >>> even_bounds(1, 10**9, 10, 4, (0.05, 1000.0)) is None
        True
    """
    factor = math.inf if not rows else math.ceil((high - low + 1) / rows * 10_000) / 10_000
    if not limits[0] <= factor <= limits[1]:
        return None
    if rows <= size:
        return []
    step = max(int(factor * size), 1)
    count = int((high - low) // step)
    return [low + step * i for i in range(1, count + 1)]


def next_bounds(
    session: Session, table: PhysicalTable, options: MySqlCdcOptions, start: object
) -> tuple[list[object], bool]:
    """A few more bounds after `start` by asking the server, and whether they end the table."""
    assert table.chunk_key is not None
    name = quote_identifier(table.chunk_key.name)
    found: list[object] = []
    for _ in range(_QUERIES_PER_STEP):
        at = literal(start)
        bound, same, last = session.query(
            f"SELECT m, m <= {at}, m >= (SELECT MAX({name}) FROM {table.quoted}) FROM"
            f" (SELECT MAX({name}) AS m FROM (SELECT {name} FROM {table.quoted}"
            f" WHERE {name} >= {at} ORDER BY {name} LIMIT {options.chunk_size}) AS c) AS b"
        )[0]
        if same and not last:
            bound, last = session.query(
                f"SELECT m, m >= (SELECT MAX({name}) FROM {table.quoted}) FROM"
                f" (SELECT MIN({name}) AS m FROM {table.quoted} WHERE {name} > {at}) AS b"
            )[0]
        if bound is None or last:
            return found, True
        found.append(bound)
        start = bound
    return found, False


def _ascii(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
