"""A transaction cut by an epoch: what was handed on of it is skipped, and nothing else."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from penstock.connectors.mysql_cdc.attached import AttachedSource, load_counts
from penstock.wire.mysql.binlog_events import BinlogPosition, RowsBlock
from penstock.wire.mysql.gtid import MySqlGtidSet

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
TABLE = ("shop", "goods")


def at(offset: int, file: str = "binlog.000001") -> BinlogPosition:
    return BinlogPosition(file, offset)


def source(position: BinlogPosition, **more: Any) -> AttachedSource:
    planned: Any = SimpleNamespace(
        options=SimpleNamespace(timestamp_ms=None, startup_mode="initial")
    )
    return AttachedSource(planned, {}, position, MySqlGtidSet.parse(f"{UUID}:1-5"), **more)


def rows(count: int, offset: int, file: str = "binlog.000001") -> RowsBlock:
    kinds = np.zeros(count, np.int8)
    offsets = np.full(count, offset, np.int64)
    return RowsBlock(TABLE, ("id",), [], kinds, offsets, offsets, file)


def cut_state() -> dict[str, Any]:
    """Of a source that stopped behind three images of the transaction with number 7."""
    found = source(at(100))
    found.begin(f"{UUID}:7", at(100))
    assert found.wanted(rows(3, 150)).all()
    state: dict[str, Any] = json.loads(json.dumps(found.state()))
    return state


def resumed(state: dict[str, Any], position: BinlogPosition, **more: Any) -> AttachedSource:
    handed = load_counts(state["handed"])
    cuts = {gtid: load_counts(counts) for gtid, counts in state["cuts"]}
    return source(position, handed=dict(handed), skip=handed, cuts=cuts, **more)


def test_on_another_server_only_rows_of_the_cut_transaction_are_skipped() -> None:
    found = resumed(cut_state(), at(0, ""), start_by_gtid=True)
    assert found.wanted(rows(2, 50, "other.000001")).all()
    found.advance(at(60, "other.000001"), (f"{UUID}:6",))
    # saved once more before the transaction came
    found = resumed(json.loads(json.dumps(found.state())), at(60, "other.000001"))
    assert found.wanted(rows(2, 70, "other.000001")).all()
    found.advance(at(80, "other.000001"), (f"{UUID}:8",))
    found.begin(f"{UUID}:7", at(80, "other.000001"))
    assert found.wanted(rows(5, 90, "other.000001")).tolist() == [False] * 3 + [True] * 2
    found.advance(at(100, "other.000001"), (f"{UUID}:7",))
    assert found.wanted(rows(5, 110, "other.000001")).all()
    assert found.state()["cuts"] == []


def test_a_transaction_cut_twice_is_skipped_once() -> None:
    found = resumed(cut_state(), at(100))
    found.begin(f"{UUID}:7", at(100))
    assert found.wanted(rows(4, 150)).sum() == 1
    found = resumed(json.loads(json.dumps(found.state())), at(100))
    found.begin(f"{UUID}:7", at(100))
    assert found.wanted(rows(6, 150)).sum() == 2
    found.begin_again()  # the connection broke
    found.begin(f"{UUID}:7", at(100))
    assert found.wanted(rows(7, 150)).sum() == 1


def test_without_gtids_what_follows_the_position_is_skipped() -> None:
    found = source(at(100))
    found.begin("", at(100))
    assert found.wanted(rows(3, 150)).all()
    state = json.loads(json.dumps(found.state()))
    assert (state["handed"], state["cuts"]) == ([["shop", "goods", 3]], [])
    found = resumed(state, at(100))
    found.begin("", at(100))
    assert found.wanted(rows(5, 150)).sum() == 2
