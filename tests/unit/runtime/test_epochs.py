"""The epoch controller alone: what a manifest holds while sinks and sources are still opening."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from penstock.checkpoint import CheckpointStore
from penstock.checkpoint.manifest import ListedCommittable
from penstock.connectors.base import Committable
from penstock.runtime.epochs import EpochController
from penstock.runtime.pipeline import RunningSink


class SlowWriter:
    """A writer that lists its rows when told to."""

    oldest_open_epoch: int | None = None

    def __init__(self, store: CheckpointStore) -> None:
        self.ready: tuple[Committable, ...] | None = None
        self.on_disk_at_commit: list[int] = []
        self._store = store

    def listed(self, _epoch: int) -> tuple[Committable, ...] | None:
        return self.ready

    def commit(self, _epoch: int) -> None:
        manifest = self._store.latest()
        self.on_disk_at_commit.append(manifest.epoch if manifest else 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CheckpointStore]:
    store = CheckpointStore(tmp_path)
    store.raise_incarnation()
    yield store
    store.close()


def controller(
    store: CheckpointStore, writer: ThreadPoolExecutor, carried: list[ListedCommittable]
) -> EpochController:
    return EpochController(
        store=store,
        writer=writer,
        first_epoch=5,
        carried_sources={"0/orders": {"position": "binlog.1:4"}},
        carried=carried,
        finished=(),
        durable=lambda _: None,
        wake=lambda: None,
    )


def test_a_source_or_sink_that_opens_between_barrier_and_manifest_is_not_forgotten(
    store: CheckpointStore,
) -> None:
    """The barrier flows once one sink is open; a restarted job's others may still be opening."""
    waiting = ListedCommittable("0/late", 4, {"label": "l-4"})
    opened = SlowWriter(store)
    sink: Any = RunningSink("0/early", "early", opened)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as writer:
        epochs = controller(store, writer, [waiting])
        epochs.begin({}, (), [sink])
        epochs.advance(0, settled=False)
        # Now the last sink opens, and the source is attached: both are taken over.
        epochs.carried_sources.pop("0/orders")
        epochs.carried = []
        opened.ready = ()
        epochs.advance(0, settled=False)
    epochs.advance(0, settled=False)
    manifest = store.latest()
    assert manifest is not None
    assert manifest.epoch == 5
    assert manifest.sources == {"0/orders": {"position": "binlog.1:4"}}
    assert manifest.committables == (waiting,)


def test_a_commit_is_sent_only_once_its_manifest_is_durable(store: CheckpointStore) -> None:
    opened = SlowWriter(store)
    opened.ready = (Committable("0/early", 5, {"label": "l-5"}),)
    sink: Any = RunningSink("0/early", "early", opened)  # type: ignore[arg-type]
    writing, may_write = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as writer:
        writer.submit(writing.set)
        writer.submit(may_write.wait, 10)
        assert writing.wait(10)
        epochs = controller(store, writer, [])
        epochs.begin({}, (), [sink])
        epochs.advance(0, settled=False)
        assert opened.on_disk_at_commit == []
        may_write.set()
    epochs.advance(0, settled=False)
    assert opened.on_disk_at_commit == [5]
