"""The keys themselves, by slot: words, texts, NULL bits; to compare with and to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.state.growth import grown
from penstock.state.words import TEXT_BYTES_MAX, KeyWords, Texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.state.words import KeyLayout

    Slots = NDArray[np.int64]

_SMALLEST = 1024


class TextStore:
    """Texts of one key column: eight-byte words in one heap, as many as each needs.

    A slot that is used again keeps its place in the heap where the new text fits.
    """

    def __init__(self) -> None:
        self._heap = np.zeros(_SMALLEST, np.uint64)
        self._used = 0
        self._starts = np.zeros(_SMALLEST, np.int64)
        self._lengths = np.zeros(_SMALLEST, np.int32)
        self._room = np.zeros(_SMALLEST, np.uint8)

    def grow(self, limit: int) -> None:
        """Make room for slots below `limit`."""
        self._starts = grown(self._starts, limit)
        self._lengths = grown(self._lengths, limit)
        self._room = grown(self._room, limit)

    def put(self, slots: Slots, texts: Texts) -> None:
        """Keep the texts of some slots."""
        sizes = texts.sizes
        self._lengths[slots] = texts.lengths
        short = np.flatnonzero(self._room[slots] < sizes)
        if len(short):
            ends = self._used + np.cumsum(sizes[short])
            self._heap = grown(self._heap, int(ends[-1]))
            self._starts[slots[short]] = ends - sizes[short]
            self._room[slots[short]] = sizes[short]
            self._used = int(ends[-1])
        for level, words in enumerate(texts.levels):
            rows = np.flatnonzero(sizes > level)
            self._heap[self._starts[slots[rows]] + level] = words[rows]

    def equal(self, slots: Slots, texts: Texts, rows: Slots) -> NDArray[np.bool_]:
        """Whether the slots hold the texts of those rows."""
        found: NDArray[np.bool_] = self._lengths[slots] == texts.lengths[rows]
        sizes = texts.sizes[rows]
        for level, words in enumerate(texts.levels):
            more = np.flatnonzero(found & (sizes > level))
            found[more] = self._heap[self._starts[slots[more]] + level] == words[rows[more]]
        return found

    def get(self, slots: Slots) -> Texts:
        """The texts of some slots."""
        lengths = self._lengths[slots].astype(np.int64)
        sizes = (np.minimum(lengths, TEXT_BYTES_MAX) + 7) >> 3
        levels = []
        for level in range(int(sizes.max(initial=0))):
            places = np.where(sizes > level, self._starts[slots] + level, 0)
            levels.append(np.where(sizes > level, self._heap[places], np.uint64(0)))
        return Texts(lengths, tuple(levels))


class KeyStore:
    """Keys by slot.

    Args:
        layout: What a key is made of.
    """

    def __init__(self, layout: KeyLayout) -> None:
        self.layout = layout
        self._fixed = [np.zeros(_SMALLEST, np.uint64) for _ in range(layout.fixed)]
        self._texts = [TextStore() for _ in range(layout.texts)]
        self._nulls = np.zeros(_SMALLEST, np.uint64) if layout.nullable else None

    def grow(self, limit: int) -> None:
        """Make room for slots below `limit`."""
        self._fixed = [grown(words, limit) for words in self._fixed]
        for texts in self._texts:
            texts.grow(limit)
        if self._nulls is not None:
            self._nulls = grown(self._nulls, limit)

    def put(self, slots: Slots, keys: KeyWords) -> None:
        """Keep the keys of some slots."""
        for kept, words in zip(self._fixed, keys.fixed, strict=True):
            kept[slots] = words
        for store, texts in zip(self._texts, keys.texts, strict=True):
            store.put(slots, texts)
        if self._nulls is not None:
            self._nulls[slots] = keys.nulls if keys.nulls is not None else 0

    def equal(self, slots: Slots, keys: KeyWords, rows: Slots) -> NDArray[np.bool_]:
        """Whether the slots hold the keys of those rows."""
        found = np.ones(len(slots), np.bool_)
        for kept, words in zip(self._fixed, keys.fixed, strict=True):
            found &= kept[slots] == words[rows]
        for store, texts in zip(self._texts, keys.texts, strict=True):
            found &= store.equal(slots, texts, rows)
        if self._nulls is not None and keys.nulls is not None:
            found &= self._nulls[slots] == keys.nulls[rows]
        return found

    def get(self, slots: Slots) -> KeyWords:
        """The keys of some slots."""
        nulls = None if self._nulls is None else self._nulls[slots]
        fixed = tuple(words[slots] for words in self._fixed)
        return KeyWords(len(slots), fixed, tuple(t.get(slots) for t in self._texts), nulls)


def save_keys(keys: KeyWords) -> dict[str, Any]:
    """Keys as Arrow columns; the names are part of the format on disk."""
    found: dict[str, Any] = {f"key{i}": pa.array(w) for i, w in enumerate(keys.fixed)}
    for i, texts in enumerate(keys.texts):
        width = TEXT_BYTES_MAX // 8
        words = np.zeros((keys.rows, width), np.uint64)
        for level, part in enumerate(texts.levels):
            words[:, level] = part
        # Padding would be most of the file: only the words a text has are written.
        taken = words[np.arange(width) < texts.sizes[:, None]]
        offsets = np.concatenate([[0], np.cumsum(texts.sizes)]).astype(np.int32)
        found[f"text{i}"] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(taken))
        found[f"length{i}"] = pa.array(texts.lengths)
    if keys.nulls is not None:
        found["nulls"] = pa.array(keys.nulls)
    return found


def load_keys(layout: KeyLayout, batch: pa.RecordBatch) -> KeyWords:
    """Keys as `save_keys` saved them."""
    fixed = tuple(batch.column(f"key{i}").to_numpy() for i in range(layout.fixed))
    texts = []
    for i in range(layout.texts):
        lengths = batch.column(f"length{i}").to_numpy()
        sizes = (np.minimum(lengths, TEXT_BYTES_MAX) + 7) >> 3
        width = int(sizes.max(initial=0))
        words = np.zeros((batch.num_rows, width), np.uint64)
        words[np.arange(width) < sizes[:, None]] = batch.column(f"text{i}").flatten().to_numpy()
        levels = tuple(np.ascontiguousarray(words[:, level]) for level in range(width))
        texts.append(Texts(lengths, levels))
    nulls = batch.column("nulls").to_numpy() if layout.nullable else None
    return KeyWords(batch.num_rows, fixed, tuple(texts), nulls)
