"""Partitions: what they hold, their names, and which one a row belongs to."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from penstock.embedded.starrocks.sql_names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.embedded.starrocks.model import TableDef

TIME_FORMATS: Final = {
    "minute": "%Y%m%d%H%M",
    "hour": "%Y%m%d%H",
    "day": "%Y%m%d",
    "week": "%Y%m%d",
    "month": "%Y%m",
    "quarter": "%Y%m%d",
    "year": "%Y",
}
_ODD: Final = r"'[^0-9A-Za-z\x{80}-\x{10FFFF}]'"
NO_PARTITION: Final = "The row is out of partition ranges. Please add a new partition."


@dataclass(slots=True)
class PartitionBy:
    """How a table is partitioned.

    Args:
        kind: `RANGE` or `LIST` with partitions that were declared, `TIME` or `VALUES` with
            partitions that appear with their first row.
        columns: The partition columns.
        unit: Of `TIME`: what the column is truncated to.
    """

    kind: str
    columns: list[str]
    unit: str = ""

    @property
    def is_automatic(self) -> bool:
        """Whether a row without a partition makes one."""
        return self.kind in ("TIME", "VALUES")


@dataclass(slots=True)
class PartitionDef:
    """A partition; the store fills the ids. A table without PARTITION BY has one, of its name.

    Args:
        name: Its name.
        lower: Of a range, the values it begins with; empty begins at the lowest.
        upper: Of a range, the values it ends before; empty never ends.
        values: Of a list, the tuples it holds.
        partition_id: Its id.
        tablet_ids: Its tablets, one a bucket.
    """

    name: str
    lower: list[str] = field(default_factory=list)
    upper: list[str] = field(default_factory=list)
    values: list[list[str]] = field(default_factory=list)
    partition_id: int = 0
    tablet_ids: list[int] = field(default_factory=list)


def partition_sql(table: TableDef) -> str:
    """A DuckDB expression over a row of `table`: the name of its partition, NULL if it has none."""
    by = table.partition_by
    if by is None:
        return literal(table.name)
    columns = [quoted(name) for name in by.columns]
    if by.kind == "TIME":
        form = TIME_FORMATS[by.unit]
        return (
            f"coalesce('p' || strftime(date_trunc('{by.unit}', {columns[0]}), '{form}'), 'pNULL')"
        )
    if by.kind == "VALUES":
        parts = [
            f"coalesce(regexp_replace(CAST({column} AS VARCHAR), {_ODD}, '', 'g'), 'NULL')"
            for column in columns
        ]
        return "'p' || " + " || '_' || ".join(parts)
    test = _in_range if by.kind == "RANGE" else _in_list
    branches = [
        f"WHEN {test(table, partition)} THEN {literal(partition.name)}"
        for partition in table.partitions
    ]
    return f"CASE {' '.join(branches)} END" if branches else "CAST(NULL AS VARCHAR)"


def _bound(table: TableDef, values: list[str]) -> str:
    assert table.partition_by is not None
    parts = []
    for name, value in zip(table.partition_by.columns, values, strict=False):
        column = table.column(name)
        assert column is not None
        parts.append(f"CAST({literal(value)} AS {column.duckdb_type})")
    return ", ".join(parts)


def _in_range(table: TableDef, partition: PartitionDef) -> str:
    assert table.partition_by is not None
    tests = []
    if partition.lower:
        names = table.partition_by.columns[: len(partition.lower)]
        left = ", ".join(quoted(name) for name in names)
        tests.append(f"({left}) >= ({_bound(table, partition.lower)})")
    if partition.upper:
        names = table.partition_by.columns[: len(partition.upper)]
        left = ", ".join(quoted(name) for name in names)
        tests.append(f"({left}) < ({_bound(table, partition.upper)})")
    found = " AND ".join(tests) or "true"
    if partition.lower:
        return found
    # NULL sorts before everything, so that it is in the lowest range.
    return f"({found} OR {quoted(table.partition_by.columns[0])} IS NULL)"


def _in_list(table: TableDef, partition: PartitionDef) -> str:
    assert table.partition_by is not None
    columns = table.partition_by.columns
    tests = []
    for values in partition.values:
        pairs = [
            f"{quoted(name)} IS NOT DISTINCT FROM {_bound_one(table, name, value)}"
            for name, value in zip(columns, values, strict=True)
        ]
        tests.append(f"({' AND '.join(pairs)})")
    return f"({' OR '.join(tests)})" if tests else "false"


def _bound_one(table: TableDef, name: str, value: str) -> str:
    column = table.column(name)
    assert column is not None
    return f"CAST({literal(value)} AS {column.duckdb_type})"


def made_partition(table: TableDef, name: str, sample: list[Any]) -> PartitionDef:
    """The partition that a row makes in a table whose partitions appear by themselves.

    Args:
        table: The table.
        name: What `partition_sql` gave.
        sample: The row's values of the partition columns.
    """
    by = table.partition_by
    assert by is not None
    if by.kind == "VALUES":
        return PartitionDef(name, values=[["NULL" if v is None else str(v) for v in sample]])
    if sample[0] is None:
        return PartitionDef(name, upper=["0000-01-02"])
    lower = floor_to(sample[0], by.unit)
    return PartitionDef(name, lower=[str(lower)], upper=[str(add_units(lower, 1, by.unit))])


def floor_to(value: Any, unit: str) -> Any:
    """The begin of the unit a date or time is in."""
    if isinstance(value, dt.datetime):
        clock = {"minute": 2, "hour": 1}.get(unit, 0)
        floor = value.replace(
            hour=value.hour if clock else 0,
            minute=value.minute if clock == 2 else 0,
            second=0,
            microsecond=0,
        )
    else:
        floor = value
    if unit == "week":
        return floor - dt.timedelta(days=floor.weekday())
    if unit == "month":
        return floor.replace(day=1)
    if unit == "quarter":
        return floor.replace(month=(floor.month - 1) // 3 * 3 + 1, day=1)
    if unit == "year":
        return floor.replace(month=1, day=1)
    return floor


def add_units(value: Any, count: int, unit: str) -> Any:
    """A date or time some units later."""
    if unit in ("month", "quarter", "year"):
        months = value.year * 12 + value.month - 1
        months += count * {"month": 1, "quarter": 3, "year": 12}[unit]
        return value.replace(year=months // 12, month=months % 12 + 1)
    return value + count * dt.timedelta(**{f"{unit}s": 1})


def every(start: str, end: str, count: int, unit: str) -> Iterator[PartitionDef]:
    """The partitions of `START (..) END (..) EVERY (..)`; numbers where the unit is empty."""
    if not unit:
        at, stop = int(start), int(end)
        while at < stop:
            yield PartitionDef(f"p{at}", [str(at)], [str(min(at + count, stop))])
            at += count
        return
    has_clock = bool(re.search(r"\d:\d", start + end)) or unit in ("hour", "minute")
    parse = dt.datetime.fromisoformat if has_clock else dt.date.fromisoformat
    place, stop_at = parse(start), parse(end)
    while place < stop_at:
        after = min(add_units(place, count, unit), stop_at)
        yield PartitionDef(f"p{place.strftime(TIME_FORMATS[unit])}", [str(place)], [str(after)])
        place = after


def range_text(partition: PartitionDef) -> str:
    """The bounds as SHOW CREATE TABLE prints them."""

    def bound(values: list[str], lowest: str) -> str:
        return "(" + (", ".join(f'"{value}"' for value in values) or lowest) + ")"

    if partition.values:
        rows = [", ".join(f'"{value}"' for value in row) for row in partition.values]
        many = len(partition.values[0]) > 1
        return "IN (" + ", ".join(f"({row})" if many else row for row in rows) + ")"
    return f"[{bound(partition.lower, 'MINVALUE')}, {bound(partition.upper, 'MAXVALUE')})"
