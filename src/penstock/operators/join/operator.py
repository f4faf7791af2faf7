"""Running form of a regular join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, RowKind
from penstock.clock import session_zone
from penstock.expressions import EvalContext, filter_mask
from penstock.operators.base import OperatorContext, Output, PairOperator
from penstock.operators.join.side import Found, JoinSide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from penstock.operators.join.spec import JoinSpec
    from penstock.state import StateTable

    Slots = NDArray[np.int64]
    Kinds = NDArray[np.int8]

PAIRS_MAX = 1 << 17
"""Pairs of rows made at once; a row with more matches makes all of its own."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows to send.

    Args:
        rows: The row of the batch each follows from.
        phase: 0 before the pairs of that row, 1 the pairs, 2 behind them.
        kinds: Their kinds.
        own: Columns of the side the batch came from; None for NULLs.
        other: Columns of the other side; None for NULLs.
    """

    rows: Slots
    phase: int
    kinds: Kinds
    own: Sequence[Any] | None
    other: Sequence[Any] | None


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Matches: the row of the batch, the slot on the other side, and that row's columns."""

    rows: Slots
    slots: Slots
    columns: list[Any]

    def take(self, places: Any) -> _Pairs:
        at = pa.array(places)
        columns = [column.take(at) for column in self.columns]
        return _Pairs(self.rows[places], self.slots[places], columns)


