"""Which columns of a node are time attributes, and which are bounds of windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.expressions import InputRef
from penstock.operators.calc import CalcSpec
from penstock.operators.expand import ExpandSpec
from penstock.operators.watermark import WatermarkSpec
from penstock.operators.window import WindowAggregateSpec, WindowJoinSpec, WindowSpec
from penstock.operators.window.assign import END, START, TIME
from penstock.plan import PairNode, TransformNode, UnionNode

if TYPE_CHECKING:
    from penstock.plan.physical import PlanNode

_BOUNDS = (START, END, TIME)


def is_rowtime(node: PlanNode, index: int) -> bool:
    """Whether a column says when its row happened, so that watermarks are about it."""
    if isinstance(node, UnionNode):
        return all(is_rowtime(child, index) for child in node.inputs)
    if isinstance(node, PairNode) and isinstance(node.spec, WindowJoinSpec):
        side, place = node.spec.origin(index)
        return is_rowtime(node.inputs[side], place)
    if not isinstance(node, TransformNode):
        return False
    spec = node.spec
    if isinstance(spec, WatermarkSpec):
        return index == spec.column
    if isinstance(spec, WindowSpec):
        return index == len(spec.given.columns) + _BOUNDS.index(TIME)
    below = _below(node, index)
    return below is not None and is_rowtime(node.input, below)


@dataclass(frozen=True, slots=True)
class Bound:
    """A column that holds a bound of a window.

    Args:
        spec: What makes the windows.
        name: `window_start`, `window_end` or `window_time`.
    """

    spec: WindowSpec
    name: str


def window_bound(node: PlanNode, index: int) -> Bound | None:
    """The bound of a window a column is; None for other columns."""
    if isinstance(node, PairNode) and isinstance(node.spec, WindowJoinSpec):
        side, place = node.spec.origin(index)
        return window_bound(node.inputs[side], place)
    if not isinstance(node, TransformNode):
        return None
    spec = node.spec
    if isinstance(spec, WindowSpec) and index >= len(spec.given.columns):
        return Bound(spec, _BOUNDS[index - len(spec.given.columns)])
    below = _below(node, index)
    return None if below is None else window_bound(node.input, below)


def _below(node: TransformNode, index: int) -> int | None:
    """The column of its input that a node passes on as one of its own."""
    spec = node.spec
    if isinstance(spec, CalcSpec):
        expr = spec.projections[index]
        return expr.index if isinstance(expr, InputRef) else None
    if isinstance(spec, WindowAggregateSpec):
        return spec.keys[index] if index < len(spec.keys) else None
    if isinstance(spec, WindowSpec):
        return index if index < len(spec.given.columns) and index != spec.column else None
    if isinstance(spec, ExpandSpec):
        return index if index < len(spec.output.columns) - 1 else None
    return index if spec.forwards else None
