"""Sources read no more than is used: columns, and rows that satisfy the conditions.

Every use of a source counts: where two sinks read one source, it reads the columns of both, and
only conditions that stand in both are sent. Conditions and limits stay in the plan as they are: a
server may let rows pass that do not satisfy them, so results do not depend on how it compares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penstock.connectors.base import NarrowableSource, Narrowing
from penstock.expressions import Expr, InputRef
from penstock.operators.calc import CalcSpec
from penstock.operators.rank import RankSpec
from penstock.plan import PairNode, SourceNode, TransformNode, UnionNode
from penstock.planner.relation import conjuncts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penstock.operators import OperatorSpec
    from penstock.plan import SinkNode
    from penstock.plan.physical import PlanNode


@dataclass(frozen=True, slots=True)
class _Use:
    """A place where a source is read.

    Args:
        source: The source.
        calc: What is made of its rows; None where they are taken as they are.
        limit: How many of those rows are taken, whichever come first; None for all.
    """

    source: SourceNode
    calc: CalcSpec | None
    limit: int | None


def read_less(sinks: Sequence[SinkNode]) -> tuple[SinkNode, ...]:
    """The same sinks over sources that read less, where their connectors can."""
    uses: dict[str, list[_Use]] = {}
    for sink in sinks:
        for use in _uses(sink.input, None, None):
            uses.setdefault(use.source.source_id, []).append(use)
    narrowed = {
        source_id: node
        for source_id, found in uses.items()
        if (node := _narrowed(found)) is not None
    }
    return tuple(replace(sink, input=_rebuilt(sink.input, narrowed)) for sink in sinks)


def _uses(node: PlanNode, calc: CalcSpec | None, limit: int | None) -> Iterator[_Use]:
    match node:
        case SourceNode():
            yield _Use(node, calc, limit)
        case UnionNode() | PairNode():
            for child in node.inputs:
                yield from _uses(child, None, None)
        case TransformNode():
            spec = node.spec
            if isinstance(spec, CalcSpec):
                # Rows of a Calc over another are not those of the source one to one.
                yield from _uses(node.input, spec, limit if calc is None else None)
            else:
                yield from _uses(node.input, None, _first_rows(spec))


def _first_rows(spec: OperatorSpec) -> int | None:
    """How many rows a LIMIT without order takes; it stays in the plan."""
    if isinstance(spec, RankSpec) and not spec.order and not spec.partition:
        return spec.end
    return None


def _narrowed(uses: list[_Use]) -> SourceNode | None:
    source = uses[0].source
    if not isinstance(source.source, NarrowableSource):
        return None
    limit = uses[0].limit if len(uses) == 1 else None
    specs = [use.calc for use in uses if use.calc is not None]
    if len(specs) < len(uses) and limit is None:
        return None
    wanted = {ref.index for spec in specs for expr in _exprs(spec) for ref in _refs(expr)}
    # A batch without columns could not say how many rows it has.
    columns = tuple(sorted(wanted)) or (0,)
    if not specs:
        columns = tuple(range(len(source.schema.columns)))
    parts = [conjuncts(spec.condition) for spec in specs] or [[]]
    common = tuple(part for part in parts[0] if all(part in others for others in parts[1:]))
    found = source.source.narrow(Narrowing(columns, common, limit)).source
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
        assert isinstance(below, SourceNode)
        if not isinstance(node.spec, CalcSpec):
            return replace(node, input=below)  # all columns are read, in their places
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
