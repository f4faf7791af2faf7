"""The epoch controller: barrier, prepare, manifest, commit - in that order, two epochs in flight.

Epoch n is open; at its barrier sources report offsets and sinks prepare. Once all have prepared, a
manifest lists everything not yet acknowledged; once that is durable the committer commits. n+1 may
load and prepare meanwhile, but its commit waits for the acknowledgement of n.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.checkpoint import Manifest
from penstock.checkpoint.manifest import ListedCommittable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor, Future

    from penstock.checkpoint import CheckpointStore
    from penstock.connectors.base import Committable
    from penstock.runtime.pipeline import RunningSink

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Epoch:
    """An epoch after its barrier."""

    number: int
    sources: dict[str, dict[str, Any]]
    finished: tuple[str, ...]
    preparing: list[tuple[RunningSink, Future[list[Committable]]]]
    committables: dict[str, list[Committable]] = field(default_factory=dict)
    sinks: dict[str, RunningSink] = field(default_factory=dict)
    writing: Future[None] | None = None
    durable: bool = False
    commits: list[Future[None]] | None = None

    @property
    def listed(self) -> list[ListedCommittable]:
        return [
            ListedCommittable(c.sink_id, c.epoch, c.payload)
            for committables in self.committables.values()
            for c in committables
        ]


class EpochController:
    """Moves epochs through the protocol. Engine thread only.

    Args:
        store: Where manifests go.
        writer: The checkpoint writer, one thread.
        first_epoch: The number of the open epoch.
        carried_sources: States of sources that no submitted job has claimed yet.
        carried: Listed committables that no submitted job has claimed yet.
        acknowledged: Called with the number of each epoch whose commits are all visible.
    """

    def __init__(
        self,
        *,
        store: CheckpointStore,
        writer: Executor,
        first_epoch: int,
        carried_sources: dict[str, dict[str, Any]],
        carried: Sequence[ListedCommittable],
        acknowledged: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self.store = store
        self.open_epoch = first_epoch
        self.carried_sources = carried_sources
        self.carried = list(carried)
        self._writer = writer
        self._acknowledged = acknowledged
        self._wake = wake
        self._preparing: Epoch | None = None
        self._committing: Epoch | None = None
        self.finished: tuple[str, ...] = ()

    @property
    def may_begin(self) -> bool:
        """Whether a barrier may flow now."""
        return self._preparing is None

    @property
    def idle(self) -> bool:
        """Nothing prepared, nothing being committed."""
        return self._preparing is None and self._committing is None

    def begin(
        self,
        sources: dict[str, dict[str, Any]],
        finished: tuple[str, ...],
        preparing: list[tuple[RunningSink, Future[list[Committable]]]],
    ) -> None:
        """The barrier of the open epoch has passed; the next one opens."""
        assert self._preparing is None
        self.finished = tuple(sorted({*self.finished, *finished}))
        self._preparing = Epoch(self.open_epoch, sources, self.finished, preparing)
        self.open_epoch += 1
        for _, future in preparing:
            future.add_done_callback(lambda _: self._wake())

    def advance(self) -> None:
        """Move on whatever can move.

        Raises:
            PenstockError: Preparing, writing or committing failed.
        """
        self._acknowledge()
        epoch = self._preparing
        if epoch is None:
            return
        if epoch.writing is None:
            if not all(future.done() for _, future in epoch.preparing):
                return
            self._collect(epoch)
            epoch.writing = self._writer.submit(self.store.write, self._manifest(epoch))
            epoch.writing.add_done_callback(lambda _: self._wake())
        if not epoch.durable:
            if not epoch.writing.done():
                return
            epoch.writing.result()
            epoch.durable = True
        if self._committing is None:
            epoch.commits = [
                epoch.sinks[sink_id].committer.commit(committables)
                for sink_id, committables in epoch.committables.items()
            ]
            for commit in epoch.commits:
                commit.add_done_callback(lambda _: self._wake())
            self._committing, self._preparing = epoch, None
            self._acknowledge()

    def _collect(self, epoch: Epoch) -> None:
        failure: BaseException | None = None
        for sink, future in epoch.preparing:
            error = future.exception()
            if error is not None:
                failure = failure or error
                continue
            committables = future.result()
            if committables:
                epoch.committables[sink.sink_id] = committables
                epoch.sinks[sink.sink_id] = sink
        if failure is not None:
            self.discard(epoch)
            raise failure

    def discard(self, epoch: Epoch) -> None:
        """Roll back what the epoch has prepared: no manifest lists it."""
        for sink_id, committables in epoch.committables.items():
            epoch.sinks[sink_id].writer.discard(committables)

    def _manifest(self, epoch: Epoch) -> Manifest:
        unacknowledged = self._committing.listed if self._committing is not None else []
        return Manifest(
            epoch.number,
            self.store.incarnation,
            {**self.carried_sources, **epoch.sources},
            (*self.carried, *unacknowledged, *epoch.listed),
            epoch.finished,
        )

    def _acknowledge(self) -> None:
        epoch = self._committing
        if epoch is None or not all(commit.done() for commit in epoch.commits or ()):
            return
        for commit in epoch.commits or ():
            commit.result()
        self._committing = None
        log.debug("epoch committed", extra={"epoch": epoch.number})
        self._acknowledged(epoch.number)
