"""Tables and views: CREATE, DROP and ALTER."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.backends.local.result import StatementResult, ok
from penstock.catalog import (
    CatalogColumn,
    CatalogStore,
    CatalogTable,
    CatalogView,
    ColumnKind,
    TablePath,
    new_table,
)
from penstock.errors import UnsupportedFeatureError, ValidationError
from penstock.planner.bind.scope import refused_column
from penstock.sql import tree as ast
from penstock.types import Column, Schema

if TYPE_CHECKING:
    from penstock.connectors.base import TableDesign
    from penstock.errors import Span
    from penstock.planner import Planner
    from penstock.types import DataType


def _type(spec: ast.TypeSpec) -> DataType:
    if spec.type is None:
        raise UnsupportedFeatureError(f"unsupported: type {spec.text}", spec.span)
    return spec.type


def column_of(node: ast.ColumnDefinition) -> CatalogColumn:
    """The column of a definition.

    Raises:
        SqlError: It has a type or a constraint that is not supported.
    """
    match node:
        case ast.PhysicalColumn():
            if node.unique:
                raise ValidationError("UNIQUE constraint is not supported yet", node.span)
            return CatalogColumn(node.name, type=_type(node.type), comment=node.comment)
        case ast.MetadataColumn():
            return CatalogColumn(
                node.name,
                ColumnKind.METADATA,
                _type(node.type),
                node.key or node.name,
                node.virtual,
                comment=node.comment,
            )
        case ast.ComputedColumn():
            return CatalogColumn(
                node.name,
                ColumnKind.COMPUTED,
                expression=node.expression,
                text=node.text,
                comment=node.comment,
            )
    raise UnsupportedFeatureError("unsupported: column list without types", node.span)


def checked(table: CatalogTable, span: Span, key: ast.KeyConstraint | None) -> CatalogTable:
    """The table with its key NOT NULL; refuses what cannot be."""
    seen: set[str] = set()
    for column in table.columns:
        if column.name in seen:
            raise ValidationError(
                f"A column named '{column.name}' already exists in the table", span
            )
        seen.add(column.name)
    if key is not None and key.enforced is not False:
        raise ValidationError(
            "Flink doesn't support ENFORCED mode for PRIMARY KEY constraint. ENFORCED/NOT ENFORCED"
            " controls if the constraint checks are performed on the incoming/outgoing data."
            " Flink does not own the data therefore the only supported mode is the NOT ENFORCED"
            " mode",
            key.span,
            hint="Write PRIMARY KEY (...) NOT ENFORCED.",
        )
    for name in table.primary_key:
        column_or_none = table.column(name)
        if column_or_none is None or column_or_none.kind is not ColumnKind.PHYSICAL:
            raise ValidationError(
                f"Primary key column '{name}' is not defined in the schema",
                key.span if key else span,
            )
    columns = tuple(
        replace(c, type=c.type.with_nullable(nullable=False))
        if c.name in table.primary_key and c.type is not None
        else c
        for c in table.columns
    )
    return replace(table, columns=columns)


def create_table(node: ast.CreateTable, catalog: CatalogStore, planner: Planner) -> StatementResult:
    """CREATE TABLE, also with LIKE; in a server's catalog it is created there."""
    path = catalog.path(node.name)
    if catalog.exists(path, temporary=node.temporary) and node.if_not_exists:
        return ok()
    table = declared_table(node, tuple(column_of(column) for column in node.columns))
    maker = None if node.temporary else catalog.maker(path, node.span)
    if node.like is not None:
        table = _like(table, node.like, catalog, with_options=maker is None)
    table = checked(table, node.span, node.primary_key)
    planner.column_types(path, table)
    catalog.put(path, table, replace=node.or_replace, span=node.span)
    return ok(*design_notes(path, maker.design(new_table(table)) if maker is not None else None))


def declared_table(node: ast.CreateTable, columns: tuple[CatalogColumn, ...]) -> CatalogTable:
    """The table of a declaration, with these columns; not yet checked."""
    key = node.primary_key
    if node.unique_keys:
        raise ValidationError("UNIQUE constraint is not supported yet", node.unique_keys[0].span)
    return CatalogTable(
        columns,
        key.columns if key else (),
        (key.name or "") if key else "",
        node.watermarks,
        node.partitioned_by,
        dict(node.options),
        node.comment,
        node.temporary,
        node,
    )


