"""CREATE TABLE AS: a table of a query's columns, and the job that fills it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penstock.backends.local.statements.ddl import (
    checked,
    column_of,
    declared_table,
    design_notes,
)
from penstock.catalog import CatalogColumn, CatalogTable, ColumnKind, as_sink, new_table
from penstock.connectors.base import find_connector
from penstock.errors import PenstockError, UnsupportedFeatureError, ValidationError
from penstock.expressions import InputRef
from penstock.functions.resolve import implicit_cast
from penstock.plan import SourceNode
from penstock.planner.lineage import Origin, origins
from penstock.sql import tree as ast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.catalog import CatalogStore, TablePath
    from penstock.connectors.base import NewTable, TableDesign, TableMaker
    from penstock.plan import PhysicalPlan
    from penstock.planner import Planner
    from penstock.planner.relation import Relation


@dataclass(frozen=True, slots=True)
class CreateAs:
    """What CREATE TABLE AS will do.

    Args:
        node: The statement.
        path: Of the table.
        table: As it is declared.
        plan: The job that fills it.
        maker: Who creates it at a server; None where a declaration is all.
        new: What is created there.
        kept: Whether the catalog keeps the table at the server by itself.
        design: How it is created there.
        there: Whether it is there already, as far as its catalog knows, and fits.
    """

    node: ast.CreateTable
    path: TablePath
    table: CatalogTable
    plan: PhysicalPlan
    maker: TableMaker | None = None
    new: NewTable | None = None
    kept: bool = False
    design: TableDesign | None = None
    there: bool = False

    def create(self, catalog: CatalogStore, *, resumes: bool) -> tuple[str, ...]:
        """Make the table where it is not there.

        Args:
            catalog: Where it is declared.
            resumes: Whether an unfinished job goes on, which has made it.

        Returns:
            What the user must know.

        Raises:
            ValidationError: It is there, and another one or not expected.
            ConnectorError: Its server refused.
        """
        there = self.there
        if self.kept and there and not (self.node.if_not_exists or resumes):
            raise _exists(self.path, self.node)
        if self.maker is not None and self.new is not None and not self.kept:
            there = _is_there(self.path, self.maker, self.new, self.node)
            if not there:
                self.maker.create(self.new)
        self._declare(catalog)
        if there:
            return (f"[INFO] table '{self.path}' exists and has the query's columns",)
        return design_notes(self.path, self.design)

    def rehearse(self, catalog: CatalogStore) -> PhysicalPlan:
        """Let later statements see the table; nothing is created."""
        self._declare(catalog)
        if not (self.kept and self.there) or self.node.if_not_exists:
            return self.plan
        note = (
            f"table '{self.path}' exists: only an unfinished job of this script goes on with it,"
            " a new one needs IF NOT EXISTS"
        )
        return replace(self.plan, notes=(*self.plan.notes, note))

    def _declare(self, catalog: CatalogStore) -> None:
        """In a catalog that keeps tables at a server, this creates it there."""
        if not catalog.exists(self.path, temporary=False):
            table = self.table if self.kept else self._declared()
            catalog.put(self.path, table, span=self.node.span)

    def _declared(self) -> CatalogTable:
        return as_sink(self.table, self.maker) if self.maker is not None else self.table


def create_as(node: ast.CreateTable, catalog: CatalogStore, planner: Planner) -> CreateAs:
    """Plan a CREATE TABLE AS; creates nothing and may ask catalogs' servers.

    Raises:
        SqlError, OptionError: The statement is wrong or not supported.
    """
    assert node.query is not None
    _refuse(node)
    path = catalog.path(node.name)
    keeper = catalog.maker(path, node.span)
    declared = catalog.find(path) if keeper is None else None
    if declared is not None and not node.if_not_exists:
        raise _exists(path, node)
    relation = planner.query(node.query)
    targets, columns = _columns(node, relation, catalog)
    table, key_note = _keyed(declared_table(node, columns), relation, targets)
    table = checked(table, node.span, node.primary_key)
    planner.column_types(path, table)
    insert = ast.Insert(node.name, node.query, targets, span=node.span, text=node.text)
    if isinstance(declared, CatalogTable):
        return CreateAs(node, path, declared, planner.fill(insert, path, declared))
    maker = keeper or _maker(table)
    if maker is None:
        return CreateAs(node, path, table, planner.fill(insert, path, table))
    new = new_table(table)
    kept = keeper is not None
    try:
        made = maker.design(new)
        known = kept and catalog.exists(path, temporary=False)
        there = known and _is_there(path, maker, new, node)
    except PenstockError as error:
        error.at(node.span)
        raise
    notes = (key_note, *made.notes) if key_note else made.notes
    design = None if there else replace(made, notes=notes)
    plan = planner.fill(insert, path, replace(as_sink(table, maker), design=design))
    return CreateAs(node, path, table, plan, maker, new, kept, design, there)


def _is_there(path: TablePath, maker: TableMaker, new: NewTable, node: ast.CreateTable) -> bool:
    """Whether the table is at its server.

    Raises:
        ValidationError: It is, and differs.
    """
    found = maker.differences(new)
    if found:
        raise _different(path, found, node)
    return found is not None


def _keyed(
    table: CatalogTable, relation: Relation, targets: tuple[str, ...]
) -> tuple[CatalogTable, str]:
    """The table with its own key or the one of the query's rows, and where that comes from."""
    if table.primary_key:
        return table, ""
    key, note = _inherited_key(relation, targets)
    return replace(table, primary_key=key), note


