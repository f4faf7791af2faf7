"""Changes of keyed results as rows: what was, what is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.changelog import RowKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


def before_and_after(
    keys: Sequence[Any],
    old: tuple[Sequence[Any], Mask],
    new: tuple[Sequence[Any], Mask],
    changed: Mask,
    *,
    update_before: bool,
) -> tuple[list[Any], NDArray[np.int8]] | None:
    """The rows that say what became of some keys, -U and +U of one key next to each other.

    Args:
        keys: Columns of the keys, a row each.
        old: Columns of the keys that had a result, and which those are.
        new: Columns of the keys that have one now, and which those are.
        changed: Which of the keys that had and have a result have another one.
        update_before: Send -U.

    Returns:
        Columns and kinds; None where there is nothing to say.
    """
    was, there = old[1], new[1]
    says = np.stack([(was & ~there) | (changed & update_before), (there & ~was) | changed], axis=1)
    if not says.any():
        return None
    kinds = np.empty((len(was), 2), np.int8)
    kinds[:, 0] = np.where(there, RowKind.UPDATE_BEFORE, RowKind.DELETE)
    kinds[:, 1] = np.where(was, RowKind.UPDATE_AFTER, RowKind.INSERT)
    of_key = pa.array(np.nonzero(says)[0])
    columns = [key.take(of_key) for key in keys]
    if not says[:, 0].any():
        kept = pa.array(says[there, 1])
        columns += [column.filter(kept) for column in new[0]]
        return columns, kinds[says]
    places = np.empty((len(was), 2), np.int64)
    places[:, 0] = np.cumsum(was) - 1
    places[:, 1] = np.cumsum(there) - 1 + np.count_nonzero(was)
    order = pa.array(places[says])
    columns += [pa.concat_arrays([a, b]).take(order) for a, b in zip(old[0], new[0], strict=True)]
    return columns, kinds[says]


def differs(old: list[Any], new: list[Any], rows: int) -> NDArray[np.bool_]:
    """Which rows differ in some column; a NaN differs from itself, as in Flink."""
    found = np.zeros(rows, np.bool_)
    for one, other in zip(old, new, strict=True):
        if isinstance(one, pa.ListArray | pa.MapArray | pa.StructArray):
            pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
            found |= np.array([a != b for a, b in pairs], np.bool_)
            continue
        unequal = pc.not_equal(one, other)
        if unequal.null_count:
            nulls = pc.xor(one.is_null(), other.is_null())
            unequal = pc.or_(pc.fill_null(unequal, False), nulls)  # noqa: FBT003
        found |= unequal.to_numpy(zero_copy_only=False)
    return found
