"""The jobs of one script: one engine thread, shared sources, one sequence of epochs."""

from __future__ import annotations

import logging
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.checkpoint import (
    CheckpointStore,
    Manifest,
    NotDurableError,
    OutcomeUnknownError,
    StateWriteError,
)
from penstock.checkpoint.state_files import StateFiles
from penstock.clock import Clock, SystemClock
from penstock.config import parse_duration_ms
from penstock.connectors.base import (
    Committable,
    RecoveredSink,
    SourceContext,
)
from penstock.errors import CheckpointError, ConnectorError, InternalError, PenstockError
from penstock.metrics import MetricGroup
from penstock.operators import OperatorContext
from penstock.runtime.epochs import EpochController
from penstock.runtime.job import Job, JobState
from penstock.runtime.memory import give_back_freed_memory
from penstock.runtime.operator_states import OperatorStates
from penstock.runtime.pipeline import Pipeline, RunningSink
from penstock.runtime.pools import Pools
from penstock.runtime.restart import restart_strategy
from penstock.runtime.sinks import SinkDoors, Sinks
from penstock.runtime.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from penstock.plan import PhysicalPlan

log = logging.getLogger(__name__)

IDLE_WAIT_S = 0.05
HEARTBEAT_MS = 30_000
BARRIER_SPACING_MS = 50
SWITCH_INTERVAL_S = 0.0005


