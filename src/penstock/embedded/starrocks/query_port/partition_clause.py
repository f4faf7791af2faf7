"""Reads PARTITION BY of CREATE TABLE, and the partitions that ALTER TABLE adds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from penstock.embedded.starrocks.dialect.failure import analysis_error
from penstock.embedded.starrocks.partitions import (
    TIME_FORMATS,
    PartitionBy,
    PartitionDef,
    add_units,
    every,
    floor_to,
)

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor

_BATCH_MAX: Final = 4096
Partitions = tuple[PartitionBy, list[PartitionDef]]


def parse_partition_by(cursor: Cursor) -> Partitions:
    """The clause, cursor behind PARTITION BY: how, and the partitions that are declared.

    Raises:
        QueryError: The clause is not understood.
    """
    if cursor.accept("RANGE"):
        cursor.expect("(")
        by = _expression(cursor) or PartitionBy("RANGE", _names(cursor))
        cursor.expect(")")
        declared = _declared(cursor, by)
        if declared and by.kind == "TIME":
            by = PartitionBy("RANGE", by.columns)
        return by, declared
    if cursor.accept("LIST"):
        by = PartitionBy("LIST", list(cursor.names()))
        return by, _declared(cursor, by)
    is_group = cursor.accept("(")
    by = _expression(cursor) or PartitionBy("VALUES", _names(cursor))
    if is_group:
        cursor.expect(")")
    return by, _declared(cursor, by)


def dynamic_partitions(properties: Mapping[str, str], today: dt.date) -> list[PartitionDef]:
    """The partitions that `dynamic_partition.*` makes from today on; none if it is not enabled.

    They are made when the table is; this server adds no more as time goes by.

    Raises:
        QueryError: A property is missing or not of its form.
    """
    found = {
        key.removeprefix("dynamic_partition."): value
        for key, value in properties.items()
        if key.startswith("dynamic_partition.")
    }
    if not found or found.get("enable", "true").lower() != "true":
        return []
    unit, end = found.get("time_unit", "").lower(), found.get("end", "")
    if unit not in ("day", "week", "month", "year"):
        raise analysis_error("Must assign dynamic_partition.time_unit properties: DAY, WEEK, ...")
    if not end.isdecimal() or int(end) < 1:
        raise analysis_error("Must assign dynamic_partition.end properties")
    start = floor_to(today, unit)
    made = every(str(start), str(add_units(start, int(end) + 1, unit)), 1, unit)
    prefix = found.get("prefix", "p")
    return [replace(partition, name=prefix + partition.name[1:]) for partition in made]


def _names(cursor: Cursor) -> list[str]:
    names = [cursor.name()]
    while cursor.accept(","):
        names.append(cursor.name())
    return names


def _expression(cursor: Cursor) -> PartitionBy | None:
    """`date_trunc('day', c)` or `time_slice(c, INTERVAL 1 day)`."""
    if cursor.accept("DATE_TRUNC"):
        cursor.expect("(")
        unit = cursor.string().lower()
        cursor.expect(",")
        column = cursor.name()
    elif cursor.accept("TIME_SLICE"):
        cursor.expect("(")
        column = cursor.name()
        cursor.expect(",")
        count, unit = _interval(cursor)
        if count != 1:
            raise analysis_error("time_slice of several units is not supported here")
        if cursor.accept(","):
            cursor.name()
    else:
        return None
    cursor.expect(")")
    if unit not in TIME_FORMATS:
        raise analysis_error(f"Unsupported date_trunc format {unit}")
    return PartitionBy("TIME", [column], unit)


def _interval(cursor: Cursor) -> tuple[int, str]:
    cursor.expect("INTERVAL")
    token = cursor.advance()
    if not token.value.isdigit() or int(token.value) < 1:
        raise analysis_error(
            f"Every part of the partition desc must be a positive number: {token.value}"
        )
    return int(token.value), cursor.name().lower()


def _declared(cursor: Cursor, by: PartitionBy) -> list[PartitionDef]:
    if not cursor.accept("("):
        return []
    found: list[PartitionDef] = []
    while not cursor.accept(")"):
        found += parse_partitions(cursor, by, found)
        cursor.accept(",")
    names = [partition.name for partition in found]
    for name in names:
        if names.count(name) > 1:
            raise analysis_error(f"Duplicated partition name: {name}")
    return found


def parse_partitions(
    cursor: Cursor, by: PartitionBy, before: list[PartitionDef]
) -> list[PartitionDef]:
    """One `PARTITION ...` or `START ... END ... EVERY ...`; `before` are the ones ahead of it."""
    if cursor.accept("START"):
        start = _values(cursor)[0]
        cursor.expect("END")
        end = _values(cursor)[0]
        cursor.expect("EVERY")
        cursor.expect("(")
        count, unit = _interval(cursor) if cursor.peeks("INTERVAL") else (cursor.integer(), "")
        cursor.expect(")")
        if unit and unit not in TIME_FORMATS:
            raise analysis_error(f"Unsupported partition interval unit {unit}")
        if count < 1:
            raise analysis_error("The interval of EVERY must be greater than 0")
        try:
            made = list(islice(every(start, end, count, unit), _BATCH_MAX + 1))
        except ValueError as error:
            raise analysis_error(f"Invalid batch partition: {error}") from error
        if len(made) > _BATCH_MAX:
            raise analysis_error(f"The number of batch partitions should not exceed:{_BATCH_MAX}")
        return made
    cursor.expect("PARTITION")
    cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name()
    cursor.expect("VALUES")
    if cursor.accept("LESS", "THAN"):
        upper = [] if cursor.accept("MAXVALUE") else _values(cursor)
        return [PartitionDef(name, before[-1].upper if before else [], upper)]
    if cursor.accept("IN"):
        return [PartitionDef(name, values=_lists(cursor, len(by.columns)))]
    cursor.expect("[")
    lower = _values(cursor)
    cursor.expect(",")
    upper = _values(cursor)
    cursor.expect(")")
    return [PartitionDef(name, lower, upper)]


def _values(cursor: Cursor) -> list[str]:
    """`("a", "b")`; empty for MINVALUE and MAXVALUE."""
    cursor.expect("(")
    found: list[str] = []
    while not cursor.accept(")"):
        sign = "-" if cursor.accept("-") else ""
        if not (cursor.accept("MAXVALUE") or cursor.accept("MINVALUE")):
            found.append(sign + cursor.advance().value)
        cursor.accept(",")
    return found


def _lists(cursor: Cursor, width: int) -> list[list[str]]:
    if width == 1 and not cursor.peeks("(", "("):
        return [[value] for value in _values(cursor)]
    cursor.expect("(")
    found = [_values(cursor)]
    while cursor.accept(","):
        found.append(_values(cursor))
    cursor.expect(")")
    for values in found:
        if len(values) != width:
            raise analysis_error("partition values size must be the same as the partition columns")
    return found
