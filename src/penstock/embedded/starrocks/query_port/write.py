"""INSERT, UPDATE and DELETE; each makes one version."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from penstock.embedded.starrocks.dialect.failure import QueryError, analysis_error
from penstock.embedded.starrocks.dialect.lexer import Cursor
from penstock.embedded.starrocks.partitions import NO_PARTITION
from penstock.embedded.starrocks.publish import Batch, default_sql, generated_sql
from penstock.embedded.starrocks.query_port.ddl import parse_properties
from penstock.embedded.starrocks.query_port.results import Done
from penstock.embedded.starrocks.query_port.translate import parse
from penstock.embedded.starrocks.scratch import partition_names
from penstock.embedded.starrocks.sql_names import quoted

if TYPE_CHECKING:
    from penstock.embedded.starrocks.model import ColumnDef, TableDef
    from penstock.embedded.starrocks.query_port.queries import Queries


def insert(queries: Queries, cursor: Cursor) -> Done:
    """INSERT INTO | OVERWRITE ... VALUES | SELECT, cursor behind INSERT."""
    overwrite = cursor.accept("OVERWRITE")
    if not overwrite:
        cursor.expect("INTO")
    cursor.accept("TABLE")
    table = queries.table_for("INSERT", *cursor.qualified())
    label = ""
    columns = table.loaded_columns
    while not (cursor.peeks("VALUES") or cursor.peeks("SELECT") or cursor.peeks("WITH", "`")):
        if cursor.accept("WITH", "LABEL"):
            label = cursor.name()
        elif cursor.accept("PROPERTIES"):
            _insert_properties(queries, parse_properties(cursor))
        elif cursor.peeks("(") and not cursor.peeks("(", "SELECT"):
            columns = [_loadable(table, name) for name in cursor.names()]
        else:
            break
    label = label or f"insert_{uuid.uuid4()}"
    if cursor.peeks("VALUES"):
        source = _values(queries, cursor, columns)
    else:
        source = queries.arrow(cursor.rest())
        if source.num_columns != len(columns):
            raise _count_mismatch(source.num_columns, len(columns))
    if overwrite:
        rows = _fitting(queries, table, columns, source)
        queries.store.truncate(table.db, table.name)
        source, columns = rows, table.loaded_columns
    count = insert_rows(queries, table, columns, source, label)
    return Done(count, f"{{'label':'{label}', 'status':'VISIBLE'}}")


def _insert_properties(queries: Queries, given: dict[str, str]) -> None:
    """An INSERT is strict here, and takes all rows or none."""
    for key, value in given.items():
        if (key.lower(), value.lower()) not in {("strict_mode", "true"), ("max_filter_ratio", "0")}:
            queries.no_effect(f"property '{key}' of INSERT")


def insert_rows(
    queries: Queries,
    table: TableDef,
    columns: list[ColumnDef],
    source: pa.Table,
    label: str = "",
) -> int:
    """Make rows visible as one version; how many.

    Args:
        queries: The session.
        table: The table.
        columns: The columns the rows have, in their order; others take their defaults.
        source: The rows.
        label: The load's label; one is made if it is empty.

    Raises:
        QueryError: A value does not fit.
    """
    rows = _fitting(queries, table, columns, source)
    name = label or f"insert_{uuid.uuid4()}"
    queries.transactions.insert(name, table, Batch(rows), queries.user)
    return int(rows.num_rows)


def _existing(table: TableDef, name: str) -> ColumnDef:
    column = table.column(name)
    if column is None:
        raise analysis_error(f"Unknown column '{name}' in '{table.name}'")
    return column


def _loadable(table: TableDef, name: str) -> ColumnDef:
    column = _existing(table, name)
    if column.generated:
        raise analysis_error(f"generated column '{column.name}' can not be specified")
    return column


def _count_mismatch(found: int, wanted: int) -> QueryError:
    return analysis_error(
        f"Column count doesn't match value count: expected {wanted} values, found {found}"
    )


def _values(queries: Queries, cursor: Cursor, columns: list[ColumnDef]) -> pa.Table:
    """The rows of VALUES; literals are read here, anything else by DuckDB."""
    start = cursor.at
    cursor.expect("VALUES")
    found: list[list[str | None]] = [[] for _ in columns]
    while True:
        row = _literal_row(cursor, columns)
        if row is None:
            cursor.at = start
            return queries.arrow(f"SELECT * FROM ({cursor.rest()}) AS v")
        if len(row) != len(columns):
            raise _count_mismatch(len(row), len(columns))
        for column, value in zip(found, row, strict=True):
            column.append(value)
        if not cursor.accept(","):
            break
    if not cursor.is_end():
        raise cursor.unexpected(";")
    return pa.Table.from_arrays(
        [pa.array(column, pa.string()) for column in found],
        names=[f"c{index}" for index in range(len(columns))],
    )


def _literal_row(cursor: Cursor, columns: list[ColumnDef]) -> list[str | None] | None:
    """One row's literals as text; none if there is more than literals in it."""
    row: list[str | None] = []
    cursor.expect("(")
    while True:
        sign = "-" if cursor.accept("-") else ""
        token = cursor.advance()
        word = token.value.upper() if token.kind == "word" else ""
        if token.kind == "string" and not sign:
            row.append(token.value)
        elif token.kind == "number":
            row.append(sign + token.value)
        elif word == "NULL":
            row.append(None)
        elif word in {"TRUE", "FALSE"}:
            row.append("1" if word == "TRUE" else "0")
        elif token.kind == "symbol" and token.value == "[" and not sign:
            row.append(_array_text(cursor, token.start))
        elif word == "DEFAULT" and len(row) < len(columns):
            default = columns[len(row)].default
            if default is not None and (default.startswith("(") or default[:3] == "CUR"):
                raise analysis_error(
                    "DEFAULT of a computed default: name the other columns instead"
                )
            row.append(default)
        else:
            return None
        if cursor.accept(")"):
            return row
        if not cursor.accept(","):
            return None


