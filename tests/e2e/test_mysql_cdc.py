"""The mysql-cdc source against real servers, under a concurrent writer."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.cdc_run import Run, Writer, fill, table_rows

from penstock.clients.mysql import MySqlConnection
from penstock.errors import ConnectorError
from penstock.types import BIGINT, INT, STRING, Column, Schema

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.changelog import ChangelogBatch
    from penstock.testing.mysql_servers import MySqlServer


@pytest.mark.parametrize("gap", [1, 100_000], ids=["even", "uneven"])
def test_snapshot_and_binlog_under_a_writer_equal_the_table(
    server: MySqlServer, tmp_path: Path, gap: int
) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "orders", 4000, gap)
    writer = Writer(server, "orders", 4000 * gap)
    writer.start()
    run = Run(server, tmp_path, "orders")
    try:
        run.until(lambda: run.reader.progress()[0].phase == "binlog")
        end = time.monotonic() + 1
        run.until(lambda: time.monotonic() > end)
    finally:
        writer.end()
    expected = table_rows(session, "orders")
    try:
        run.until(lambda: run.rows == expected, 20)
    finally:
        run.close()
        session.close()
    assert writer.count > 20
    assert run.reader.progress()[0].position


def test_a_source_resumed_again_and_again_loses_and_repeats_nothing(
    server: MySqlServer, tmp_path: Path
) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "orders", 3000)
    writer = Writer(server, "orders", 3000)
    writer.start()
    rows: dict[Any, tuple[Any, ...]] = {}
    state, rng = None, random.Random(3)
    try:
        for _ in range(12):
            run = Run(server, tmp_path, "orders", state)
            run.rows = rows
            end = time.monotonic() + rng.uniform(0.05, 0.5)
            run.until(lambda end=end: time.monotonic() > end)
            state, rows = run.stop(), run.rows
    finally:
        writer.end()
    expected = table_rows(session, "orders")
    run = Run(server, tmp_path, "orders", state)
    run.rows = rows
    try:
        run.until(lambda: run.rows == expected, 20)
    finally:
        run.close()
        session.close()


def test_a_snapshot_only_source_ends(server: MySqlServer, tmp_path: Path) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "orders", 1000)
    run = Run(server, tmp_path, "orders", scan_startup_mode="snapshot")
    run.reader.progress()
    run.until(lambda: run.reader.progress()[0].extra["chunks_done"] >= 2)
    left = run.reader.progress()[0].extra["seconds_left"]
    assert left is None or left >= 0
    run.until(lambda: run.reader.finished("t"))
    run.close()
    assert run.rows == table_rows(session, "orders")
    session.close()


def test_text_keys_in_a_case_insensitive_collation_are_split(
    server: MySqlServer, tmp_path: Path
) -> None:
    session = MySqlConnection.open(server.endpoint)
    session.query("DROP TABLE IF EXISTS shop.words")
    session.query(
        "CREATE TABLE shop.words (id VARCHAR(20) CHARACTER SET utf8mb4"
        " COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)"
    )
    names = [f"{'aBcD'[i % 4]}{'eFgÄ'[i % 3]}{i}" for i in range(1500)]
    values = ",".join(f"('{name}', 0)" for name in names)
    session.query(f"INSERT INTO shop.words VALUES {values}")
    schema = Schema((Column("id", STRING), Column("v", INT)), ("id",))
    run = Run(server, tmp_path, "words", schema=schema)
    for name in names[::7]:
        run.step()
        session.query("UPDATE shop.words SET v = v + 1 WHERE id = %s", [name])
    expected = {row[0]: row for row in session.query("SELECT id, v FROM shop.words")}
    run.until(lambda: run.rows == expected)
    run.close()
    session.close()


def test_latest_offset_gives_only_changes_with_their_metadata(
    server: MySqlServer, tmp_path: Path
) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "orders_1", 2)
    fill(session, "orders_2", 2)
    schema = Schema(
        (Column("id", BIGINT), Column("t", STRING), Column("k", STRING), Column("missing", INT)),
        ("id",),
    )
    run = Run(
        server,
        tmp_path,
        "orders_[0-9]+",
        schema=schema,
        metadata={"t": "table_name", "k": "row_kind"},
        scan_startup_mode="latest-offset",
    )
    run.step()
    session.query("INSERT INTO shop.orders_1 (id) VALUES (10)")
    session.query("ALTER TABLE shop.orders_2 ADD COLUMN fresh INT FIRST")
    session.query("INSERT INTO shop.orders_2 (id) VALUES (11)")
    session.query("UPDATE shop.orders_2 SET v = 1 WHERE id = 11")
    run.until(lambda: len(run.log) == 4)
    run.close()
    session.close()
    assert run.log == [
        ("+I", (10, "orders_1", "+I", None)),
        ("+I", (11, "orders_2", "+I", None)),
        ("-U", (11, "orders_2", "-U", None)),
        ("+U", (11, "orders_2", "+U", None)),
    ]


def test_a_purged_position_is_refused_with_the_choices(server: MySqlServer, tmp_path: Path) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "orders", 2)
    session.close()
    state = {"file": "gone.000001", "offset": 4, "gtids": "", "tables": []}
    with pytest.raises(ConnectorError, match=r"gone.000001:4.*no longer") as caught:
        Run(server, tmp_path, "orders", state)
    assert caught.value.code == "binlog-purged"
    assert not caught.value.retryable


def test_a_missing_table_is_an_error_with_a_hint(server: MySqlServer, tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="no table matches"):
        Run(server, tmp_path, "nothing_here")


def test_a_lost_binlog_connection_is_opened_again_without_losing_or_repeating(
    server: MySqlServer, tmp_path: Path
) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "orders", 2000)
    writer = Writer(server, "orders", 2000)
    writer.start()
    run = Run(server, tmp_path, "orders")
    try:
        for _ in range(3):
            end = time.monotonic() + 0.6
            run.until(lambda end=end: time.monotonic() > end)
            for row in session.query("SHOW PROCESSLIST"):
                if str(row[4]).startswith("Binlog Dump"):
                    session.query(f"KILL {row[0]}")
    finally:
        writer.end()
    expected = table_rows(session, "orders")
    try:
        run.until(lambda: run.rows == expected, 20)
    finally:
        run.close()
        session.close()


def test_a_wrong_password_is_refused_for_good(server: MySqlServer, tmp_path: Path) -> None:
    with pytest.raises(ConnectorError) as caught:
        Run(server, tmp_path, "orders", password="planted-secret", username="nobody")
    assert not caught.value.retryable
    assert "planted-secret" not in caught.value.render()


def test_a_dropped_table_does_not_end_the_others(server: MySqlServer, tmp_path: Path) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "gone_1", 3)
    fill(session, "gone_2", 0)
    run = Run(server, tmp_path, "gone_[12]")
    run.until(lambda: len(run.rows) == 3)
    session.query("DROP TABLE shop.gone_1")
    session.query("INSERT INTO shop.gone_2 (id) VALUES (50)")
    run.until(lambda: 50 in run.rows)
    run.close()
    session.close()


def test_a_big_transaction_is_cut_and_resumed_inside(server: MySqlServer, tmp_path: Path) -> None:
    session = MySqlConnection.open(server.endpoint)
    fill(session, "big", 0)
    session.query("ALTER TABLE shop.big MODIFY name MEDIUMTEXT")
    for start in range(0, 9000, 500):
        values = ",".join(f"({i},REPEAT('{i % 10}', 10000))" for i in range(start, start + 500))
        session.query(f"INSERT INTO shop.big (id, name) VALUES {values}")
    run = Run(server, tmp_path, "big", scan_startup_mode="latest-offset")
    session.query("BEGIN")
    session.query("UPDATE shop.big SET v = 5")
    session.query("UPDATE shop.big SET v = 6 WHERE id < 10")
    session.query("DELETE FROM shop.big WHERE id = 3")
    session.query("COMMIT")
    run.rows = {i: (i, None, None, str(i % 10) * 10000, None) for i in range(9000)}
    cuts = 0
    for _ in range(20):
        before = len(run.log)
        run.until(lambda before=before, run=run: len(run.log) > before)
        rows, log = run.rows, run.log
        state = run.stop()
        inside = bool(state["handed"] or state["cuts"])
        cuts += inside
        run = Run(server, tmp_path, "big", state, scan_startup_mode="latest-offset")
        run.rows, run.log = rows, log
        if not inside and 3 not in rows:
            break
    run.close()
    assert cuts >= 2
    assert run.rows == table_rows(session, "big")
    assert len(run.log) == 2 * 9000 + 2 * 10 + 1
    session.close()


def test_a_barrier_never_cuts_a_transaction(server: MySqlServer, tmp_path: Path) -> None:
    """Asked for in every poll of 0 ms, while a transaction of many events goes by."""
    session = MySqlConnection.open(server.endpoint)
    fill(session, "whole", 0)
    session.query("ALTER TABLE shop.whole MODIFY name TEXT")
    run = Run(server, tmp_path, "whole", scan_startup_mode="latest-offset")
    session.query("BEGIN")
    for start in range(0, 30_000, 1000):
        values = ",".join(f"({i},{i % 7},1.5,REPEAT('n', 500))" for i in range(start, start + 1000))
        session.query(f"INSERT INTO shop.whole (id, v, amount, name) VALUES {values}")
    session.query("COMMIT")
    session.query("DELETE FROM shop.whole WHERE id < 10000")
    polls_inside = 0
    seen = set()
    end = time.monotonic() + 40
    while len(run.log) < 40_000 and time.monotonic() < end:
        run.reader.request_boundary()
        while not run.reader.at_boundary():
            polls_inside += 1
            run.reader.poll(run.emit, 0)
        seen.add(len(run.log))
        run.reader.snapshot()
        run.reader.poll(run.emit, 0)
    run.close()
    session.close()
    assert polls_inside > 0
    assert seen | {0, 30_000, 40_000} == {0, 30_000, 40_000}
    assert len(run.log) == 40_000


def test_a_chunk_of_wide_rows_is_cut_by_bytes(server: MySqlServer, tmp_path: Path) -> None:
    session = MySqlConnection.open(server.endpoint)
    session.query("DROP TABLE IF EXISTS shop.wide")
    session.query(
        "CREATE TABLE shop.wide (id VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,"
        " n INT, name MEDIUMTEXT, PRIMARY KEY (id, n))"
    )
    for start in range(0, 600, 100):
        values = ",".join(
            f"('{'aA'[i % 2]}{i // 4:04}', {i}, REPEAT('x', 50000))"
            for i in range(start, start + 100)
        )
        session.query(f"INSERT INTO shop.wide VALUES {values}")
    schema = Schema((Column("id", STRING), Column("n", INT), Column("name", STRING)), ("id", "n"))
    seen: list[int] = []
    run = Run(server, tmp_path, "wide", schema=schema)

    def emit(_: str, batch: ChangelogBatch) -> None:
        seen.extend(batch.rows.column(1).to_pylist())

    while run.reader.progress()[0].phase != "binlog":
        run.reader.poll(emit, 20)
    assert run.reader.progress()[0].extra["chunks_done"] >= 3
    run.close()
    session.close()
    assert sorted(seen) == list(range(600))
