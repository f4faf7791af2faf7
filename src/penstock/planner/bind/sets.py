"""UNION ALL as a relation; columns of a relation as other types."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.errors import Span, ValidationError
from penstock.expressions import InputRef
from penstock.functions.resolve import common_type, implicit_cast
from penstock.plan import UnionNode
from penstock.planner.bind.scope import ScopeColumn
from penstock.planner.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.types import DataType


def union_all(left: Relation, right: Relation, span: Span) -> Relation:
    """All rows of both, in types both convert to, under the names of the first.

    Raises:
        ValidationError: Their columns do not fit together.
    """
    if len(left.columns) != len(right.columns):
        raise ValidationError("Column count mismatch in UNION", span)
    pairs = zip(left.columns, right.columns, strict=True)
    types = [common_type([a.type, b.type], span) for a, b in pairs]
    names = [column.name for column in left.columns]
    nodes = tuple(_as_types(side, types, names).place() for side in (left, right))
    flat = tuple(part for n in nodes for part in (n.inputs if isinstance(n, UnionNode) else (n,)))
    # Each side names its own columns; the types are the common ones, whatever a side's NULLs are.
    columns = tuple(ScopeColumn(n, t) for n, t in zip(names, types, strict=True))
    return replace(Relation.over(UnionNode(flat), names), columns=columns)


def _as_types(relation: Relation, types: Sequence[DataType], names: Sequence[str]) -> Relation:
    exprs = []
    for index, (column, wanted) in enumerate(zip(relation.columns, types, strict=True)):
        ref = InputRef(index=index, name=column.name, type=column.type)
        exprs.append(implicit_cast(ref, wanted))
    return relation.project(exprs, names)
