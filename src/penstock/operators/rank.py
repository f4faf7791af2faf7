"""Top-N: bounded ROW_NUMBER, ORDER BY with LIMIT, LIMIT alone, ORDER BY in batch mode."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.state import NAN, KeyedTable, RowCodec, Saved
from penstock.types import BIGINT, Column, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from penstock.errors import Span
    from penstock.state import Row, StateTable


@dataclass(frozen=True, slots=True)
class SortColumn:
    """A column to sort by.

    Args:
        index: Its position.
        descending: Largest first.
        nulls_first: Where NULLs stand.
    """

    index: int
    descending: bool = False
    nulls_first: bool = True

    def text(self, names: list[str]) -> str:
        """As Flink prints it."""
        found = f"{names[self.index]} {'DESC' if self.descending else 'ASC'}"
        usual = self.nulls_first != self.descending
        return found if usual else f"{found} NULLS {'FIRST' if self.nulls_first else 'LAST'}"


@dataclass(frozen=True, slots=True)
class RankSpec(OperatorSpec):
    """Plan form.

    Args:
        given: The schema of the rows it takes.
        partition: Columns that part the rows.
        order: What each part is sorted by; none for order of arrival.
        start: The first row of each part that is sent, from 1.
        end: The last one; None where it is not known (yet), or there is none in batch mode.
        numbered: The number of a row is sent as the last column, under this name.
        retract: Rows may be taken back.
        update_before: Whether -U is sent.
        final: Batch mode: rows are sent once, at the end of the input.
        ttl_ms: How long a part is kept after its last row; 0 for ever.
        span: Where the script asks for it.
    """

    given: Schema
    partition: tuple[int, ...] = ()
    order: tuple[SortColumn, ...] = ()
    start: int = 1
    end: int | None = None
    numbered: str | None = None
    retract: bool = False
    update_before: bool = True
    final: bool = False
    ttl_ms: int = 0
    span: Span | None = field(default=None, compare=False)

    @property
    def schema(self) -> Schema:
        if self.numbered is None:
            return Schema(self.given.columns)
        number = Column(self.numbered, BIGINT.with_nullable(nullable=False))
        return Schema((*self.given.columns, number))

    def changes(self, given: ChangelogMode) -> ChangelogMode:
        if self.final or (not self.order and given.is_insert_only and self.numbered is None):
            return ChangelogMode.insert_only()
        kinds = ChangelogMode.all().kinds
        return ChangelogMode(kinds if self.update_before else kinds - {RowKind.UPDATE_BEFORE})

    def passed(self, index: int) -> int | None:
        return index if index < len(self.given.columns) else None

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: ARG002, FBT001
        return True

    def sending_before(self, wanted: bool) -> OperatorSpec:  # noqa: FBT001
        return replace(self, update_before=wanted)

    def create(self, context: OperatorContext) -> Operator:
        return RankOperator(self, context)

    def explain(self) -> str:
        names = self.given.names
        order = ", ".join(column.text(names) for column in self.order)
        if self.numbered is None and not self.partition:
            offset = self.start - 1
            fetch = "" if self.end is None else f", fetch=[{self.end - offset}]"
            if not self.order:
                return f"Limit(offset=[{offset}]{fetch})"
            if self.end is None:
                return f"Sort(orderBy=[{order}])"
            return f"SortLimit(orderBy=[{order}], offset=[{offset}]{fetch}{self._strategy()})"
        partition = ", ".join(names[index] for index in self.partition)
        end = f", rankEnd={self.end}" if self.end is not None else ""
        select = names if self.numbered is None else [*names, self.numbered]
        return (
            f"Rank({self._strategy()[2:]}, rankType=[ROW_NUMBER],"
            f" rankRange=[rankStart={self.start}{end}], partitionBy=[{partition}],"
            f" orderBy=[{order}], select=[{', '.join(select)}])"
        )

    def _strategy(self) -> str:
        return f", strategy=[{'RetractStrategy' if self.retract else 'AppendFastStrategy'}]"


class Part:
    """The rows of a part in order: those that are or may come into the range."""

    __slots__ = ("keys", "rows")

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.rows: list[Row] = []

    def add(self, key: Any, row: Row) -> None:
        """A row comes, behind those of its own key."""
        place = bisect_right(self.keys, key)
        self.keys.insert(place, key)
        self.rows.insert(place, row)

    def remove(self, key: Any, row: Row) -> None:
        """A row goes; one that is not there is not missed."""
        place = bisect_right(self.keys, key) - 1
        found = -1
        while place >= 0 and self.keys[place] == key:
            if self.rows[place] == row:
                found = place
            place -= 1
        if found >= 0:
            del self.keys[found], self.rows[found]

    def cut(self, end: int) -> None:
        """Forget what lies behind the range."""
        del self.keys[end:], self.rows[end:]


class RankOperator(Operator):
    """Keep the parts in order, and send what changes in their ranges, once per batch.

    Changelog: all -> +I, -U (where needed), +U, -D.  State: per part, rows in the range, or all
    rows where rows may be taken back, until its time is up.  Order: parts in order of their first
    row in the batch.  Row by row.
    Source: Flink 2.2, AppendOnlyTopNFunction and RetractableTopNFunction.
    """

    def __init__(self, spec: RankSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._clock = context.clock
        columns = spec.given.columns
        self._key = sort_key(spec.order)
        self._table = KeyedTable([columns[index].type for index in spec.partition], spec.ttl_ms)
        self._codec = RowCodec([column.type for column in columns])
        saved = Saved(pa.list_(self._codec.arrow), self._plain, self._made)
        self._parts = self._table.column("rows", object, None, saved)
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.schema.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        spec = self._spec
        keys = [batch.rows.column(index) for index in spec.partition]
        slots = self._table.slots(keys, batch.num_rows, self._clock.now_ms()).tolist()
        before: dict[int, list[Row]] = {}
        parts = self._parts.data
        rows = self._codec.rows(batch.rows.columns)
        for slot, kind, row in zip(slots, batch.kinds_or_inserts().tolist(), rows, strict=True):
            part = parts[slot]
            if part is None:
                part = parts[slot] = Part()
            if slot not in before:
                before[slot] = self._range(part)
            if kind in {RowKind.INSERT, RowKind.UPDATE_AFTER}:
                part.add(self._key(row), row)
                if not spec.retract and spec.end is not None and len(part.rows) > spec.end:
                    part.cut(spec.end)
            else:
                part.remove(self._key(row), row)
        empty = [slot for slot in before if not parts[slot].rows]
        if not spec.final:
            self._emit(
                (c for slot, old in before.items() for c in self._said(old, parts[slot])), out
            )
        self._table.remove(np.array(empty, np.int64))

    def finish(self, out: Output) -> None:
        if not self._spec.final:
            return
        index = self._table.index
        slots = np.flatnonzero(index.live[: index.limit])
        self._emit((c for slot in slots for c in self._said([], self._parts.data[slot])), out)

    def tables(self) -> Mapping[str, StateTable]:
        return {"parts": self._table}

    def _range(self, part: Part) -> list[Row]:
        return part.rows[self._spec.start - 1 : self._spec.end]

    def _said(self, old: list[Row], part: Part) -> list[tuple[RowKind, Row]]:
        new = self._range(part)
        if old == new:
            return []
        if self._spec.numbered is not None or self._spec.start > 1:
            return list(self._by_place(old, new))
        if self._spec.end == self._spec.start and old and new:
            return self._updated(old[0], new[0])
        gone, come = _more(old, new), _more(new, old)
        return [*((RowKind.DELETE, r) for r in gone), *((RowKind.INSERT, r) for r in come)]

    def _by_place(self, old: list[Row], new: list[Row]) -> Iterable[tuple[RowKind, Row]]:
        for place in range(max(len(old), len(new))):
            number = (place + self._spec.start,) if self._spec.numbered is not None else ()
            if place >= len(new):
                yield RowKind.DELETE, old[place] + number
            elif place >= len(old):
                yield RowKind.INSERT, new[place] + number
            elif old[place] != new[place]:
                yield from self._updated(old[place] + number, new[place] + number)

    def _updated(self, old: Row, new: Row) -> list[tuple[RowKind, Row]]:
        after = (RowKind.UPDATE_AFTER, new)
        return [(RowKind.UPDATE_BEFORE, old), after] if self._spec.update_before else [after]

    def _emit(self, changes: Iterable[tuple[RowKind, Row]], out: Output) -> None:
        found = list(changes)
        if not found:
            return
        columns = [
            pa.array([row[i] for _, row in found], kind) for i, kind in enumerate(self._arrow.types)
        ]
        kinds = np.array([kind for kind, _ in found], np.int8)
        rows = pa.RecordBatch.from_arrays(columns, schema=self._arrow)
        out.emit(ChangelogBatch(rows, kinds if kinds.any() else None))

    def _plain(self, part: Part) -> list[dict[str, Any]]:
        return [self._codec.plain(row) for row in part.rows]

    def _made(self, rows: list[dict[str, Any]]) -> Part:
        part = Part()
        for found in rows:
            row = self._codec.made(found)
            part.keys.append(self._key(row))
            part.rows.append(row)
        return part


def _more(rows: list[Row], others: list[Row]) -> list[Row]:
    """The rows that the others are short of, in order.

    Examples:
        >>> _more([(1,), (2,), (1,)], [(1,)])
        [(2,), (1,)]
    """
    left = Counter(map(repr, others))
    found = []
    for row in rows:
        name = repr(row)
        if left[name]:
            left[name] -= 1
        else:
            found.append(row)
    return found


class _Descending:
    """A value of any type, largest first."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


def sort_key(order: tuple[SortColumn, ...]) -> Callable[[Row], Any]:
    """A function of rows whose results compare as the rows are to be sorted.

    Examples:
        >>> key = sort_key((SortColumn(0, descending=True, nulls_first=False),))
        >>> sorted([(None,), (1,), (3,)], key=key)
        [(3,), (1,), (None,)]
    """

    def key(row: Row) -> Any:
        found: list[tuple[float, Any]] = []
        for column in order:
            value = row[column.index]
            if value is None:
                found.append((0 if column.nulls_first else 2, 0))
            elif value is NAN:  # larger than every number
                found.append((0.5 if column.descending else 1.5, 0))
            else:
                found.append((1, _Descending(value) if column.descending else value))
        return tuple(found)

    return key