class JoinOperator(PairOperator):
    """Join each batch with the rows of the other side.

    Changelog: all -> as declared; an inner join passes the kinds of the arriving rows on, others
    send -D and +I where a row gets its first match or loses its last.  State: the rows of both
    inputs, by what identifies them, until they are taken back or their time is up.
    Order: what follows from a row stands together, in the order of rows.
    Source: Flink 2.2, StreamingJoinOperator and StreamingSemiAntiJoinOperator.
    """

    def __init__(self, spec: JoinSpec, context: OperatorContext) -> None:
        super().__init__()
        self._spec = spec
        self._clock = context.clock
        self._zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._keeps = (spec.kind.keeps_left, spec.kind.keeps_right)
        # Whether the rows of a side must know how many matches they have.
        self._counts = (spec.kind.keeps_left or spec.kind.only_left, spec.kind.keeps_right)
        schemas = (spec.left, spec.right)
        kinds = []
        for place, pair in enumerate(spec.keys):
            columns = [schema.columns[index] for schema, index in zip(schemas, pair, strict=True)]
            nullable = place in spec.null_safe and any(c.type.nullable for c in columns)
            kinds.append(columns[0].type.with_nullable(nullable=nullable))
        self._sides = tuple(
            JoinSide(
                schema,
                [pair[side] for pair in spec.keys],
                kinds,
                spec.unique[side],
                spec.ttl_ms[side],
            )
            for side, schema in enumerate(schemas)
        )
        self._types = [[c.type.arrow() for c in schema.columns] for schema in schemas]
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])
        self._pair_names = [f"{i}" for i in range(sum(map(len, self._types)))]

    def process_side(self, side: int, batch: ChangelogBatch, out: Output) -> None:
        columns = batch.rows.columns
        keys = [columns[pair[side]] for pair in self._spec.keys]
        valid = self._valid(keys)
        asked = np.arange(batch.num_rows) if valid is None else np.flatnonzero(valid)
        if valid is not None:
            at = pa.array(asked)
            keys = [key.take(at) for key in keys]
        found = self._sides[1 - side].find(keys, len(asked))
        for start, end in _cuts(asked, found.sizes, batch.num_rows):
            whole = end - start == batch.num_rows
            here = slice(*np.searchsorted(asked, (start, end)))
            part = batch if whole else batch.slice(start, end)
            self._join(
                side,
                part,
                asked[here] - start,
                Found(found.sizes[here], found.starts[here]),
                out,
            )

    def finish(self, out: Output) -> None:
        if not self._spec.final:
            return
        kind = self._spec.kind
        for side in range(2):
            if not (self._keeps[side] or (kind.only_left and side == 0 and self._is_anti)):
                continue
            slots = self._sides[side].unmatched()
            for start in range(0, len(slots), PAIRS_MAX):
                part = slots[start : start + PAIRS_MAX]
                kinds = np.zeros(len(part), np.int8)
                own = self._sides[side].take(part)
                self._emit(side, [_Part(np.arange(len(part)), 0, kinds, own, None)], out)

    def tables(self) -> Mapping[str, StateTable]:
        return dict(zip(("left", "right"), self._sides, strict=True))

    @property
    def _is_anti(self) -> bool:
        return self._spec.kind.name == "ANTI"

    def _valid(self, keys: Sequence[Any]) -> NDArray[np.bool_] | None:
        """Which rows have a key that may equal another one; None where all have."""
        found: NDArray[np.bool_] | None = None
        for place, key in enumerate(keys):
            if key.null_count and place not in self._spec.null_safe:
                valid = key.is_valid().to_numpy(zero_copy_only=False)
                found = valid if found is None else found & valid
        return found

    def _join(
        self, side: int, batch: ChangelogBatch, asked: Slots, found: Found, out: Output
    ) -> None:
        """Join some rows: with what is there, into what is there.

        Args:
            side: Whose rows they are.
            batch: The rows.
            asked: Which of them have a key that may match.
            found: Where their matches stand.
            out: Where it emits.
        """
        now_ms = self._clock.now_ms()
        own, other = self._sides[side], self._sides[1 - side]
        kinds = batch.kinds
        adds = (
            None if kinds is None else (kinds == RowKind.INSERT) | (kinds == RowKind.UPDATE_AFTER)
        )
        if adds is not None and adds.all():
            adds = None
        pairs = self._pairs(side, batch, asked, found, now_ms)
        copies = None if other.unique else other.copies.data[pairs.slots]
        matches = np.bincount(pairs.rows, copies, batch.num_rows).astype(np.int64)
        whole = len(asked) == batch.num_rows
        columns = batch.rows.columns
        kept = columns if whole else [column.take(pa.array(asked)) for column in columns]
        deltas = np.zeros(batch.num_rows, np.int64)
        deltas[asked] = own.apply(
            kept, adds if adds is None or whole else adds[asked], matches[asked], now_ms
        )
        parts = self._own_rows(side, batch, adds, matches)
        if self._counts[1 - side]:
            parts += self._first_and_last(side, batch, pairs, deltas, copies, now_ms)
        if not self._spec.kind.only_left and len(pairs.rows):
            parts.append(self._matched(side, batch, adds, pairs, copies))
        self._emit(side, parts, out)

    def _pairs(
        self, side: int, batch: ChangelogBatch, asked: Slots, found: Found, now_ms: int
    ) -> _Pairs:
        other = self._sides[1 - side]
        places, slots = other.pairs(found, now_ms)
        rows = asked[places]
        condition = self._spec.condition
        if self._spec.kind.only_left and side == 0 and condition is None:
            return _Pairs(rows, slots, [])
        pairs = _Pairs(rows, slots, other.take(slots))
        if condition is None or not len(rows):
            return pairs
        at = pa.array(rows)
        own = [column.take(at) for column in batch.rows.columns]
        both = [*own, *pairs.columns] if side == 0 else [*pairs.columns, *own]
        context = EvalContext(self._zone, now_ms)
        joined = pa.RecordBatch.from_arrays(both, self._pair_names)
        mask = filter_mask(condition, joined, context)
        if mask.true_count == len(rows):
            return pairs
        return pairs.take(np.flatnonzero(mask.to_numpy(zero_copy_only=False)))

    def _own_rows(
        self,
        side: int,
        batch: ChangelogBatch,
        adds: NDArray[np.bool_] | None,
        matches: Slots,
    ) -> list[_Part]:
        """The arriving rows by themselves: without a match, or those a semi join lets through."""
        final = self._spec.final
        if self._keeps[side]:
            rows = np.flatnonzero(matches == 0)
            gone = RowKind.DELETE
            kinds = np.zeros(batch.num_rows, np.int8)
            if adds is not None:
                kinds = np.where(adds, kinds, np.int8(gone))
        elif self._spec.kind.only_left and side == 0:
            rows = np.flatnonzero((matches == 0) if self._is_anti else (matches > 0))
            kinds = batch.kinds_or_inserts()
            final = final and self._is_anti
        else:
            return []
        if final:
            # Those with a key that may match are sent at the end.
            rows = rows[~self._stored(side, batch)[rows]]
        if not len(rows):
            return []
        own = [column.take(pa.array(rows)) for column in batch.rows.columns]
        return [_Part(rows, 1, kinds[rows], own, None)]

    def _stored(self, side: int, batch: ChangelogBatch) -> NDArray[np.bool_]:
        valid = self._valid([batch.rows.column(pair[side]) for pair in self._spec.keys])
        return np.ones(batch.num_rows, np.bool_) if valid is None else valid

    def _matched(
        self,
        side: int,
        batch: ChangelogBatch,
        adds: NDArray[np.bool_] | None,
        pairs: _Pairs,
        copies: Slots | None,
    ) -> _Part:
        kinds = batch.kinds_or_inserts()
        came = np.ones(len(kinds), np.bool_) if adds is None else adds
        if any(self._keeps):
            kinds = np.where(came, np.int8(RowKind.INSERT), kinds)
        if self._keeps[side]:
            kinds = np.where(came, kinds, np.int8(RowKind.DELETE))
        if copies is not None and (copies > 1).any():
            pairs = pairs.take(np.repeat(np.arange(len(copies)), copies))
        own = batch.rows.columns
        alike = len(pairs.rows) == batch.num_rows and bool((np.diff(pairs.rows) == 1).all())
        if not alike:
            own = [column.take(pa.array(pairs.rows)) for column in own]
        return _Part(pairs.rows, 1, kinds[pairs.rows], own, pairs.columns)

    def _first_and_last(
        self,
        side: int,
        batch: ChangelogBatch,
        pairs: _Pairs,
        deltas: Slots,
        copies: Slots | None,
        now_ms: int,
    ) -> list[_Part]:
        """Rows of the other side that get their first match, or lose their last."""
        other = self._sides[1 - side]
        places = np.flatnonzero(deltas[pairs.rows])
        if not len(places):
            return []
        order = places[np.argsort(pairs.slots[places], kind="stable")]
        slots, change = pairs.slots[order], deltas[pairs.rows[order]]
        running = np.cumsum(change)
        starts = np.flatnonzero(np.diff(slots, prepend=-1))
        base = np.where(starts > 0, running[starts - 1], 0)
        counts = np.diff(np.append(starts, len(slots)))
        known = other.matches.data[slots[starts]] - base
        after = running + np.repeat(known, counts)
        other.matches.data[slots] = after
        other.rows.touch(slots[starts], now_ms)
        if self._spec.final and not self._spec.kind.only_left:
            return []
        if self._spec.final and self._is_anti:
            return []
        found = []
        for phase, hits in (
            (0, (change > 0) & (after - change == 0)),
            (2, (change < 0) & (after == 0)),
        ):
            at = np.sort(order[hits])
            if copies is not None:
                at = np.repeat(at, copies[at])
            if len(at):
                found.append(self._alone(pairs, at, phase, batch))
        return found

    def _alone(self, pairs: _Pairs, at: Slots, phase: int, batch: ChangelogBatch) -> _Part:
        rows = pairs.rows[at]
        kind = RowKind.DELETE if phase == 0 else RowKind.INSERT
        kinds = np.full(len(at), kind, np.int8)
        if self._spec.kind.only_left and not self._is_anti:
            kinds = batch.kinds_or_inserts()[rows]
        columns = [column.take(pa.array(at)) for column in pairs.columns]
        return _Part(rows, phase, kinds, None, columns)

    def _emit(self, side: int, parts: Sequence[_Part], out: Output) -> None:
        if not parts:
            return
        kinds = np.concatenate([part.kinds for part in parts])
        columns = [
            _stacked([part.own if mine == side else part.other for part in parts], parts, types, i)
            for mine, types in enumerate(self._types)
            if mine == 0 or not self._spec.kind.only_left
            for i in range(len(types))
        ]
        if len(parts) > 1:
            places = np.concatenate([part.rows * 3 + part.phase for part in parts])
            order = np.argsort(places, kind="stable")
            at = pa.array(order)
            columns = [column.take(at) for column in columns]
            kinds = kinds[order]
        rows = pa.RecordBatch.from_arrays(columns, schema=self._arrow)
        out.emit(ChangelogBatch(rows, kinds if kinds.any() else None))


def _stacked(
    sides: Sequence[Sequence[Any] | None], parts: Sequence[_Part], types: Sequence[Any], index: int
) -> Any:
    arrays = [
        pa.nulls(len(part.rows), types[index]) if columns is None else columns[index]
        for columns, part in zip(sides, parts, strict=True)
    ]
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _cuts(asked: Slots, sizes: Slots, rows: int) -> Iterator[tuple[int, int]]:
    """Runs of rows with not too many pairs each."""
    if int(sizes.sum()) <= PAIRS_MAX:
        yield 0, rows
        return
    weights = np.ones(rows, np.int64)
    weights[asked] += sizes
    ends = np.cumsum(weights)
    start = 0
    while start < rows:
        done = ends[start - 1] if start else 0
        end = max(int(np.searchsorted(ends, done + PAIRS_MAX, "right")), start + 1)
        yield start, end
        start = end
