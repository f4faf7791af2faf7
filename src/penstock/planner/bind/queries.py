"""Syntax of queries to relations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.catalog import CatalogStore, CatalogTable, CatalogView, ColumnKind, TablePath
from penstock.changelog import ChangelogMode
from penstock.clock import session_zone
from penstock.connectors.base import Connector, TableDescriptor, find_connector
from penstock.errors import OptionError, PenstockError, Span, ValidationError, nearest
from penstock.expressions import Expr, InputRef, evaluate
from penstock.functions.resolve import common_type, implicit_cast, resolve_cast, untyped_null
from penstock.plan import SourceNode, UnionNode
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.planner.physical.values import ValuesSource
from penstock.planner.relation import Relation
from penstock.sql import tree as ast
from penstock.types import BOOLEAN, INT, STRING, Column, DataType, Schema, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.clock import Clock


def connector_of(
    path: TablePath, table: CatalogTable, options: Mapping[str, str], span: Span
) -> Connector:
    """The connector a table names.

    Raises:
        ValidationError: It names none.
        OptionError: There is none of that name.
    """
    name = options.get("connector")
    if name is None:
        raise ValidationError(
            f"table '{path}' has no option 'connector'",
            span,
            code="missing-connector",
            hint="Add WITH ('connector' = '...').",
        )
    try:
        return find_connector(name)
    except OptionError as error:
        error.at(table.option_span("connector") or span)
        raise


def place_of(table: CatalogTable, error: PenstockError) -> Span | None:
    """Where a declaration is wrong: at the option, where the error names one."""
    return table.option_span(error.key) if isinstance(error, OptionError) else table.span


def hinted(
    options: Mapping[str, str], hints: Sequence[ast.Hint], settings: Mapping[str, str]
) -> dict[str, str]:
    """The options of a table after its OPTIONS hints; other hints are refused."""
    merged = dict(options)
    for hint in hints:
        if hint.name.upper() != "OPTIONS":
            raise unsupported(f"hint {hint.name}", hint)
        if settings.get("table.dynamic-table-options.enabled", "true").lower() == "false":
            raise ValidationError(
                "The 'OPTIONS' hint is allowed only when the config option"
                " 'table.dynamic-table-options.enabled' is set to true.",
                hint.span,
            )
        merged.update(hint.options)
    return merged


def option_notes(path: TablePath, connector: Connector, options: Mapping[str, str]) -> list[str]:
    """What the user must know about options of a table that are not simply honoured."""
    return [f"table '{path}': {note}" for note in connector.options(options).notes]


@dataclass(slots=True)
class QueryBinder:
    """Binds queries of one plan; sources that occur twice are read once.

    Args:
        catalog: Where names are looked up.
        settings: Session settings.
        clock: For the time constants are evaluated at.
        notes: What the user must know about options of the tables read.
    """

    catalog: CatalogStore
    settings: Mapping[str, str]
    clock: Clock
    notes: list[str] = field(default_factory=list)
    _scans: dict[tuple[str, tuple[tuple[str, str], ...]], SourceNode] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)
    _common: list[dict[str, Relation]] = field(default_factory=list)
    _views: list[TablePath] = field(default_factory=list)

    def query(self, node: ast.Query) -> Relation:
        """The rows of a query."""
        match node:
            case ast.Select():
                return self._select(node)
            case ast.ValuesQuery():
                return self._values(node)
            case ast.TableQuery():
                return self._table(ast.TableRef(node.name, span=node.span))
            case ast.SetOperation():
                return self._set_operation(node)
            case ast.WithQuery():
                return self._with(node)
            case ast.OrderedQuery():
                what = "ORDER BY" if node.order_by else "LIMIT"
                raise unsupported(what, node.order_by[0] if node.order_by else node)
        raise unsupported(type(node).__name__, node)

    def _select(self, node: ast.Select) -> Relation:
        refused = (
            (node.group_by, "GROUP BY"),
            (node.having, "HAVING"),
            (node.qualify, "QUALIFY"),
            (node.windows or None, "WINDOW"),
            (node.hints or None, "query hint"),
        )
        for part, name in refused:
            if part is not None:
                places = part if isinstance(part, tuple) else (part,)
                raise unsupported(name, places[0] if places else node)
        if node.distinct:
            raise unsupported("SELECT DISTINCT", node)
        relation = self._relation(node.from_) if node.from_ is not None else self._nothing()
        scope = self._scope(relation)
        if node.where is not None:
            condition = bind(node.where, scope)
            if condition.type.root not in {TypeRoot.BOOLEAN, TypeRoot.NULL}:
                raise ValidationError(
                    "WHERE clause must be a condition",
                    node.where.span,
                    detail=f"Its type is {condition.type.sql()}.",
                )
            relation = relation.filter(implicit_cast(condition, BOOLEAN, node.where.span))
            scope = self._scope(relation)
        exprs: list[Expr] = []
        names: list[str] = []
        for item in node.items:
            self._item(item, scope, node, exprs, names)
        return relation.project(exprs, _unique(names))

    def _scope(self, relation: Relation) -> Scope:
        return replace(relation.scope, database=self.catalog.current_database)

    def _item(
        self,
        item: ast.SelectItem,
        scope: Scope,
        node: ast.Select,
        exprs: list[Expr],
        names: list[str],
    ) -> None:
        expression = item.expression
        if isinstance(expression, ast.Star):
            if node.from_ is None:
                raise ValidationError("SELECT * needs a FROM clause", expression.span)
            for index in scope.star(expression.qualifier, expression.span):
                column = scope.columns[index]
                exprs.append(InputRef(index=index, name=column.name, type=column.type))
                names.append(column.name)
            return
        bound = bind(expression, scope)
        if bound.type.root is TypeRoot.NULL:
            raise untyped_null(expression.span)
        exprs.append(bound)
        if item.alias is not None:
            names.append(item.alias)
        elif isinstance(expression, ast.Identifier):
            names.append(expression.parts[-1])
        elif isinstance(expression, ast.FieldAccess):
            names.append(expression.field)
        else:
            names.append(f"EXPR${len(names)}")

    def _relation(self, node: ast.Relation) -> Relation:
        match node:
            case ast.TableRef():
                return self._table(node)
            case ast.SubqueryRef():
                if node.lateral:
                    raise unsupported("LATERAL", node)
                found = self.query(node.query)
                return _aliased(found, node.alias, node.columns, node.span, ())
            case ast.Join():
                raise unsupported(f"{node.kind} JOIN", node)
            case ast.UnnestRef():
                raise unsupported("UNNEST", node)
            case ast.TableFunctionRef():
                raise unsupported(f"table function {node.call.simple_name}", node)
        raise unsupported("MATCH_RECOGNIZE", node)

    def _table(self, node: ast.TableRef) -> Relation:
        if node.as_of is not None:
            raise unsupported("FOR SYSTEM_TIME AS OF", node.as_of)
        if node.sample is not None:
            raise unsupported("TABLESAMPLE", node)
        if len(node.name) == 1:
            for tables in reversed(self._common):
                if node.name[0] in tables:
                    found = tables[node.name[0]]
                    return _aliased(found, node.alias, node.columns, node.span, node.name)
        path, entry = self.catalog.get(node.name, node.span)
        if isinstance(entry, CatalogView):
            if node.hints:
                raise unsupported("hint on a view", node.hints[0])
            found = self._view(path, entry, node.span)
        else:
            found = self._scan(path, entry, node)
        return _aliased(found, node.alias, node.columns, node.span, tuple(path))

    def _view(self, path: TablePath, view: CatalogView, span: Span) -> Relation:
        if path in self._views:
            raise ValidationError(f"view '{path}' refers to itself", span)
        before = self.catalog.current_catalog, self.catalog.current_database
        common, self._common = self._common, []
        self._views.append(path)
        self.catalog.current_catalog = view.catalog
        self.catalog.current_database = view.database
        try:
            found = self.query(view.query)
        finally:
            self.catalog.current_catalog, self.catalog.current_database = before
            self._common = common
            self._views.pop()
        names = view.schema.names
        return replace(found, columns=found.qualified((), names).columns)

    def _scan(self, path: TablePath, table: CatalogTable, node: ast.TableRef) -> Relation:
        options = hinted(table.options, node.hints, self.settings)
        connector = connector_of(path, table, options, node.span)
        if connector.source is None:
            raise ValidationError(
                f"connector '{connector.name}' of table '{path}' can only be used as a sink",
                node.span,
                code="no-source",
            )
        descriptor = self._descriptor(path, table, options, connector, node.span)
        key = (str(path), tuple(sorted(options.items())))
        scan = self._scans.get(key)
        if scan is None:
            try:
                source = connector.source(descriptor)
            except PenstockError as error:
                error.at(place_of(table, error))
                raise
            self.notes += option_notes(path, connector, options)
            scan = SourceNode(
                self._source_id(str(path)),
                str(path),
                source,
                descriptor.schema,
                connector.source_mode(descriptor),
                connector.name,
                table.span,
            )
            self._scans[key] = scan
        return self._table_relation(table, scan, scan.mode)

    def _descriptor(
        self,
        path: TablePath,
        table: CatalogTable,
        options: Mapping[str, str],
        connector: Connector,
        span: Span,
    ) -> TableDescriptor:
        physical = table.physical_schema()
        columns = list(physical.columns)
        metadata: dict[str, str] = {}
        for column in table.columns:
            if column.kind is not ColumnKind.METADATA:
                continue
            kind = connector.metadata.get(column.metadata_key)
            if kind is None:
                near = nearest(column.metadata_key, connector.metadata)
                known = ", ".join(connector.metadata) or "none"
                raise ValidationError(
                    f"Invalid metadata key '{column.metadata_key}' in column '{column.name}'"
                    f" of table '{path}'",
                    span,
                    code="unknown-metadata",
                    detail=f"Metadata of connector '{connector.name}': {known}.",
                    hint=f"Did you mean '{near}'?" if near else "",
                )
            columns.append(Column(column.name, kind))
            metadata[column.name] = column.metadata_key
        schema = Schema(tuple(columns), physical.primary_key)
        return TableDescriptor(str(path), schema, options, metadata, dict(self.settings))

    def _table_relation(
        self, table: CatalogTable, scan: SourceNode, mode: ChangelogMode
    ) -> Relation:
        """The declared columns over what the source delivers."""
        schema = scan.schema
        refs: dict[str, Expr] = {}
        for index, delivered in enumerate(schema.columns):
            ref = InputRef(index=index, name=delivered.name, type=delivered.type)
            declared = table.column(delivered.name)
            assert declared is not None
            refs[delivered.name] = ref
            if declared.kind is ColumnKind.METADATA and declared.type is not None:
                refs[delivered.name] = resolve_cast(ref, declared.type)
        names = list(refs)
        inner = Scope(tuple(ScopeColumn(name, refs[name].type) for name in names))
        base = Relation(scan, inner.columns, tuple(refs.values()), mode)
        if schema.primary_key:
            key = frozenset(names.index(name) for name in schema.primary_key)
            base = replace(base, keys=(key,))
        exprs: list[Expr] = []
        for column in table.columns:
            if column.kind is ColumnKind.COMPUTED:
                assert column.expression is not None
                exprs.append(bind(column.expression, inner))
            else:
                exprs.append(inner.resolve((column.name,), ast.NO_SPAN))
        return base.project(exprs, [column.name for column in table.columns])

    def _source_id(self, name: str) -> str:
        count = self._ids[name] = self._ids.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def _constant_source(self, columns: Schema, rows: pa.RecordBatch) -> Relation:
        source = ValuesSource(columns, rows)
        node = SourceNode(self._source_id("VALUES"), "VALUES", source, columns)
        return Relation(
            node,
            tuple(ScopeColumn(c.name, c.type) for c in columns.columns),
            tuple(
                InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(columns.columns)
            ),
            ChangelogMode.insert_only(),
        )

    def _nothing(self) -> Relation:
        """One row for SELECT without FROM."""
        schema = Schema((Column("ZERO", INT.with_nullable(nullable=False)),))
        rows = pa.record_batch([pa.array([0], pa.int32())], schema=schema.arrow())
        return replace(self._constant_source(schema, rows), columns=(ScopeColumn("", INT),))

    def _values(self, node: ast.ValuesQuery) -> Relation:
        session = Scope(database=self.catalog.current_database)
        bound = [[bind(item, session) for item in row.items] for row in node.rows]
        width = len(bound[0])
        for row, syntax in zip(bound, node.rows, strict=True):
            if len(row) != width:
                raise ValidationError(
                    "Values passed to VALUES operator must have compatible types",
                    syntax.span,
                    detail=f"The first row has {width} values, this one {len(row)}.",
                )
        types = [
            _known(common_type([row[i].type for row in bound], node.span)) for i in range(width)
        ]
        schema = Schema(tuple(Column(f"EXPR${i}", t) for i, t in enumerate(types)))
        return self._constant_source(schema, self._rows(bound, schema))

    def _rows(self, bound: list[list[Expr]], schema: Schema) -> pa.RecordBatch:
        from penstock.expressions import EvalContext

        zone = session_zone(self.settings.get("table.local-time-zone", ""))
        context = EvalContext(zone, self.clock.now_ms())
        dummy = pa.record_batch({"zero": pa.array([0], pa.int32())})
        parts: list[list[object]] = [[] for _ in schema.columns]
        for row in bound:
            exprs = [implicit_cast(e, c.type) for e, c in zip(row, schema.columns, strict=True)]
            for part, array in zip(parts, evaluate(exprs, dummy, context), strict=True):
                part.append(array)
        arrays = [
            pa.concat_arrays([a.cast(c.type.arrow()) for a in part])  # type: ignore[attr-defined]
            for part, c in zip(parts, schema.columns, strict=True)
        ]
        fields = [pa.field(c.name, c.type.arrow()) for c in schema.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _set_operation(self, node: ast.SetOperation) -> Relation:
        if node.operator != "UNION" or not node.all:
            raise unsupported(f"{node.operator}{' ALL' if node.all else ''}", node)
        inputs = [self.query(node.left), self.query(node.right)]
        left, right = inputs
        if len(left.columns) != len(right.columns):
            raise ValidationError("Column count mismatch in UNION", node.span)
        pairs = zip(left.columns, right.columns, strict=True)
        types = [common_type([a.type, b.type], node.span) for a, b in pairs]
        names = [column.name for column in left.columns]
        nodes = tuple(_as_types(side, types, names).place() for side in inputs)
        flat = tuple(
            part for n in nodes for part in (n.inputs if isinstance(n, UnionNode) else (n,))
        )
        columns = tuple(ScopeColumn(n, t) for n, t in zip(names, types, strict=True))
        return Relation(
            UnionNode(flat),
            columns,
            tuple(InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(columns)),
            ChangelogMode(left.mode.kinds | right.mode.kinds),
            filtered=left.filtered or right.filtered,
        )

    def _with(self, node: ast.WithQuery) -> Relation:
        if node.recursive:
            raise unsupported("WITH RECURSIVE", node)
        tables: dict[str, Relation] = {}
        self._common.append(tables)
        try:
            for table in node.tables:
                found = self.query(table.query)
                tables[table.name] = _aliased(
                    found, table.name, table.columns, table.span, (table.name,)
                )
            return self.query(node.body)
        finally:
            self._common.pop()


def _known(data_type: DataType) -> DataType:
    return STRING if data_type.root is TypeRoot.NULL else data_type


def _as_types(relation: Relation, types: Sequence[DataType], names: Sequence[str]) -> Relation:
    exprs = []
    for index, (column, wanted) in enumerate(zip(relation.columns, types, strict=True)):
        ref = InputRef(index=index, name=column.name, type=column.type)
        exprs.append(implicit_cast(ref, wanted))
    return relation.project(exprs, names)


def _aliased(
    relation: Relation,
    alias: str | None,
    columns: tuple[str, ...],
    span: Span,
    name: tuple[str, ...],
) -> Relation:
    if columns and len(columns) != len(relation.columns):
        raise ValidationError(
            f"List of column aliases must have same degree as table; table has"
            f" {len(relation.columns)} columns, whereas alias list has {len(columns)}",
            span,
        )
    return relation.qualified((alias,) if alias else name, columns)


def _unique(names: list[str]) -> list[str]:
    """Names as Flink makes them unique: the second `a` is `a0`."""
    seen: set[str] = set()
    found = []
    for name in names:
        unique, count = name, 0
        while unique in seen:
            unique, count = f"{name}{count}", count + 1
        seen.add(unique)
        found.append(unique)
    return found


__all__ = ["QueryBinder", "connector_of", "hinted"]
