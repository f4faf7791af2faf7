"""What the runtime runs: a tree per sink, sources at the leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.changelog import ChangelogMode

if TYPE_CHECKING:
    from penstock.connectors.base import Sink, Source, TableDesign
    from penstock.errors import Span
    from penstock.operators import OperatorSpec, PairSpec
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class SourceNode:
    """A leaf.

    Args:
        source_id: Stable over restarts (the table's path and a counter).
        table: The table's path, for people.
        source: What to read.
        schema: Its rows.
        mode: The kinds of changes it emits.
        connector: Value of its 'connector' option, "" for constants.
        span: Where the script declares the table.
    """

    source_id: str
    table: str
    source: Source
    schema: Schema
    mode: ChangelogMode = field(default_factory=ChangelogMode.insert_only)
    connector: str = ""
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TransformNode:
    """One operator over one input."""

    spec: OperatorSpec
    input: PlanNode


@dataclass(frozen=True, slots=True)
class UnionNode:
    """All rows of all inputs, UNION ALL."""

    inputs: tuple[PlanNode, ...]


@dataclass(frozen=True, slots=True)
class PairNode:
    """One operator over two inputs."""

    spec: PairSpec
    left: PlanNode
    right: PlanNode

    @property
    def inputs(self) -> tuple[PlanNode, PlanNode]:
        return self.left, self.right


PlanNode = SourceNode | TransformNode | UnionNode | PairNode


@dataclass(frozen=True, slots=True)
class SinkNode:
    """A root.

    Args:
        sink_id: Stable over restarts (the table's path).
        table: The table's path, for people.
        sink: What to write.
        schema: Its rows.
        input: Where its rows come from.
        connector: Value of its 'connector' option, "" for results shown to the user.
        span: Where the script declares the table.
        design: How the table is created before rows are written; None where it is there.
    """

    sink_id: str
    table: str
    sink: Sink
    schema: Schema
    input: PlanNode
    connector: str = ""
    span: Span | None = field(default=None, compare=False)
    design: TableDesign | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PhysicalPlan:
    """One job: one sink, or several in a statement set.

    Args:
        name: The job's name (`pipeline.name` or `insert-into_c.d.t`).
        sinks: The roots.
        settings: Session settings in force at submission.
        notes: What the user must know before it runs: options that change nothing here.
    """

    name: str
    sinks: tuple[SinkNode, ...]
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def node_changes(node: PlanNode) -> ChangelogMode:
    """The kinds of changes a node emits."""
    match node:
        case SourceNode():
            return node.mode
        case TransformNode():
            return node.spec.changes(node_changes(node.input))
        case UnionNode():
            kinds = (node_changes(child).kinds for child in node.inputs)
            return ChangelogMode(frozenset().union(*kinds))
        case PairNode():
            return node.spec.changes(node_changes(node.left), node_changes(node.right))
