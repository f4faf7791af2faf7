"""SHOW and DESCRIBE: what the catalog holds, as rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.backends.local.result import ResultKind, StatementResult, strings
from penstock.backends.local.statements.catalogs import with_clause
from penstock.catalog import CatalogColumn, CatalogStore, CatalogTable, CatalogView, ColumnKind
from penstock.errors import UnsupportedFeatureError, ValidationError
from penstock.functions.registry import function_names
from penstock.sql import tree as ast
from penstock.types import (
    BOOLEAN,
    STRING,
    Column,
    TypeRoot,
    quote_identifier,
    quote_identifiers,
    quote_literal,
)

if TYPE_CHECKING:
    from penstock.catalog import TablePath
    from penstock.planner import Planner
    from penstock.types import DataType

_DESCRIBE = tuple(
    Column(name, BOOLEAN if name == "null" else STRING)
    for name in ("name", "type", "null", "key", "extras", "watermark")
)


def liked(names: list[str], node: ast.Show) -> list[str]:
    """The names a LIKE or ILIKE pattern lets through."""
    if node.like is None:
        return names
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in node.like)
    flags = re.IGNORECASE if node.like_kind == "ILIKE" else 0
    pattern = re.compile("".join(parts), flags | re.DOTALL)
    return [name for name in names if bool(pattern.fullmatch(name)) != node.not_like]


def show(  # noqa: PLR0911
    node: ast.Show, catalog: CatalogStore, planner: Planner, jars: list[str]
) -> StatementResult:
    """SHOW of names."""
    match node.what:
        case "CATALOGS":
            return strings("catalog name", liked(catalog.catalogs(), node))
        case "CURRENT CATALOG":
            return strings("current catalog name", [catalog.current_catalog])
        case "CURRENT DATABASE":
            return strings("current database name", [catalog.current_database])
        case "DATABASES":
            if len(node.path) > 1:
                raise ValidationError(
                    f"Show databases from/in identifier [ {'.'.join(node.path)} ] format error,"
                    " catalog must be a single part identifier",
                    node.span,
                )
            owner = node.path[0] if node.path else catalog.current_catalog
            return strings("database name", liked(catalog.databases(owner, node.span), node))
        case "TABLES" | "VIEWS":
            path = catalog.path((*node.path, "")) if node.path else catalog.path(("",))
            views = node.what == "VIEWS"
            names = catalog.tables(path.catalog, path.database, views_only=views)
            return strings(f"{'view' if views else 'table'} name", liked(names, node))
        case "FUNCTIONS":
            names = sorted(name.lower() for name in function_names())
            return strings("function name", liked(names, node))
        case "USER FUNCTIONS":
            return strings("function name", [])
        case "MODULES":
            return strings("module name", ["core"])
        case "FULL MODULES":
            columns = (Column("module name", STRING), Column("used", BOOLEAN))
            return StatementResult(ResultKind.ROWS, columns, [("core", True)])
        case "JARS":
            return strings("jars", jars)
        case "COLUMNS":
            found = describe(ast.Describe(node.path, span=node.span), catalog, planner)
            rows = [row for row in found.rows if liked([row[0]], node)]
            return StatementResult(ResultKind.ROWS, found.columns, rows)
    raise UnsupportedFeatureError(f"unsupported: SHOW {node.what}", node.span)


def describe(node: ast.Describe, catalog: CatalogStore, planner: Planner) -> StatementResult:
    """DESCRIBE of a table or view."""
    if node.what != "TABLE":
        raise UnsupportedFeatureError(f"unsupported: DESCRIBE {node.what}", node.span)
    path, entry = catalog.get(node.name, node.span)
    if isinstance(entry, CatalogView):
        rows = [
            (c.name, _short(c.type), c.type.nullable, None, None, None)
            for c in entry.schema.columns
        ]
        return StatementResult(ResultKind.ROWS, _DESCRIBE, rows)
    types = planner.column_types(path, entry)
    key = f"PRI({', '.join(entry.primary_key)})"
    marks = {".".join(w.column): w for w in entry.watermarks}
    commented = any(c.comment for c in entry.columns)
    found = []
    for column in entry.columns:
        kind = types.get(column.name)
        mark = marks.get(column.name)
        text = _short(kind) if kind is not None else "(none)"
        row = (
            column.name,
            text + (" *ROWTIME*" if mark else ""),
            kind.nullable if kind is not None else True,
            key if column.name in entry.primary_key else None,
            _extras(column) or None,
            "defined" if mark else None,
        )
        found.append((*row, column.comment) if commented else row)
    columns = (*_DESCRIBE, Column("comment", STRING)) if commented else _DESCRIBE
    return StatementResult(ResultKind.ROWS, columns, found)


def _short(kind: DataType) -> str:
    return kind.with_nullable(nullable=True).sql()


def _extras(column: CatalogColumn) -> str:
    if column.refusal:
        return f"UNREADABLE: {column.refusal}"
    if column.generated:
        return "GENERATED"
    if column.kind is ColumnKind.COMPUTED:
        return f"AS {column.text}"
    if column.kind is ColumnKind.METADATA:
        source = (
            f" FROM {quote_literal(column.metadata_key or '')}"
            if column.metadata_key != column.name
            else ""
        )
        return f"METADATA{source}{' VIRTUAL' if column.virtual else ''}"
    return ""


def show_create(node: ast.ShowCreate, catalog: CatalogStore) -> StatementResult:
    """SHOW CREATE TABLE and VIEW; secrets are masked."""
    if node.what not in {"TABLE", "VIEW"}:
        raise UnsupportedFeatureError(f"unsupported: SHOW CREATE {node.what}", node.span)
    path, entry = catalog.get(node.name, node.span)
    if isinstance(entry, CatalogView) != (node.what == "VIEW"):
        other = "view" if isinstance(entry, CatalogView) else "table"
        raise ValidationError(
            f"SHOW CREATE {node.what} is only supported for {node.what.lower()}s, but {path} is a"
            f" {other}. Please use SHOW CREATE {other.upper()} instead.",
            node.span,
        )
    temporary = "TEMPORARY " if entry.temporary else ""
    if isinstance(entry, CatalogView):
        names = quote_identifiers(entry.schema.names)
        text = f"CREATE {temporary}VIEW {path.quoted()} (\n  {names}\n)\nAS {entry.text}"
        return strings("result", [text])
    return strings("result", [_create_text(path, entry, temporary)])


def _create_text(path: TablePath, table: CatalogTable, temporary: str) -> str:
    lines = []
    for column in table.columns:
        if column.refusal:
            continue
        line = f"  {quote_identifier(column.name)} "
        if column.type is not None:
            line += _long(column.type)
        extras = "" if column.generated else _extras(column)
        line += " " * bool(extras and column.type is not None) + extras
        line += f" COMMENT {quote_literal(column.comment)}" if column.comment else ""
        lines.append(line)
    if table.primary_key:
        keys = quote_identifiers(table.primary_key)
        name = table.primary_key_name or "PK_" + "_".join(table.primary_key)
        lines.append(f"  CONSTRAINT {quote_identifier(name)} PRIMARY KEY ({keys}) NOT ENFORCED")
    text = f"CREATE {temporary}TABLE {path.quoted()} (\n" + ",\n".join(lines) + "\n)\n"
    if table.comment:
        text += f"COMMENT {quote_literal(table.comment)}\n"
    if table.partitioned_by:
        text += f"PARTITIONED BY ({quote_identifiers(table.partitioned_by)})\n"
    for name, reason in table.refused():
        text += f"-- {quote_identifier(name)} is left out: {reason}\n"
    return text + with_clause(table.options)


def _long(kind: DataType) -> str:
    """The type in the long form Flink prints."""
    suffix = "" if kind.nullable else " NOT NULL"
    if kind.root is TypeRoot.VARCHAR:
        return f"VARCHAR({kind.length}){suffix}"
    if kind.root is TypeRoot.VARBINARY:
        return f"VARBINARY({kind.length}){suffix}"
    return kind.sql()