def _refuse(node: ast.CreateTable) -> None:
    if node.temporary:
        raise ValidationError(
            "CREATE TABLE AS SELECT syntax does not support to create temporary table yet",
            node.span,
        )
    if node.or_replace:
        raise UnsupportedFeatureError(
            "unsupported: REPLACE TABLE AS",
            node.span,
            detail="It would drop the table with its rows.",
            hint="DROP TABLE, then CREATE TABLE ... AS.",
        )


def _maker(table: CatalogTable) -> TableMaker | None:
    """Who creates the table behind a sink, where its connector can."""
    name = table.options.get("connector")
    make = find_connector(name).maker if name else None
    return make(table.options) if make is not None else None


def _columns(
    node: ast.CreateTable, relation: Relation, catalog: CatalogStore
) -> tuple[tuple[str, ...], tuple[CatalogColumn, ...]]:
    """Names the query's columns go to, and all columns of the table.

    Columns of the statement come first; one that repeats a column of the query gives its type.

    Source: Flink's documentation, CREATE TABLE, AS select_statement.
    """
    names = [column.name for column in relation.columns]
    widths = _text_bytes(relation, catalog)
    found = {
        c.name: CatalogColumn(c.name, type=c.type, text_bytes=width)
        for c, width in zip(relation.columns, widths, strict=True)
    }
    assert len(found) == len(names), "a query's columns have different names"
    if node.columns and all(isinstance(column, ast.ColumnName) for column in node.columns):
        return tuple(names), _reordered(node, found)
    first: list[CatalogColumn] = []
    for definition in node.columns:
        column = column_of(definition)
        before = found.get(column.name)
        if before is None:
            first.append(column)
            continue
        if column.kind is not ColumnKind.PHYSICAL or column.type is None or before.type is None:
            raise ValidationError(
                f"A column named '{column.name}' already exists in the query", definition.span
            )
        # Says whether values can become of that type.
        ref = InputRef(index=0, name=column.name, type=before.type)
        implicit_cast(ref, column.type, definition.span)
        found[column.name] = column
    return tuple(names), (*first, *found.values())


def _text_bytes(relation: Relation, catalog: CatalogStore) -> list[int | None]:
    """Most bytes of the texts of each column, where catalogs' servers say so."""
    tables = {str(path): table for path, table in catalog.known_tables()}
    node = relation.place()
    widths: list[int | None] = []
    for index in range(len(relation.columns)):
        known = [_width(origin, tables) for origin in origins(node, index)]
        widths.append(max((w for w in known if w), default=None) if all(known) else None)
    return widths


def _width(origin: Origin, tables: Mapping[str, CatalogTable]) -> int | None:
    table = tables.get(origin.source.table)
    column = table.column(origin.column.name) if table is not None else None
    return column.text_bytes if column is not None and not origin.casts else None


def _reordered(node: ast.CreateTable, found: dict[str, CatalogColumn]) -> tuple[CatalogColumn, ...]:
    names = [column.name for column in node.columns]
    for column in node.columns:
        if column.name not in found:
            raise ValidationError(
                f"Column '{column.name}' not found in the source schema",
                column.span,
                code="unknown-column",
                detail=f"The query has: {', '.join(found)}.",
            )
    if len(names) != len(found):
        raise ValidationError(
            "The number of columns in the column list must match the number of columns in the"
            " source schema",
            node.columns[0].span,
        )
    return tuple(found[name] for name in names)


def _inherited_key(relation: Relation, names: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The key of the query's rows where one is known, and where it comes from."""
    columns = relation.columns
    keys = [key for key in relation.keys if not any(columns[at].type.nullable for at in key)]
    if not keys:
        return (), ""
    positions = min(keys, key=len)
    source = relation.node if isinstance(relation.node, SourceNode) else None
    order = _source_order(relation, source) if source is not None else {}
    key = sorted(positions, key=lambda at: (order.get(at, at), at))
    place = f"'{source.table}'" if source is not None else "the query's rows"
    listed = ", ".join(names[at] for at in key)
    return tuple(names[at] for at in key), f"primary key ({listed}) is that of {place}"


def _source_order(relation: Relation, source: SourceNode) -> dict[int, int]:
    """Place in the source's key, by output column."""
    places = {name: place for place, name in enumerate(source.schema.primary_key)}
    return {
        at: places[expr.name]
        for at, expr in enumerate(relation.projections)
        if isinstance(expr, InputRef) and expr.name in places
    }


def _exists(path: TablePath, node: ast.CreateTable) -> ValidationError:
    return ValidationError(
        f"table or view '{path}' already exists",
        node.span,
        code="table-exists",
        hint="Use IF NOT EXISTS to fill it, or drop it first.",
    )


def _different(path: TablePath, lines: list[str], node: ast.CreateTable) -> ValidationError:
    return ValidationError(
        f"table '{path}' exists and differs from the query",
        node.span,
        code="table-differs",
        detail="\n".join(lines),
        hint="CAST in the query, change the table in StarRocks, or choose another name.",
    )
