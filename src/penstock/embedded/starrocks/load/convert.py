"""Columns of a load to the table's types; what does not fit is NULL or filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.embedded.starrocks.load.casts import cast_values, too_long
from penstock.embedded.starrocks.load.evaluate import OP
from penstock.embedded.starrocks.load.rejects import MAX_ERROR_ROWS, Rejects
from penstock.embedded.starrocks.partitions import NO_PARTITION
from penstock.embedded.starrocks.scratch import has_partition_columns, partition_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from penstock.embedded.starrocks.model import ColumnDef, TableDef

# made once: of values without a type Arrow asks Python for optional modules, each time anew
_DELETES = pa.array(["1", "delete"], pa.string())
_KNOWN_OPS = pa.array(["0", "upsert", "1", "delete"], pa.string())
Fields = dict[str, pa.Array]


class _Keep:
    """Which rows stay; no mask keeps all, so that the common case costs nothing."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.mask: Any = None
        self.reasons: dict[int, str] = {}

    def drop(self, mask: Any, message: str | Callable[[int], str]) -> None:
        """Leave out the rows of a mask; the first of them are explained."""
        if self.mask is None:
            self.mask = np.ones(self.size, bool)
        for place in np.flatnonzero(mask & self.mask)[:MAX_ERROR_ROWS]:
            text = message if isinstance(message, str) else message(int(place))
            self.reasons.setdefault(int(place), text)
        self.mask &= ~mask


def convert(
    table: TableDef,
    columns: Mapping[str, pa.Array],
    rejects: Rejects,
    *,
    strict: bool,
    partitions: Sequence[str] = (),
) -> Fields:
    """The columns in the table's types, without the rows that are refused.

    Args:
        table: The table.
        columns: Source and derived columns, of equal length.
        rejects: Takes the rows that are refused.
        strict: Refuse a row with a value that cannot be converted, rather than make it NULL.
        partitions: The only partitions that may be loaded; any if empty.
    """
    size = len(next(iter(columns.values()))) if columns else 0
    keep = _Keep(size)
    typed: Fields = {}
    deletes: Any = None
    if OP in columns and table.primary:
        typed[OP], wrong = _ops(columns[OP])
        deletes = typed[OP].to_numpy(zero_copy_only=False) == 1
        if wrong is not None:
            keep.drop(wrong, "Invalid op type")
    for position, column in enumerate(table.columns):
        raw = columns.get(column.name)
        if raw is None:
            continue
        values = _fitted(column, position, raw, keep, strict=strict)
        if not (column.nullable or column.auto_increment) and values.null_count:
            nulls = _mask(pc.is_null(values))
            if deletes is not None and not column.key:
                nulls &= ~deletes
            if nulls.any():
                keep.drop(nulls, f"NULL value in non-nullable column '{column.name}'")
        typed[column.name] = values
    _place(table, typed, keep, partitions)
    return _kept(columns, typed, keep, rejects)


def _fitted(
    column: ColumnDef, position: int, raw: pa.Array, keep: _Keep, *, strict: bool
) -> pa.Array:
    """One column in its type: NULL what does not fit, or drop its rows in strict mode."""
    info = column.info
    values = cast_values(raw, info)
    wrong = None
    if values is not raw and values.null_count > raw.null_count:
        wrong = pc.and_(pc.is_null(values), pc.is_valid(raw))
    long = too_long(values, info)
    if long is not None:
        values = pc.if_else(long, pa.scalar(None, values.type), values)
        wrong = long if wrong is None else pc.or_(wrong, long)
    if wrong is not None and strict:

        def message(row: int) -> str:
            text = str(raw[row].as_py())
            return (
                f"The field (name = {column.name}, pos = {position}) is out of range. Type: "
                f"{column.type}, Value length: {len(text.encode())}, Value: {text}"
            )

        keep.drop(_mask(wrong), message)
    return values


def _place(table: TableDef, typed: Fields, keep: _Keep, partitions: Sequence[str]) -> None:
    """Drop the rows that no partition takes."""
    by = table.partition_by
    if by is None or (by.is_automatic and not partitions):
        return
    rows = pa.table(typed)
    if not has_partition_columns(table, rows):
        return
    names = partition_names(table, rows)
    allowed = partitions or [partition.name for partition in table.partitions]
    outside = pc.invert(pc.is_in(names, pa.array(allowed, pa.string())))
    if pc.any(outside).as_py():
        keep.drop(_mask(outside), NO_PARTITION.rstrip("."))


def _kept(columns: Mapping[str, pa.Array], typed: Fields, keep: _Keep, rejects: Rejects) -> Fields:
    for place, message in sorted(keep.reasons.items()):
        cells = [columns[name][place].as_py() for name in columns]
        shown = ", ".join("NULL" if cell is None else str(cell) for cell in cells)
        rejects.explain(message, f"[{shown}]")
    if keep.mask is None or keep.mask.all():
        return typed
    places = pa.array(np.flatnonzero(keep.mask))
    rejects.count += keep.size - len(places)
    return {name: values.take(places) for name, values in typed.items()}


def _mask(values: Any) -> Any:
    return values.to_numpy(zero_copy_only=False).astype(bool)


def _ops(values: pa.Array) -> tuple[pa.Array, Any]:
    """`__op` values as 0 and 1, and a mask of wrong ones if there are any."""
    texts = pc.utf8_lower(values.cast(pa.string()))
    deletes = pc.is_in(texts, _DELETES)
    known = pc.is_in(texts, _KNOWN_OPS)
    wrong = None if pc.all(known).as_py() is not False else ~_mask(known)
    return pc.cast(deletes, pa.int8()), wrong