def design_notes(path: TablePath, design: TableDesign | None) -> tuple[str, ...]:
    """What was chosen for a table that was created at a server, for the user."""
    if design is None:
        return ()
    return (f"[INFO] table '{path}' was created: {'; '.join(design.notes)}",)


_LIKE = {
    "CONSTRAINTS": "INCLUDING", "DISTRIBUTION": "INCLUDING", "GENERATED": "INCLUDING",
    "METADATA": "INCLUDING", "OPTIONS": "OVERWRITING", "PARTITIONS": "INCLUDING",
    "WATERMARKS": "INCLUDING",
}  # fmt: skip


def _like(
    table: CatalogTable, like: ast.LikeClause, catalog: CatalogStore, *, with_options: bool
) -> CatalogTable:
    """The table after its LIKE clause; a server's catalog has options of its own."""
    path, base = catalog.get(like.source, like.span)
    if not isinstance(base, CatalogTable):
        raise ValidationError(f"source '{path}' of the LIKE clause is a view", like.span)
    for name, reason in base.refused():
        raise refused_column(name, reason, like.span)
    base = replace(base, columns=tuple(replace(c, generated=False) for c in base.columns))
    how = dict(_LIKE)
    for strategy, feature in like.options:
        if feature == "ALL":
            how = dict.fromkeys(_LIKE, strategy)
    how.update({f: s for s, f in like.options if f != "ALL"})
    kinds = {ColumnKind.COMPUTED: "GENERATED", ColumnKind.METADATA: "METADATA"}
    kept = [c for c in base.columns if c.kind not in kinds or how[kinds[c.kind]] != "EXCLUDING"]
    for column in table.columns:
        before = next((c for c in kept if c.name == column.name), None)
        if before is None:
            continue
        part = kinds.get(column.kind)
        if part is None or how[part] != "OVERWRITING" or before.kind is not column.kind:
            raise ValidationError(
                f"A column named '{column.name}' already exists in the base table.", like.span
            )
        kept.remove(before)
    if not with_options:
        how["OPTIONS"] = "EXCLUDING"
    if how["OPTIONS"] == "INCLUDING":
        double = [option for option in table.options if option in base.options]
        if double:
            raise ValidationError(f"There already exists option '{double[0]}'", like.span)
    options = {} if how["OPTIONS"] == "EXCLUDING" else dict(base.options)
    keyed = how["CONSTRAINTS"] != "EXCLUDING" and not table.primary_key
    watermarks = table.watermarks or (() if how["WATERMARKS"] == "EXCLUDING" else base.watermarks)
    partitions = table.partitioned_by or (
        () if how["PARTITIONS"] == "EXCLUDING" else base.partitioned_by
    )
    return replace(
        table,
        columns=(*kept, *table.columns),
        primary_key=base.primary_key if keyed else table.primary_key,
        primary_key_name=base.primary_key_name if keyed else table.primary_key_name,
        watermarks=watermarks,
        partitioned_by=partitions,
        options={**options, **table.options},
    )


def _made_view(
    query: ast.Query,
    text: str,
    names: tuple[tuple[str, str | None], ...],
    catalog: CatalogStore,
    planner: Planner,
) -> CatalogView:
    columns = planner.query(query).columns
    if names and len(names) != len(columns):
        raise ValidationError(
            f"VIEW definition and input fields not match: {len(names)} names for"
            f" {len(columns)} columns",
            query.span,
        )
    labels = [name for name, _ in names] or [c.name for c in columns]
    schema = Schema(tuple(Column(n, c.type) for n, c in zip(labels, columns, strict=True)))
    return CatalogView(query, text, schema, catalog.current_catalog, catalog.current_database)


def create_view(node: ast.CreateView, catalog: CatalogStore, planner: Planner) -> StatementResult:
    """CREATE VIEW; its query is planned at once."""
    path = catalog.path(node.name)
    if catalog.exists(path, temporary=node.temporary) and node.if_not_exists:
        return ok()
    view = _made_view(node.query, node.query_text, node.columns, catalog, planner)
    view = replace(view, comment=node.comment, temporary=node.temporary)
    catalog.put(path, view, span=node.span)
    return ok()


