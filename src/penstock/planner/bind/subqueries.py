"""IN and EXISTS with a query, in WHERE: semi and anti joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.errors import ValidationError
from penstock.expressions import Expr, InputRef
from penstock.functions.resolve import implicit_cast, resolve_operator
from penstock.operators.join import JoinKind
from penstock.planner.bind.aggregates import aggregates_in
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.join import join, shifted
from penstock.planner.bind.join_tree import JoinState
from penstock.planner.bind.ranking import filtered, identity, windows_in
from penstock.planner.bind.scope import Scope
from penstock.planner.relation import Relation, conjuncts
from penstock.sql import tree as ast
from penstock.types import BOOLEAN

if TYPE_CHECKING:
    from penstock.errors import Span

Rows = Callable[[ast.Query], Relation]
From = Callable[[ast.Relation], Relation]


def parts_of(node: ast.Expression | None) -> list[ast.Expression]:
    """The parts of a condition that must all hold."""
    if node is None:
        return []
    if isinstance(node, ast.Binary) and node.operator == "AND":
        return [*parts_of(node.left), *parts_of(node.right)]
    return [node]


def asks_query(node: ast.Expression) -> bool:
    """Whether a condition is IN or EXISTS with a query, or its negation."""
    if isinstance(node, ast.Unary) and node.operator == "NOT":
        return asks_query(node.operand)
    return isinstance(node, ast.InQuery | ast.Exists)


@dataclass(frozen=True, slots=True)
class OuterScope(Scope):
    """The columns of a sub-query, then those around it; the result is over the latter first."""

    outer: Scope = field(kw_only=True)

    def resolve(self, parts: tuple[str, ...], span: Span) -> Expr:
        inner = Scope(self.columns, self.database, self.refused)
        try:
            found = inner.resolve(parts, span)
        except ValidationError as error:
            if error.code == "ambiguous-column":
                raise
            try:
                return self.outer.resolve(parts, span)
            except ValidationError:
                raise error from None
        return shifted(found, len(self.outer.columns))


@dataclass(frozen=True, slots=True)
class SubqueryJoins:
    """Turns conditions with queries into joins.

    Args:
        rows: Binds a query on its own.
        source: Binds what stands behind FROM.
        state: How joins keep rows.
        database: The session's.
    """

    rows: Rows
    source: From
    state: JoinState
    database: str

    def apply(self, relation: Relation, node: ast.Expression) -> Relation:
        """The rows for which IN or EXISTS holds, or does not.

        Raises:
            SqlError: The query is wrong, or refers to the rows around it in a way that is not run.
        """
        negated = False
        while isinstance(node, ast.Unary):
            negated, node = not negated, node.operand
        if isinstance(node, ast.InQuery):
            negated ^= node.negated
        assert isinstance(node, ast.InQuery | ast.Exists)
        inner, conditions, items = self._inner(node.query, relation)
        if isinstance(node, ast.InQuery):
            conditions = [*conditions, *self._equal(node, relation, items, null_aware=negated)]
        kind = JoinKind.ANTI if negated else JoinKind.SEMI
        ttl_ms = self.state.ttl_of(relation.columns), self.state.ttl_of(inner.columns)
        return join(kind, relation, inner, conditions, ttl_ms, final=self.state.final)

    def _inner(self, query: ast.Query, outer: Relation) -> tuple[Relation, list[Expr], list[Expr]]:
        """The rows of a sub-query, conditions over outer and inner columns, its items so too."""
        width = len(outer.columns)
        if not isinstance(query, ast.Select) or query.from_ is None or _gathers(query):
            found = self.rows(query)
            return found, [], [shifted(ref, width) for ref in identity(found)[0]]
        found = self.source(query.from_)
        conditions: list[Expr] = []
        for part in parts_of(query.where):
            if asks_query(part):
                found = self.apply(found, part)
                continue
            scope = OuterScope(found.columns, self.database, found.refused, outer=outer.scope)
            bound = implicit_cast(bind(part, scope), BOOLEAN, part.span)
            about = {ref.index < width for ref in bound.walk() if isinstance(ref, InputRef)}
            if True in about:
                conditions += conjuncts(bound)
            else:
                found = filtered(found, shifted(bound, -width))
        scope = OuterScope(found.columns, self.database, found.refused, outer=outer.scope)
        items = [
            bind(item.expression, scope)
            for item in query.items
            if not isinstance(item.expression, ast.Star)
        ]
        if len(items) != len(query.items):
            items += [shifted(ref, width) for ref in identity(found)[0]]
        return found, conditions, items

    def _equal(
        self, node: ast.InQuery, relation: Relation, items: list[Expr], *, null_aware: bool
    ) -> Iterator[Expr]:
        operands = (
            node.operand.items if isinstance(node.operand, ast.RowConstructor) else (node.operand,)
        )
        if len(operands) != len(items):
            raise ValidationError(
                "Values passed to IN operator must have compatible types", node.span
            )
        scope = Scope(relation.columns, self.database)
        for operand, item in zip(operands, items, strict=True):
            bound = bind(operand, scope)
            equal = resolve_operator("=", [bound, item], node.span)
            # NOT IN is unknown, so no match, where either side is NULL.
            for one in (bound, item) if null_aware else ():
                if one.type.nullable:
                    null = resolve_operator("IS NULL", [one], node.span)
                    equal = resolve_operator("OR", [equal, null], node.span)
            yield equal


def _gathers(query: ast.Select) -> bool:
    """Whether the rows of a query are not those of its FROM clause one by one."""
    return (
        query.group_by is not None
        or query.having is not None
        or query.distinct
        or query.qualify is not None
        or any(True for _ in aggregates_in((query.items, query.where)))
        or any(True for _ in windows_in(query.items))
    )
