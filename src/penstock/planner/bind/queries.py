"""Syntax of queries to relations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.catalog import CatalogStore, CatalogView, TablePath
from penstock.errors import Span, ValidationError
from penstock.expressions import Expr, InputRef
from penstock.functions.resolve import implicit_cast, untyped_null
from penstock.planner.bind.aggregates import GroupedScope, aggregates_in
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.from_joins import MergedScope, tree_of
from penstock.planner.bind.grouping import (
    StateOptions,
    aggregated,
    distinct,
    group_calls,
    state_options,
)
from penstock.planner.bind.join_tree import Joined, JoinState, JoinTree, kept_rows, rows_of
from penstock.planner.bind.lookup_hint import LookupHint, read_lookup_hint
from penstock.planner.bind.lookup_join import bind_lookup_join
from penstock.planner.bind.names import aliased, unique
from penstock.planner.bind.ranking import (
    filtered,
    identifiers_in,
    identity,
    numbered,
    ordered,
    windows_in,
)
from penstock.planner.bind.scope import Scope, refused_column
from penstock.planner.bind.sets import matching, union_all
from penstock.planner.bind.subqueries import SubqueryJoins, asks_query, parts_of
from penstock.planner.bind.tables import Scans
from penstock.planner.bind.unnest import unnested
from penstock.planner.bind.windows import KINDS, no_window, window_call, windowed, with_group_window
from penstock.planner.bind.written_rows import WrittenRows
from penstock.planner.relation import Relation, conjuncts
from penstock.sql import tree as ast
from penstock.types import BOOLEAN, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.clock import Clock


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
    _scans: Scans = field(init=False)
    _written: WrittenRows = field(init=False)
    _common: list[dict[str, Relation]] = field(default_factory=list)
    _views: list[TablePath] = field(default_factory=list)
    _hints: list[LookupHint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scans = Scans(self.settings, self.notes)
        self._written = WrittenRows(self._scans.new_id, self.settings, self.clock)

    def query(self, node: ast.Query) -> Relation:
        """The rows of a query."""
        match node:
            case ast.Select():
                return self._select(node)
            case ast.ValuesQuery():
                return self._written.values(node, Scope(database=self.catalog.current_database))
            case ast.TableQuery():
                found = self._table(ast.TableRef(node.name, span=node.span))
                for name, reason in found.refused:
                    raise refused_column(name, reason, node.span)
                return found
            case ast.SetOperation():
                return self._set_operation(node)
            case ast.WithQuery():
                return self._with(node)
            case ast.OrderedQuery():
                return self._ordered(node)
        raise unsupported(type(node).__name__, node)

    def _select(self, node: ast.Select) -> Relation:
        if node.windows:
            raise unsupported("WINDOW", node.windows[0])
        state = state_options(self.settings, node)
        relation, scope = self._rows(node, state)
        parts = (node.items, node.having)
        windows = list(windows_in((node.items, node.qualify)))
        if node.group_by is not None or node.having or any(True for _ in aggregates_in(parts)):
            if windows:
                raise unsupported("OVER beside GROUP BY", windows[0])
            by_window = with_group_window(node, relation)
            if by_window is not None:
                node, relation = by_window
                scope = self._scope(relation)
            relation = self._grouped(node, relation, scope, state)
        else:
            if windows:
                relation, scope = numbered(relation, scope, windows, state)
            if node.qualify is not None:
                condition = self._condition(node.qualify, scope, "QUALIFY")
                relation = filtered(relation, condition)
            exprs, names = self._items(node, scope)
            relation = relation.project(exprs, unique(names))
        return distinct(relation, state) if node.distinct else relation

    def _rows(self, node: ast.Select, state: StateOptions) -> tuple[Relation, Scope]:
        """The rows of FROM that satisfy WHERE, and the scope of the select list."""
        tree = self._from(node)
        for call in aggregates_in(node.where):
            raise ValidationError("Aggregate expression is illegal in WHERE clause", call.span)
        scope = Scope(tree.columns, self.catalog.current_database, tree.refused)
        parts = parts_of(node.where)
        plain = [part for part in parts if not asks_query(part)]
        if plain:
            conditions = [self._condition(part, scope, "WHERE") for part in plain]
            tree = kept_rows(tree, [c for part in conditions for c in conjuncts(part)])
        joins = JoinState(state.ttl_ms, state.by_table, state.final)
        relation = rows_of(tree, joins)
        for part in parts:
            if asks_query(part):
                queries = SubqueryJoins(self.query, self._relation, joins, scope.database)
                relation = queries.apply(relation, part)
        relation = replace(relation, refused=tree.refused)
        if isinstance(tree, JoinTree) and tree.merged:
            above = self._scope(relation)
            merged = MergedScope(
                above.columns,
                above.database,
                above.refused,
                merged=tree.merged,
                named=tree.named,
            )
            return relation, merged
        return relation, self._scope(relation)

    def _plain_joins(self) -> JoinState:
        """How joins keep rows where no hint is about them."""
        state = state_options(self.settings, None)
        return JoinState(state.ttl_ms, final=state.final)

    def _joined(self, node: ast.Relation) -> Joined:
        if not isinstance(node, ast.Join):
            return self._relation(node)
        if isinstance(node.right, ast.TableRef) and node.right.as_of is not None:
            return self._lookup_join(node, node.right)
        left = self._joined(node.left)
        if isinstance(node.right, ast.UnnestRef):
            rows = rows_of(left, self._plain_joins())
            return unnested(node, node.right, rows, self.catalog.current_database)
        right = self._joined(node.right)
        return tree_of(node, left, right, self.catalog.current_database)

    def _grouped(
        self, node: ast.Select, relation: Relation, scope: Scope, state: StateOptions
    ) -> Relation:
        calls = group_calls(node, scope)
        above = GroupedScope(database=scope.database, calls=calls)
        exprs, names = self._items(node, above)
        having = None if node.having is None else self._condition(node.having, above, "HAVING")
        found = aggregated(relation, calls, state)
        if having is not None:
            found = found.filter(having)
        return found.project(exprs, unique(names))

    def _ordered(self, node: ast.OrderedQuery) -> Relation:
        body = node.body
        state = state_options(self.settings, body if isinstance(body, ast.Select) else None)
        found = self.query(body)
        hidden = self._hidden(node, found)
        if not hidden:
            return ordered(found, node, state)
        assert isinstance(body, ast.Select)
        names = [column.name for column in found.columns]
        extended = replace(body, items=(*body.items, *hidden.values()))
        keys = tuple(
            replace(key, expression=ast.Identifier((str(hidden[key].alias),)))
            if key in hidden
            else key
            for key in node.order_by
        )
        more = ordered(self.query(extended), replace(node, body=extended, order_by=keys), state)
        exprs, _ = identity(more)
        return more.project(exprs[: len(names)], names)

    def _hidden(self, node: ast.OrderedQuery, found: Relation) -> dict[ast.SortKey, ast.SelectItem]:
        """Keys of ORDER BY that are not in the select list but below it, as items of it."""
        body = node.body
        if not isinstance(body, ast.Select) or body.distinct:
            return {}
        names = {column.name for column in found.columns}
        return {
            key: ast.SelectItem(key.expression, f"$s{place}")
            for place, key in enumerate(node.order_by)
            if any(name not in names for name in identifiers_in(key.expression))
        }

    def _condition(self, node: ast.Expression, scope: Scope, clause: str) -> Expr:
        condition = bind(node, scope)
        if condition.type.root not in {TypeRoot.BOOLEAN, TypeRoot.NULL}:
            raise ValidationError(
                f"{clause} clause must be a condition",
                node.span,
                detail=f"Its type is {condition.type.sql()}.",
            )
        return implicit_cast(condition, BOOLEAN, node.span)

    def _items(self, node: ast.Select, scope: Scope) -> tuple[list[Expr], list[str]]:
        """The select list, and the names of its columns."""
        exprs: list[Expr] = []
        names: list[str] = []
        for item in node.items:
            self._item(item, scope, node, exprs, names)
        return exprs, names

    def _from(self, node: ast.Select) -> Joined:
        if node.from_ is None:
            return self._written.nothing()
        hints = [read_lookup_hint(h) for h in node.hints if h.name.upper() == "LOOKUP"]
        outer, self._hints = self._hints, hints
        try:
            found = self._joined(node.from_)
        finally:
            self._hints = outer
        for hint in hints:
            if not hint.used:
                raise ValidationError(
                    "The options of following hints cannot match the name of input tables or"
                    f" views: \n`{hint.table}` in `LOOKUP`",
                    hint.span,
                    code="lookup-hint",
                )
            self.notes += hint.notes
        return found

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
            if isinstance(scope, GroupedScope):
                scope.refuse_star(expression)
            merged = scope.merged if isinstance(scope, MergedScope) else ()
            hidden = {name for name, _ in merged} if not expression.qualifier else set()
            for name, expr in merged if not expression.qualifier else ():
                exprs.append(expr)
                names.append(name)
            for index in scope.star(expression.qualifier, expression.span):
                if scope.columns[index].name in hidden:
                    continue
                column = scope.columns[index]
                exprs.append(InputRef(index=index, name=column.name, type=column.type))
                names.append(column.name)
            return
        bound = bind(expression, scope)
        if bound.type.root is TypeRoot.NULL:
            raise untyped_null(expression.span)
        if item.alias is not None:
            name = item.alias
        elif isinstance(expression, ast.Identifier):
            name = expression.parts[-1]
        elif isinstance(expression, ast.FieldAccess):
            name = expression.field
        else:
            name = f"EXPR${len(names)}"
        if isinstance(scope, GroupedScope) and isinstance(bound, InputRef):
            bound = scope.calls.named(bound, name)
        exprs.append(bound)
        names.append(name)

    def _relation(self, node: ast.Relation) -> Relation:
        match node:
            case ast.TableRef():
                return self._table(node)
            case ast.SubqueryRef():
                if node.lateral:
                    raise unsupported("LATERAL", node)
                found = self.query(node.query)
                return aliased(found, node.alias, node.columns, node.span, ())
            case ast.Join():
                return rows_of(self._joined(node), self._plain_joins())
            case ast.UnnestRef():
                raise unsupported("UNNEST", node)
            case ast.TableFunctionRef() if node.call.simple_name in KINDS:
                call = window_call(node.call)
                found = windowed(
                    self.query(call.data), call.time, call.windows, node.call.simple_name
                )
                return aliased(found, node.alias, node.columns, node.span, ())
            case ast.TableFunctionRef():
                raise no_window(node)
        raise unsupported("MATCH_RECOGNIZE", node, "Looking for patterns in rows is not built.")

    def _lookup_join(self, node: ast.Join, right: ast.TableRef) -> Relation:
        left = self._relation(node.left)
        path, entry = self.catalog.get(right.name, right.span)
        if isinstance(entry, CatalogView):
            raise ValidationError(
                "Processing-time temporal join is not supported yet.",
                right.span,
                code="no-lookup",
                detail=f"'{path}' is a view.",
                hint="Look up a table of a connector that can be looked up.",
            )
        dimension = self._scans.dimension(path, entry, right)
        names = {right.alias, right.name[-1]}
        hint = next((hint for hint in self._hints if hint.table in names), None)
        if hint is not None:
            hint.used = True
        return bind_lookup_join(node, left, dimension, hint, self.catalog.current_database)

    def _table(self, node: ast.TableRef) -> Relation:
        if node.as_of is not None:
            raise unsupported("FOR SYSTEM_TIME AS OF", node.as_of)
        if node.sample is not None:
            raise unsupported("TABLESAMPLE", node)
        if len(node.name) == 1:
            for tables in reversed(self._common):
                if node.name[0] in tables:
                    found = tables[node.name[0]]
                    return aliased(found, node.alias, node.columns, node.span, node.name)
        path, entry = self.catalog.get(node.name, node.span)
        if isinstance(entry, CatalogView):
            if node.hints:
                raise unsupported("hint on a view", node.hints[0])
            found = self._view(path, entry, node.span)
        else:
            found = self._scans.table(path, entry, node)
        return aliased(found, node.alias, node.columns, node.span, tuple(path))

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

    def _set_operation(self, node: ast.SetOperation) -> Relation:
        state = state_options(self.settings, None)
        left, right = self.query(node.left), self.query(node.right)
        if node.operator == "UNION":
            found = union_all(left, right, node.span)
        elif node.all:
            raise unsupported(f"{node.operator} ALL", node)
        else:
            found = matching(left, right, node, state.ttl_ms, final=state.final)
        return found if node.all else distinct(found, state)

    def _with(self, node: ast.WithQuery) -> Relation:
        if node.recursive:
            raise unsupported("WITH RECURSIVE", node)
        tables: dict[str, Relation] = {}
        self._common.append(tables)
        try:
            for table in node.tables:
                found = self.query(table.query)
                tables[table.name] = aliased(
                    found, table.name, table.columns, table.span, (table.name,)
                )
            return self.query(node.body)
        finally:
            self._common.pop()