def drop(node: ast.DropTable | ast.DropView, catalog: CatalogStore) -> StatementResult:
    """DROP TABLE and DROP VIEW."""
    path = catalog.path(node.name)
    wanted = CatalogView if isinstance(node, ast.DropView) else CatalogTable
    word = "view" if wanted is CatalogView else "table"
    entry = catalog.find(path) if catalog.exists(path, temporary=node.temporary) else None
    if entry is not None and entry.temporary and not node.temporary:
        raise ValidationError(
            f"Temporary {word} with identifier '{path.quoted()}' exists. Drop it first before"
            f" removing the permanent {word}.",
            node.span,
        )
    if not isinstance(entry, wanted):
        if node.if_exists:
            return ok()
        kind = "temporary " * node.temporary + word
        raise ValidationError(
            f"{kind} '{path}' does not exist",
            node.span,
            code=f"unknown-{word}",
            hint=f"Use DROP TEMPORARY {word.upper()}."
            if catalog.exists(path, temporary=True)
            else "",
        )
    catalog.remove(path, temporary=node.temporary, span=node.span)
    return ok()


def alter_table(node: ast.AlterTable, catalog: CatalogStore) -> StatementResult:
    """ALTER TABLE: options, names, added and dropped columns, keys and watermarks."""
    if node.if_exists and catalog.find(catalog.path(node.name)) is None:
        return ok()
    path, table = catalog.get(node.name, node.span)
    if not isinstance(table, CatalogTable):
        raise ValidationError(f"ALTER TABLE for a view is not allowed: '{path}'", node.span)
    match node.action:
        case "SET":
            table = replace(table, options={**table.options, **dict(node.options)})
        case "RESET":
            left = {k: v for k, v in table.options.items() if k not in node.keys}
            table = replace(table, options=left)
        case "RENAME":
            target = TablePath(path.catalog, path.database, node.new_name[-1])
            catalog.put(target, table, span=node.span)
            catalog.remove(path, temporary=table.temporary)
            return ok()
        case "DROP PRIMARY KEY" | "DROP CONSTRAINT":
            table = replace(table, primary_key=(), primary_key_name="")
        case "DROP WATERMARK":
            table = replace(table, watermarks=())
        case "DROP":
            names = {column[-1] for column in node.columns}
            unknown = [n for n in names if table.column(n) is None]
            if unknown:
                raise ValidationError(f"The column '{unknown[0]}' does not exist", node.span)
            if names & set(table.primary_key):
                raise ValidationError("cannot drop a column of the primary key", node.span)
            table = replace(table, columns=tuple(c for c in table.columns if c.name not in names))
        case "ADD":
            key = next((c for c in node.constraints if not c.unique), None)
            table = replace(
                table,
                columns=(*table.columns, *(column_of(d) for d in node.definitions)),
                watermarks=(*table.watermarks, *node.watermarks),
                primary_key=key.columns if key else table.primary_key,
            )
            if any(d.position for d in node.definitions):
                raise UnsupportedFeatureError(
                    "unsupported: FIRST and AFTER in ALTER TABLE ADD", node.span
                )
            table = checked(table, node.span, key)
        case _:
            raise UnsupportedFeatureError(f"unsupported: ALTER TABLE {node.action}", node.span)
    catalog.put(path, table, replace=True, span=node.span)
    return ok()


def alter_view(node: ast.AlterView, catalog: CatalogStore, planner: Planner) -> StatementResult:
    """ALTER VIEW RENAME TO, AS."""
    if node.if_exists and catalog.find(catalog.path(node.name)) is None:
        return ok()
    path, view = catalog.get(node.name, node.span)
    if not isinstance(view, CatalogView):
        raise ValidationError(f"'{path}' is not a view", node.span)
    if node.query is not None:
        made = _made_view(node.query, node.query_text, (), catalog, planner)
        made = replace(made, comment=view.comment, temporary=view.temporary)
        catalog.put(path, made, replace=True)
    else:
        target = TablePath(path.catalog, path.database, node.new_name[-1])
        catalog.put(target, view, span=node.span)
        catalog.remove(path, temporary=view.temporary)
    return ok()
