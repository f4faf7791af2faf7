"""Keys of a batch, and its rows beside the rows found for them. Per batch, without state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.state.row_cache import Found, Key, Page, gathered, ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class BatchKeys:
    """The distinct keys of a batch.

    Args:
        columns: A row per distinct key.
        keys: The same as Python values.
        of_row: For each row of the batch the position of its key, -1 where it has none: a NULL
            among its parts matches nothing.
    """

    columns: pa.RecordBatch
    keys: list[Key]
    of_row: NDArray[np.int64]


def batch_keys(columns: Sequence[pa.Array], asked: NDArray[np.bool_] | None) -> BatchKeys:
    """The distinct keys of the rows that are `asked` (None: all)."""
    valid = np.ones(len(columns[0]), np.bool_) if asked is None else asked.copy()
    codes = np.zeros(len(valid), np.int64)
    for column in columns:
        encoded = pc.dictionary_encode(column)
        valid &= np.asarray(column.is_valid())
        part = np.asarray(encoded.indices.fill_null(0)).astype(np.int64)
        # Numbered anew after each column, so that the product cannot overflow.
        _, codes = np.unique(codes * (len(encoded.dictionary) + 1) + part, return_inverse=True)
    rows = np.flatnonzero(valid)
    _, first, inverse = np.unique(codes[rows], return_index=True, return_inverse=True)
    of_row = np.full(len(valid), -1, np.int64)
    of_row[rows] = inverse
    names = [str(index) for index in range(len(columns))]
    taken = pa.RecordBatch.from_arrays([c.take(pa.array(rows[first])) for c in columns], names)
    return BatchKeys(taken, key_tuples(taken.columns), of_row)


def key_tuples(columns: Sequence[pa.Array]) -> list[Key]:
    """Rows of key columns as Python values."""
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def by_key(
    keys: Sequence[Key], columns: Sequence[pa.Array], rows: pa.RecordBatch
) -> list[tuple[Key, Found]]:
    """What was found for each key.

    Args:
        keys: What was asked for.
        columns: The keys of the rows.
        rows: What is kept of them.
    """
    places: dict[Key, list[int]] = {key: [] for key in keys}
    for index, key in enumerate(key_tuples(columns)):
        places[key].append(index)
    order = np.array([index for found in places.values() for index in found], np.int64)
    page = Page(rows.take(pa.array(order)), 0)
    found, start = [], 0
    for key, indices in places.items():
        found.append((key, Found(page, start, len(indices))))
        start += len(indices)
    return found


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of a batch beside found rows, in the batch's order.

    Args:
        left: Positions in the batch.
        right: A found row per position.
    """

    left: NDArray[np.int64]
    right: pa.RecordBatch


def pairs(keys: BatchKeys, found: Sequence[Found], empty: pa.RecordBatch) -> Pairs:
    """Every row of the batch with every row found for its key.

    Args:
        keys: Of the batch.
        found: For each distinct key.
        empty: A batch without rows, where nothing was asked.
    """
    if not found:
        return Pairs(np.zeros(0, np.int64), empty)
    rows, starts = gathered(found)
    counts = np.array([one.count for one in found], np.int64)
    matched = np.flatnonzero(keys.of_row >= 0)
    per_row = counts[keys.of_row[matched]]
    wanted = ranges(starts[keys.of_row[matched]], per_row)
    return Pairs(np.repeat(matched, per_row), rows.take(pa.array(wanted)))


def joined(left: pa.RecordBatch, right: pa.RecordBatch, at: Any, schema: pa.Schema) -> Any:
    """Rows of the batch at some positions beside found rows, as one batch."""
    taken = left.take(pa.array(at))
    return pa.RecordBatch.from_arrays([*taken.columns, *right.columns], schema=schema)


def with_unmatched(pairs: Pairs, rows: int) -> tuple[NDArray[np.int64], pa.RecordBatch]:
    """Pairs, and each row that has none beside NULLs, in the batch's order."""
    missing = np.setdiff1d(np.arange(rows), pairs.left, assume_unique=False)
    if not len(missing):
        return pairs.left, pairs.right
    left = np.concatenate([pairs.left, missing])
    none = pa.nulls(len(missing), pa.int64())
    order = np.argsort(left, kind="stable")
    right = pa.concat_arrays([pa.array(np.arange(len(pairs.left))), none]).take(pa.array(order))
    return left[order], pairs.right.take(right)
