"""One body of a load: from its bytes to the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

from penstock.embedded.starrocks.load.compression import decompress
from penstock.embedded.starrocks.load.convert import convert
from penstock.embedded.starrocks.load.csv_body import read_csv
from penstock.embedded.starrocks.load.evaluate import OP, evaluate
from penstock.embedded.starrocks.load.json_body import json_columns, read_objects
from penstock.embedded.starrocks.load.rejects import Rejects
from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from penstock.embedded.starrocks.load.options import LoadOptions
    from penstock.embedded.starrocks.model import TableDef


JSON_BYTES_MAX = 100 * 1024 * 1024


@dataclass(slots=True)
class ParsedLoad:
    """What a body holds: good rows, and what became of the others."""

    rows: pa.Table
    ops: pa.Array | None
    total: int
    filtered: int
    unselected: int
    errors: list[str]


def parse_body(table: TableDef, body: bytes, options: LoadOptions) -> ParsedLoad:
    """Read a body into rows of `table`.

    Raises:
        ServerError: The headers do not fit the table, or the body cannot be read at all.
    """
    if options.partial_update and not table.primary:
        raise ServerError("Only primary key table support partial update")
    if options.merge_condition:
        _check_condition(table, options)
    known = {partition.name for partition in table.partitions}
    for name in options.partitions:
        if name not in known:
            raise ServerError(f"unknown partition {name} in table {table.name}")
    given = options.columns or [(column.name, "") for column in table.loaded_columns]
    given = [(_known(table, name), text) for name, text in given]
    _check_columns(table, given, options)
    sources = [name for name, text in given if not text]
    derived = [(name, text) for name, text in given if text]
    rejects = Rejects()
    columns = _read(table, decompress(body, options.compression), sources, options, rejects)
    total = (len(next(iter(columns.values()))) if columns else 0) + rejects.count
    unselected = 0
    if derived or options.where:
        columns, unselected = evaluate(
            table, columns, derived, options.where, timezone=options.timezone
        )
    typed = convert(
        table, columns, rejects, strict=options.strict_mode, partitions=options.partitions
    )
    ops = typed.pop(OP, None)
    return ParsedLoad(pa.table(typed), ops, total, rejects.count, unselected, rejects.lines)


def _read(
    table: TableDef, body: bytes, sources: list[str], options: LoadOptions, rejects: Rejects
) -> dict[str, pa.Array]:
    """The source fields of a body, as far as they have their types already."""
    if options.format == "csv":
        return read_csv(body, _types(table, sources), options, rejects)
    limit = JSON_BYTES_MAX
    if len(body) > limit and not options.ignore_json_size:
        raise ServerError(
            f"The size of this batch exceed the max size [{limit}]  of json type data  data "
            f"[ {len(body)} ]. Set ignore_json_size to skip the check, although it may lead "
            "enormous memory consuming."
        )
    objects = read_objects(body, options, rejects)
    is_free = not options.columns and not options.jsonpaths and table.primary
    if is_free and any(OP in item for item in objects):
        sources = [*sources, OP]
    json_names = [column.name for column in table.columns if column.info.base == "JSON"]
    return json_columns(objects, _types(table, sources), options, json_names)


def _types(table: TableDef, sources: list[str]) -> dict[str, pa.DataType]:
    columns = {name: table.column(name) for name in sources}
    return {n: pa.string() if c is None else c.info.arrow for n, c in columns.items()}


def _known(table: TableDef, name: str) -> str:
    column = table.column(name)
    if column is None and "%" in name:
        column = table.column(unquote(name))
    return column.name if column else name


def _check_columns(table: TableDef, given: list[tuple[str, str]], options: LoadOptions) -> None:
    names = [name for name, _ in given]
    unknown = [name for name, text in given if text and name != OP and table.column(name) is None]
    if unknown:
        raise ServerError(f"Column '{unknown[0]}' does not exist in table '{table.name}'")
    for column in table.columns:
        if column.generated and column.name in names:
            raise ServerError(f"generated column '{column.name}' can not be specified")
    automatic = {column.name for column in table.columns if column.auto_increment}
    missing = [name for name in table.key_columns if name not in names and name not in automatic]
    if missing and table.keys_type != "DUPLICATE":
        raise ServerError(f"key column '{missing[0]}' is missing in the columns of the load")
    for column in table.loaded_columns:
        absent = column.name not in names and not options.partial_update
        filled = column.nullable or column.default is not None or column.auto_increment
        if absent and not filled:
            raise ServerError(f"Column has no default value. column: {column.name}")


def _check_condition(table: TableDef, options: LoadOptions) -> None:
    name = options.merge_condition
    if not table.primary:
        raise ServerError("Conditional update only support primary key table")
    column = table.column(name)
    if column is None:
        raise ServerError(f"Merge condition column {name} does not exist")
    if column.key:
        raise ServerError(f"Merge condition column {name} should not be primary key!")
    if options.columns and name not in [known for known, _ in options.columns]:
        raise ServerError(f"Merge condition column {name} is not in the columns of the load")
