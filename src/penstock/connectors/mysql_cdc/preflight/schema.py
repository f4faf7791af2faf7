"""Whether the declared columns can carry what the tables hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.connectors.base import Finding, OutsideColumn, OutsideTable, Severity, TimeMeaning
from penstock.connectors.mysql_cdc.types import to_declared
from penstock.errors import DataError, nearest
from penstock.types import TypeRoot
from penstock.wire.mysql.column import TEXT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.connectors.mysql_cdc.tables import PhysicalTable
    from penstock.connectors.mysql_cdc.types import Shown
    from penstock.types import Column, DataType
    from penstock.wire.mysql.column import MySqlColumn

_BITS = {TypeRoot.TINYINT: 8, TypeRoot.SMALLINT: 16, TypeRoot.INT: 32, TypeRoot.BIGINT: 64}
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
_UTF8_BYTES = {"utf8mb4": 4, "utf8mb3": 3, "utf8": 3, "ascii": 1, "latin1": 3, "gbk": 3}
_TEXT_BYTES = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215}
_MEANING = {"timestamp": TimeMeaning.INSTANT, "datetime": TimeMeaning.WALL}


def outside(table: PhysicalTable) -> OutsideTable:
    """The table in the words of the room."""
    columns = (
        OutsideColumn(
            column.name,
            type_text(column),
            not column.nullable,
            _MEANING.get(column.type_name),
            text_bytes(column),
        )
        for column in table.columns
    )
    return OutsideTable(table.full_name, tuple(columns), table.key)


def type_text(column: MySqlColumn) -> str:
    """MySQL's text of a column's type, members of ENUM and SET left out."""
    if column.type_name == "decimal":
        inside = f"({column.precision},{column.scale})"
    else:
        number = column.length or column.precision
        inside = f"({number})" if number else ""
    return f"{column.type_name}{inside}{' unsigned' if column.unsigned else ''}"


def findings(source: MySqlCdcSource, tables: Sequence[PhysicalTable]) -> Iterator[Finding]:
    """Columns the tables lack, types that do not fit, keys that differ."""
    for table in tables:
        by_name = {column.name: column for column in table.columns}
        for declared in source.schema.columns:
            if declared.name in source.metadata:
                continue
            column = by_name.get(declared.name)
            if column is None:
                yield _absent(declared, table)
            else:
                yield from _fit(declared, column, table.full_name, source.shown)
        yield from _keys(source, table)


def _absent(declared: Column, table: PhysicalTable) -> Finding:
    near = nearest(declared.name, [column.name for column in table.columns])
    null = "It is NULL in every row."
    refused = "It is declared NOT NULL and would be NULL in every row."
    return Finding(
        Severity.WARNING if declared.type.nullable else Severity.ERROR,
        "unknown-column",
        f'column "{declared.name}" does not exist in table "{table.full_name}"',
        null if declared.type.nullable else refused,
        f'Did you mean "{near}"?' if near else "Leave it out, or add it to the table.",
        column=declared.name,
    )


def _keys(source: MySqlCdcSource, table: PhysicalTable) -> Iterator[Finding]:
    declared = source.schema.primary_key
    if not declared or not table.key or set(declared) == set(table.key):
        return
    yield Finding(
        Severity.WARNING,
        "primary-key-mismatch",
        f'declared primary key is not that of table "{table.full_name}"',
        f"Declared: {', '.join(declared)}. MySQL: {', '.join(table.key)}. Rows with equal declared"
        " keys replace each other in the target.",
        f"Declare PRIMARY KEY ({', '.join(table.key)}) NOT ENFORCED, unless yours is unique too.",
    )


def _fit(declared: Column, column: MySqlColumn, table: str, shown: Shown) -> Iterator[Finding]:
    kind, text = declared.type, type_text(column)
    what = f'column "{declared.name}" of table "{table}" is {text}, declared {kind.sql()}'
    try:
        empty = pa.array([], column.arrow_type)
        to_declared(empty, kind, shown, table=table, column=declared.name)
    except DataError as error:
        yield Finding(
            Severity.ERROR,
            "type-mismatch",
            what,
            "Values of the one type cannot become values of the other.",
            error.hint,
            column=declared.name,
        )
        return
    cause = loss(kind, column)
    if cause:
        remedy = "Declare the type the MySQL column maps to."
        yield Finding(Severity.WARNING, "type-narrower", what, cause, remedy, column=declared.name)
    if column.nullable and not kind.nullable:
        yield Finding(
            Severity.WARNING,
            "null-promised-away",
            f'column "{declared.name}" of table "{table}" may be NULL, declared NOT NULL',
            "The rest of the script relies on a promise the table does not keep.",
            "Declare it without NOT NULL.",
            column=declared.name,
        )


def loss(kind: DataType, column: MySqlColumn) -> str:
    """What may go wrong with values of a column in a narrower type; "" where nothing may.

    Examples:
        >>> from penstock.types import BIGINT, SMALLINT
        >>> from penstock.wire.mysql.column import parse_column
        >>> loss(SMALLINT, parse_column("a", "int"))
        'A value out of range fails the job.'
        >>> loss(BIGINT, parse_column("a", "int unsigned"))
        ''
    """
    fails = "A value out of range fails the job."
    if kind.root in _BITS:
        if column.integer_width:
            return fails if 8 * column.integer_width + column.unsigned > _BITS[kind.root] else ""
        if column.type_name in {"decimal", "float", "double"}:
            return "A value with a fraction fails the job."
        if column.type_name in TEXT_TYPES:
            return "A text that is no number fails the job."
    if kind.root is TypeRoot.DECIMAL:
        return _decimal_loss(kind, column)
    if kind.root in {TypeRoot.FLOAT, TypeRoot.DOUBLE} and column.type_name == "decimal":
        return "Values are rounded to binary floating point."
    if kind.root is TypeRoot.FLOAT and column.type_name == "double":
        return "Values are rounded to single precision."
    if kind.root is TypeRoot.DATE and column.type_name in _MEANING:
        return "The time of day is cut off."
    if kind.root in {TypeRoot.TIMESTAMP, TypeRoot.TIMESTAMP_LTZ} and (
        kind.precision < column.precision
    ):
        return f"Fractions of a second are cut to {kind.precision} digits."
    return ""


def _decimal_loss(kind: DataType, column: MySqlColumn) -> str:
    whole = kind.precision - kind.scale
    if column.type_name == "decimal":
        if column.scale > kind.scale:
            return f"A value with more than {kind.scale} fraction digits fails the job."
        return "A value out of range fails the job." * (column.precision - column.scale > whole)
    digits = _DIGITS.get(8 * max(column.integer_width, 1), 20) + (column.unsigned * 1)
    return "A value out of range fails the job." * (bool(column.integer_width) and digits > whole)


def text_bytes(column: MySqlColumn) -> int | None:
    """Most bytes of UTF-8 a text in a column has; None where there is no limit."""
    if column.type_name in {"char", "varchar"}:
        return column.length * _UTF8_BYTES.get(column.charset.lower(), 4)
    return _TEXT_BYTES.get(column.type_name)
