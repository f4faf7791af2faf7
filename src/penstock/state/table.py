"""Keyed state: columns by slot behind a key index, with time to live, saved by what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from penstock.state.growth import grown
from penstock.state.index import KeyIndex
from penstock.state.key_store import load_keys, save_keys
from penstock.state.words import KeyLayout, key_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from penstock.state.codec import ValueCodec
    from penstock.types import DataType

    Slots = NDArray[np.int64]

_SMALLEST = 1024
_SWEPT_PER_ROW = 4
_SWEPT_AT_LEAST = 1024


class StateTable(Protocol):
    """State that is saved by what changed since it was saved last."""

    def changes(self) -> pa.RecordBatch | None:
        """What changed since the last call, as a copy; None where nothing did."""

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over what `changes` gave, in that order; an empty table's first call."""


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Saved:
    """How objects of a column are saved.

    Args:
        arrow: As which Arrow type.
        plain: An object as a value of that type.
        made: The object from that value.
    """

    arrow: Any
    plain: Callable[[Any], Any] = _itself
    made: Callable[[Any], Any] = _itself


class SlotArray:
    """A column of state: a value by slot.

    Attributes:
        data: The values; replaced when the table grows, so never kept by others.
        lane: Its place among the columns of eight bytes, which lie row by row; -1 for others.
    """

    def __init__(
        self, dtype: Any, fill: Any = 0, saved: Saved | None = None, lane: int = -1
    ) -> None:
        self.fill = fill
        self.saved = saved
        self.lane = lane
        self.dtype = np.dtype(dtype)
        self.data: NDArray[Any] = np.full(_SMALLEST if lane < 0 else 0, fill, dtype)

    def grow(self, limit: int) -> None:
        """Make room for slots below `limit`, where it has a place of its own."""
        if self.lane < 0:
            self.data = grown(self.data, limit, self.fill)

    def place(self, block: NDArray[np.int64], start: int) -> None:
        """Take a lane of a block, whose rows from `start` on are new."""
        self.data = block[:, self.lane].view(self.dtype)
        if self.fill != 0:
            self.data[start:] = self.fill

    def save(self, slots: Slots) -> Any:
        """The values of some slots as an Arrow array."""
        values = self.data[slots]
        if self.saved is None:
            return pa.array(values)
        objects = [None if v is None else self.saved.plain(v) for v in values.tolist()]
        return pa.array(objects, self.saved.arrow)

    def restore(self, slots: Slots, values: Any) -> None:
        """Values as `save` saved them."""
        if self.saved is None:
            self.data[slots] = values.to_numpy(zero_copy_only=False)
            return
        for slot, value in zip(slots.tolist(), values.to_pylist(), strict=True):
            self.data[slot] = None if value is None else self.saved.made(value)


