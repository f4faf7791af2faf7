"""From changelog batches to the rows of a load: row kinds, last row per key, columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.changelog import RowKind
from penstock.errors import DataError
from penstock.formats.load_text import Form, load_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from penstock.changelog import ChangelogBatch


@dataclass(frozen=True, slots=True)
class Chunk:
    """Columns of one load as StarRocks reads them; `__op` last on key tables."""

    columns: list[pa.Array]
    rows: int


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """How row kinds become rows.

    Args:
        keys: Positions of the target's primary key, empty where it has none.
        drop_update_before: The user wants every -U dropped.
        keep_all: Every row matters, not only the last per key (merge_condition).
        condition: Position of merge_condition's column, None where rows do not have it: of rows
            with equal key the greatest one is sent, since servers differ in which one they take.
        with_op: `__op` is sent.
        ignore_delete: The user wants every delete dropped.
        forms: How each column is written; plainly where empty.
        zone: Zone of TIMESTAMP_LTZ.
    """

    keys: tuple[int, ...]
    drop_update_before: bool = False
    keep_all: bool = False
    condition: int | None = None
    with_op: bool = True
    ignore_delete: bool = False
    forms: tuple[Form, ...] = ()
    zone: str = "UTC"


def make_chunk(batches: Sequence[ChangelogBatch], rules: ChangeRules) -> tuple[Chunk, int]:
    """The chunk of some batches in order, and how many deletes were dropped.

    A -U deletes its key unless the key comes back behind it; then only the new row is left.

    Raises:
        DataError: A delete for a table without primary key.
    """
    table = pa.Table.from_batches([batch.rows for batch in batches])
    dropped = 0
    kinds: NDArray[np.int8] | None = None
    if rules.condition is not None or not all(batch.is_insert_only for batch in batches):
        kinds = np.concatenate([batch.kinds_or_inserts() for batch in batches])
        deletes = int(np.count_nonzero(kinds == RowKind.DELETE))
        if deletes and not (rules.keys or rules.ignore_delete):
            raise _no_deletes()
        dropped = deletes if rules.ignore_delete else 0
        mask = _kept(table, kinds, rules)
        if not mask.all():
            table, kinds = table.filter(pa.array(mask)), kinds[mask]
    forms = rules.forms or (Form.PLAIN,) * table.num_columns
    columns = [
        load_column(_whole(column), form, rules.zone)
        for column, form in zip(table.columns, forms, strict=False)
    ]
    if rules.keys and rules.with_op:
        columns.append(pa.array(_operations(kinds, table.num_rows)))
    return Chunk(columns, table.num_rows), dropped


def last_rows(columns: Sequence[pa.ChunkedArray]) -> NDArray[np.bool_]:
    """Which rows are the last of their key.

    Args:
        columns: The key's, in the order of the changes.
    """
    codes = _key_codes(columns)
    last = np.zeros(len(codes), np.bool_)
    last[_ends(codes)] = True
    return last


def _no_deletes() -> DataError:
    return DataError(
        "a delete cannot be applied to a table without primary key",
        code="deletes-without-key",
        detail="StarRocks deletes by primary key only; the target is another kind of table.",
        hint="Make the target a PRIMARY KEY table, or set 'sink.ignore-delete' = 'true' to keep"
        " deleted rows.",
    )


def _operations(kinds: NDArray[np.int8] | None, rows: int) -> NDArray[np.int8]:
    if kinds is None:
        return np.zeros(rows, np.int8)
    return np.isin(kinds, (RowKind.DELETE, RowKind.UPDATE_BEFORE)).astype(np.int8)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def _kept(table: pa.Table, kinds: NDArray[np.int8], rules: ChangeRules) -> NDArray[np.bool_]:
    if not rules.keys:
        kept: NDArray[np.bool_] = np.isin(kinds, (RowKind.INSERT, RowKind.UPDATE_AFTER))
        return kept
    mask = np.ones(len(kinds), np.bool_)
    if rules.ignore_delete:
        mask = np.isin(kinds, (RowKind.INSERT, RowKind.UPDATE_AFTER))
    elif rules.drop_update_before:
        mask = kinds != RowKind.UPDATE_BEFORE
    places = np.flatnonzero(mask)
    codes = _key_codes([table.column(key) for key in rules.keys])[places]
    last = np.zeros(len(kinds), np.bool_)
    last[places[_ends(codes)]] = True
    if not rules.keep_all:
        return last
    mask &= np.logical_or(last, kinds != RowKind.UPDATE_BEFORE)
    if rules.condition is not None:
        return _greatest(table, kinds, mask, rules)
    return mask


def _ends(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the last row of each key."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    ends = np.ones(len(ordered), np.bool_)
    ends[:-1] = ordered[1:] != ordered[:-1]
    return order[ends]


def _greatest(
    table: pa.Table, kinds: NDArray[np.int8], mask: NDArray[np.bool_], rules: ChangeRules
) -> NDArray[np.bool_]:
    """Of the rows of a key the last one with the greatest condition; all where one is deleted."""
    assert rules.condition is not None
    places = np.flatnonzero(mask)
    codes = _key_codes([table.column(key) for key in rules.keys])[places]
    column = _whole(table.column(rules.condition))
    ranks = pc.rank(column, tiebreaker="dense").to_numpy().astype(np.int64)
    ranks[pc.is_null(column).to_numpy(zero_copy_only=False)] = 0
    by_rank = np.argsort(ranks[places], kind="stable")
    chosen = np.zeros(len(kinds), np.bool_)
    chosen[places[by_rank[_ends(codes[by_rank])]]] = True
    deleted = codes[np.isin(kinds[places], (RowKind.DELETE, RowKind.UPDATE_BEFORE))]
    chosen[places[np.isin(codes, deleted)]] = True
    return chosen


def _key_codes(columns: Sequence[pa.ChunkedArray]) -> NDArray[np.int64]:
    """Equal numbers for equal keys."""
    codes: NDArray[np.int64] | None = None
    for column in columns:
        array = _whole(column)
        if pa.types.is_integer(array.type) and array.null_count == 0:
            part = array.to_numpy(zero_copy_only=False).astype(np.int64)
        else:
            if pa.types.is_floating(array.type):
                array = array.cast(pa.string())
            encoded = pc.dictionary_encode(array, null_encoding="encode")
            part = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        if codes is None:
            codes = part
            continue
        _, left = np.unique(codes, return_inverse=True)
        _, right = np.unique(part, return_inverse=True)
        codes = left.astype(np.int64) * (int(right.max(initial=0)) + 1) + right
    assert codes is not None
    return codes
