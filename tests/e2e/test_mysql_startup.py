"""Where reading starts: every mode of 'scan.startup.mode', on all servers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.e2e.cdc_run import Run

from penstock.clients.mysql import MySqlConnection
from penstock.clients.mysql_binlog import current_position
from penstock.errors import ConnectorError
from penstock.types import BIGINT, INT, STRING, TIMESTAMP_LTZ, Column, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

NARROW = Schema((Column("id", BIGINT.with_nullable(nullable=False)), Column("v", INT)), ("id",))


@pytest.fixture
def session(server: MySqlServer) -> Iterator[MySqlConnection]:
    opened = MySqlConnection.open(server.endpoint)
    yield opened
    opened.close()


def made(session: MySqlConnection, name: str) -> str:
    session.query(f"DROP TABLE IF EXISTS shop.{name}")
    session.query(f"CREATE TABLE shop.{name} (id BIGINT PRIMARY KEY, v INT)")
    return name


def add(session: MySqlConnection, table: str, *ids: int) -> None:
    for number in ids:
        session.query(f"INSERT INTO shop.{table} VALUES ({number}, {number})")


def test_startup_from_the_latest_offset(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "latest")
    add(session, table, 1)
    run = Run(server, tmp_path, table, schema=NARROW, scan_startup_mode="latest-offset")
    add(session, table, 2, 3)
    run.until(lambda: len(run.log) == 2)
    run.close()
    assert run.log == [("+I", (2, 2)), ("+I", (3, 3))]


def test_startup_from_the_earliest_offset_and_resume(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "earliest")
    add(session, table, 1)
    session.query("FLUSH BINARY LOGS")
    add(session, table, 2)
    run = Run(server, tmp_path, table, schema=NARROW, scan_startup_mode="earliest-offset")
    run.until(lambda: len(run.log) == 2)
    state, rows = run.stop(), run.rows
    add(session, table, 3)
    run = Run(server, tmp_path, table, state, schema=NARROW, scan_startup_mode="earliest-offset")
    run.rows = rows
    run.until(lambda: len(run.log) == 1)
    run.close()
    assert run.rows == {1: (1, 1), 2: (2, 2), 3: (3, 3)}


def test_startup_from_a_file_and_position(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "by_file")
    add(session, table, 1)
    position, _ = current_position(session)
    add(session, table, 2)
    options = {
        "scan.startup.mode": "specific-offset",
        "scan.startup.specific-offset.file": position.file,
        "scan.startup.specific-offset.pos": str(position.offset),
    }
    run = Run(server, tmp_path, table, schema=NARROW, given=options)
    run.until(lambda: len(run.log) == 1)
    run.close()
    assert run.log == [("+I", (2, 2))]


def test_startup_from_a_gtid_set_and_resume_on_another_server_of_the_set(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "by_gtid")
    add(session, table, 1)
    _, gtids = current_position(session)
    add(session, table, 2)
    options = {
        "scan.startup.mode": "specific-offset",
        "scan.startup.specific-offset.gtid-set": gtids,
    }
    run = Run(server, tmp_path, table, schema=NARROW, given=options)
    run.until(lambda: len(run.log) == 1)
    state, rows = run.stop(), run.rows
    assert rows == {2: (2, 2)}
    assert state["gtids"] == current_position(session)[1]
    add(session, table, 3)
    # the same file name and position mean something else there
    moved = {**state, "server": "another", "file": "other.000001", "offset": 99}
    run = Run(server, tmp_path, table, moved, schema=NARROW, given=options)
    run.rows = rows
    run.until(lambda: len(run.log) == 1)
    add(session, table, 4)
    run.until(lambda: len(run.log) == 2)
    assert run.stop()["file"] == current_position(session)[0].file
    assert [row for _, row in run.log] == [(3, 3), (4, 4)]


def test_a_saved_position_of_another_server_without_gtids_is_refused(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "moved")
    position, _ = current_position(session)
    state = {"file": position.file, "offset": position.offset, "tables": [], "server": "another"}
    with pytest.raises(ConnectorError) as caught:
        Run(server, tmp_path, table, state, schema=NARROW)
    assert caught.value.code == "other-server"
    assert "gtid_mode=ON" in caught.value.hint


def test_startup_from_a_timestamp_reads_no_older_file(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "by_time")
    add(session, table, 1)
    session.query("FLUSH BINARY LOGS")
    time.sleep(1.1)
    now = int(session.query("SELECT UNIX_TIMESTAMP()")[0][0])
    add(session, table, 2)
    session.query("FLUSH BINARY LOGS")
    add(session, table, 3)
    options = {
        "scan.startup.mode": "timestamp",
        "scan.startup.timestamp-millis": str(1000 * now),
    }
    run = Run(server, tmp_path, table, schema=NARROW, given=options)
    files = [str(row[0]) for row in session.query("SHOW BINARY LOGS")]
    assert run.reader.progress()[0].position == f"{files[-2]}:4"
    run.until(lambda: len(run.log) == 2)
    run.close()
    assert [row for _, row in run.log] == [(2, 2), (3, 3)]


def test_a_position_inside_an_event_is_refused_for_good(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "inside")
    position, _ = current_position(session)
    add(session, table, 1)
    options = {
        "scan.startup.mode": "specific-offset",
        "scan.startup.specific-offset.file": position.file,
        "scan.startup.specific-offset.pos": str(position.offset - 3),
    }
    run = Run(server, tmp_path, table, schema=NARROW, given=options)
    with pytest.raises(ConnectorError) as caught:
        run.until(lambda: run.log)
    run.close()
    assert not caught.value.retryable
    assert "earliest-offset" in caught.value.hint


def test_server_id_conflict(server: MySqlServer, session: MySqlConnection, tmp_path: Path) -> None:
    """Upstream's testServerIdConflict: the reader that is pushed out says why."""
    table = made(session, "conflict")
    options = {"scan.startup.mode": "latest-offset", "server-id": "5777"}
    first = Run(server, tmp_path / "a", table, schema=NARROW, given=options)
    add(session, table, 1)
    first.until(lambda: len(first.log) == 1)
    second = Run(server, tmp_path / "b", table, schema=NARROW, given=options)
    second.step()
    with pytest.raises(ConnectorError) as caught:
        first.until(lambda: len(first.log) > 1)
    add(session, table, 2)
    second.until(lambda: second.log)
    first.close()
    second.close()
    assert caught.value.code == "server-id-conflict"
    assert "'server-id'" in caught.value.hint