class KeyedTable:
    """Columns of state by key. Engine thread only.

    Args:
        types: Types of the key's columns; none for a single key.
        ttl_ms: How long a key is kept after it was last touched; 0 for ever.
        forget: Called with slots whose time is up, to clear what stands elsewhere.
    """

    def __init__(
        self,
        types: Sequence[DataType],
        ttl_ms: int = 0,
        forget: Callable[[Slots], None] | None = None,
    ) -> None:
        self.types = tuple(types)
        self.layout = KeyLayout.of(self.types)
        self.index = KeyIndex(self.layout)
        self._columns: dict[str, SlotArray] = {}
        self._dirty = np.zeros(_SMALLEST, np.bool_)
        self._changed: list[Slots] = []
        self._mark = np.zeros(_SMALLEST, np.int32)
        self._block = np.zeros((_SMALLEST, 0), np.int64)
        self.ttl_ms = ttl_ms
        self._forget = forget
        self._swept = 0
        if ttl_ms:
            self._touched = self.column("touched_ms", np.int64)

    def column(self, name: str, dtype: Any, fill: Any = 0, saved: Saved | None = None) -> SlotArray:
        """A new column.

        Args:
            name: Its name on disk.
            dtype: The NumPy type.
            fill: The value of new keys.
            saved: How objects are saved, where it holds objects.
        """
        assert name not in self._columns
        assert not self.index.limit
        # Columns of eight bytes lie side by side: a key's values are in one line of the cache.
        eight = np.dtype(dtype).itemsize == 8 and saved is None
        lane = self._block.shape[1] if eight else -1
        found = self._columns[name] = SlotArray(dtype, fill, saved, lane)
        if eight:
            self._widen(_SMALLEST, lane + 1)
        return found

    def _widen(self, rows: int, lanes: int) -> None:
        """A block of another size with the values there are."""
        block = np.zeros((rows, lanes), np.int64)
        before, kept = self._block.shape
        block[:before, :kept] = self._block
        self._block = block
        for column in self._columns.values():
            if column.lane >= 0:
                column.place(block, before if column.lane < kept else 0)

    def values(self, name: str, codec: ValueCodec, fill: Any = 0) -> SlotArray:
        """A new column of values of a SQL type; objects are None where there is none."""
        if codec.boxed:
            return self.column(name, object, None, Saved(codec.arrow))
        return self.column(name, codec.kept, fill)

    def column_of(self, name: str) -> SlotArray:
        """The column of that name."""
        return self._columns[name]

    def __len__(self) -> int:
        return self.index.count

    def slots(self, columns: Sequence[Any], rows: int, now_ms: int = 0) -> Slots:
        """The slot of every row's key; unknown ones are new, with their columns' fill.

        Args:
            columns: The key columns, Arrow arrays.
            rows: How many rows.
            now_ms: The clock; keys whose time is up count as unknown.
        """
        slots, _ = self.index.upsert(key_words(columns, self.types, rows))
        self._grow()
        if self.ttl_ms:
            self._expire(slots, rows, now_ms)
        self._note(slots)
        return slots

    def find(self, columns: Sequence[Any], rows: int) -> Slots:
        """The slot of every row's key, -1 where it is unknown; changes nothing."""
        return self.index.find(key_words(columns, self.types, rows))

    def remove(self, slots: Slots) -> None:
        """Forget some keys, each named once; their columns become fill again."""
        if not len(slots):
            return
        for column in self._columns.values():
            column.data[slots] = column.fill
        self.index.remove(slots)
        self._note(slots)

    def distinct(self, slots: Slots) -> tuple[Slots, Slots, Slots]:
        """Each slot once, in order of first occurrence.

        Args:
            slots: A slot per row.

        Returns:
            The slots, the row each occurs in first, and for every row the place of its slot.
        """
        order = np.arange(len(slots), dtype=np.int32)
        # The last write stays: from behind, the first row's.
        self._mark[slots[::-1]] = order[::-1]
        first_of = self._mark[slots]
        is_first = first_of == order
        ranks = np.cumsum(is_first) - 1
        return slots[is_first], np.flatnonzero(is_first), ranks[first_of]

    def touch(self, slots: Slots, now_ms: int = 0) -> None:
        """The columns of some slots were changed."""
        self._note(slots)
        if self.ttl_ms:
            self._touched.data[slots] = now_ms

    def in_time(self, slots: Slots, now_ms: int) -> NDArray[np.bool_] | None:
        """Which slots are kept still; None where all are."""
        if not self.ttl_ms:
            return None
        kept: NDArray[np.bool_] = self._touched.data[slots] > now_ms - self.ttl_ms
        return None if kept.all() else kept

    def changes(self) -> pa.RecordBatch | None:
        """Live and forgotten slots that changed since the last call, keys and columns."""
        if not self._changed:
            return None
        # Listed as they changed: to look for them would take as long as there are keys.
        slots, _, _ = self.distinct(np.concatenate(self._changed))
        self._changed.clear()
        self._dirty[slots] = False
        live = self.index.live[slots]
        arrays = {"slot": pa.array(slots), "live": pa.array(live)}
        arrays |= save_keys(self.index.store.get(slots))
        arrays |= {name: column.save(slots) for name, column in self._columns.items()}
        return pa.RecordBatch.from_pydict(arrays)

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over saved changes in order."""
        live = np.zeros(_SMALLEST, np.bool_)
        limit = 0
        for batch in batches:
            slots = batch.column("slot").to_numpy()
            limit = max(limit, int(slots.max(initial=-1)) + 1)
            live = grown(live, limit)
            live[slots] = batch.column("live").to_numpy(zero_copy_only=False)
            self.index.store.grow(limit)
            self.index.store.put(slots, load_keys(self.layout, batch))
            self._grow_columns(limit)
            for name, column in self._columns.items():
                column.restore(slots, batch.column(name))
        self.index.restore(live[:limit])
        self._grow()

    def _note(self, slots: Slots) -> None:
        """Some slots are not as they were saved."""
        fresh = slots[~self._dirty[slots]]
        if len(fresh):
            self._dirty[fresh] = True
            self._changed.append(fresh)

    def _grow(self) -> None:
        limit = self.index.limit
        if len(self._dirty) < limit:
            self._dirty = grown(self._dirty, limit)
            self._mark = grown(self._mark, limit)
            self._grow_columns(limit)

    def _grow_columns(self, limit: int) -> None:
        for column in self._columns.values():
            column.grow(limit)
        rows, lanes = self._block.shape
        if rows < limit and lanes:
            while rows < limit:
                rows *= 2
            self._widen(rows, lanes)

    def _expire(self, slots: Slots, rows: int, now_ms: int) -> None:
        """Clear touched keys whose time is up, and forget some others whose is."""
        touched = self._touched.data
        end = now_ms - self.ttl_ms
        late = slots[(touched[slots] <= end) & (touched[slots] > 0)]
        if len(late):
            late = np.unique(late)
            if self._forget is not None:
                self._forget(late)
            for column in self._columns.values():
                column.data[late] = column.fill
        touched[slots] = now_ms
        # A part of all slots per batch, so that no batch pays for all of them.
        part = max(_SWEPT_AT_LEAST, _SWEPT_PER_ROW * rows)
        start = self._swept if self._swept < self.index.limit else 0
        self._swept = min(start + part, self.index.limit)
        swept = np.arange(start, self._swept)
        swept = swept[self.index.live[swept] & (touched[swept] <= end)]
        if self._forget is not None and len(swept):
            self._forget(swept)
        self.remove(swept)
