"""Settings that are changed while the server runs, and what they change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest

from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.model import ColumnDef, ServerError, TableDef
from penstock.embedded.starrocks.server import EmbeddedStarRocks


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(backends=2) as made:
        made.store.create_database("d")
        columns = [ColumnDef("id", "int"), ColumnDef("b", "varchar(10)")]
        made.store.create_table(
            TableDef(
                "d", "t", columns, "PRIMARY", ["id"], buckets=4, distribution_columns=["id"],
                properties={"replication_num": "3"},
            )
        )  # fmt: skip
        yield made


@pytest.fixture
def ask(server: EmbeddedStarRocks) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    connection = pymysql.connect(host="127.0.0.1", port=server.query_port, user="root")
    cursor = connection.cursor()

    def run(statement: str) -> list[tuple[Any, ...]]:
        cursor.execute(statement)
        return list(cursor.fetchall())

    yield run
    connection.close()


def begin(server: EmbeddedStarRocks, label: str, **more: Any) -> None:
    server.transactions.begin(label, "d", "t", **more)


def finish(server: EmbeddedStarRocks, label: str) -> None:
    begin(server, label)
    server.transactions.load(label, "d", "t", LoadOptions(), b"1\tx\n2\ty\n3\tz\n")
    server.transactions.prepare(label, "d")
    server.transactions.commit(label, "d")


def eventually(check: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_frontend_is_configured_by_sql(server: EmbeddedStarRocks, ask: Any) -> None:
    ask("ADMIN SET FRONTEND CONFIG ('max_running_txn_num_per_db' = '2')")
    shown = ask("ADMIN SHOW FRONTEND CONFIG LIKE 'max_running%'")
    assert shown == [("max_running_txn_num_per_db", "[]", "2", "int", "true", "")]
    begin(server, "a")
    begin(server, "b")
    with pytest.raises(ServerError) as caught:
        begin(server, "c")
    number = server.store.database("d").db_id
    text = f"current running txns on db {number} is 2, larger than limit 2"
    assert caught.value.message == text
    server.transactions.rollback("a", "d")
    begin(server, "c")
    for statement in (
        "ADMIN SET FRONTEND CONFIG ('no_such' = '2')",
        "ADMIN SET FRONTEND CONFIG ('run_mode' = 'shared_data')",
        "ADMIN SET FRONTEND CONFIG ('label_keep_max_num' = 'many')",
    ):
        with pytest.raises(pymysql.MySQLError):
            ask(statement)


def test_backends_are_configured_by_sql(server: EmbeddedStarRocks, ask: Any) -> None:
    ask("UPDATE information_schema.be_configs SET VALUE = 3 WHERE NAME = 'tablet_max_versions'")
    shown = ask(
        "SELECT BE_ID, VALUE FROM information_schema.be_configs WHERE NAME LIKE 'tablet_max_v%'"
    )
    assert shown == [(10001, "3"), (10002, "3")]
    ask(
        "UPDATE information_schema.be_configs SET VALUE = '0' WHERE NAME = 'max_compaction_concurrency'"
    )
    assert server.foreign_versions("d", "t", 3) == 4
    with pytest.raises(pymysql.MySQLError) as caught:
        ask("INSERT INTO d.t VALUES (1, 'x')")
    assert caught.value.args[0] == 1064
    assert "current/limit: 4/3." in caught.value.args[1]
    assert server.store.compactor.step() == 0


def test_be_tablets_has_a_row_per_replica(server: EmbeddedStarRocks, ask: Any) -> None:
    table = server.store.table("d", "t")
    ask("INSERT INTO d.t VALUES " + ", ".join(f"({number}, 'x')" for number in range(1000)))
    finish(server, "one")
    versions = f"FROM information_schema.be_tablets WHERE TABLE_ID = {table.table_id}"
    assert ask(f"SELECT MAX(NUM_VERSION), MAX(NUM_ROWSET) {versions}") == [(3, 3)]
    assert server.store.tablets._counted == {}  # a poll of versions reads no rows
    rows = ask(
        "SELECT BE_ID, PARTITION_ID, TABLET_ID, NUM_VERSION, MAX_VERSION, NUM_ROW, TYPE"
        f" FROM information_schema.be_tablets WHERE TABLE_ID = {table.table_id}"
    )
    assert len(rows) == 8
    assert sorted({row[0] for row in rows}) == [10001, 10002]
    assert {row[1] for row in rows} == {table.partitions[0].partition_id}
    assert sorted({row[2] for row in rows}) == table.tablet_ids
    assert {row[3:5] for row in rows} == {(3, 3)}
    assert sum(row[5] for row in rows) == 2000
    assert len({row[5] for row in rows}) > 1
    assert {row[6] for row in rows} == {"PRIMARY_KEYS"}
    shown = ask("SHOW TABLET FROM d.t")
    assert sorted({int(row[2]) for row in shown}) == [10001, 10002]
    assert {row[17] for row in shown} == {"3"}
    one = ask(f"SHOW TABLET {table.tablet_ids[1]}")
    assert one[0][:4] == ("d", "t", "t", "t")
    detail = ask(one[0][9].rstrip(";"))
    assert [row[0] for row in detail] == [str(table.tablet_ids[1])] * 2
    meta = ask("SELECT VISIBLE_VERSION, NEXT_VERSION, BUCKETS, REPLICATION_NUM, ROW_COUNT, MAX_CS"
               " FROM information_schema.partitions_meta WHERE TABLE_NAME = 't'")  # fmt: skip
    assert meta == [(3, 4, 4, 2, 1000, 3.0)]


def test_labels_are_forgotten_by_number_and_by_age(server: EmbeddedStarRocks, ask: Any) -> None:
    begin(server, "running")
    for place in range(4):
        finish(server, f"n{place}")
    ask("ADMIN SET FRONTEND CONFIG ('label_keep_max_num' = '2')")
    states = [server.transactions.state("d", f"n{place}")[0] for place in range(4)]
    assert states == ["UNKNOWN", "UNKNOWN", "VISIBLE", "VISIBLE"]
    begin(server, "n0")
    ask("ADMIN SET FRONTEND CONFIG ('label_keep_max_second' = '0')")
    eventually(lambda: server.transactions.state("d", "n3")[0] == "UNKNOWN")
    assert server.transactions.state("d", "running")[0] == "PREPARE"


def test_transactions_run_out_of_time(server: EmbeddedStarRocks, ask: Any) -> None:
    begin(server, "slow", timeout=1)
    begin(server, "idle", idle_timeout=1)
    begin(server, "kept")
    for label in ("default", "own"):
        begin(server, label)
        server.transactions.load(label, "d", "t", LoadOptions(), b"1\tx\n")
    server.transactions.prepare("default", "d")
    server.transactions.prepare("own", "d", prepared_timeout=500)
    ask("ADMIN SET FRONTEND CONFIG ('prepared_transaction_default_timeout_second' = '1')")
    gone = ("slow", "idle", "default")
    eventually(lambda: all(server.transactions.state("d", one)[0] == "ABORTED" for one in gone))
    assert server.transactions.state("d", "default") == ("ABORTED", "timeout by txn manager")
    assert server.transactions.state("d", "own")[0] == "PREPARED"
    assert server.transactions.state("d", "kept")[0] == "PREPARE"
    with pytest.raises(ServerError) as caught:
        begin(server, "never", timeout=0)
    assert caught.value.message == "Invalid timeout: 0. Timeout should between 1 and 259200 seconds"
    running = ask("SHOW PROC '/transactions/d/running'")
    assert {row[1] for row in running} == {"own", "kept"}
    by_id = ask(f"SHOW TRANSACTION FROM d WHERE id = {running[0][0]}")
    assert by_id == [running[0]]


def test_latency_and_disk_speed_can_be_changed(server: EmbeddedStarRocks, ask: Any) -> None:
    def spent() -> float:
        start = time.perf_counter()
        finish(server, f"l{start}".replace(".", "-"))
        return time.perf_counter() - start

    spent()
    ask(
        "UPDATE information_schema.be_configs SET VALUE = 300 WHERE NAME = 'penstock_publish_latency_ms'"
    )
    assert spent() > 0.2
    ask(
        "UPDATE information_schema.be_configs SET VALUE = 0 WHERE NAME = 'penstock_publish_latency_ms'"
    )
    ask(
        "UPDATE information_schema.be_configs SET VALUE = 0.00003 WHERE NAME = 'penstock_disk_mb_per_second'"
    )
    assert spent() > 0.25


def test_settings_at_the_start() -> None:
    with EmbeddedStarRocks(
        query_port=None, settings={"tablet_max_versions": 7, "label_keep_max_num": 3}
    ) as server:
        assert server.store.config["tablet_max_versions"] == "7"
        assert server.store.frontend_config["label_keep_max_num"] == "3"
    with pytest.raises(ServerError):
        EmbeddedStarRocks(settings={"no_such_setting": 1})
