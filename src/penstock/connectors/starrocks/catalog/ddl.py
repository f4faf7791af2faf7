"""The text of the statements that change a StarRocks server, and how a new table will look."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.connectors.base import NewTable, TableDesign
from penstock.connectors.starrocks.catalog.names import quoted_text
from penstock.connectors.starrocks.catalog.options import CreationOptions
from penstock.connectors.starrocks.catalog.tables import PROPERTIES
from penstock.connectors.starrocks.catalog.types import (
    StarRocksType,
    key_type,
    starrocks_type,
)
from penstock.errors import ValidationError, nearest
from penstock.types import TypeRoot, quote_identifier, quote_identifiers, quote_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.types import Column

_TEXTS = frozenset((TypeRoot.CHAR, TypeRoot.VARCHAR))
_RESERVED = ("__op", "__row")
_DAYS = frozenset(("date", "datetime"))
_KEY_BYTES_MAX = 128
_TIME_DIGITS = 3


def column_types(new: NewTable, options: CreationOptions) -> dict[str, StarRocksType]:
    """The types of the columns, key columns first, in the key's order.

    Raises:
        ValidationError: A column cannot be kept; names it.
    """
    schema = new.schema
    keys = [c for name in schema.primary_key for c in schema.columns if c.name == name]
    found: dict[str, StarRocksType] = {}
    seen: dict[str, str] = {}
    for column in [*keys, *(c for c in schema.columns if c not in keys)]:
        if column.name.lower() in seen:
            raise _column_error(
                column,
                f"StarRocks takes it and '{seen[column.name.lower()]}' for the same column.",
                "Rename one of them in the query.",
            )
        seen[column.name.lower()] = column.name
        found[column.name] = _type(column, new, options, is_key=column in keys)
    return found


def _type(
    column: Column, new: NewTable, options: CreationOptions, *, is_key: bool
) -> StarRocksType:
    if column.name.lower().startswith(_RESERVED):
        raise _column_error(
            column, "StarRocks reserves names that begin so.", "Rename it in the query."
        )
    kind, width = column.type, options.bytes_per_character
    known = new.text_bytes.get(column.name)
    if known and kind.root in _TEXTS and not options.is_set(CreationOptions.bytes_per_character):
        kind, width = replace(kind, length=known), 1
    found = (key_type if is_key else starrocks_type)(kind, width)
    if found is None and is_key:
        raise _column_error(
            column,
            f"A column of type {column.type.sql()} cannot be part of a primary key.",
            "CAST it to STRING in the query.",
        )
    if found is None:
        raise _column_error(
            column,
            f"StarRocks has no type for {column.type.sql()}.",
            "CAST it to STRING in the query, or leave it out.",
        )
    return found


def _column_error(column: Column, detail: str, hint: str) -> ValidationError:
    return ValidationError(
        f"column '{column.name}' cannot be created in StarRocks",
        code="unsupported-type",
        detail=detail,
        hint=hint,
    )


def design(database: str, name: str, new: NewTable, options: CreationOptions) -> TableDesign:
    """How a new table will look.

    Raises:
        ValidationError: A column cannot be kept; names it.
    """
    types = column_types(new, options)
    key = new.schema.primary_key
    if not key:
        key = _sort_key(new, types)
        types = {n: types[n] for n in (*key, *(n for n in types if n not in key))}
    lines = [_column_line(column, types, new) for column in _ordered(new, types)]
    model = "PRIMARY" if new.schema.primary_key else "DUPLICATE"
    parts = [
        f"CREATE TABLE {quote_path((database, name))} (\n" + ",\n".join(lines) + "\n)",
        f"{model} KEY ({quote_identifiers(key)})",
    ]
    if new.comment:
        parts.append(f"COMMENT {quoted_text(new.comment)}")
    partition = _partition(new, types)
    parts += [partition] * bool(partition)
    parts.append(_distribution(new, options))
    if options.properties:
        pairs = (
            f"  {quoted_text(k)} = {quoted_text(v)}" for k, v in sorted(options.properties.items())
        )
        parts.append(PROPERTIES.strip() + "\n" + ",\n".join(pairs) + "\n)")
    return TableDesign("\n".join(parts), tuple(_notes(new, types, options)))


def _ordered(new: NewTable, types: dict[str, StarRocksType]) -> list[Column]:
    by_name = {column.name: column for column in new.schema.columns}
    return [by_name[name] for name in types]


def _column_line(column: Column, types: dict[str, StarRocksType], new: NewTable) -> str:
    null = "NULL" if column.type.nullable else "NOT NULL"
    line = f"  {quote_identifier(column.name)} {types[column.name].text()} {null}"
    comment = new.comments.get(column.name)
    return f"{line} COMMENT {quoted_text(comment)}" if comment else line


def _sort_key(new: NewTable, types: dict[str, StarRocksType]) -> tuple[str, ...]:
    """The first column rows can be sorted by; a table without primary key needs one."""
    for name, kind in types.items():
        if kind.is_key or kind.base in {"char", "decimal"}:
            return (name,)
    raise ValidationError(
        "a table without primary key needs a column to sort by",
        code="unsupported-type",
        detail=f"Columns: {', '.join(f'{c.name} {c.type.sql()}' for c in new.schema.columns)}.",
        hint="Add a column of a number, text or date.",
    )


def _partition(new: NewTable, types: dict[str, StarRocksType]) -> str:
    names, key = new.partitioned_by, new.schema.primary_key
    if not names:
        return ""
    for name in names:
        _known(name, types, "partition")
        if key and name not in key:
            raise ValidationError(
                f"partition column '{name}' is not part of the primary key",
                code="partition-key",
                detail=f"StarRocks wants it there. Primary key: {', '.join(key)}.",
                hint=f"Add it to the key, or leave PARTITIONED BY ({name}) out.",
            )
    if len(names) == 1 and types[names[0]].base in _DAYS:
        return f"PARTITION BY date_trunc('day', {quote_identifier(names[0])})"
    return f"PARTITION BY ({quote_identifiers(names)})"


def _distribution(new: NewTable, options: CreationOptions) -> str:
    key = new.schema.primary_key
    columns = new.distributed_by or key
    for name in new.distributed_by:
        _known(name, [c.name for c in new.schema.columns], "distribution")
        if key and name not in key:
            raise ValidationError(
                f"distribution column '{name}' is not part of the primary key",
                code="distribution-key",
                detail=f"StarRocks wants it there. Primary key: {', '.join(key)}.",
                hint="Distribute by columns of the key.",
            )
    how = f"HASH ({quote_identifiers(columns)})" if columns else "RANDOM"
    count = new.buckets or options.buckets
    return f"DISTRIBUTED BY {how}" + (f" BUCKETS {count}" if count else "")


def _known(name: str, names: Sequence[str] | dict[str, StarRocksType], what: str) -> None:
    if name not in names:
        near = nearest(name, names)
        raise ValidationError(
            f"{what} column '{name}' does not exist in the new table",
            code="unknown-column",
            hint=f"Did you mean '{near}'?" if near else "",
        )


def _notes(
    new: NewTable, types: dict[str, StarRocksType], options: CreationOptions
) -> Iterator[str]:
    key = new.schema.primary_key
    if not key:
        yield "no primary key is known: a duplicate key table keeps every row that is sent"
    yield _bucket_note(new, options)
    yield _partition_note(new, types)
    if any(column.type.root in _TEXTS for column in new.schema.columns):
        yield _text_note(new, options)
    for column in new.schema.columns:
        yield from _column_notes(column, types[column.name], is_key=column.name in key)


def _text_note(new: NewTable, options: CreationOptions) -> str:
    count = f"{options.bytes_per_character} a character ('unicode-char.max-bytes')"
    if not new.text_bytes or options.is_set(CreationOptions.bytes_per_character):
        return f"text lengths are bytes, {count}"
    listed = ", ".join(new.text_bytes)
    return f"text lengths are bytes, of {listed} as many as the source's can have, else {count}"


def _bucket_note(new: NewTable, options: CreationOptions) -> str:
    if new.buckets:
        return f"{new.buckets} buckets, by DISTRIBUTED"
    if options.buckets:
        return f"{options.buckets} buckets, by 'table.num-buckets'"
    return "buckets left to StarRocks ('table.num-buckets' sets them)"


def _partition_note(new: NewTable, types: dict[str, StarRocksType]) -> str:
    if new.partitioned_by:
        return f"partitions by {', '.join(new.partitioned_by)}, made when rows come"
    key = new.schema.primary_key
    days = [name for name, kind in types.items() if kind.base in _DAYS]
    usable = [name for name in days if not key or name in key]
    if usable:
        return f"not partitioned (PARTITIONED BY ({usable[0]}) makes a partition a day)"
    if days:
        return f"not partitioned: {days[0]} is not in the primary key"
    return "not partitioned: there is no date to partition by"


def _column_notes(column: Column, kind: StarRocksType, *, is_key: bool) -> Iterator[str]:
    name, root = column.name, column.type.root
    if root is TypeRoot.TIME:
        yield f"{name} is kept as text: StarRocks has no TIME"
        if column.type.precision > _TIME_DIGITS:
            yield f"{name} is cut to milliseconds, as every TIME of Flink"
    if root is TypeRoot.TIMESTAMP_LTZ:
        yield f"{name} is written as the wall clock of 'sink.timestamp-ltz.zone'"
    if root in {TypeRoot.TIMESTAMP, TypeRoot.TIMESTAMP_LTZ} and column.type.precision > 6:
        yield f"{name} is cut to microseconds"
    if kind.base == "largeint":
        yield f"{name} is LARGEINT: a key of StarRocks cannot be DECIMAL"
    if is_key and kind.size > _KEY_BYTES_MAX:
        yield f"values of {name} are a key: StarRocks refuses keys over {_KEY_BYTES_MAX} bytes"
