"""One side of a join: its rows by identity, found by join key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.state import KeyedTable, Members, ValueCodec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from penstock.types import DataType, Schema

    Slots = NDArray[np.int64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Found:
    """Where the matches of some rows stand.

    Args:
        sizes: How many members the key of each row has.
        starts: Where they start; a slot itself where keys are unique.
    """

    sizes: Slots
    starts: Slots


class JoinSide:
    """The rows of one input that may still match. Engine thread only.

    A row is known by its join key and the columns of its unique key; without one by all its
    columns, and then it may be there several times.

    Args:
        schema: The input's.
        keys: Columns of the join key.
        key_types: Their types in the state: not nullable where NULL matches nothing.
        unique: Columns that identify a row; None where nothing does.
        ttl_ms: How long a row is kept after it was last written; 0 for ever.
    """

    def __init__(
        self,
        schema: Schema,
        keys: Sequence[int],
        key_types: Sequence[DataType],
        unique: Sequence[int] | None,
        ttl_ms: int,
    ) -> None:
        self._keys = tuple(keys)
        self.unique = unique is not None
        others = range(len(schema.columns)) if unique is None else unique
        rest = [index for index in others if index not in self._keys]
        self._identity = (*self._keys, *rest)
        types = [*key_types, *(schema.columns[index].type for index in rest)]
        self.rows = KeyedTable(types, ttl_ms, self._unlink)
        self._members = Members(key_types) if rest else None
        self.copies = self.rows.column("copies", np.int64)
        self.matches = self.rows.column("matches", np.int64)
        self._codecs = [ValueCodec(column.type) for column in schema.columns]
        self._values = [self.rows.values(f"value{i}", c) for i, c in enumerate(self._codecs)]
        self._valid = {
            i: self.rows.column(f"valid{i}", np.bool_)
            for i, codec in enumerate(self._codecs)
            if codec.type.nullable and not codec.boxed
        }

    def find(self, keys: Sequence[Any], rows: int) -> Found:
        """Where the rows with the keys of others stand."""
        if self._members is not None:
            return Found(*self._members.find(keys, rows))
        slots = self.rows.find(keys, rows)
        return Found(np.where(slots >= 0, self.copies.data[slots], 0), slots)

    def pairs(self, found: Found, now_ms: int) -> tuple[Slots, Slots]:
        """The matches: the place of a row among those asked for, and a slot here.

        In order of the rows; every slot once per row, however many copies there are.
        """
        if self._members is None:
            places = np.flatnonzero(found.sizes)
            slots = found.starts[places]
        else:
            places = np.repeat(np.arange(len(found.sizes)), found.sizes)
            slots = self._members.at(found.starts, found.sizes)
        kept = self.rows.in_time(slots, now_ms)
        return (places, slots) if kept is None else (places[kept], slots[kept])

    def apply(
        self,
        columns: Sequence[Any],
        adds: Mask | None,
        matches: Slots,
        now_ms: int,
    ) -> Slots:
        """Take rows over.

        Args:
            columns: The rows, Arrow arrays.
            adds: Which rows come; None where all do. The others go.
            matches: With how many rows of the other side each matches.
            now_ms: The clock.

        Returns:
            By how much each row changes the number of rows that others match with: 0 for one that
            takes the place of another one of its identity.
        """
        count = len(matches)
        if not count:
            return matches
        slots = self.rows.slots([columns[i] for i in self._identity], count, now_ms)
        deltas = np.ones(count, np.int64) if adds is None else np.where(adds, 1, -1)
        unique, firsts, places = self.rows.distinct(slots)
        if self.unique:
            deltas = self._replaced(deltas, slots, unique, places)
        else:
            self._count(deltas, unique, places)
        coming = slice(None) if adds is None else np.flatnonzero(adds)
        taken = columns if adds is None else [c.take(pa.array(coming)) for c in columns]
        self._write(slots[coming], taken)
        self.matches.data[slots[coming]] = matches[coming]
        there = self.copies.data[unique] > 0
        gone = unique[~there]
        if self._members is not None:
            linked = self._members.holds(unique)
            self._members.remove(unique[linked & ~there])
            new = there & ~linked
            at = pa.array(firsts[new])
            self._members.add([columns[i].take(at) for i in self._keys], unique[new])
        self.rows.remove(gone)
        return deltas

    def take(self, slots: Slots) -> list[Any]:
        """The rows in some slots, as Arrow arrays."""
        found = []
        for i, (codec, values) in enumerate(zip(self._codecs, self._values, strict=True)):
            valid = self._valid.get(i)
            mask = None if valid is None else valid.data[slots]
            found.append(codec.encode(values.data[slots], mask))
        return found

    def unmatched(self) -> Slots:
        """The rows without a match, in order of their slots; those there several times repeated."""
        index = self.rows.index
        alone = index.live[: index.limit] & (self.matches.data[: index.limit] == 0)
        slots = np.flatnonzero(alone)
        return np.repeat(slots, self.copies.data[slots])

    def held(self) -> Slots:
        """All rows."""
        index = self.rows.index
        return np.flatnonzero(index.live[: index.limit])

    def withdraw(self, keys: Sequence[Any]) -> list[Any] | None:
        """Take the rows of one key out, each as often as it is there; None where there are none."""
        _, slots = self.pairs(self.find(keys, 1), 0)
        if not len(slots):
            return None
        columns = self.take(np.repeat(slots, self.copies.data[slots]))
        self._unlink(slots)
        self.rows.remove(slots)
        return columns

    def changes(self) -> pa.RecordBatch | None:
        """What changed since the last call."""
        return self.rows.changes()

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over saved changes in order."""
        self.rows.load(batches)
        if self._members is None:
            return
        slots = self.held()
        for start in range(0, len(slots), 1 << 16):
            part = slots[start : start + (1 << 16)]
            columns = self.take(part)
            self._members.add([columns[i] for i in self._keys], part)

    def _replaced(self, deltas: Slots, slots: Slots, unique: Slots, places: Slots) -> Slots:
        """Rows of an identity follow each other: the last one of a batch stays."""
        before = self.copies.data[slots]
        self.copies.data[slots] = deltas > 0
        if len(unique) < len(slots):
            order = np.argsort(places, kind="stable")
            follows = np.flatnonzero(places[order][1:] == places[order][:-1]) + 1
            before[order[follows]] = deltas[order[follows - 1]] > 0
        return np.where((deltas > 0) & (before > 0), 0, deltas)

    def _count(self, deltas: Slots, unique: Slots, places: Slots) -> None:
        """Copies come and go; what is not there cannot go."""
        before = self.copies.data[unique]
        if (deltas > 0).all():
            self.copies.data[unique] = before + np.bincount(places, minlength=len(unique))
            return
        order = np.argsort(places, kind="stable")
        running = np.cumsum(deltas[order])
        starts = np.flatnonzero(np.diff(places[order], prepend=-1))
        base = np.where(starts > 0, running[starts - 1], 0)
        lowest = np.minimum.reduceat(running, starts) - base
        total = np.append(running[starts[1:] - 1], running[-1]) - base
        self.copies.data[unique] = before + total - np.minimum(before + lowest, 0)

    def _write(self, slots: Slots, columns: Sequence[Any]) -> None:
        for i, (codec, column) in enumerate(zip(self._codecs, columns, strict=True)):
            values, there = codec.decode(column)
            self._values[i].data[slots] = values
            if i in self._valid:
                self._valid[i].data[slots] = True if there is None else there

    def _unlink(self, slots: Slots) -> None:
        if self._members is not None:
            self._members.remove(slots[self._members.holds(slots)])
