"""The target's columns and model, and what of the sink does not fit them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.connectors.base import (
    Finding,
    KeyModel,
    OutsideColumn,
    OutsideTable,
    Severity,
    TimeMeaning,
)
from penstock.connectors.starrocks.target import TargetColumn, missing_table, target_failures
from penstock.connectors.starrocks.types import base_type
from penstock.errors import ConnectorError, OptionError, ValidationError
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.sink import StarRocksSink
    from penstock.connectors.starrocks.target import TargetConnection
    from penstock.types import Column

_COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_KEY, COLUMN_SIZE, DECIMAL_DIGITS, IS_NULLABLE, "
    "COLUMN_DEFAULT FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)
_MODEL = (
    "SELECT TABLE_MODEL FROM information_schema.tables_config "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)
_MODELS = {
    "PRI": (KeyModel.UPSERT, "primary key"),
    "UN": (KeyModel.REPLACE, "unique key"),
    "AGG": (KeyModel.MERGE, "aggregate"),
    "DUP": (KeyModel.APPEND, "duplicate key"),
}
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_WIDTHS = {TypeRoot.TINYINT: 3, TypeRoot.SMALLINT: 5, TypeRoot.INT: 10, TypeRoot.BIGINT: 19}


def read_target(connection: TargetConnection, options: StarRocksOptions) -> OutsideTable:
    """The target with its model.

    Raises:
        ValidationError: There is no such table, or the account does not see it.
    """
    database, table = options.database, options.table
    rows = connection.query(_COLUMNS, (database, table))
    if not rows:
        raise missing_table(database, table)
    model, word = _model(connection, database, table, [str(row[2] or "") for row in rows])
    columns = tuple(_column(row) for row in rows)
    key = tuple(str(row[0]) for row in rows if row[2])
    refused = model is not KeyModel.UPSERT and not options.ignore_delete
    return OutsideTable(f"{database}.{table}", columns, key, model, word, refused)


def findings(sink: StarRocksSink, target: OutsideTable) -> Iterator[Finding]:
    """Everything that would stop the sink, and what may refuse rows later."""
    keyed = target.key if target.model is KeyModel.UPSERT else ()
    columns = [TargetColumn(c.name, c.type, "PRI" * (c.name in keyed)) for c in target.columns]
    checked = not str(sink.options.load_columns)
    found = list(target_failures(sink.path, sink.schema, columns, check_columns=checked))
    for name, failure in found:
        yield Finding.of(failure, column=name)
    if not found:
        try:
            sink.shape(sink.schema)
        except (ValidationError, OptionError) as error:
            yield Finding.of(error)
    if not checked:
        return
    for declared in sink.schema.columns:
        column = target.column(declared.name)
        if column is not None:
            yield from _narrow(declared, column, target.name)
    written = {column.name.lower() for column in sink.schema.columns}
    for column in target.columns:
        if column.required and column.name.lower() not in written:
            yield Finding(
                Severity.WARNING,
                "column-not-written",
                f'column "{column.name}" of target "{target.name}" is NOT NULL and gets no value',
                "It has no default; unless it is generated, StarRocks refuses every row.",
                "Write it, or give it a default.",
            )


def _model(
    connection: TargetConnection, database: str, table: str, keys: Sequence[str]
) -> tuple[KeyModel, str]:
    """By tables_config; by the columns' key marks where that is not to be had."""
    try:
        rows = connection.query(_MODEL, (database, table))
    except ConnectorError:
        rows = []
    texts = [str(rows[0][0] or "")] if rows else []
    for text in (*texts, *keys):
        for prefix, found in _MODELS.items():
            if text.upper().startswith(prefix):
                return found
    return _MODELS["DUP"]


def _column(row: Sequence[Any]) -> OutsideColumn:
    name, kind, _, size, digits, nullable, default = row
    base = base_type(str(kind))
    shown = str(kind)
    if base in {"varchar", "char"} and size:
        shown = f"{base}({size})"
    elif base == "decimal" and size and "(" not in shown:
        shown = f"decimal({size},{digits or 0})"
    return OutsideColumn(
        str(name),
        shown,
        str(nullable).upper() == "NO" and default is None,
        TimeMeaning.WALL if base == "datetime" else None,
        int(size) if base in {"varchar", "char"} and size else None,
    )


def _narrow(declared: Column, column: OutsideColumn, target: str) -> Iterator[Finding]:
    kind, base = declared.type, base_type(column.type)
    what = f'column "{declared.name}" of target "{target}" is {column.type}, declared {kind.sql()}'
    remedy = "Widen the target's column, or CAST and filter in the query."
    cause = ""
    if kind.root in _WIDTHS and _WIDTHS[kind.root] > _DIGITS.get(base, 99):
        cause = "StarRocks refuses a value out of range, and the job fails."
    if kind.root is TypeRoot.DECIMAL and base == "decimal" and "(" in column.type:
        digits, scale = (int(n) for n in column.type[8:-1].split(","))
        if kind.scale > scale:
            cause = f"Fractions are rounded to {scale} digits."
        elif kind.precision - kind.scale > digits - scale:
            cause = "StarRocks refuses a value out of range, and the job fails."
    if cause:
        yield Finding(Severity.WARNING, "type-narrower", what, cause, remedy, column=declared.name)
    if column.required and kind.nullable:
        yield Finding(
            Severity.WARNING,
            "null-refused",
            f'column "{declared.name}" of target "{target}" is NOT NULL, declared nullable',
            "StarRocks refuses a row that holds a NULL there, and the job fails.",
            "Make the target's column NULL, or write COALESCE(...) in the query.",
            column=declared.name,
        )
