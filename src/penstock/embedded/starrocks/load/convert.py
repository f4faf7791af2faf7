"""Columns of a load to the table's types; what does not fit is NULL or filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.embedded.starrocks.load.evaluate import OP
from penstock.embedded.starrocks.load.rejects import MAX_ERROR_ROWS, Rejects
from penstock.embedded.starrocks.partitions import NO_PARTITION
from penstock.embedded.starrocks.scratch import has_partition_columns, partition_names, scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.embedded.starrocks.model import ColumnDef, TableDef

_OPS = {"0": 0, "upsert": 0, "1": 1, "delete": 1}


class _Keep:
    """Which rows stay; None keeps all, so that the common case costs nothing."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.mask: Any = None
        self.reasons: dict[int, str] = {}

    def drop(self, mask: Any, message: str) -> None:
        if self.mask is None:
            self.mask = np.ones(self.size, bool)
        for place in np.flatnonzero(mask & self.mask)[:MAX_ERROR_ROWS]:
            self.reasons.setdefault(int(place), message)
        self.mask &= ~mask

    def drop_if(self, mask: pa.Array, message: str) -> None:
        if pc.any(mask).as_py():
            self.drop(_mask(mask), message)


def convert(
    table: TableDef, columns: Mapping[str, pa.Array], rejects: Rejects, *, strict: bool
) -> dict[str, pa.Array]:
    """The columns in the table's types, without the rows that are refused."""
    size = len(next(iter(columns.values()))) if columns else 0
    keep = _Keep(size)
    typed: dict[str, pa.Array] = {}
    deletes: Any = None
    if OP in columns and table.primary:
        typed[OP], wrong = _ops(columns[OP])
        deletes = typed[OP].to_numpy(zero_copy_only=False) == 1
        if wrong is not None:
            keep.drop(wrong, "Invalid op type")
    for column in table.columns:
        raw = columns.get(column.name)
        if raw is None:
            continue
        values = raw if raw.type == column.info.arrow else _cast(raw, column)
        if values is not raw and values.null_count > raw.null_count and strict:
            keep.drop(
                _mask(pc.and_(pc.is_null(values), pc.is_valid(raw))),
                f"Value cannot be converted to column '{column.name}' of type {column.type}",
            )
        values = _limit(table, column, values, keep, strict=strict)
        if not column.nullable and values.null_count:
            nulls = _mask(pc.is_null(values))
            if deletes is not None and not column.key:
                nulls &= ~deletes
            if nulls.any():
                keep.drop(nulls, f"NULL value in non-nullable column '{column.name}'")
        typed[column.name] = values
    if table.partition_by and not table.partition_by.is_automatic:
        rows = pa.table(typed)
        if has_partition_columns(table, rows):
            keep.drop_if(pc.is_null(partition_names(table, rows)), NO_PARTITION.rstrip("."))
    for place, message in sorted(keep.reasons.items()):
        cells = [columns[name][place].as_py() for name in columns]
        shown = ", ".join("NULL" if cell is None else str(cell) for cell in cells)
        rejects.explain(message, f"[{shown}]")
    if keep.mask is None or keep.mask.all():
        return typed
    places = pa.array(np.flatnonzero(keep.mask))
    rejects.count += size - len(places)
    return {name: values.take(places) for name, values in typed.items()}


def _limit(
    table: TableDef, column: ColumnDef, values: pa.Array, keep: _Keep, *, strict: bool
) -> pa.Array:
    """Texts longer than the column are NULL, or filtered in strict mode."""
    length = column.info.length
    if not length or not len(values) or not pa.types.is_string(values.type):
        return values
    sizes = pc.binary_length(values)
    if (pc.max(sizes).as_py() or 0) <= length:
        return values
    long = pc.fill_null(pc.greater(sizes, length), fill_value=False)
    if strict or not column.nullable:
        position = table.columns.index(column)
        first = values.filter(long)[0].as_py()
        keep.drop(
            _mask(long),
            f"The field (name = {column.name}, pos = {position}) is out of range. Type: "
            f"{column.type}, Value length: {len(first.encode())}, Value: {first}",
        )
        return values
    return pc.if_else(long, pa.scalar(None, values.type), values)


def _mask(values: Any) -> Any:
    return values.to_numpy(zero_copy_only=False).astype(bool)


def _ops(values: pa.Array) -> tuple[pa.Array, Any]:
    """`__op` values as 0 and 1, and a mask of wrong ones if there are any."""
    texts = pc.utf8_lower(values.cast(pa.string()))
    deletes = pc.is_in(texts, pa.array(["1", "delete"]))
    known = pc.is_in(texts, pa.array(list(_OPS)))
    wrong = None if pc.all(known).as_py() is not False else ~_mask(known)
    return pc.cast(deletes, pa.int8()), wrong


def _cast(values: pa.Array, column: ColumnDef) -> pa.Array:
    """Values as the column's type; what cannot be converted is NULL."""
    info = column.info
    if values.type != pa.string():
        try:
            return values.cast(info.arrow)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            values = values.cast(pa.string())
    if info.arrow == pa.string():
        return values
    if info.arrow == pa.binary():
        return values.cast(pa.binary())
    kind = "DECIMAL(38,0)" if info.base == "LARGEINT" else info.duckdb
    cast = f"TRY_CAST(v AS {kind})"
    if info.base in ("TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"):
        cast = f"CASE WHEN regexp_full_match(v, '\\s*[+-]?\\d+\\s*') THEN {cast} END"
    elif info.base == "DATETIME":
        packed = "CASE WHEN regexp_full_match(v, '\\d{14}') THEN strptime(v, '%Y%m%d%H%M%S')"
        cast = f"{packed} WHEN regexp_full_match(v, '\\d{{8}}') THEN strptime(v, '%Y%m%d')"
        cast += " ELSE TRY_CAST(v AS TIMESTAMP) END"
    elif info.base == "DATE":
        cast = (
            "CASE WHEN regexp_full_match(v, '\\d{8}') THEN CAST(strptime(v, '%Y%m%d') AS DATE)"
            " ELSE TRY_CAST(v AS DATE) END"
        )
    with scratch(source=pa.table({"v": values})) as database:
        found = database.sql(f"SELECT {cast} AS v FROM source").to_arrow_table()
    return found.column("v").combine_chunks().cast(info.arrow)
