"""Room `plan`: plans as frozen data, built by the planner, run by the runtime."""

from penstock.plan.physical import (
    PairNode,
    PhysicalPlan,
    SinkNode,
    SourceNode,
    TransformNode,
    UnionNode,
    node_changes,
)

__all__ = [
    "PairNode",
    "PhysicalPlan",
    "SinkNode",
    "SourceNode",
    "TransformNode",
    "UnionNode",
    "node_changes",
]
