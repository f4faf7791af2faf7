"""One job's operators, chained by direct calls, and its writers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.changelog import MAX_WATERMARK, Barrier, LeastWatermark, Watermark
from penstock.operators import Operator
from penstock.plan import PairNode, SourceNode, TransformNode, UnionNode

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import SinkWriter
    from penstock.errors import Span
    from penstock.operators import OperatorContext, OperatorSpec, Output, PairOperator, PairSpec
    from penstock.plan.physical import PhysicalPlan, PlanNode
    from penstock.runtime.job import Job


@dataclass(slots=True)
class RunningSink:
    """A writer; several sink nodes on one target share it.

    `span` is where the script declares the table, for errors.
    """

    sink_id: str
    table: str
    writer: SinkWriter
    opened: bool = False
    rows: int = 0
    span: Span | None = None


class _ToOperator:
    """An edge into an operator."""

    def __init__(self, operator: Operator, out: Output) -> None:
        self.operator = operator
        self.out = out

    def emit(self, batch: ChangelogBatch) -> None:
        if batch.num_rows:
            self.operator.process(batch, self.out)

    def watermark(self, watermark: Watermark) -> None:
        self.operator.watermark(watermark, self.out)


class _ToSide:
    """An edge into one side of an operator over two inputs."""

    def __init__(self, operator: PairOperator, side: int, out: Output) -> None:
        self.operator = operator
        self.side = side
        self.out = out

    def emit(self, batch: ChangelogBatch) -> None:
        if batch.num_rows:
            self.operator.process_side(self.side, batch, self.out)

    def watermark(self, watermark: Watermark) -> None:
        self.operator.watermark_side(self.side, watermark, self.out)


class _ToUnion:
    """An edge from one of several inputs whose rows go one way."""

    def __init__(self, least: LeastWatermark, index: int, out: Output) -> None:
        self.least = least
        self.index = index
        self.out = out

    def emit(self, batch: ChangelogBatch) -> None:
        self.out.emit(batch)

    def watermark(self, watermark: Watermark) -> None:
        least = self.least.update(self.index, watermark)
        if least is not None:
            self.out.watermark(least)


class _ToSink:
    """An edge into a writer."""

    def __init__(self, sink: RunningSink) -> None:
        self.sink = sink

    def emit(self, batch: ChangelogBatch) -> None:
        if batch.num_rows:
            self.sink.rows += batch.num_rows
            self.sink.writer.write(batch)

    def watermark(self, watermark: Watermark) -> None:
        """Targets know no time."""


@dataclass(slots=True)
class Pipeline:
    """One job while it runs.

    Args:
        job: What it belongs to.
        sources: Source nodes by the id they have in the group.
        sinks: Its writers.
        inputs: Where batches of a source go.
        stateful: Operators by an id that is stable over restarts.
        operators: All of them, sinks first.
        waiters: Those that may wait for answers from outside.
        ending: Operators that have yet to learn that all input has ended, once it has.
        finished_epoch: The epoch that holds its last rows, once its sources have ended.
    """

    job: Job
    prefix: str
    sources: dict[str, SourceNode] = field(default_factory=dict)
    sinks: list[RunningSink] = field(default_factory=list)
    inputs: dict[str, list[Output]] = field(default_factory=dict)
    operators: list[_ToOperator] = field(default_factory=list)
    stateful: dict[str, tuple[OperatorSpec | PairSpec, Operator]] = field(default_factory=dict)
    waiters: list[_ToOperator] = field(default_factory=list)
    attached: bool = False
    ending: list[_ToOperator] | None = None
    finished_epoch: int | None = None
    _ended: set[str] = field(default_factory=set)

    def build(
        self,
        plan: PhysicalPlan,
        sink_of: Callable[[int], RunningSink],
        context: OperatorContext,
    ) -> None:
        """Chain the operators of every sink of the plan."""
        for index, node in enumerate(plan.sinks):
            sink = sink_of(index)
            if sink not in self.sinks:
                self.sinks.append(sink)
            self._chain(node.input, _ToSink(sink), context)

    def _chain(self, node: PlanNode, out: Output, context: OperatorContext) -> None:
        match node:
            case SourceNode():
                source_id = self.prefix + node.source_id
                self.sources[source_id] = node
                self.inputs.setdefault(source_id, []).append(out)
            case TransformNode():
                edge = _ToOperator(node.spec.create(context), out)
                self.stateful[f"{self.prefix}{len(self.operators)}"] = (node.spec, edge.operator)
                self.operators.append(edge)
                if type(edge.operator).resume is not Operator.resume:
                    self.waiters.append(edge)
                self._chain(node.input, edge, context)
            case UnionNode():
                least = LeastWatermark(len(node.inputs))
                for index, child in enumerate(node.inputs):
                    self._chain(child, _ToUnion(least, index, out), context)
            case PairNode():
                pair = node.spec.create(context)
                self.stateful[f"{self.prefix}{len(self.operators)}"] = (node.spec, pair)
                self.operators.append(_ToOperator(pair, out))
                for side, child in enumerate(node.inputs):
                    self._chain(child, _ToSide(pair, side, out), context)

    def emit(self, source_id: str, batch: ChangelogBatch) -> None:
        """A batch of one of the sources."""
        for out in self.inputs[source_id]:
            out.emit(batch)

    def tick(self, now_ms: int) -> None:
        """Time passes."""
        for edge in reversed(self.operators):
            edge.operator.tick(now_ms, edge.out)

    def finish(self) -> None:
        """All input has ended: sources first, operators learn that no time is left to come.

        What they hand on may wait in an operator for an answer; those behind it learn of the end
        in a later call.
        """
        if self.ending is None:
            self.ending = list(self.operators)
            for source_id in self.inputs:
                self.end_source(source_id)
        while self.ending and not self.waiting:
            edge = self.ending.pop()
            edge.operator.finish(edge.out)

    @property
    def ended(self) -> bool:
        """Whether all operators know of the end, and nothing waits."""
        return self.ending == [] and not self.waiting

    def end_source(self, source_id: str) -> None:
        """A source has emitted its last row: it holds no time back. Later calls do nothing."""
        if source_id not in self._ended:
            self._ended.add(source_id)
            for out in self.inputs[source_id]:
                out.watermark(Watermark(MAX_WATERMARK))

    def barrier(self, epoch: int) -> None:
        """An epoch ends: operators hand on what belongs to it, sources first."""
        for edge in reversed(self.operators):
            edge.operator.barrier(Barrier(epoch), edge.out)

    @property
    def waiting(self) -> bool:
        """Whether rows wait in an operator for an answer from outside."""
        return any(edge.operator.waiting for edge in self.waiters)

    def resume(self) -> None:
        """Answers may have come: let the operators that wait go on, sources first.

        Raises:
            PenstockError: A call failed for good.
        """
        for edge in reversed(self.waiters):
            if edge.operator.waiting:
                edge.operator.resume(edge.out)

    def close(self) -> None:
        """Release what operators hold outside. May be called twice."""
        for edge in self.operators:
            edge.operator.close()

    @property
    def visible_epoch(self) -> int:
        """The last epoch whose rows are visible in every target."""
        return min(sink.writer.visible_epoch for sink in self.sinks)

    @property
    def full(self) -> bool:
        for sink in self.sinks:
            if sink.writer.full:
                return True
        return any(edge.operator.full for edge in self.waiters)
