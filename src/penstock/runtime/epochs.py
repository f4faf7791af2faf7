"""The epoch controller: barrier, listing, manifest, commit - in that order.

Epoch n is open; at its barrier sources report offsets and sinks make their rows durable or prepare
them. Once each sink has said what it lists, a manifest holds all of it; once that is durable the
sinks commit, each at its own pace: no sink's commit delays the next epoch of the others.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from penstock.checkpoint import Manifest, NotDurableError
from penstock.checkpoint.manifest import ListedCommittable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor, Future

    from penstock.checkpoint import CheckpointStore
    from penstock.connectors.base import Committable
    from penstock.runtime.operator_states import StateCut
    from penstock.runtime.pipeline import RunningSink

log = logging.getLogger(__name__)

REWRITE_PAUSE_MS = 1000


@dataclass(slots=True)
class Epoch:
    """An epoch after its barrier, until its manifest is durable."""

    number: int
    sources: dict[str, dict[str, Any]]
    carried: tuple[ListedCommittable, ...]
    finished: tuple[str, ...]
    sinks: list[RunningSink]
    state: StateCut | None
    listed: dict[str, tuple[Committable, ...]] = field(default_factory=dict)
    writing: Future[None] | None = None
    retry_at_ms: int | None = None


class EpochController:
    """Moves epochs through the protocol. Engine thread only.

    Args:
        store: Where manifests go.
        writer: The checkpoint writer, one thread.
        first_epoch: The number of the open epoch.
        carried_sources: States of sources that no submitted job has claimed yet.
        carried: Listed committables that no opened sink has claimed yet.
        finished: Ids of jobs that have ended for good.
        durable: Called with the number of each epoch whose manifest is durable.
        wake: Call it from any thread: something changed.
    """

    def __init__(
        self,
        *,
        store: CheckpointStore,
        writer: Executor,
        first_epoch: int,
        carried_sources: dict[str, dict[str, Any]],
        carried: Sequence[ListedCommittable],
        finished: tuple[str, ...],
        durable: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self.store = store
        self.open_epoch = first_epoch
        self.carried_sources = carried_sources
        self.carried = list(carried)
        self.finished = finished
        self.warning = ""
        self._writer = writer
        self._durable = durable
        self._wake = wake
        self._epoch: Epoch | None = None

    @property
    def idle(self) -> bool:
        """No manifest is being made: a barrier may flow."""
        return self._epoch is None

    def begin(
        self,
        sources: dict[str, dict[str, Any]],
        finished: tuple[str, ...],
        sinks: list[RunningSink],
        state: StateCut | None = None,
    ) -> None:
        """The barrier of the open epoch has passed; the next one opens."""
        assert self._epoch is None
        self.finished = tuple(sorted({*self.finished, *finished}))
        # As of now: what opens before the manifest is made belongs to the next epoch.
        self._epoch = Epoch(
            self.open_epoch,
            {**self.carried_sources, **sources},
            tuple(self.carried),
            self.finished,
            sinks,
            state,
        )
        self.open_epoch += 1

    def advance(self, now_ms: int, *, settled: bool) -> None:
        """Move on whatever can move.

        Args:
            now_ms: The clock.
            settled: Every sink has settled the intents of earlier starts.

        Raises:
            PenstockError: A sink cannot deliver, or the manifest could not be written.
        """
        epoch = self._epoch
        if epoch is None:
            return
        if epoch.writing is None and not self._submit(epoch, now_ms, settled=settled):
            return
        assert epoch.writing is not None
        if not epoch.writing.done():
            return
        try:
            epoch.writing.result()
        except NotDurableError as error:
            if not error.disk_full:
                raise
            # Before the rename nothing has happened: the same manifest may be written again.
            if not self.warning:
                log.warning("%s, trying again: %s", error.message, error.detail)
            self.warning = f"{error.message}: {error.detail}"
            epoch.writing, epoch.retry_at_ms = None, now_ms + REWRITE_PAUSE_MS
            return
        self.warning = ""
        self._epoch = None
        for sink in epoch.sinks:
            sink.writer.commit(epoch.number)
        log.info("epoch is durable", extra={"epoch": epoch.number})
        self._durable(epoch.number)

    def quiesce(self) -> None:
        """Wait for a manifest that is being written, so that what is on disk stays as it is."""
        if self._epoch is not None and self._epoch.writing is not None:
            with contextlib.suppress(Exception):
                self._epoch.writing.result()

    def _submit(self, epoch: Epoch, now_ms: int, *, settled: bool) -> bool:
        if epoch.retry_at_ms is not None and now_ms < epoch.retry_at_ms:
            return False
        for sink in epoch.sinks:
            if sink.sink_id not in epoch.listed:
                listed = sink.writer.listed(epoch.number)
                if listed is not None:
                    epoch.listed[sink.sink_id] = listed
        if len(epoch.listed) < len(epoch.sinks):
            return False
        manifest = self._manifest(epoch, settled=settled)
        epoch.writing = self._writer.submit(self._write, epoch.state, manifest)
        epoch.writing.add_done_callback(lambda _: self._wake())
        return True

    def _write(self, state: StateCut | None, manifest: Manifest) -> None:
        """State first: a manifest lists only what is durable. Checkpoint writer only."""
        if state is not None:
            manifest = replace(manifest, operators=state.write())
        self.store.write(manifest)

    def _manifest(self, epoch: Epoch, *, settled: bool) -> Manifest:
        """The manifest, and from which intent on recovery must look for open transactions."""
        open_epochs = [
            oldest for sink in epoch.sinks if (oldest := sink.writer.oldest_open_epoch) is not None
        ]
        from_epoch = min([*open_epochs, epoch.number + 1])
        listed = [
            ListedCommittable(c.sink_id, c.epoch, c.payload)
            for committables in epoch.listed.values()
            for c in committables
        ]
        return Manifest(
            epoch.number,
            self.store.incarnation,
            epoch.sources,
            (*epoch.carried, *listed),
            epoch.finished,
            intents_from=(self.store.incarnation, from_epoch) if settled else (0, 0),
        )
