"""The writers of a job group; sink nodes with one share key have one writer."""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.connectors.base import SharedResources, SinkContext
from penstock.errors import PenstockError
from penstock.metrics import MetricGroup
from penstock.runtime.pipeline import RunningSink

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from concurrent.futures import Future

    from penstock.checkpoint import CheckpointStore
    from penstock.clock import Clock
    from penstock.connectors.base import RecoveredSink
    from penstock.plan import PhysicalPlan
    from penstock.runtime.pipeline import Pipeline
    from penstock.runtime.pools import Pools

RELEASE_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class SinkDoors:
    """What writers are given besides their own names.

    Args:
        store: Incarnation, intents, folder.
        pools: Threads.
        clock: The door to time.
        wake: Wakes the engine.
        checkpoint_interval_ms: Set by the user.
    """

    store: CheckpointStore
    pools: Pools
    clock: Clock
    wake: Callable[[], None]
    checkpoint_interval_ms: int | None


class Sinks:
    """Writers, and what they share. Engine thread only, but for `metrics`.

    Args:
        doors: What writers may use.
    """

    def __init__(self, doors: SinkDoors) -> None:
        self._doors = doors
        self._sinks: dict[Hashable, RunningSink] = {}
        self._opening: dict[str, Future[None]] = {}
        self._shared = SharedResources()
        self._metrics: dict[str, MetricGroup] = {}

    def __iter__(self) -> Iterator[RunningSink]:
        return iter(self._sinks.values())

    @property
    def opened(self) -> list[RunningSink]:
        """Those that take rows and barriers."""
        return [sink for sink in self if sink.opened]

    def sink_for(
        self,
        prefix: str,
        plan: PhysicalPlan,
        index: int,
        recovered: Callable[[str], RecoveredSink],
    ) -> RunningSink:
        """The running sink of a plan's sink node, opening if it is the first for its target.

        Args:
            prefix: Of the pipeline's ids.
            plan: The pipeline's plan.
            index: Which of its sinks.
            recovered: What recovery found for a sink id.
        """
        node = plan.sinks[index]
        key = node.sink.share_key if node.sink.share_key is not None else (prefix, index)
        if key in self._sinks:
            return self._sinks[key]
        doors = self._doors
        sink_id = prefix + node.sink_id
        context = SinkContext(
            sink_id=sink_id,
            job_name=plan.name,
            identity=doors.store.identity,
            incarnation=doors.store.incarnation,
            directory=doors.store.directory,
            executor=doors.pools.sink_io,
            commits=doors.pools.commits,
            disk=doors.pools.disk,
            clock=doors.clock,
            wake=doors.wake,
            intend=partial(doors.store.intend, doors.store.incarnation),
            checkpoint_interval_ms=doors.checkpoint_interval_ms,
            recovered=recovered(sink_id),
            io=doors.pools.io,
            shared=self._shared,
            metrics=self._metrics.setdefault(node.table, MetricGroup(node.table)),
        )
        writer = node.sink.writer_for(node.table, node.schema, context)
        sink = self._sinks[key] = RunningSink(sink_id, node.table, writer, span=node.span)
        opening = self._opening[sink_id] = writer.open()
        opening.add_done_callback(lambda _: doors.wake())
        return sink

    def has_opened(self, sink: RunningSink) -> bool:
        """Whether the writer has settled what recovery found.

        Raises:
            PenstockError: It could not; the error points at the table's declaration.
        """
        opening = self._opening[sink.sink_id]
        if not opening.done():
            return False
        try:
            opening.result()
        except PenstockError as error:
            error.at(sink.span)
            raise
        return True

    def check(self) -> None:
        """Raise what failed behind the engine's back.

        Raises:
            PenstockError: A writer cannot go on; the error points at the table's declaration.
        """
        for sink in self:
            try:
                sink.writer.check()
            except PenstockError as error:
                error.at(sink.span)
                raise

    def barrier_wanted(self, now_ms: int) -> bool:
        """Whether any writer wants one. Each is asked, since writers also do what is due then."""
        wants = [sink.writer.barrier_wanted(now_ms) for sink in self.opened]
        return any(wants)

    def settled(self, now_ms: int) -> bool:
        """All is visible, or durable in the spool of a table that may not load now."""
        return not any(
            sink.writer.busy or sink.writer.barrier_wanted(now_ms) for sink in self.opened
        )

    def keep(self, pipelines: Iterable[Pipeline]) -> None:
        """Close the writers that none of these pipelines needs."""
        kept = {id(sink) for pipeline in pipelines for sink in pipeline.sinks}
        for key in [k for k, s in self._sinks.items() if id(s) not in kept]:
            self._sinks.pop(key).writer.close(abort=False)

    def close(self, *, abort: bool) -> None:
        """Close all writers and wait a little for what they roll back."""
        wait([sink.writer.close(abort=abort) for sink in self], RELEASE_WAIT_S)
        self._sinks.clear()
        self._opening.clear()

    def status(self) -> dict[str, dict[str, Any]]:
        """Each writer's status, by table."""
        return {sink.table: sink.writer.status() for sink in self}

    def metrics(self) -> dict[str, dict[str, float | dict[str, float]]]:
        """The metrics by table, under Flink's names; collected when asked, by anyone."""
        return {table: group.snapshot() for table, group in list(self._metrics.items())}
