"""What a job leaves on disk is its owner's alone, whatever the umask and whoever made the folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from penstock.backends.local.kept_script import KeptScript
from penstock.checkpoint import CheckpointStore, Manifest
from penstock.clock import SystemClock
from penstock.connectors.mysql_cdc.ring import ByteRing
from penstock.connectors.starrocks.dead_letters import DeadLetters
from penstock.state import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator


def wide(directory: Path) -> dict[str, str]:
    """Everything below a folder that others may read or write."""
    return {
        str(path.relative_to(directory.parent)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (directory, *directory.rglob("*"))
        if path.stat().st_mode & 0o077
    }


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def leave_all_there_is(directory: Path) -> None:
    store = CheckpointStore(directory)
    store.raise_incarnation()
    store.intend(1, 1, 0)
    store.write(Manifest(1, 1, {}))
    store.forget_intents((0, 0))
    store.close()
    KeptScript(("SELECT 1",), "value").write(directory)
    segment = Spool(directory / "spool" / "table", 1).create(1)
    segment.append(pa.record_batch({"id": [1]}))
    segment.seal()
    ring = ByteRing(directory / "sources", memory_bytes=1, disk_bytes=1000)
    ring.put(b"a")
    ring.put(b"b")
    ring.close()
    nothing: Any = None
    letters = directory / "spool" / "dead.jsonl"
    DeadLetters(letters, "d.t", nothing, SystemClock()).write(nothing, [])


def test_files_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    leave_all_there_is(tmp_path / ".penstock" / "job")
    assert wide(tmp_path / ".penstock") == {}
    names = {path.name for path in (tmp_path / ".penstock" / "job").iterdir()}
    assert names >= {"lock", "incarnation", "intents", "script.json", "manifest-000000000001.json"}


def test_a_folder_with_wider_rights_is_narrowed(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    leave_all_there_is(directory)
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    CheckpointStore(directory).close()
    assert wide(directory) == {}


def test_an_empty_folder_of_the_user_is_narrowed(tmp_path: Path) -> None:
    CheckpointStore(tmp_path).close()
    assert wide(tmp_path) == {}


def test_a_folder_that_holds_other_things_keeps_its_rights(tmp_path: Path) -> None:
    """Somebody names his home, or a folder of a project: only what is ours is narrowed."""
    directory = tmp_path / "project"
    directory.mkdir(mode=0o755)
    others = ["README", "notes.tmp", "events.jsonl", "manifest-of-us.json", "manifest-1.yaml"]
    for name in others:
        (directory / name).touch(mode=0o644)
    leave_all_there_is(directory)
    CheckpointStore(directory).close()
    kept = {f"project/{name}": "0o644" for name in others}
    assert wide(directory) == {"project": "0o755", **kept}


def test_what_a_killed_process_left_half_written_is_ours(tmp_path: Path) -> None:
    for name in ("manifest-000000000007.tmp", "intents.tmp", "incarnation.tmp", "script.tmp"):
        (tmp_path / name).touch(mode=0o644)
    CheckpointStore(tmp_path).close()
    assert wide(tmp_path) == {}


def test_a_shared_folder_and_links_are_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    other = tmp_path / "other"
    other.touch(mode=0o644)
    (shared / "spool").symlink_to(other)
    CheckpointStore(shared).close()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
