"""What sinks leave that a script names no more: open labels are aborted, rows deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable
from tests.unit.connectors.starrocks.whole_sink import WholeSink

from penstock.connectors.base import Committable, RecoveredSink
from penstock.connectors.starrocks.leftovers import Leftovers, SinkNote
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.types import INT, STRING, Column, Schema

SCHEMA = Schema((Column("id", INT.with_nullable(nullable=False)), Column("name", STRING)), ("id",))
OWN = SinkNote("0/new", "p-new", "http://fe:8030", "d", "t")
INTENTS = ((1, 1, 0), (2, 5, 1))


class FakeApi:
    def __init__(self) -> None:
        self.settled: list[str] = []

    def settle(self, label: str) -> None:
        self.settled.append(label)


def leave(spools: Path, sink_id: str, load_url: str = OWN.load_url) -> Path:
    """A folder as an earlier start left it, with rows of starts 1 and 3."""
    folder = spools / sink_id.replace("/", "_")
    SinkNote(sink_id, f"p-{sink_id}", load_url, "d", "old").keep(folder)
    for name in ("1-7.spool", "3-1.spool"):
        (folder / name).touch()
    return folder


def sweep(spools: Path, *others: str) -> list[str]:
    api: Any = FakeApi()
    listed = tuple(Committable(sink_id, 1, {}) for sink_id in others)
    Leftovers().sweep(spools, OWN, 3, RecoveredSink((), INTENTS, listed), lambda *_: api)
    return list(api.settled)


def test_labels_of_a_renamed_sink_are_aborted_and_its_rows_deleted(tmp_path: Path) -> None:
    folder = leave(tmp_path, "0/old")
    assert sweep(tmp_path) == ["p-0/old-1-1-0", "p-0/old-2-5-1"]
    # What this start has made stays: the sink may be open already.
    assert sorted(path.name for path in folder.iterdir()) == ["3-1.spool", "sink.json"]
    (folder / "3-1.spool").rename(folder / "2-9.spool")
    sweep(tmp_path)
    assert not folder.exists()


def test_sinks_of_the_same_start_are_not_swept(tmp_path: Path) -> None:
    alive = tmp_path / "0_alive"
    SinkNote("0/alive", "p-alive", OWN.load_url, "d", "t2", 3).keep(alive)
    assert sweep(tmp_path) == []
    assert (alive / "sink.json").exists()


def test_a_folder_swept_while_a_note_is_written_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "0_new"
    made = Path.mkdir

    def mkdir_then_swept(self: Path, *given: Any, **more: Any) -> None:
        made(self, *given, **more)
        monkeypatch.setattr(Path, "mkdir", made)
        self.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir_then_swept)
    OWN.keep(folder)
    assert (folder / "sink.json").exists()


def test_what_a_manifest_lists_or_others_reach_stays(tmp_path: Path) -> None:
    folders = [leave(tmp_path, "0/listed"), leave(tmp_path, "0/elsewhere", "http://b:1")]
    own = leave(tmp_path, OWN.sink_id)
    assert sweep(tmp_path, "0/listed") == []
    for folder in (*folders, own):
        assert len(list(folder.iterdir())) == 3


def test_a_note_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    folder = leave(tmp_path, "0/old")
    (folder / "sink.json").write_text("{")
    assert sweep(tmp_path) == []
    assert (folder / "1-7.spool").exists()


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


def test_a_fresh_start_without_the_old_sink_leaves_no_label_of_it(
    server: EmbeddedStarRocks, tmp_path: Path
) -> None:
    table = TargetTable(server, "(id INT, name STRING) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)")
    server.transactions.begin("p-old-1-1-0", "d", "t")
    addresses = f"http://{server.load_url}"
    SinkNote("old", "p-old", addresses, "d", "t").keep(tmp_path / "spool" / "old")

    class Fresh(WholeSink):
        start = (2, RecoveredSink((), ((1, 1, 0),)))

    with Fresh(table, SCHEMA, tmp_path) as sink:
        assert not server.transactions.running()
        sink.write([(1, "one")])
        sink.flush()
    assert table.sql("SELECT id FROM d.t") == [(1,)]
    assert not (tmp_path / "spool" / "old").exists()
    table.close()
