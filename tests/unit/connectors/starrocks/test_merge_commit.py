"""Merge commit against an embedded StarRocks: what arrives, in how many versions, and what fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable
from tests.unit.connectors.starrocks.whole_sink import WholeSink

from penstock.connectors.base import RecoveredSink
from penstock.connectors.starrocks.changes import ChangeRules
from penstock.connectors.starrocks.committer import Progress
from penstock.connectors.starrocks.merge_commit import MergeCommit, _requests
from penstock.connectors.starrocks.outbox import Entry, EntryKind
from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError, DataError, OptionError, PenstockError
from penstock.state import Spool
from penstock.testing import ManualClock
from penstock.types import INT, STRING, Column, Schema
from penstock.wire.stream_load import LoadState

KEYED = Schema((Column("id", INT.with_nullable(nullable=False)), Column("name", STRING)), ("id",))
KEYLESS = Schema(KEYED.columns)
DDL = {
    "primary": "(id INT, name VARCHAR(5)) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)",
    "duplicate": "(id INT, name VARCHAR(5)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)",
}
M = "sink.merge-commit."
MERGE = {
    "sink.properties.enable_merge_commit": "true",
    "sink.properties.merge_commit_interval_ms": "50",
    M + "check-label-state.init-delay-ms": "10",
    M + "check-label-state.interval-ms": "10",
}
IN_ORDER = {M + "max-concurrent-requests": "0"}
SYNC = {"sink.properties.merge_commit_async": "false"}
DIRECT = {M + "backend-direct-connection": "true", M + "node-meta.update-interval-ms": "10"}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture
def table(server: EmbeddedStarRocks) -> Iterator[TargetTable]:
    made = TargetTable(server, DDL["primary"])
    yield made
    server.faults.clear()
    made.close()


def merged(table: TargetTable) -> list[tuple[Any, ...]]:
    """Merged loads of the database."""
    text = "SELECT LABEL FROM information_schema.loads WHERE TYPE = 'BATCH_WRITE'"
    return table.sql(text)


@pytest.mark.parametrize("model", list(DDL))
@pytest.mark.parametrize(
    "more", [{}, IN_ORDER, SYNC, DIRECT], ids=["async", "in-order", "sync", "direct"]
)
def test_rows_arrive_by_merge_commit(
    server: EmbeddedStarRocks, tmp_path: Path, model: str, more: dict[str, str]
) -> None:
    table = TargetTable(server, DDL[model])
    before = len(merged(table))
    schema = KEYED if model == "primary" else KEYLESS
    # A request of a few rows each.
    with WholeSink(table, schema, tmp_path, **MERGE, **more, **{M + "chunk.size": "200"}) as sink:
        sink.write([(i, f"n{i}") for i in range(40)])
        sink.flush()
    # at least once: an answer that comes late has its request sent again
    assert table.sql("SELECT COUNT(DISTINCT id), MIN(name), MAX(id) FROM d.t") == [(40, "n0", 39)]
    assert len(merged(table)) > before
    table.close()


def test_requests_of_one_interval_make_one_version(table: TargetTable, tmp_path: Path) -> None:
    before = len(merged(table))
    options = {**MERGE, "sink.properties.merge_commit_interval_ms": "1000"}
    more = {M + "chunk.size": "100", M + "http.thread.num": "10"}
    with WholeSink(table, KEYED, tmp_path, **options, **more) as sink:
        sink.write([(i, f"n{i}") for i in range(40)])
        sink.flush()
    assert len(merged(table)) == before + 1


def test_a_key_is_sent_once_so_that_no_order_of_requests_matters(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)
    segment = spool.create(1)
    for start in (0, 5):
        ids = [i % 7 for i in range(start, start + 5)]
        names = [f"v{i}" for i in range(start, start + 5)]
        segment.append(pa.record_batch({"id": ids, "name": names}))
    segment.seal()
    entry = Entry(EntryKind.MERGE, "l", -1, (segment,))
    rows = [
        row
        for chunk in _requests(entry, (0,), 30)
        for row in zip(*(column.to_pylist() for column in chunk.columns), strict=True)
    ]
    assert sorted(rows) == [
        (0, "v7"), (1, "v8"), (2, "v9"), (3, "v3"), (4, "v4"), (5, "v5"), (6, "v6")
    ]  # fmt: skip
    assert len(list(_requests(entry, (0,), 30))) > 1


def test_after_a_crash_no_older_value_surfaces(table: TargetTable, tmp_path: Path) -> None:
    first = WholeSink(table, KEYED, tmp_path, **MERGE)
    with first as sink:
        for value in range(6):
            sink.write([(1, f"v{value}")], ["+U"])
        sink.writer.barrier(1, final=True)
        while (answer := sink.writer.listed(1)) is None:
            time.sleep(0.005)
        listed = answer
        sink.writer.commit(1)
        while sink.writer.visible_epoch < 1:
            sink.writer.check()
            time.sleep(0.005)
    assert table.sql("SELECT name FROM d.t") == [("v5",)]
    # The manifest that lists the rows is the last one: they are sent again, as they were.
    seen: set[tuple[Any, ...]] = set()

    left = RecoveredSink(listed)

    class Restarted(WholeSink):
        start = (2, left)

    with Restarted(table, KEYED, tmp_path, **MERGE) as sink:
        deadline = time.monotonic() + 20
        while sink.writer.visible_epoch < 0 or sink.writer.busy:
            seen.update(table.sql("SELECT name FROM d.t"))
            assert time.monotonic() < deadline
    assert seen <= {("v5",)}
    assert table.sql("SELECT * FROM d.t") == [(1, "v5")]


def test_a_bad_row_fails_with_the_servers_log(table: TargetTable, tmp_path: Path) -> None:
    with WholeSink(table, KEYED, tmp_path, **MERGE) as sink:
        sink.write([(1, "fine"), (2, "far too long")])
        with pytest.raises(DataError) as caught:
            sink.flush()
    assert "errorLog" in caught.value.detail
    assert "too long" in caught.value.detail or "length" in caught.value.detail


def test_a_refused_request_is_sent_again(
    server: EmbeddedStarRocks, table: TargetTable, tmp_path: Path
) -> None:
    refusal = ("stream_load", "status", "SERVICE_UNAVAILABLE", "too many versions")
    server.faults.add(Fault(*refusal, role="be", times=2))
    with WholeSink(table, KEYED, tmp_path, **MERGE) as sink:
        sink.write([(1, "one")])
        sink.flush()
    assert table.sql("SELECT * FROM d.t") == [(1, "one")]


def test_retries_are_limited_only_where_the_user_says_so(
    server: EmbeddedStarRocks, table: TargetTable, tmp_path: Path
) -> None:
    server.faults.add(Fault("stream_load", "drop", role="be", times=5))
    with WholeSink(table, KEYED, tmp_path, **MERGE, **{"sink.max-retries": "0"}) as sink:
        sink.write([(1, "one")])
        with pytest.raises(PenstockError, match="lost the answer"):
            sink.flush()


def test_an_older_server_is_refused_by_name(
    table: TargetTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "penstock.connectors.starrocks.server_version.version_text", lambda _: "3.3.9-abc"
    )
    with (
        pytest.raises(OptionError, match="enable_merge_commit") as caught,
        WholeSink(table, KEYED, tmp_path, **MERGE),
    ):
        pass
    assert caught.value.code == "server-too-old"


def test_dead_letters_need_transactions(table: TargetTable, tmp_path: Path) -> None:
    letters = {"sink.dead-letter.path": str(tmp_path / "dead.jsonl")}
    with (
        pytest.raises(OptionError, match="needs transactions"),
        WholeSink(table, KEYED, tmp_path, **MERGE, **letters),
    ):
        pass


class FakeApi:
    """Answers states in turn, the last one for ever."""

    name = "d.t"

    def __init__(self, *states: LoadState) -> None:
        self.states = list(states)

    def state(self, _label: str) -> tuple[LoadState, str]:
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        return state, "timeout by txn manager"

    def aborted(self, label: str, reason: str) -> ConnectorError:
        return ConnectorError(reason, retryable=True, detail=label)


@pytest.mark.parametrize(
    ("states", "more", "error"),
    [
        ("PREPARE PREPARED VISIBLE", {}, ""),
        ("PREPARE COMMITTED COMMITTED VISIBLE", {"sink.publish-timeout.ms": "-1"}, ""),
        ("COMMITTED", {}, ""),
        ("COMMITTED", {"sink.publish-timeout.ms": "-1"}, "did not become visible"),
        ("PREPARE ABORTED", {}, "timeout by txn manager"),
        ("PREPARE UNKNOWN", {}, "did not become visible"),
        ("PREPARE", {M + "check-label-state.timeout-ms": "2000"}, "did not become visible"),
    ],
)
def test_a_merged_load_is_followed_to_its_end(
    table: TargetTable, states: str, more: dict[str, str], error: str
) -> None:
    api: Any = FakeApi(*(LoadState(state) for state in states.split()))
    options = table.options(**MERGE, **more)
    none: Any = None
    merge = MergeCommit(
        api, none, none, options, ChangeRules(()), ManualClock(), none, none, Progress()
    )
    if not error:
        merge._follow("label")
        return
    with pytest.raises(ConnectorError, match=error):
        merge._follow("label")