def _array_text(cursor: Cursor, start: int) -> str:
    """An array literal as DuckDB's cast reads it, cursor behind the first bracket."""
    depth = 1
    while depth:
        token = cursor.advance()
        if token.kind == "end":
            raise cursor.unexpected("]")
        depth += {"[": 1, "]": -1}.get(token.value, 0) if token.kind == "symbol" else 0
    return cursor.text[start : cursor.tokens[cursor.at - 1].end]


def _fitting(
    queries: Queries, table: TableDef, columns: list[ColumnDef], source: pa.Table
) -> pa.Table:
    """The rows with all columns of the table, in its types.

    Raises:
        QueryError: A value does not fit.
    """
    given = {column.name: index for index, column in enumerate(columns)}
    if source.num_columns != len(columns):
        raise _count_mismatch(source.num_columns, len(columns))
    source = source.rename_columns([f"c{index}" for index in range(len(columns))])
    picks = []
    for column in table.loaded_columns:
        if column.name in given:
            value = f"CAST(c{given[column.name]} AS {column.duckdb_type})"
        elif column.default is None and not column.nullable and not column.auto_increment:
            raise analysis_error(
                f"'{column.name}' must be explicitly mentioned in column permutation"
            )
        else:
            value = default_sql(column)
        picks.append(f"{value} AS {quoted(column.name)}")
    queries.cursor.register("__insert", source)
    rows = queries.duckdb_arrow(f"SELECT {', '.join(picks)} FROM __insert")
    for column in table.loaded_columns:
        _check_column(column, rows.column(column.name))
    by = table.partition_by
    if by and not by.is_automatic and partition_names(table, rows).null_count:
        raise QueryError(f"Insert has filtered data in strict mode: {NO_PARTITION}")
    return rows


def _check_column(column: ColumnDef, values: Any) -> None:
    if not column.nullable and values.null_count and not column.auto_increment:
        raise QueryError(
            f"Insert has filtered data in strict mode: NULL value in non-nullable column "
            f"'{column.name}'"
        )
    info = column.info
    if info.length is not None and info.base in {"CHAR", "VARCHAR"} and len(values):
        longest = pc.max(pc.binary_length(values)).as_py() or 0
        if longest > info.length:
            raise QueryError(
                f"Insert has filtered data in strict mode: String '{column.name}' is too long, "
                f"the length is {longest}, limit {info.length}"
            )


def update(queries: Queries, cursor: Cursor) -> Done:
    """UPDATE of a primary key table, or of information_schema.be_configs."""
    database, name = cursor.qualified()
    if (database or queries.database).lower() == "information_schema":
        if name.lower() != "be_configs":
            raise analysis_error(f"table 'information_schema.{name}' can not be updated")
        return _update_config(queries, cursor)
    table = queries.table_for("UPDATE", database, name)
    if not table.primary:
        raise analysis_error(f"table '{name}' does not support update")
    tree: Any = parse(cursor.text)
    for assignment in tree.expressions:
        column = _existing(table, assignment.this.name)
        if column.key:
            raise analysis_error(f"primary key column cannot be updated: {column.name}")
    return _change(queries, table, cursor.text)


def delete(queries: Queries, cursor: Cursor) -> Done:
    """DELETE FROM, cursor behind DELETE."""
    cursor.expect("FROM")
    table = queries.table_for("DELETE", *cursor.qualified())
    tree: Any = parse(cursor.text)
    if tree.args.get("where") is None:
        raise analysis_error("Delete must specify where clause to prevent full table delete")
    return _change(queries, table, cursor.text)


def _change(queries: Queries, table: TableDef, text: str) -> Done:
    statements = [queries.translate(text)]
    computed = [
        f"{quoted(column.name)} = {generated_sql(column)}"
        for column in table.columns
        if column.generated
    ]
    if computed:
        place = queries.store.physical(table.db, table.name)
        statements.append(f"UPDATE {place} SET {', '.join(computed)}")
    return Done(queries.store.publisher.run(table, queries.cursor, statements))


def _update_config(queries: Queries, cursor: Cursor) -> Done:
    """`SET value = v WHERE name = 'n'`; the real way to change a back-end setting."""
    queries.users.check_admin(queries.user, "OPERATE")
    tree: Any = parse(cursor.text)
    assignments = {item.this.name.lower(): item.expression for item in tree.expressions}
    value = assignments.get("value")
    where = tree.args.get("where")
    names = [
        item.expression.name if isinstance(item.this, exp.Column) else item.this.name
        for item in (where.find_all(exp.EQ) if where is not None else ())
        if "name" in {item.this.name.lower(), item.expression.name.lower()}
    ]
    if value is None or set(assignments) != {"value"} or len(names) != 1:
        raise analysis_error("only SET value = ... WHERE name = '...' is supported")
    text = value.name if not isinstance(value, exp.Neg) else "-" + value.this.name
    queries.store.config.set(names[0], text)
    return Done(1)
