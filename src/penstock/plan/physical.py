"""What the runtime runs: a tree per sink, sources at the leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.connectors.base import Sink, Source
    from penstock.operators import OperatorSpec
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class SourceNode:
    """A leaf: `source_id` is stable over restarts (the table's path and a counter)."""

    source_id: str
    table: str
    source: Source
    schema: Schema


@dataclass(frozen=True, slots=True)
class TransformNode:
    """One operator over one input."""

    spec: OperatorSpec
    input: PlanNode


@dataclass(frozen=True, slots=True)
class UnionNode:
    """All rows of all inputs, UNION ALL."""

    inputs: tuple[PlanNode, ...]


PlanNode = SourceNode | TransformNode | UnionNode


@dataclass(frozen=True, slots=True)
class SinkNode:
    """A root: `sink_id` is stable over restarts (the table's path)."""

    sink_id: str
    table: str
    sink: Sink
    schema: Schema
    input: PlanNode


@dataclass(frozen=True, slots=True)
class PhysicalPlan:
    """One job: one sink, or several in a statement set.

    Args:
        name: The job's name (`pipeline.name` or `insert-into_c.d.t`).
        sinks: The roots.
        fingerprint: Stable text of the statements it came from, secrets masked.
        settings: Session settings in force at submission.
    """

    name: str
    sinks: tuple[SinkNode, ...]
    fingerprint: str = ""
    settings: dict[str, str] = field(default_factory=dict)
