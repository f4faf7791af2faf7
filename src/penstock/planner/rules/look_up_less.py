"""Look-up joins ask for no more columns of their tables than are used above them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.expressions import Expr, InputRef
from penstock.operators.calc import CalcSpec
from penstock.operators.lookup import LookupJoinSpec
from penstock.plan import PairNode, SourceNode, TransformNode, UnionNode
from penstock.planner.relation import substitute
from penstock.types import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from penstock.plan import SinkNode
    from penstock.plan.physical import PlanNode


def look_up_less(sinks: Sequence[SinkNode]) -> tuple[SinkNode, ...]:
    """The same sinks over narrower look-up joins."""
    return tuple(replace(sink, input=_visited(sink.input)) for sink in sinks)


def _visited(node: PlanNode) -> PlanNode:
    match node:
        case SourceNode():
            return node
        case UnionNode():
            return replace(node, inputs=tuple(_visited(child) for child in node.inputs))
        case PairNode():
            left, right = (_visited(child) for child in node.inputs)
            return PairNode(node.spec, left, right)
    spec, below = node.spec, node.input
    if not (
        isinstance(spec, CalcSpec)
        and isinstance(below, TransformNode)
        and isinstance(below.spec, LookupJoinSpec)
    ):
        return replace(node, input=_visited(below))
    condition = () if spec.condition is None else (spec.condition,)
    narrow, place = _pruned(below, below.spec, _refs((*spec.projections, *condition)))
    moved = _moved((*spec.projections, *condition), below.spec.output, place)
    width = len(spec.projections)
    return TransformNode(
        CalcSpec(spec.output, moved[:width], moved[width] if condition else None), narrow
    )


def _pruned(
    node: TransformNode, spec: LookupJoinSpec, needed: set[int]
) -> tuple[TransformNode, dict[int, int]]:
    """The join with the needed columns, and where each column it keeps is now."""
    width = len(spec.output.columns) - len(spec.right)
    residual = () if spec.residual is None else (spec.residual,)
    before = () if spec.precondition is None else (spec.precondition,)
    used = needed | _refs(residual)
    below = node.input
    if isinstance(below, TransformNode) and isinstance(below.spec, LookupJoinSpec):
        left_used = {i for i in used if i < width} | _refs((*spec.keys, *before))
        below, place = _pruned(below, below.spec, left_used)
    else:
        below, place = _visited(below), {i: i for i in range(width)}
    # A page of found rows needs a column to say how many they are.
    right = sorted(i for i in used if i >= width) or [width]
    place |= {old: len(place) + new for new, old in enumerate(right)}
    exprs = [spec.right[i - width] for i in right]
    asked = sorted(_refs(exprs)) or [0]
    at = {old: new for new, old in enumerate(asked)}
    kept = sorted(place, key=lambda old: place[old])
    given = Schema(tuple(spec.output.columns[i] for i in range(width)))
    (*keys,) = _moved(spec.keys, given, place)
    narrow = replace(
        spec,
        output=Schema(tuple(spec.output.columns[old] for old in kept)),
        keys=tuple(keys),
        columns=tuple(spec.columns[old] for old in asked),
        right=tuple(_at(expr, at) for expr in exprs),
        precondition=next(iter(_moved(before, given, place)), None),
        residual=next(iter(_moved(residual, spec.output, place)), None),
    )
    return TransformNode(narrow, below), place


def _refs(exprs: Iterable[Expr]) -> set[int]:
    return {node.index for e in exprs for node in e.walk() if isinstance(node, InputRef)}


def _moved(exprs: Sequence[Expr], given: Schema, place: Mapping[int, int]) -> tuple[Expr, ...]:
    columns = [
        InputRef(place.get(index, -1), column.name, column.type)
        for index, column in enumerate(given.columns)
    ]
    return tuple(substitute(expr, columns) for expr in exprs)


def _at(expr: Expr, place: Mapping[int, int]) -> Expr:
    if isinstance(expr, InputRef):
        return replace(expr, index=place[expr.index])
    return expr.with_children([_at(c, place) for c in expr.children]) if expr.children else expr
