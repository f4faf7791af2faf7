"""The epoch protocol against a server in threads."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.fake_server import FakeStarRocks

from penstock.changelog import ChangelogBatch
from penstock.clock import SystemClock
from penstock.connectors.base import (
    Committable,
    RecoveredSink,
    SinkContext,
    TableDescriptor,
    find_connector,
)
from penstock.connectors.starrocks import target
from penstock.errors import ConnectorError, DataError, ValidationError
from penstock.types import INT, STRING, Column, Schema

SCHEMA = Schema((Column("id", INT), Column("name", STRING), Column("v", INT)), ("id",))
PK = [("id", "int", "PRI"), ("name", "varchar", ""), ("v", "int", "")]
DUP = [("id", "int", "DUP"), ("name", "varchar", ""), ("v", "int", "")]


@pytest.fixture
def server() -> Iterator[FakeStarRocks]:
    fake = FakeStarRocks()
    yield fake
    fake.close()


class Rig:
    def __init__(self, server: FakeStarRocks, tmp_path: Path, monkeypatch: Any) -> None:
        self.server = server
        self.tmp_path = tmp_path
        self.columns: list[Any] = PK
        self.intents: list[tuple[int, int]] = []
        self.sinks: list[Any] = []
        self.pool = ThreadPoolExecutor(4)

        def query(_: Any, sql: str, args: Any = ()) -> list[Any]:
            if "be_tablets" in sql:
                return [(7,)]
            if "tables_config" in sql:
                return [(1,)]
            return [(1000,)] if "be_configs" in sql else self.columns

        monkeypatch.setattr(target.TargetConnection, "query", query)

    def start(
        self,
        options: Any = None,
        *,
        recovered: RecoveredSink | None = None,
        schema: Schema = SCHEMA,
    ) -> Any:
        raw = {
            "connector": "starrocks",
            "jdbc-url": "jdbc:mysql://127.0.0.1:1",
            "load-url": self.server.address,
            "database-name": "d",
            "table-name": "t",
            "username": "root",
            "password": "",
            "sink.retry.interval-ms": "10",
            **(options or {}),
        }
        build = find_connector("starrocks").sink
        assert build is not None
        sink: Any = build(TableDescriptor("c.d.t", schema, raw))
        self.sinks.append(sink)
        context = SinkContext(
            "s1", "job", 1, self.tmp_path, self.pool, SystemClock(), lambda: None,
            lambda e, a: self.intents.append((e, a)), None, recovered or RecoveredSink(),
        )  # fmt: skip
        self.committer = sink.committer(context)
        writer = sink.writer_for("c.d.t", schema, context)
        writer.open(1).result(20)
        return writer

    def close(self) -> None:
        self.pool.shutdown()
        for sink in self.sinks:
            sink.disconnect()

    def commit(self, committables: Any) -> None:
        self.committer.commit(committables).result(20)


@pytest.fixture
def rig(server: FakeStarRocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(server, tmp_path, monkeypatch)
    yield made
    made.close()


def batch(*rows: tuple[int, str | None, int], kinds: list[int] | None = None) -> ChangelogBatch:
    arrays = [
        pa.array([r[0] for r in rows], pa.int32()),
        pa.array([r[1] for r in rows], pa.string()),
        pa.array([r[2] for r in rows], pa.int32()),
    ]
    made = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA.arrow())
    return ChangelogBatch(made, None if kinds is None else np.array(kinds, np.int8))


def test_an_epoch_is_prepared_then_committed(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1), (2, None, 2)))
    assert writer.barrier_wanted(0)
    (committable,) = writer.barrier(1).result(20)
    assert set(committable.payload) == {"label", "txn_id", "db", "table", "rows"}
    assert rig.server.visible() == []
    rig.commit([committable])
    rig.commit([committable])
    assert rig.server.visible() == [["1", "a", "1", "0"], ["2", "\\N", "2", "0"]]
    headers = rig.server.txns[committable.payload["label"]].headers[0]
    assert headers["columns"] == "`id`,`name`,`v`,`__op`"
    assert headers["strict_mode"] == "true"
    assert rig.intents == [(1, 0)]
    assert writer.status()["last_commit_ms"]
    writer.close(abort=False)
    writer.close(abort=True)


def test_an_empty_epoch_opens_nothing(rig: Rig) -> None:
    writer = rig.start()
    assert not writer.barrier_wanted(0)
    assert writer.barrier(1).result(20) == []
    assert rig.server.txns == {}


@pytest.mark.parametrize(
    ("ignore", "expected"),
    [
        (None, [["3", "x", "3", "1"], ["1", "b", "2", "0"], ["2", "y", "2", "1"]]),
        ("true", [["1", "b", "2", "0"], ["2", "y", "2", "1"]]),
        ("false", [["3", "x", "3", "1"], ["1", "b", "2", "0"], ["2", "y", "2", "1"]]),
    ],
)
def test_row_kinds_on_a_key_table(rig: Rig, ignore: str | None, expected: Any) -> None:
    writer = rig.start({"sink.ignore.update-before": ignore} if ignore else {})
    writer.write(batch((1, "a", 1), (3, "x", 3), kinds=[1, 1]))
    writer.write(batch((1, "b", 2), (2, "y", 2), kinds=[2, 3]))
    rig.commit(writer.barrier(1).result(20))
    assert rig.server.visible() == expected


NO_KEY = Schema(SCHEMA.columns)


def test_deletes_are_refused_without_key(rig: Rig) -> None:
    rig.columns = DUP
    writer = rig.start(schema=NO_KEY)
    writer.write(batch((1, "a", 1), (1, "a", 1), kinds=[0, 3]))
    with pytest.raises(DataError, match="without primary key") as caught:
        writer.barrier(1).result(20)
    assert "sink.ignore-delete" in caught.value.hint


def test_deletes_are_dropped_where_the_user_says_so(rig: Rig) -> None:
    rig.columns = DUP
    writer = rig.start({"sink.ignore-delete": "true"}, schema=NO_KEY)
    writer.write(batch((1, "a", 1), (1, "a", 1), (1, "b", 2), (1, "b", 2), kinds=[0, 1, 2, 3]))
    rig.commit(writer.barrier(1).result(20))
    assert rig.server.visible() == [["1", "a", "1"], ["1", "b", "2"]]
    assert writer.status()["dropped_rows"] == 1


def test_deletes_of_a_key_table_are_dropped_where_the_user_says_so(rig: Rig) -> None:
    writer = rig.start({"sink.ignore-delete": "true"})
    writer.write(batch((1, "a", 1), (1, "a", 1), (2, "b", 2), (3, "c", 3), kinds=[0, 3, 1, 2]))
    rig.commit(writer.barrier(1).result(20))
    assert rig.server.visible() == [["1", "a", "1", "0"], ["3", "c", "3", "0"]]


def test_json_where_csv_cannot(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "\\N", 1)))
    rig.commit(writer.barrier(1).result(20))
    assert rig.server.visible() == [{"id": 1, "name": "\\N", "v": 1, "__op": 0}]


def test_csv_demanded_and_impossible(rig: Rig) -> None:
    writer = rig.start({"sink.properties.format": "csv"})
    writer.write(batch((1, "\\N", 1)))
    with pytest.raises(DataError, match="CSV cannot carry"):
        writer.barrier(1).result(20)


def test_misfit_in_a_later_load_starts_again_as_json(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.connectors.starrocks.writer._CHUNK_BYTES", 1)
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    writer.write(batch((2, "\\N", 2)))
    rig.commit(writer.barrier(1).result(20))
    assert [row["id"] for row in rig.server.visible()] == [1, 2]
    assert sorted(t.state for t in rig.server.txns.values()) == ["ABORTED", "VISIBLE"]


def test_lost_rows_fail_the_epoch(rig: Rig) -> None:
    rig.server.lose_rows = 1
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    with pytest.raises(DataError, match="took 0 of 1 rows"):
        writer.barrier(1).result(20)
    assert [t.state for t in rig.server.txns.values()] == ["ABORTED"]


@pytest.mark.parametrize("operation", ["begin", "load", "prepare"])
@pytest.mark.parametrize("fault", ["drop", "refuse-before"])
def test_lost_answers_are_tried_again_under_a_new_label(
    rig: Rig, operation: str, fault: str
) -> None:
    writer = rig.start()
    rig.server.faults[operation] = [fault]
    writer.write(batch((1, "a", 1)))
    rig.commit(writer.barrier(1).result(20))
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert not {t.state for t in rig.server.txns.values()} & {"PREPARE", "PREPARED"}


def test_too_many_versions_is_back_pressure(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    writer = rig.start({"sink.max-retries": "0"})
    refusal = {"Status": "SERVICE_UNAVAILABLE", "Message": "Too many versions. tablet_id: 1"}
    rig.server.faults["load"] = [refusal, refusal]
    writer.write(batch((1, "a", 1)))
    rig.commit(writer.barrier(1).result(20))
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert "Too many versions" in caplog.text


@pytest.mark.parametrize(
    "fault",
    ["drop", "refuse-before", {"Status": "TXN_IN_PROCESSING", "Message": ""}],
)
def test_commit_settles_unclear_answers(rig: Rig, fault: Any) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    done = writer.barrier(1).result(20)
    rig.server.faults["commit"] = [fault]
    rig.commit(done)
    assert rig.server.visible() == [["1", "a", "1", "0"]]


def test_commit_of_a_lost_transaction_fails(rig: Rig) -> None:
    rig.start()
    payload = {"label": "l", "txn_id": 1, "db": "d", "table": "t", "rows": 5}
    with pytest.raises(ConnectorError, match="does not know any more") as caught:
        rig.commit([Committable("s1", 1, payload)])
    assert not caught.value.retryable


def test_recovery_commits_the_listed_and_aborts_the_rest(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    listed = writer.barrier(1).result(20)
    writer.write(batch((2, "b", 2)))
    (unlisted,) = writer.barrier(2).result(20)
    rig.start(recovered=RecoveredSink(tuple(listed), ((1, 1, 0), (1, 2, 0), (1, 3, 0))))
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert rig.server.txns[unlisted.payload["label"]].state == "ABORTED"


def test_discard_rolls_back(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    writer.discard(writer.barrier(1).result(20)).result(20)
    assert [t.state for t in rig.server.txns.values()] == ["ABORTED"]


def test_plain_stream_load_without_transactions(rig: Rig) -> None:
    rig.server.transactions = False
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    assert writer.barrier(1).result(20) == []
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert any(call.startswith("_stream_load") for call in rig.server.calls)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ([], "does not exist in StarRocks"),
        (PK[:2], "does not exist in its target"),
        ([("id", "date", "PRI"), *PK[1:]], "does not fit its target"),
        ([*PK[:2], ("v", "int", "PRI")], "is not the primary key"),
    ],
)
def test_target_is_checked(rig: Rig, columns: Any, text: str) -> None:
    rig.columns = columns
    with pytest.raises(ValidationError, match=text):
        rig.start()


def test_key_table_needs_a_key(rig: Rig) -> None:
    with pytest.raises(ValidationError, match="has no primary key"):
        rig.start(schema=Schema(SCHEMA.columns))
