"""State files: segments of tables, merged, damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from penstock.checkpoint.state_files import StateFiles, decode, encode, merged
from penstock.errors import CheckpointError
from penstock.state import KeyedTable
from penstock.types import STRING


def changed(table: KeyedTable, keys: list[str], add: int) -> pa.RecordBatch:
    slots = table.slots([pa.array(keys)], len(keys))
    table.column_of("n").data[slots] += add
    batch = table.changes()
    assert batch is not None
    return batch


def made() -> KeyedTable:
    table = KeyedTable([STRING])
    table.column("n", np.int64)
    return table


def contents(table: KeyedTable, keys: list[str]) -> list[int]:
    slots = table.find([pa.array(keys)], len(keys))
    return [int(table.column_of("n").data[s]) if s >= 0 else -1 for s in slots]


def test_segments_are_read_back_and_merged(tmp_path: Path) -> None:
    files = StateFiles(tmp_path / "operators")
    table = made()
    one = files.write("1.state", {("0", "t"): [changed(table, ["a", "b"], 1)]})
    table.remove(table.find([pa.array(["b"])], 1))
    two = files.write("2.state", {("0", "t"): [changed(table, ["a", "c"], 5)]})
    segments = [one["0", "t"], two["0", "t"]]
    tables, texts = decode(encode({("0", "t"): segments}, {"0": "GroupAggregate"}))
    assert tables == {("0", "t"): segments}
    assert texts == {"0": "GroupAggregate"}
    again = made()
    again.load(files.read(segments))
    assert contents(again, ["a", "b", "c"]) == [6, -1, 5]
    whole = files.merge("m.state", segments, whole=True)
    assert whole.rows == 2
    files.keep(["m.state"])
    assert [path.name for path in (tmp_path / "operators").iterdir()] == ["m.state"]
    again = made()
    again.load(files.read([whole]))
    assert contents(again, ["a", "b", "c"]) == [6, -1, 5]


def test_a_merge_of_later_segments_remembers_what_was_forgotten() -> None:
    table = made()
    first = changed(table, ["a", "b"], 1)
    table.remove(table.find([pa.array(["a"])], 1))
    later = table.changes()
    assert later is not None
    (kept,) = merged([later], whole=False)
    assert kept.num_rows == 1
    again = made()
    again.load([first, kept])
    assert contents(again, ["a", "b"]) == [-1, 1]


def test_a_segment_of_several_batches_is_read_as_a_whole(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    table = made()
    batches = [changed(table, ["a", "b"], 1), changed(table, ["c"], 2)]
    segment = files.write("1.state", {("0", "t"): batches})["0", "t"]
    assert segment.rows == 3
    again = made()
    again.load(files.read([segment]))
    assert contents(again, ["a", "b", "c"]) == [1, 1, 2]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    segment = files.write("1.state", {("0", "t"): [changed(made(), ["a"], 1)]})["0", "t"]
    (tmp_path / "1.state").write_bytes(b"\xff" * segment.length)
    with pytest.raises(CheckpointError, match="operator state is damaged") as caught:
        files.read([segment])
    assert "1.state" in caught.value.detail


def test_state_of_another_format_is_refused() -> None:
    entry = {"version": 99, "text": "", "tables": {}}
    with pytest.raises(CheckpointError, match="version 99"):
        decode({"0": entry})
