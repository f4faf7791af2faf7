"""UNION ALL, INTERSECT and EXCEPT as relations; columns of a relation as other types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.errors import Span, ValidationError
from penstock.expressions import InputRef
from penstock.functions.resolve import common_type, implicit_cast, resolve_operator
from penstock.operators.join import JoinKind
from penstock.plan import UnionNode
from penstock.planner.bind.join import join
from penstock.planner.bind.scope import ScopeColumn
from penstock.planner.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.sql import tree as ast
    from penstock.types import DataType


def union_all(left: Relation, right: Relation, span: Span) -> Relation:
    """All rows of both, in types both convert to, under the names of the first.

    Raises:
        ValidationError: Their columns do not fit together.
    """
    types = _common_types(left, right, "UNION", span)
    names = [column.name for column in left.columns]
    nodes = tuple(_as_types(side, types, names).place() for side in (left, right))
    flat = tuple(part for n in nodes for part in (n.inputs if isinstance(n, UnionNode) else (n,)))
    # Each side names its own columns; the types are the common ones, whatever a side's NULLs are.
    columns = tuple(ScopeColumn(n, t) for n, t in zip(names, types, strict=True))
    return replace(Relation.over(UnionNode(flat), names), columns=columns)


def matching(
    left: Relation, right: Relation, node: ast.SetOperation, ttl_ms: int, *, final: bool
) -> Relation:
    """The left rows that are, or are not, among the right ones too, however often.

    Args:
        left: Rows.
        right: Rows.
        node: INTERSECT or EXCEPT.
        ttl_ms: How long rows are kept; 0 for ever.
        final: Batch mode.

    Raises:
        ValidationError: Their columns do not fit together.
    """
    types = _common_types(left, right, node.operator, node.span)
    names = [column.name for column in left.columns]
    left, right = (_as_types(side, types, names) for side in (left, right))
    conditions = [
        resolve_operator(
            "IS NOT DISTINCT FROM",
            [InputRef(i, a.name, a.type), InputRef(i + len(names), b.name, b.type)],
            node.span,
        )
        for i, (a, b) in enumerate(zip(left.columns, right.columns, strict=True))
    ]
    kind = JoinKind.SEMI if node.operator == "INTERSECT" else JoinKind.ANTI
    return join(kind, left, right, conditions, (ttl_ms, ttl_ms), final=final)


def _common_types(left: Relation, right: Relation, what: str, span: Span) -> list[DataType]:
    if len(left.columns) != len(right.columns):
        raise ValidationError(f"Column count mismatch in {what}", span)
    pairs = zip(left.columns, right.columns, strict=True)
    return [common_type([a.type, b.type], span) for a, b in pairs]


def _as_types(relation: Relation, types: Sequence[DataType], names: Sequence[str]) -> Relation:
    exprs = []
    for index, (column, wanted) in enumerate(zip(relation.columns, types, strict=True)):
        ref = InputRef(index=index, name=column.name, type=column.type)
        exprs.append(implicit_cast(ref, wanted))
    return relation.project(exprs, names)
