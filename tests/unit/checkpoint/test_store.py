from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.checkpoint import CheckpointStore, Manifest, NotDurableError, OutcomeUnknownError
from penstock.checkpoint.manifest import ListedCommittable
from penstock.errors import CheckpointError


def manifest(epoch: int) -> Manifest:
    listed = ListedCommittable("0/sink", epoch, {"label": f"l-{epoch}"})
    return Manifest(epoch, 1, {"0/orders": {"position": "binlog.1:4"}}, (listed,), ("1",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CheckpointStore]:
    store = CheckpointStore(tmp_path)
    yield store
    store.close()


def test_a_manifest_reads_back_as_written(store: CheckpointStore) -> None:
    store.write(manifest(1))
    store.write(manifest(2))
    assert store.latest() == manifest(2)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    with pytest.raises(CheckpointError, match="in use by another process"):
        CheckpointStore(tmp_path)
    store.close()
    CheckpointStore(tmp_path).close()


def test_failure_before_the_rename_keeps_the_last_manifest(
    store: CheckpointStore, tmp_path: Path
) -> None:
    store.write(manifest(1))
    (tmp_path / "manifest-000000000002.tmp").mkdir()
    with pytest.raises(NotDurableError):
        store.write(manifest(2))
    assert store.latest() == manifest(1)


def test_from_the_rename_on_the_outcome_is_unknown_and_what_is_on_disk_decides(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The directory cannot be synced: the new manifest may be in force, so nothing is undone."""
    store.write(Manifest(1, 1, {}))
    whole = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "planted")
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutcomeUnknownError, match="could not make manifest durable") as caught:
        store.write(Manifest(2, 1, {}))
    assert "planted" in caught.value.detail
    monkeypatch.undo()
    store.close()
    again = CheckpointStore(tmp_path)
    try:
        latest = again.latest()
    finally:
        again.close()
    assert latest is not None
    assert latest.epoch == 2


def test_incarnations_rise_and_intents_survive(store: CheckpointStore) -> None:
    assert store.raise_incarnation() == 1
    store.intend(store.incarnation, 1, 0)
    store.intend(store.incarnation, 1, 0)
    store.intend(store.incarnation, 2, 1)
    assert store.raise_incarnation() == 2
    store.intend(store.incarnation, 3, 0)
    assert store.intents() == ((1, 1, 0), (1, 2, 1), (2, 3, 0))
    store.forget_intents((2, 0))
    assert store.intents() == ((2, 3, 0),)


def test_a_torn_intent_was_never_acted_upon(store: CheckpointStore, tmp_path: Path) -> None:
    store.raise_incarnation()
    store.intend(store.incarnation, 1, 0)
    with (tmp_path / "intents").open("a") as file:
        file.write("1 2")
    assert store.intents() == ((1, 1, 0),)


def test_a_damaged_manifest_says_so(store: CheckpointStore, tmp_path: Path) -> None:
    (tmp_path / "manifest-000000000001.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged") as caught:
        store.latest()
    assert "manifest-000000000001.json" in caught.value.detail


def test_a_torn_manifest_is_refused_wherever_it_ends() -> None:
    whole = manifest(2).encode()
    for size in range(len(whole)):
        with pytest.raises(CheckpointError):
            Manifest.decode(whole[:size])


def test_a_manifest_with_any_bit_flipped_is_refused() -> None:
    whole = manifest(1).encode()
    for place in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(CheckpointError):
            Manifest.decode(bytes(flipped))
    assert Manifest.decode(whole) == manifest(1)
