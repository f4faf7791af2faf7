"""Sources read no more than is used: columns, and rows that satisfy the conditions.

Every use of a source counts: where two sinks read one source, it reads the columns of both, and
only conditions that stand in both are sent. The conditions stay in the plan as they are: a server
may let rows pass that do not satisfy them, so results do not depend on how it compares.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.connectors.base import NarrowableSource, Narrowing
from penstock.expressions import Expr, InputRef
from penstock.operators.calc import CalcSpec
from penstock.plan import PairNode, SourceNode, TransformNode, UnionNode
from penstock.planner.relation import conjuncts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penstock.plan import SinkNode
    from penstock.plan.physical import PlanNode


def read_less(sinks: Sequence[SinkNode]) -> tuple[SinkNode, ...]:
    """The same sinks over sources that read less, where their connectors can."""
    uses: dict[str, list[_Use]] = {}
    for sink in sinks:
        for source, calc in _sources(sink.input, None):
            uses.setdefault(source.source_id, []).append((source, calc))
    narrowed = {
        source_id: node
        for source_id, found in uses.items()
        if (node := _narrowed(found)) is not None
    }
    return tuple(replace(sink, input=_rebuilt(sink.input, narrowed)) for sink in sinks)


_Use = tuple[SourceNode, CalcSpec | None]


def _sources(node: PlanNode, above: CalcSpec | None) -> Iterator[_Use]:
    match node:
        case SourceNode():
            yield node, above
        case TransformNode():
            spec = node.spec
            yield from _sources(node.input, spec if isinstance(spec, CalcSpec) else None)
        case UnionNode() | PairNode():
            for child in node.inputs:
                yield from _sources(child, None)


def _narrowed(uses: list[_Use]) -> SourceNode | None:
    source = uses[0][0]
    if not isinstance(source.source, NarrowableSource) or any(calc is None for _, calc in uses):
        return None
    specs = [calc for _, calc in uses if calc is not None]
    wanted = {ref.index for spec in specs for expr in _exprs(spec) for ref in _refs(expr)}
    # A batch without columns could not say how many rows it has.
    columns = tuple(sorted(wanted)) or (0,)
    parts = [conjuncts(spec.condition) for spec in specs]
    common = tuple(part for part in parts[0] if all(part in others for others in parts[1:]))
    found = source.source.narrow(Narrowing(columns, common)).source
    return replace(source, source=found, schema=found.schema)


def _exprs(spec: CalcSpec) -> Iterable[Expr]:
    return (*spec.projections, *([spec.condition] if spec.condition is not None else []))


def _refs(expr: Expr) -> Iterator[InputRef]:
    return (node for node in expr.walk() if isinstance(node, InputRef))


def _rebuilt(node: PlanNode, narrowed: dict[str, SourceNode]) -> PlanNode:
    match node:
        case SourceNode():
            return narrowed.get(node.source_id, node)
        case UnionNode():
            return replace(node, inputs=tuple(_rebuilt(n, narrowed) for n in node.inputs))
        case PairNode():
            left, right = (_rebuilt(n, narrowed) for n in node.inputs)
            return PairNode(node.spec, left, right)
    below = _rebuilt(node.input, narrowed)
    if isinstance(node.input, SourceNode) and node.input.source_id in narrowed:
        assert isinstance(node.spec, CalcSpec)
        assert isinstance(below, SourceNode)
        return TransformNode(_moved(node.spec, node.input, below), below)
    return replace(node, input=below)


def _moved(spec: CalcSpec, before: SourceNode, after: SourceNode) -> CalcSpec:
    """The same expressions over a source of fewer columns."""
    place = {name: index for index, name in enumerate(after.schema.names)}

    def move(expr: Expr) -> Expr:
        if isinstance(expr, InputRef):
            return replace(expr, index=place[before.schema.names[expr.index]])
        return (
            expr.with_children([move(child) for child in expr.children])
            if (expr.children)
            else expr
        )

    condition = None if spec.condition is None else move(spec.condition)
    return CalcSpec(spec.output, tuple(move(expr) for expr in spec.projections), condition)
