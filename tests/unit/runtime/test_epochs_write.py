"""The epoch controller when a manifest cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from penstock.checkpoint import CheckpointStore, Manifest, NotDurableError
from penstock.runtime.epochs import EpochController


class Here(Executor):
    """Runs at once, in the caller."""

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        return future


def controller(store: CheckpointStore, **given: Any) -> EpochController:
    fields: dict[str, Any] = {
        "store": store,
        "writer": Here(),
        "first_epoch": 1,
        "carried_sources": {},
        "carried": (),
        "finished": (),
        "durable": lambda _: None,
        "wake": lambda: None,
    }
    return EpochController(**{**fields, **given})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CheckpointStore]:
    store = CheckpointStore(tmp_path)
    store.raise_incarnation()
    yield store
    store.close()


def test_a_full_disk_is_waited_for(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    durable: list[int] = []
    epochs = controller(store, durable=durable.append)
    write = store.write

    def full(_: Manifest) -> None:
        raise NotDurableError("could not write manifest", disk_full=True)

    monkeypatch.setattr(store, "write", full)
    epochs.begin({"0/t": {"next": 2}}, (), [])
    epochs.advance(1000, settled=False)
    assert "could not write manifest" in epochs.warning
    monkeypatch.setattr(store, "write", write)
    epochs.advance(1500, settled=False)
    assert not durable, "the write is repeated a second later"
    epochs.advance(2000, settled=False)
    assert durable == [1]
    assert epochs.warning == ""
    assert epochs.idle


def test_another_failure_of_the_write_goes_back_to_the_manifest_in_force(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Manifest) -> None:
        raise NotDurableError("could not write manifest", disk_full=False)

    epochs = controller(store)
    monkeypatch.setattr(store, "write", broken)
    epochs.begin({}, (), [])
    with pytest.raises(NotDurableError):
        epochs.advance(0, settled=False)
