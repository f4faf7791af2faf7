"""Keys as machine words: what the index hashes, compares and keeps.

A column of fixed width is one word a row, or two (DECIMAL of more than 18 digits). Texts are up to
eight words of eight bytes, zeros behind their end; a longer one is replaced by its BLAKE2b digest
of 64 bytes, which nobody finds twice. NULLs are bits of a word of their own, so that a NULL groups
with NULLs alone. Floating-point numbers are compared by their bits, as Flink's binary rows are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.errors import DataError
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from penstock.types import DataType

    Words = NDArray[np.uint64]

TEXT_BYTES_MAX = 64
_DIGESTED = TEXT_BYTES_MAX + 1
SHORT_DECIMAL = 18
_BITS = 64
_TEXTS = {TypeRoot.CHAR, TypeRoot.VARCHAR, TypeRoot.BINARY, TypeRoot.VARBINARY}
_NESTED = {TypeRoot.ARRAY, TypeRoot.MAP, TypeRoot.MULTISET, TypeRoot.ROW, TypeRoot.NULL}
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts.

    Args:
        lengths: Bytes of each, one more than the longest for a digest; int64.
        levels: Eight bytes of every row each, the first ones first.
    """

    lengths: NDArray[np.int64]
    levels: tuple[Words, ...]

    def take(self, rows: NDArray[np.int64]) -> Texts:
        """The texts of some rows."""
        return Texts(self.lengths[rows], tuple(level[rows] for level in self.levels))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Words of each."""
        return (np.minimum(self.lengths, TEXT_BYTES_MAX) + 7) >> 3


@dataclass(frozen=True, slots=True)
class KeyWords:
    """The keys of some rows.

    Args:
        rows: How many.
        fixed: A word of every row each.
        texts: Its columns of texts.
        nulls: A bit per column that is NULL, of the first 64; None where the key cannot be NULL.
    """

    rows: int
    fixed: tuple[Words, ...]
    texts: tuple[Texts, ...]
    nulls: Words | None

    def take(self, rows: NDArray[np.int64]) -> KeyWords:
        """The keys of some rows."""
        nulls = None if self.nulls is None else self.nulls[rows]
        fixed = tuple(words[rows] for words in self.fixed)
        return KeyWords(len(rows), fixed, tuple(t.take(rows) for t in self.texts), nulls)

    def hashes(self, seed: int) -> Words:
        """A hash of each key. Distinct for distinct keys where a key is one word."""
        found = np.full(self.rows, seed, np.uint64)
        for words in self.fixed:
            found = _mixed(found ^ words)
        for texts in self.texts:
            found = _mixed(found ^ texts.lengths.view(np.uint64))
            for level, words in enumerate(texts.levels):
                # Only where there is such a level: the hash must not depend on the batch.
                more = _mixed(found ^ words)
                found = np.where(texts.sizes > level, more, found)
        if self.nulls is not None and self.nulls.any():
            found = np.where(self.nulls != 0, _mixed(found ^ ~self.nulls), found)
        return found

    @property
    def exact(self) -> bool:
        """Whether equal hashes are equal keys."""
        return len(self.fixed) == 1 and not self.texts and self.nulls is None


def _mixed(words: Words) -> Words:
    """A bijection of 64 bits in which every bit depends on every other."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
        words = (words ^ (words >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return words ^ (words >> np.uint64(32))


@dataclass(frozen=True, slots=True)
class KeyLayout:
    """How many words and texts a key of some types has."""

    fixed: int
    texts: int
    nullable: bool

    @classmethod
    def of(cls, types: Sequence[DataType]) -> KeyLayout:
        """The layout of keys of these types."""
        texts = sum(kind.root in _TEXTS | _NESTED for kind in types)
        wide = sum(_is_wide(kind) for kind in types)
        nullable = any(kind.nullable for kind in types)
        more = (len(types) - 1) // _BITS if nullable and types else 0
        return cls(len(types) - texts + wide + more, texts, nullable)


def key_words(columns: Sequence[Any], types: Sequence[DataType], rows: int) -> KeyWords:
    """The keys that some Arrow columns hold.

    Args:
        columns: Arrow arrays of `rows` values.
        types: Their SQL types; only a nullable one may hold NULLs.
        rows: How many rows; keys of no columns are all equal.
    """
    fixed: list[Words] = []
    texts: list[Texts] = []
    nullable = any(kind.nullable for kind in types)
    # A bit per column; those of the columns behind the 64th are among the words.
    bits = [np.zeros(rows, np.uint64) for _ in range(0, len(types), _BITS)] if nullable else []
    for index, (column, kind) in enumerate(zip(columns, types, strict=True)):
        valid = None
        if column.null_count or kind.root is TypeRoot.NULL:
            valid = column.is_valid().to_numpy(zero_copy_only=False)
            if not bits:
                raise DataError(
                    "a key that is NOT NULL is NULL",
                    code="not-null",
                    detail="A computed value can be NULL whatever its type says: a decimal that"
                    " overflows.",
                    hint="Wrap the key: COALESCE(key, 0), or CAST it to a wider type.",
                )
            bits[index // _BITS] |= np.where(valid, np.uint64(0), np.uint64(1 << index % _BITS))
        if kind.root in _TEXTS:
            texts.append(_texts(column, valid))
        elif kind.root in _NESTED:
            shown = pa.array([repr(value) for value in column.to_pylist()], pa.string())
            texts.append(_texts(shown, valid))
        else:
            fixed += [_zeroed(words, valid) for words in _fixed(column, kind)]
    nulls = bits.pop(0) if bits else None
    return KeyWords(rows, (*fixed, *bits), tuple(texts), nulls)


def _zeroed(words: Words, valid: NDArray[np.bool_] | None) -> Words:
    return words if valid is None else np.where(valid, words, np.uint64(0))


def _is_wide(kind: DataType) -> bool:
    return kind.root is TypeRoot.DECIMAL and kind.precision > SHORT_DECIMAL


def data_of(column: Any, dtype: Any, per_value: int = 1) -> NDArray[Any]:
    """The values of an Arrow array of fixed width, without a copy; those of NULLs are anything."""
    size = np.dtype(dtype).itemsize * per_value
    return np.frombuffer(column.buffers()[1], dtype, len(column) * per_value, column.offset * size)


def _fixed(column: Any, kind: DataType) -> list[Words]:
    if kind.root is TypeRoot.BOOLEAN:
        return [column.cast(pa.uint8()).fill_null(0).to_numpy().astype(np.uint64)]
    if kind.root is TypeRoot.DECIMAL:
        pairs = data_of(column, np.uint64, 2).reshape(-1, 2)
        return [np.ascontiguousarray(pairs[:, i]) for i in range(2 if _is_wide(kind) else 1)]
    width = column.type.bit_width // 8
    if kind.root in {TypeRoot.FLOAT, TypeRoot.DOUBLE}:
        return [data_of(column, f"u{width}").astype(np.uint64)]
    return [data_of(column, f"i{width}").astype(np.int64).view(np.uint64)]


def _texts(column: Any, valid: NDArray[np.bool_] | None) -> Texts:
    offsets = np.frombuffer(
        column.buffers()[1], np.int32, len(column) + 1, column.offset * 4
    ).astype(np.int64)
    lengths = np.diff(offsets)
    if valid is not None:
        lengths = np.where(valid, lengths, 0)
    start, end = int(offsets[0]), int(offsets[-1])
    buffer = column.buffers()[2]
    data = np.zeros(end - start + 8, np.uint8)
    if buffer is not None:
        data[: end - start] = np.frombuffer(buffer, np.uint8, end - start, start)
    places = offsets[:-1] - start
    long = np.flatnonzero(lengths > TEXT_BYTES_MAX)
    if len(long):
        data, places, lengths = _digested(data, places, lengths, long)
    return Texts(lengths, _levels(data, places, np.minimum(lengths, TEXT_BYTES_MAX)))


def _digested(
    data: NDArray[np.uint8],
    places: NDArray[np.int64],
    lengths: NDArray[np.int64],
    long: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Long texts replaced by digests that stand behind all others."""
    view = data.data
    digests = b"".join(
        hashlib.blake2b(view[place : place + length]).digest()
        for place, length in zip(places[long].tolist(), lengths[long].tolist(), strict=True)
    )
    places, lengths = places.copy(), lengths.copy()
    places[long] = len(data) + TEXT_BYTES_MAX * np.arange(len(long))
    lengths[long] = _DIGESTED
    tail = np.frombuffer(digests + bytes(8), np.uint8)
    return np.concatenate([data, tail]), places, lengths


def _levels(
    data: NDArray[np.uint8], places: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[Words, ...]:
    """Eight bytes of every text at a time."""
    longest = int(lengths.max(initial=0))
    everywhere = np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))
    found = []
    for level in range((longest + 7) // 8):
        left = np.clip(lengths - 8 * level, 0, 8)
        words = everywhere[np.where(left > 0, places + 8 * level, 0)]
        found.append(words & _MASKS[left])
    return tuple(found)
