"""Where the values of a sink's column come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.expressions import Call, InputRef
from penstock.operators.calc import CalcSpec
from penstock.plan import PairNode, SourceNode, TransformNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.expressions import Expr
    from penstock.plan.physical import PlanNode
    from penstock.types import Column, DataType

_CASTS = {"CAST", "TRY_CAST"}


@dataclass(frozen=True, slots=True)
class Origin:
    """A source's column whose values reach a sink's column, through casts at most.

    Args:
        source: The source.
        column: Its declared column.
        casts: Types it is cast to on the way, in order.
    """

    source: SourceNode
    column: Column
    casts: tuple[DataType, ...] = ()


def origins(node: PlanNode, index: int) -> Iterator[Origin]:
    """The origins of column `index` of a node's rows; none for what an expression makes."""
    if isinstance(node, SourceNode):
        yield Origin(node, node.schema.columns[index])
        return
    if isinstance(node, PairNode):
        place = node.spec.origin(index)
        if place is not None:
            yield from origins(node.inputs[place[0]], place[1])
        return
    if not isinstance(node, TransformNode):
        for child in node.inputs:
            yield from origins(child, index)
        return
    if not isinstance(node.spec, CalcSpec):
        below = node.spec.passed(index)
        if below is not None:
            yield from origins(node.input, below)
        return
    expression, casts = _peeled(node.spec.projections[index])
    if isinstance(expression, InputRef):
        for found in origins(node.input, expression.index):
            yield Origin(found.source, found.column, found.casts + casts)


def _peeled(expression: Expr) -> tuple[Expr, tuple[DataType, ...]]:
    casts: list[DataType] = []
    while isinstance(expression, Call) and expression.function.name in _CASTS:
        casts.insert(0, expression.type)
        expression = expression.args[0]
    return expression, tuple(casts)
