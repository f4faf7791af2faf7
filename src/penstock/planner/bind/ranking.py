"""ROW_NUMBER with an upper bound, ORDER BY and LIMIT."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING

from penstock.errors import Span, UnsupportedFeatureError, ValidationError
from penstock.expressions import Call, Expr, InputRef, Literal
from penstock.operators.rank import RankSpec, SortColumn
from penstock.plan import SourceNode, TransformNode, node_changes
from penstock.planner.bind.expressions import OVER_HINT, bind, unsupported
from penstock.planner.bind.names import unique
from penstock.planner.bind.scope import Scope
from penstock.planner.relation import Relation, conjuncts, joined, node_schema, substitute
from penstock.sql import tree as ast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.plan.physical import PlanNode
    from penstock.planner.bind.grouping import StateOptions

_RANKS = {"RANK", "DENSE_RANK"}
NUMBER = "w0$o0"


def windows_in(node: object) -> Iterator[ast.FunctionCall]:
    """The calls with OVER in an expression; sub-queries keep theirs."""
    if isinstance(node, ast.FunctionCall) and node.over is not None:
        yield node
    elif isinstance(node, tuple):
        for part in node:
            yield from windows_in(part)
    elif is_dataclass(node) and not isinstance(node, ast.Query):
        for part in fields(node):
            yield from windows_in(getattr(node, part.name))


@dataclass(frozen=True, slots=True)
class NumberedScope(Scope):
    """Columns in scope, and the number of a row for a call of ROW_NUMBER."""

    call: ast.FunctionCall = field(kw_only=True)
    number: InputRef = field(kw_only=True)

    def intercept(self, node: ast.Expression) -> Expr | None:
        return self.number if node == self.call else None


def numbered(
    relation: Relation, scope: Scope, calls: Sequence[ast.FunctionCall], state: StateOptions
) -> tuple[Relation, Scope]:
    """The rows with their number, and the scope in which the calls mean it.

    Raises:
        SqlError: They are not ROW_NUMBER over one window.
    """
    call = calls[0]
    name = call.simple_name
    if name in _RANKS:
        raise UnsupportedFeatureError(
            f"{name}() on streaming table is not supported currently", call.span
        )
    if name != "ROW_NUMBER" or call.over is None or call.over.base is not None:
        raise unsupported("OVER", call, OVER_HINT)
    for other in calls:
        if other != call:
            raise unsupported("several windows in one SELECT", other)
    if not call.over.order_by:
        raise ValidationError("Over window with ROW_NUMBER must have an ORDER BY clause", call.span)
    columns, names = identity(relation)
    partition = [_place(bind(p, scope), columns, names) for p in call.over.partition_by]
    order = tuple(
        _sort_column(key, _place(bind(key.expression, scope), columns, names))
        for key in call.over.order_by
    )
    given = relation.project(columns, unique(names))
    node = given.place()
    spec = RankSpec(
        node_schema(node),
        tuple(partition),
        order,
        numbered=NUMBER,
        retract=not node_changes(node).is_insert_only,
        final=state.final,
        ttl_ms=state.ttl_ms,
        span=call.span,
    )
    number = len(columns)
    keys = (frozenset({*partition, number}),)
    ranked = Relation.over(TransformNode(spec, node), [*unique(names), NUMBER], keys)
    # With its number sent, a row that moves up is a row more at its key, and a row less later;
    # and so is one that goes from part to part, numbered or not.
    kept = tuple(key for key in given.row_keys if key >= set(partition))
    ranked = replace(ranked, unnumbered=kept)
    ref = InputRef(index=number, name=NUMBER, type=ranked.columns[number].type)
    above = NumberedScope(scope.columns, scope.database, scope.refused, call=call, number=ref)
    return ranked, above


def identity(relation: Relation) -> tuple[list[Expr], list[str]]:
    """The columns of a relation, and their names."""
    columns: list[Expr] = [
        InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(relation.columns)
    ]
    return columns, [c.name for c in relation.columns]


def _place(expr: Expr, columns: list[Expr], names: list[str]) -> int:
    if expr not in columns:
        columns.append(expr)
        names.append(f"$f{len(names)}")
    return columns.index(expr)


def _sort_column(key: ast.SortKey, index: int) -> SortColumn:
    # NULL is the smallest value.
    first = not key.descending if key.nulls_first is None else key.nulls_first
    return SortColumn(index, key.descending, first)


def identifiers_in(node: object) -> Iterator[str]:
    """The names in an expression, parts with dots between them."""
    if isinstance(node, ast.Identifier):
        yield ".".join(node.parts)
    elif isinstance(node, tuple):
        for part in node:
            yield from identifiers_in(part)
    elif is_dataclass(node) and not isinstance(node, ast.Query):
        for part in fields(node):
            yield from identifiers_in(getattr(node, part.name))


def filtered(relation: Relation, condition: Expr) -> Relation:
    """The rows that satisfy a condition over the output columns; it may bound their number."""
    moved = substitute(condition, relation.projections)
    return bounded(relation, moved) or relation.filter(condition)


def bounded(relation: Relation, condition: Expr) -> Relation | None:
    """The rows that satisfy a condition, where it bounds their number; None where it does not.

    Raises:
        ValidationError: Their number has no upper bound.
    """
    node = relation.node
    if not isinstance(node, TransformNode) or not isinstance(node.spec, RankSpec):
        return None
    spec = node.spec
    if spec.numbered is None or spec.end is not None or relation.condition is not None:
        return None
    number = len(spec.given.columns)
    start, rest = 1, []
    end: int | None = None
    for part in conjuncts(condition):
        bounds = _bound(part, number)
        if bounds is None:
            rest.append(part)
            continue
        start = max(start, bounds[0])
        if bounds[1] is not None:
            end = bounds[1] if end is None else min(end, bounds[1])
    if start == 1 and end is None:
        return None
    if end is None:
        raise ValidationError(
            "Rank end is not specified. Currently rank only support TopN, which means the rank"
            " end must be specified.",
            spec.span,
        )
    keys, unnumbered = relation.keys, relation.unnumbered
    if start == end or start > 1:
        unnumbered = ()  # rows take each other's places, whatever their keys are
    if start == end:
        keys = (frozenset(spec.partition), *keys)
    spec = replace(spec, start=start, end=max(end, 0))
    found = replace(
        relation, node=TransformNode(spec, node.input), keys=keys, unnumbered=unnumbered
    )
    return found if not rest else replace(found, condition=joined(rest))


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


def _bound(part: Expr, number: int) -> tuple[int, int | None] | None:
    """The first and last number a condition lets through; None where it is about other things."""
    if not isinstance(part, Call) or part.function.name not in _MIRRORED or len(part.args) != 2:
        return None
    name, (left, right) = part.function.name, map(_uncast, part.args)
    if isinstance(left, Literal):
        name, left, right = _MIRRORED[name], right, left
    if not isinstance(left, InputRef) or left.index != number or not isinstance(right, Literal):
        return None
    if not isinstance(right.value, int):
        return None
    value = right.value
    match name:
        case "<":
            return 1, value - 1
        case "<=":
            return 1, value
        case ">":
            return value + 1, None
        case ">=":
            return value, None
    return value, value


def _uncast(expr: Expr) -> Expr:
    is_cast = isinstance(expr, Call) and expr.function.name == "CAST"
    return expr.children[0] if is_cast else expr


def ordered(relation: Relation, node: ast.OrderedQuery, state: StateOptions) -> Relation:
    """The first rows of a query, by what it is ordered by.

    Raises:
        SqlError: A key is wrong; without an end the order is that of a stream.
    """
    start = (node.offset or 0) + 1
    end = None if node.limit is None else start - 1 + node.limit
    if end is None and not state.final:
        if node.offset:
            raise UnsupportedFeatureError(
                "FETCH is missed, which on streaming table is not supported currently.", node.span
            )
        if not node.order_by:
            return relation
        raise UnsupportedFeatureError(
            "Sort on a non-time-attribute field is not supported.",
            node.order_by[0].span,
            hint="Add LIMIT, or SET 'execution.runtime-mode' = 'batch' over bounded tables.",
        )
    columns, names = identity(relation)
    width = len(columns)
    order = tuple(
        _sort_column(key, _place(_sort_expression(key, relation), columns, names))
        for key in node.order_by
    )
    given = relation.project(columns, unique(names))
    below = given.place()
    spec = RankSpec(
        node_schema(below),
        order=order,
        start=start,
        end=end,
        retract=not node_changes(below).is_insert_only,
        final=state.final,
        ttl_ms=state.ttl_ms,
        span=node.span,
    )
    keys = given.row_keys if start == 1 else ()
    if start == end:
        keys = (frozenset(),)  # one row, in whose place the next one comes
    found = Relation.over(TransformNode(spec, below), unique(names), keys)
    refs = found.projections[:width]
    kept = found.project(refs, names[:width])
    columns_before = relation.columns
    return replace(kept, columns=columns_before)


def _sort_expression(key: ast.SortKey, relation: Relation) -> Expr:
    node = key.expression
    if isinstance(node, ast.Literal) and node.kind is ast.LiteralKind.INTEGER:
        place = int(node.value)  # type: ignore[arg-type]
        if not 1 <= place <= len(relation.columns):
            raise ValidationError("Ordinal out of range", node.span)
        column = relation.columns[place - 1]
        return InputRef(index=place - 1, name=column.name, type=column.type)
    return bind(node, relation.scope)


def check_bounded(node: PlanNode) -> None:
    """Refuse numbers of rows that nothing bounds.

    Raises:
        UnsupportedFeatureError: There are some.
    """
    if isinstance(node, SourceNode):
        return
    if isinstance(node, TransformNode):
        spec = node.spec
        if isinstance(spec, RankSpec) and spec.numbered is not None and spec.end is None:
            raise UnsupportedFeatureError(
                "unsupported: OVER without an upper bound of ROW_NUMBER",
                spec.span or Span(0, 0, 1, 1),
                hint="Filter the number above: WHERE rn <= 10.",
            )
        check_bounded(node.input)
        return
    for child in node.inputs:
        check_bounded(child)
