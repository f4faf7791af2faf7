"""Joins keep no more columns than are used above them.

A join keeps the rows of both inputs. What is used: the columns an expression above looks at, the
join's keys, what else it compares, and what identifies a row. The others are dropped below, so
that state, and what a source reads, is as small as it can be.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.expressions import Expr, InputRef
from penstock.operators.calc import CalcSpec
from penstock.operators.join import JoinSpec
from penstock.plan import PairNode, TransformNode, UnionNode
from penstock.planner.relation import node_schema
from penstock.types import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from penstock.plan import SinkNode
    from penstock.plan.physical import PlanNode


def narrow_joins(sinks: Sequence[SinkNode]) -> tuple[SinkNode, ...]:
    """The same sinks over joins of fewer columns."""
    return tuple(replace(sink, input=_narrowed(sink.input)) for sink in sinks)


def _narrowed(node: PlanNode) -> PlanNode:
    match node:
        case TransformNode():
            spec, below = node.spec, node.input
            if (
                isinstance(spec, CalcSpec)
                and isinstance(below, PairNode)
                and isinstance(below.spec, JoinSpec)
            ):
                return _over_join(spec, below, below.spec)
            return TransformNode(spec, _narrowed(below))
        case PairNode():
            return PairNode(node.spec, _narrowed(node.left), _narrowed(node.right))
        case UnionNode():
            return UnionNode(tuple(_narrowed(child) for child in node.inputs))
    return node


def _over_join(calc: CalcSpec, node: PairNode, join: JoinSpec) -> PlanNode:
    width = len(join.left.columns)
    exprs = [*calc.projections, *(e for e in (calc.condition, join.condition) if e is not None)]
    used = {ref.index for expr in exprs for ref in expr.walk() if isinstance(ref, InputRef)}
    kept = [
        _kept([index for index in used if index < width], join, 0),
        _kept([index - width for index in used if index >= width], join, 1),
    ]
    places = [{old: new for new, old in enumerate(columns)} for columns in kept]
    moved = dict(places[0])
    moved |= {width + old: len(kept[0]) + new for old, new in places[1].items()}
    inputs = [
        _narrowed(_projected(child, columns))
        for child, columns in zip(node.inputs, kept, strict=True)
    ]
    schemas = [node_schema(child) for child in inputs]
    output = join.output.columns
    spec = replace(
        join,
        left=schemas[0],
        right=schemas[1],
        output=Schema(tuple(output[old] for old in moved if old < len(output))),
        keys=tuple((places[0][a], places[1][b]) for a, b in join.keys),
        condition=None if join.condition is None else _with_places(join.condition, moved),
        unique=(_moved(join.unique[0], places[0]), _moved(join.unique[1], places[1])),
    )
    above = CalcSpec(
        calc.output,
        tuple(_with_places(expr, moved) for expr in calc.projections),
        None if calc.condition is None else _with_places(calc.condition, moved),
    )
    return TransformNode(above, PairNode(spec, inputs[0], inputs[1]))


def _kept(used: Iterable[int], join: JoinSpec, side: int) -> list[int]:
    """The columns of a side that are needed, in order."""
    found = {*used, *(pair[side] for pair in join.keys), *(join.unique[side] or ())}
    # A batch without columns could not say how many rows it has.
    return sorted(found) or [0]


def _moved(columns: tuple[int, ...] | None, places: Mapping[int, int]) -> tuple[int, ...] | None:
    return None if columns is None else tuple(places[index] for index in columns)


def _projected(node: PlanNode, columns: Sequence[int]) -> PlanNode:
    """The node with some of its columns."""
    schema = node_schema(node)
    if len(columns) == len(schema.columns):
        return node
    output = Schema(tuple(schema.columns[index] for index in columns))
    if isinstance(node, TransformNode) and isinstance(node.spec, CalcSpec):
        chosen = tuple(node.spec.projections[index] for index in columns)
        return TransformNode(CalcSpec(output, chosen, node.spec.condition), node.input)
    refs = tuple(InputRef(i, schema.columns[i].name, schema.columns[i].type) for i in columns)
    return TransformNode(CalcSpec(output, refs), node)


def _with_places(expr: Expr, places: Mapping[int, int]) -> Expr:
    """The expression over columns that stand elsewhere."""
    if isinstance(expr, InputRef):
        return replace(expr, index=places[expr.index])
    if not expr.children:
        return expr
    return expr.with_children([_with_places(child, places) for child in expr.children])