def test_readers_with_one_range_take_different_ids(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "ranged")
    options = {"scan.startup.mode": "latest-offset", "server-id": "5801-5803"}
    runs = []
    for number in range(3):
        run = Run(server, tmp_path / str(number), table, schema=NARROW, given=options)
        add(session, table, number)
        run.until(lambda run=run: run.log)
        runs.append(run)
    for run in runs:
        run.step()
        run.close()


def test_metadata_columns_over_many_physical_tables(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    session.query("DROP DATABASE IF EXISTS shop_1")
    session.query("CREATE DATABASE shop_1")
    for name in ("shop.meta_1", "shop_1.meta_2"):
        session.query(f"DROP TABLE IF EXISTS {name}")
        session.query(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY, v INT)")
    session.query("INSERT INTO shop.meta_1 VALUES (1, 1)")
    session.query("CREATE TABLE IF NOT EXISTS shop.other (id BIGINT PRIMARY KEY)")
    schema = Schema(
        (
            Column("id", BIGINT.with_nullable(nullable=False)),
            Column("d", STRING),
            Column("t", STRING),
            Column("at", TIMESTAMP_LTZ(3)),
            Column("k", STRING),
        ),
        ("id",),
    )
    keys = {"d": "database_name", "t": "table_name", "at": "op_ts", "k": "row_kind"}
    options = {"database-name": "shop(_[0-9])?", "server-time-zone": "UTC"}
    run = Run(server, tmp_path, "meta_[0-9]", schema=schema, metadata=keys, given=options)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    before = int(session.query("SELECT UNIX_TIMESTAMP()")[0][0])
    session.query("INSERT INTO shop_1.meta_2 VALUES (2, 2)")
    session.query("UPDATE shop.meta_1 SET v = 5")
    session.query("DELETE FROM shop_1.meta_2")
    run.until(lambda: len(run.log) == 5)
    run.close()
    # of each table in order
    assert sorted((row[2], kind, row[0], row[1], row[4]) for kind, row in run.log) == [
        ("meta_1", "+I", 1, "shop", "+I"),
        ("meta_1", "+U", 1, "shop", "+U"),
        ("meta_1", "-U", 1, "shop", "-U"),
        ("meta_2", "+I", 2, "shop_1", "+I"),
        ("meta_2", "-D", 2, "shop_1", "-D"),
    ]
    times = [row[3].timestamp() for _, row in run.log]
    assert times[0] == 0
    assert all(before <= t <= before + 60 for t in times[1:])


def test_skipped_operations_are_left_out(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "skipping")
    add(session, table, 1)
    options = {"debezium.skipped.operations": "u,d"}
    run = Run(server, tmp_path, table, schema=NARROW, given=options)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    session.query(f"UPDATE shop.{table} SET v = 9")
    session.query(f"DELETE FROM shop.{table}")
    add(session, table, 2)
    run.until(lambda: len(run.log) == 2)
    run.close()
    assert run.log == [("+I", (1, 1)), ("+I", (2, 2))]
