"""The epoch protocol against a server in threads."""

import sys
import time
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
    SharedResources,
    SinkContext,
    TableDescriptor,
    find_connector,
)
from penstock.connectors.starrocks import target
from penstock.errors import ConnectorError, DataError, JobError, ValidationError
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
        self.writers: list[Any] = []
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
        incarnation: int = 1,
        epoch: int = 1,
        settings: Any = None,
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
        sink: Any = build(TableDescriptor("c.d.t", schema, raw, settings=settings or {}))
        context = SinkContext(
            "s1", "job", "id", incarnation, self.tmp_path, self.pool, self.pool, self.pool,
            SystemClock(), lambda: None, lambda e, a: self.intents.append((e, a)), None,
            recovered or RecoveredSink(), self.pool, SharedResources(),
        )  # fmt: skip
        writer = sink.writer_for("c.d.t", schema, context)
        self.writers.append(writer)
        writer.open().result(20)
        writer.start(epoch)
        return writer

    def close(self) -> None:
        for writer in self.writers:
            writer.close(abort=False).result(20)
        self.pool.shutdown()

    def ended(self, writer: Any, epoch: int, *, final: bool = False) -> tuple[Committable, ...]:
        """What the manifest of an epoch lists."""
        writer.barrier(epoch, final=final)
        deadline = time.monotonic() + 20
        while (listed := writer.listed(epoch)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        return tuple(listed)

    def visible(self, writer: Any, epoch: int) -> None:
        """Wait until everything up to an epoch is."""
        deadline = time.monotonic() + 20
        while writer.visible_epoch < epoch:
            writer.check()
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def finish(self, writer: Any, epoch: int) -> None:
        """Barriers until the rows up to `epoch` are visible, as the engine makes them."""
        while True:
            self.ended(writer, epoch, final=True)
            writer.commit(epoch)
            if not writer.barrier_wanted(SystemClock().now_ms()) and not writer.busy:
                if writer.visible_epoch >= epoch:
                    return
                time.sleep(0.01)
            epoch += 1


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
    (committable,) = rig.ended(writer, 1)
    assert committable.payload["kind"] == "transaction"
    assert committable.payload["rows"] == 2
    assert rig.server.visible() == []
    assert writer.visible_epoch == 0
    writer.commit(1)
    rig.visible(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"], ["2", "\\N", "2", "0"]]
    headers = rig.server.txns[committable.payload["label"]].headers[0]
    assert headers["columns"] == "`id`,`name`,`v`,`__op`"
    assert headers["strict_mode"] == "true"
    assert rig.intents == [(2, 0)], "named for the epoch that was open at its begin"
    assert writer.status()["last_commit_ms"]
    assert rig.ended(writer, 2) == ()
    writer.commit(2)
    assert not list(rig.tmp_path.rglob("*.spool")), "acknowledged rows leave the disk"


def test_an_empty_epoch_opens_nothing(rig: Rig) -> None:
    writer = rig.start()
    assert not writer.barrier_wanted(0)
    assert rig.ended(writer, 1) == ()
    assert writer.visible_epoch == 1
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
    rig.finish(writer, 1)
    assert rig.server.visible() == expected


NO_KEY = Schema(SCHEMA.columns)


def test_deletes_are_refused_without_key(rig: Rig) -> None:
    rig.columns = DUP
    writer = rig.start(schema=NO_KEY)
    writer.write(batch((1, "a", 1), (1, "a", 1), kinds=[0, 3]))
    with pytest.raises(DataError, match="without primary key") as caught:
        rig.finish(writer, 1)
    assert "sink.ignore-delete" in caught.value.hint


def test_deletes_are_dropped_where_the_user_says_so(rig: Rig) -> None:
    rig.columns = DUP
    writer = rig.start({"sink.ignore-delete": "true"}, schema=NO_KEY)
    writer.write(batch((1, "a", 1), (1, "a", 1), (1, "b", 2), (1, "b", 2), kinds=[0, 1, 2, 3]))
    rig.finish(writer, 1)
    assert rig.server.visible() == [["1", "a", "1"], ["1", "b", "2"]]
    assert writer.status()["dropped_rows"] == 1


def test_deletes_of_a_key_table_are_dropped_where_the_user_says_so(rig: Rig) -> None:
    writer = rig.start({"sink.ignore-delete": "true"})
    writer.write(batch((1, "a", 1), (1, "a", 1), (2, "b", 2), (3, "c", 3), kinds=[0, 3, 1, 2]))
    rig.finish(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"], ["3", "c", "3", "0"]]


def test_json_where_csv_cannot(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "\\N", 1)))
    rig.finish(writer, 1)
    assert rig.server.visible() == [{"id": 1, "name": "\\N", "v": 1, "__op": 0}]


def test_csv_demanded_and_impossible(rig: Rig) -> None:
    writer = rig.start({"sink.properties.format": "csv"})
    writer.write(batch((1, "\\N", 1)))
    with pytest.raises(DataError, match="CSV cannot carry"):
        rig.finish(writer, 1)


def test_misfit_in_a_later_load_starts_again_as_json(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.connectors.starrocks.writer._CHUNK_BYTES", 1)
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    writer.write(batch((2, "\\N", 2)))
    rig.finish(writer, 1)
    assert [row["id"] for row in rig.server.visible()] == [1, 2]
    assert sorted(t.state for t in rig.server.txns.values()) == ["ABORTED", "VISIBLE"]


def test_lost_rows_fail_the_epoch(rig: Rig) -> None:
    rig.server.lose_rows = 1
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    with pytest.raises(DataError, match="took 0 of 1 rows"):
        rig.finish(writer, 1)
    assert [t.state for t in rig.server.txns.values()] == ["ABORTED"]


@pytest.mark.parametrize("operation", ["begin", "load", "prepare"])
@pytest.mark.parametrize("fault", ["drop", "refuse-before"])
def test_lost_answers_are_tried_again_under_a_new_label(
    rig: Rig, operation: str, fault: str
) -> None:
    writer = rig.start()
    rig.server.faults[operation] = [fault]
    writer.write(batch((1, "a", 1)))
    rig.finish(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert not {t.state for t in rig.server.txns.values()} & {"PREPARE", "PREPARED"}


def test_too_many_versions_is_back_pressure(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    writer = rig.start({"sink.max-retries": "0"})
    refusal = {"Status": "SERVICE_UNAVAILABLE", "Message": "Too many versions. tablet_id: 1"}
    rig.server.faults["load"] = [refusal, refusal]
    writer.write(batch((1, "a", 1)))
    rig.finish(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert "Too many versions" in caplog.text


@pytest.mark.parametrize(
    "fault",
    ["drop", "refuse-before", {"Status": "TXN_IN_PROCESSING", "Message": ""}],
)
def test_commit_settles_unclear_answers(rig: Rig, fault: Any) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    rig.ended(writer, 1)
    rig.server.faults["commit"] = [fault]
    writer.commit(1)
    rig.visible(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"]]


def test_a_label_of_another_transaction_is_not_taken_for_ours(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    (listed,) = rig.ended(writer, 1)
    rig.server.txns[listed.payload["label"]].id += 1
    writer.commit(1)
    with pytest.raises(ConnectorError, match="belongs to transaction"):
        rig.visible(writer, 1)


def test_recovery_commits_the_listed_and_aborts_the_rest(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    listed = rig.ended(writer, 1)
    writer.commit(1)
    rig.visible(writer, 1)
    writer.write(batch((2, "b", 2)))
    (unlisted,) = rig.ended(writer, 2, final=True)
    intents = ((1, 1, 0), (1, 2, 0), (1, 3, 0))
    again = rig.start(recovered=RecoveredSink(listed, intents), incarnation=2, epoch=2)
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert rig.server.txns[unlisted.payload["label"]].state == "ABORTED"
    assert again.visible_epoch == 1


def test_a_prepared_transaction_starrocks_aborted_is_loaded_again(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    listed = rig.ended(writer, 1)
    rig.server.txns[listed[0].payload["label"]].state = "ABORTED"
    writer.commit(1)
    with pytest.raises(ConnectorError, match="aborted a prepared transaction of 1 rows") as lost:
        rig.visible(writer, 1)
    assert lost.value.retryable
    writer.close(abort=True).result(20)
    again = rig.start(recovered=RecoveredSink(listed), incarnation=2, epoch=2)
    assert again.visible_epoch == 0
    assert again.barrier_wanted(0)
    again.write(batch((1, "b", 2)))
    rig.finish(again, 2)
    assert rig.server.visible() == [["1", "a", "1", "0"], ["1", "b", "2", "0"]]


def test_a_later_visible_label_speaks_for_a_forgotten_one(rig: Rig) -> None:
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    rig.ended(writer, 1)
    writer.write(batch((1, "b", 2)))
    listed = rig.ended(writer, 2, final=True)
    assert [c.payload["rows"] for c in listed] == [1, 1]
    writer.commit(2)
    rig.visible(writer, 2)
    del rig.server.txns[listed[0].payload["label"]]
    rig.server.calls.clear()
    again = rig.start(recovered=RecoveredSink(listed), incarnation=2, epoch=3)
    assert again.visible_epoch == 2
    assert not again.barrier_wanted(0)
    assert not [call for call in rig.server.calls if call.startswith("begin ")]


@pytest.mark.parametrize("choice", ["fail", "reload", "skip"])
def test_a_forgotten_label_without_key_is_the_users_choice(rig: Rig, choice: str) -> None:
    rig.columns = DUP
    keyless = Schema(SCHEMA.columns)
    writer = rig.start(schema=keyless)
    writer.write(batch((1, "a", 1)))
    listed = rig.ended(writer, 1)
    rig.server.txns.clear()
    settings = {"penstock.sink.on-unknown-label": choice}
    if choice == "fail":
        with pytest.raises(JobError, match="does not know any more whether 1 rows") as caught:
            rig.start(schema=keyless, recovered=RecoveredSink(listed), settings=settings)
        assert listed[0].payload["label"] in caught.value.detail
        return
    again = rig.start(
        schema=keyless, recovered=RecoveredSink(listed), settings=settings, incarnation=2, epoch=2
    )
    rig.finish(again, 2)
    assert rig.server.visible() == ([["1", "a", "1"]] if choice == "reload" else [])


def test_a_refused_table_spools_and_the_epoch_goes_on(rig: Rig) -> None:
    refusal = {"Status": "SERVICE_UNAVAILABLE", "Message": "Too many versions. tablet_id: 1"}
    rig.server.faults["load"] = [refusal] * 3
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    (spooled,) = rig.ended(writer, 1)
    assert spooled.payload["kind"] == "spool"
    writer.commit(1)
    writer.write(batch((1, "b", 2)))
    writer.write(batch((2, "c", 3)))
    more = rig.ended(writer, 2)
    assert more[-1].payload["kind"] == "spool"
    writer.close(abort=True).result(20)
    again = rig.start(
        recovered=RecoveredSink(more, tuple((1, *i) for i in rig.intents)), incarnation=2, epoch=3
    )
    again.write(batch((3, "d", 4)))
    rig.finish(again, 3)
    assert rig.server.visible() == [
        ["1", "a", "1", "0"], ["1", "b", "2", "0"], ["2", "c", "3", "0"], ["3", "d", "4", "0"],
    ]  # fmt: skip
    assert not {t.state for t in rig.server.txns.values()} & {"PREPARE", "PREPARED"}


def test_rows_the_target_takes_late_go_out_as_one_transaction(rig: Rig) -> None:
    refusal = {"Status": "SERVICE_UNAVAILABLE", "Message": "Too many versions. tablet_id: 1"}
    rig.server.faults["load"] = [refusal]
    writer = rig.start()
    for epoch in (1, 2, 3):
        writer.write(batch((epoch, "a", epoch)))
        assert [c.payload["kind"] for c in rig.ended(writer, epoch)] == ["spool"]
        writer.commit(epoch)
    rig.finish(writer, 4)
    visible = [t for t in rig.server.txns.values() if t.state == "VISIBLE"]
    assert [len(t.rows) for t in visible] == [3]


def test_plain_stream_load_without_transactions(rig: Rig) -> None:
    rig.server.transactions = False
    writer = rig.start()
    writer.write(batch((1, "a", 1)))
    listed = rig.ended(writer, 1)
    assert [c.payload["kind"] for c in listed] == ["load"]
    assert rig.server.visible() == [], "nothing is sent before its offset is durable"
    writer.commit(1)
    rig.visible(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    rig.server.calls.clear()
    again = rig.start(recovered=RecoveredSink(listed), incarnation=2, epoch=2)
    rig.finish(again, 2)
    assert rig.server.visible() == [["1", "a", "1", "0"]], "a load that won is not repeated"
    assert not [call for call in rig.server.calls if call.startswith("_stream_load")]


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


def test_a_prepare_without_a_count_is_no_prepare(rig: Rig) -> None:
    writer = rig.start()
    rig.server.faults["prepare"] = [{"Status": "OK", "Message": ""}]
    writer.write(batch((1, "a", 1)))
    rig.finish(writer, 1)
    assert rig.server.visible() == [["1", "a", "1", "0"]]
    assert sorted(t.state for t in rig.server.txns.values()) == ["ABORTED", "VISIBLE"]