class JobGroup:
    """Runs the jobs of one script in one engine thread.

    Args:
        directory: The job directory, locked for as long as the group lives.
        settings: Session settings: `execution.checkpointing.*`, `restart-strategy.*`.
        clock: The door to time.

    Raises:
        CheckpointError: The directory is in use or cannot be written.
    """

    def __init__(
        self, directory: Path, settings: Mapping[str, str], clock: Clock | None = None
    ) -> None:
        give_back_freed_memory()
        self.store = CheckpointStore(directory)
        self.settings = dict(settings)
        self.clock: Clock = clock or SystemClock()
        interval = self.settings.get("execution.checkpointing.interval")
        self.interval_ms = parse_duration_ms(interval) if interval else None
        self.jobs: list[Job] = []
        self._restarts = restart_strategy(self.settings)
        self._condition = threading.Condition()
        self._mail: list[Callable[[], None]] = []
        self._woken = False
        self._stop: str | None = None
        self._sealed = False
        self._pools = pools = Pools()
        self._pipelines: list[Pipeline] = []
        self._read: dict[str, MetricGroup] = {}
        self._sources = Sources(
            SourceContext(
                directory / "sources", pools.io, self.clock, self._wake, self._source_metrics
            )
        )
        self._sinks = Sinks(SinkDoors(self.store, pools, self.clock, self._wake, self.interval_ms))
        self._status: dict[str, Any] = {"sources": [], "sinks": {}, "epoch": 0, "restarts": 0}
        self._last_barrier_ms = 0
        self._last_status_ms = 0
        self._restart_count = 0
        self._boundary_asked = False
        self._states: dict[str, dict[str, Any]] = {}
        self._durable_epoch = 0
        self._ran = False
        self.last_error: PenstockError | None = None
        self._epochs = self._recover()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # Called by anyone

    def submit(self, plan: PhysicalPlan) -> Job:
        """Start a job; returns at once."""
        job = Job(plan)
        self.jobs.append(job)
        self._post(lambda: self._start(job))
        return job

    def seal(self) -> None:
        """No further job will be submitted: the group ends with its last one."""
        self._post(lambda: setattr(self, "_sealed", True))

    def stop(self) -> None:
        """End all jobs cleanly: everything read so far is committed; the directory can resume."""
        self._post(lambda: setattr(self, "_stop", self._stop or "drain"))

    def stop_now(self) -> None:
        """End all jobs at once: open transactions are rolled back; the directory can resume."""
        self._post(lambda: setattr(self, "_stop", "now"))

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the engine thread; true once it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def status(self) -> dict[str, Any]:
        """A frozen look: `sources` (TableProgress), `sinks` by table, `epoch`, `restarts`."""
        return self._status

    def metrics(self) -> dict[str, dict[str, float | dict[str, float]]]:
        """The metrics by table, under Flink's names; collected when asked."""
        found = {table: group.snapshot() for table, group in list(self._read.items())}
        for table, sink in self._sinks.metrics().items():
            found[table] = {**found.get(table, {}), **sink}
        return found

    def _source_metrics(self, table: str) -> MetricGroup:
        return self._read.setdefault(table, MetricGroup(table))

    # Engine thread

    def _post(self, action: Callable[[], None]) -> None:
        with self._condition:
            self._mail.append(action)
            self._woken = True
            self._condition.notify()

    def _wake(self) -> None:
        with self._condition:
            self._woken = True
            self._condition.notify()

    def _recover(self) -> EpochController:
        manifest = self.store.latest()
        if manifest is not None and manifest.complete:
            self.store.clear()
            manifest = None
        self.store.raise_incarnation()
        intents_from = manifest.intents_from if manifest else (0, 0)
        self._intents = tuple(
            intent
            for intent in self.store.intents()
            if intents_from <= intent[:2] and intent[0] < self.store.incarnation
        )
        self._listed = manifest.committables if manifest else ()
        self._finished_before = set(manifest.finished) if manifest else set()
        self._durable_epoch = manifest.epoch if manifest else 0
        log.info(
            "state directory opened",
            extra={"epoch": self._durable_epoch, "incarnation": self.store.incarnation},
        )
        # A job that ran before outlives an outage it meets while it starts; a new one says so.
        self._ran = self._ran or manifest is not None
        self._operators = OperatorStates(
            StateFiles(self.store.directory / "operators"),
            self._pools.merges,
            self.store.incarnation,
            manifest.operators if manifest else {},
        )
        return EpochController(
            store=self.store,
            writer=self._pools.checkpoint,
            first_epoch=self._durable_epoch + 1,
            carried_sources=dict(manifest.sources) if manifest else {},
            carried=manifest.committables if manifest else (),
            finished=tuple(sorted(self._finished_before)),
            durable=self._on_durable,
            wake=self._wake,
        )

    def _run(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            while not self._round():
                pass
        finally:
            self._shut_down()

    def _round(self) -> bool:
        """One step, or what follows from its failure. True when all is done."""
        try:
            return self._step()
        except PenstockError as error:
            return self._failed(error)
        except Exception as error:
            log.exception("engine failed")
            return self._failed(InternalError(f"engine failed: {type(error).__name__}"))

    def _step(self) -> bool:
        """One round: mail, sources, epochs. True when all is done."""
        wait_s = self._work()
        with self._condition:
            if not self._woken and wait_s > 0:
                self._condition.wait(wait_s)
            self._woken = False
            mail, self._mail = self._mail, []
        for action in mail:
            action()
        return self._done()

    def _work(self) -> float:
        if self._stop == "now":
            return 0.0
        self._attach_opened()
        self._sinks.check()
        self._epochs.advance(self.clock.now_ms(), settled=self._settled())
        wait_ms = self._poll()
        self._barrier_if_due()
        now = self.clock.now_ms()
        self._epochs.advance(now, settled=self._settled())
        self._finish_visible()
        if now - self._last_status_ms >= 100:
            self._last_status_ms = now
            self._refresh_status()
            self._tick(now)
        return min(IDLE_WAIT_S, wait_ms / 1000)

    def _tick(self, now_ms: int) -> None:
        for pipeline in self._pipelines:
            if pipeline.attached and pipeline.finished_epoch is None and self._stop is None:
                pipeline.tick(now_ms)

    # Jobs

    def _start(self, job: Job) -> None:
        index = self.jobs.index(job)
        pipeline = Pipeline(job, f"{index}/")
        unsettled = any(c.sink_id.startswith(pipeline.prefix) for c in self._epochs.carried)
        if self._finished_before_restart(pipeline) and not unsettled:
            job.move(JobState.FINISHED)
            return
        self._pipelines.append(pipeline)
        pipeline.build(
            job.plan,
            lambda i: self._sinks.sink_for(pipeline.prefix, job.plan, i, self._recovered),
            OperatorContext(job.plan.settings, self.clock, self._call),
        )
        for operator_id, (spec, operator) in pipeline.stateful.items():
            self._operators.attach(operator_id, spec, operator)
        job.move(JobState.RUNNING)

    def _call(self, call: Callable[[], Any]) -> Future[Any]:
        """Make a call that blocks on the connector I/O pool; its end wakes the engine."""
        future = self._pools.io.submit(call)
        future.add_done_callback(lambda _: self._wake())
        return future

    def _finished_before_restart(self, pipeline: Pipeline) -> bool:
        return pipeline.prefix.rstrip("/") in self._finished_before

    def _recovered(self, sink_id: str) -> RecoveredSink:
        own = [c for c in self._epochs.carried if c.sink_id == sink_id]
        others = [c for c in self._listed if c.sink_id != sink_id]
        return RecoveredSink(
            tuple(Committable(c.sink_id, c.epoch, c.payload) for c in own),
            self._intents,
            tuple(Committable(c.sink_id, c.epoch, c.payload) for c in others),
        )

    def _attach_opened(self) -> None:
        for pipeline in list(self._pipelines):
            if pipeline.attached or not self._opened(pipeline):
                continue
            if self._finished_before_restart(pipeline):
                # Its sources have ended; only rows that are not visible yet are left.
                pipeline.finished_epoch = self._durable_epoch
            else:
                for source_id, node in pipeline.sources.items():
                    state = self._epochs.carried_sources.get(source_id)
                    self._sources.attach(source_id, node, state)
                    self._epochs.carried_sources.pop(source_id, None)
            pipeline.attached = self._ran = True

    def _settled(self) -> bool:
        """Whether the intents of earlier starts are settled: every sink of the script is open."""
        return self._sealed and all(pipeline.attached for pipeline in self._pipelines)

    def _opened(self, pipeline: Pipeline) -> bool:
        for sink in pipeline.sinks:
            if sink.opened:
                continue
            if not self._sinks.has_opened(sink):
                return False
            sink.opened = True
            sink.writer.start(self._epochs.open_epoch)
            self._epochs.carried = [c for c in self._epochs.carried if c.sink_id != sink.sink_id]
        return True

    def _poll(self) -> float:
        if self._stop == "draining":
            return IDLE_WAIT_S * 1000
        for pipeline in self._pipelines:
            pipeline.resume()
        if self._boundary_asked and self._sources.at_boundary() and self._waiting():
            self._pass_ends()
            return IDLE_WAIT_S * 1000  # nothing more in, until what waits has got its answers
        routes = {source_id: p for p in self._pipelines for source_id in p.sources if p.attached}
        wait_ms = self._sources.poll(routes, to_boundary=self._boundary_asked)
        self._pass_ends()
        return wait_ms

    def _pass_ends(self) -> None:
        for pipeline in self._pipelines:
            if pipeline.attached and pipeline.finished_epoch is None:
                self._sources.pass_ends(pipeline)

    # Epochs

    def _barrier_if_due(self) -> None:
        if not self._epochs.idle or not self._sinks.opened:
            return
        ended = [p for p in self._pipelines if p.finished_epoch is None and self._ended(p)]
        if not self._boundary_asked:
            if not (ended or self._barrier_due()):
                return
            if self._stop != "draining":
                self._sources.request_boundary()
            self._boundary_asked = True
        # Nothing is polled while draining: readers stand where the last barrier found them.
        if self._stop == "draining" or (self._sources.at_boundary() and not self._waiting()):
            self._barrier([p for p in self._pipelines if p.finished_epoch is None])

    def _barrier_due(self) -> bool:
        now = self.clock.now_ms()
        since = now - self._last_barrier_ms
        if self._stop == "drain":
            return True
        wanted = since >= BARRIER_SPACING_MS and self._sinks.barrier_wanted(now)
        if self.interval_ms is not None:
            return wanted or since >= self.interval_ms
        return wanted or since >= HEARTBEAT_MS

    def _waiting(self) -> bool:
        return any(pipeline.waiting for pipeline in self._pipelines)

    def _ended(self, pipeline: Pipeline) -> bool:
        return pipeline.attached and pipeline.ended

    def _barrier(self, open_pipelines: list[Pipeline]) -> None:
        epoch = self._epochs.open_epoch
        ended = [p for p in open_pipelines if self._ended(p)]
        if self._stop != "draining":
            self._states = self._sources.snapshot()
        for pipeline in self._pipelines:
            if pipeline in ended:
                pipeline.finished_epoch = epoch
            pipeline.barrier(epoch)
        sinks = self._sinks.opened
        for sink in sinks:
            sink.writer.barrier(epoch, final=self._final(sink))
        state = self._operators.capture(epoch)
        self._epochs.begin(self._states, tuple(p.prefix.rstrip("/") for p in ended), sinks, state)
        self._last_barrier_ms = self.clock.now_ms()
        self._boundary_asked = False
        if self._stop == "drain":
            self._stop = "draining"

    def _final(self, sink: RunningSink) -> bool:
        """Whether nothing more will be written to it."""
        return self._stop is not None or all(
            pipeline.finished_epoch is not None
            for pipeline in self._pipelines
            if sink in pipeline.sinks
        )

    def _on_durable(self, epoch: int) -> None:
        self._durable_epoch = epoch
        self._operators.durable()
        self._sources.acknowledge(epoch)

    def _finish_visible(self) -> None:
        """End the jobs whose last rows are visible, and known to be on disk."""
        for pipeline in list(self._pipelines):
            last = pipeline.finished_epoch
            if last is not None and last <= min(self._durable_epoch, pipeline.visible_epoch):
                pipeline.job.move(JobState.FINISHED)
                self._remove(pipeline)

    def _remove(self, pipeline: Pipeline) -> None:
        self._refresh_status()
        self._pipelines.remove(pipeline)
        self._operators.drop(pipeline.prefix)
        pipeline.close()
        self._sources.detach(pipeline)
        self._sinks.keep(self._pipelines)

    # Ends and failures

    def _done(self) -> bool:
        if self._stop == "now":
            self._cancel_all()
            return True
        if self._stop == "draining" and self._drained():
            self._cancel_all()
            return True
        if self._stop == "drain" and not self._sources:
            self._cancel_all()
            return True
        return self._sealed and all(job.state.is_terminal for job in self.jobs)

    def _drained(self) -> bool:
        return self._epochs.idle and self._sinks.settled(self.clock.now_ms())

    def _cancel_all(self) -> None:
        for job in self.jobs:
            job.move(JobState.CANCELED)

    def _failed(self, error: PenstockError) -> bool:
        """Restart, or give up. True when the group has ended."""
        while True:
            self.last_error = error
            delay_ms = self._delay_ms(error)
            # What a manifest may list is not rolled back; recovery decides by what is on disk.
            self._epochs.quiesce()
            self._release(abort=not isinstance(error, OutcomeUnknownError))
            if delay_ms is None or self._stop is not None:
                for job in self.jobs:
                    job.move(JobState.FAILED, error)
                return True
            log.warning(
                "job restarts: %s",
                error.message,
                extra={"delay_ms": delay_ms, "detail": error.detail},
            )
            running = [job for job in self.jobs if not job.state.is_terminal]
            for job in running:
                job.move(JobState.RESTARTING)
            self._restart_count += 1
            self._refresh_status()
            self._pause(delay_ms)
            if self._stop is not None:
                # Nothing runs: the directory is as the last manifest left it.
                self._cancel_all()
                return True
            try:
                self._epochs = self._recover()
            except CheckpointError as failure:
                error = failure
                continue
            for job in running:
                self._post(partial(self._start, job))
            return False

    def _delay_ms(self, error: PenstockError) -> int | None:
        """When to start again after a failure; None: not at all."""
        retryable = isinstance(error, NotDurableError | StateWriteError) or (
            isinstance(error, ConnectorError) and error.retryable
        )
        if not (retryable and self._ran):
            return None
        return self._restarts.delay_ms(self.clock.now_ms())

    def _pause(self, delay_ms: int) -> None:
        """Wait, but do what is asked meanwhile; a wish to stop ends it."""
        end = self.clock.monotonic() + delay_ms / 1000
        while self._stop is None and (left := end - self.clock.monotonic()) > 0:
            with self._condition:
                self._condition.wait_for(lambda: bool(self._mail), left)
                mail, self._mail = self._mail, []
            for action in mail:
                action()

    def _release(self, *, abort: bool) -> None:
        self._sources.close()
        self._sinks.close(abort=abort)
        for pipeline in self._pipelines:
            pipeline.close()
        self._pipelines.clear()
        self._boundary_asked = False

    def _shut_down(self) -> None:
        self._refresh_status()
        self._release(abort=True)
        self._pools.shutdown()
        all_finished = self.jobs and all(job.state is JobState.FINISHED for job in self.jobs)
        try:
            if all_finished and not self._epochs.carried:
                number = self._epochs.open_epoch
                self.store.write(Manifest(number, self.store.incarnation, {}, complete=True))
            if all_finished:
                self._operators.files.keep(())
                self.store.forget_intents((self.store.incarnation + 1, 0))
        except PenstockError as error:
            self.last_error = error
            log.warning("last manifest was not written: %s", error.message)
        self.store.close()

    def _refresh_status(self) -> None:
        sinks = {**self._status["sinks"], **self._sinks.status()}
        progress = {p.table: p for p in self._status["sources"]}
        progress.update({p.table: p for p in self._sources.progress()})
        self._status = {
            "sources": list(progress.values()),
            "sinks": sinks,
            "epoch": self._epochs.open_epoch,
            "durable_epoch": self._durable_epoch,
            "warning": self._epochs.warning,
            "restarts": self._restart_count,
        }
