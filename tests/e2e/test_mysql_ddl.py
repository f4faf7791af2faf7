"""DDL while a job runs or stands still, and tables that come and go, on all servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.e2e.cdc_run import Run, fill

from penstock.clients.mysql import MySqlConnection
from penstock.types import BIGINT, INT, STRING, Column, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

KEY = Column("id", BIGINT.with_nullable(nullable=False))
SCHEMA = Schema((KEY, Column("a", INT), Column("b", STRING), Column("c", BIGINT)), ("id",))


@pytest.fixture
def session(server: MySqlServer) -> Iterator[MySqlConnection]:
    opened = MySqlConnection.open(server.endpoint)
    yield opened
    opened.close()


def made(session: MySqlConnection, name: str) -> str:
    session.query(f"DROP TABLE IF EXISTS shop.{name}")
    session.query(f"CREATE TABLE shop.{name} (id BIGINT PRIMARY KEY, a INT, b VARCHAR(20))")
    return name


def alter_step_by_step(session: MySqlConnection, table: str, first: int) -> dict[int, object]:
    """Rows between DDL statements, and what the declared table shows of them."""
    expected: dict[int, object] = {}
    steps: list[tuple[str, str, object]] = [
        ("", "a, b", (1, "x", None)),
        ("ADD c INT FIRST", "a, b, c", (1, "x", 3)),
        ("DROP a", "b, c", (None, "x", 3)),
        ("MODIFY c BIGINT", "b, c", (None, "x", 3_000_000_000)),
        ("CHANGE b b TEXT FIRST", "b, c", (None, "x" * 300, 3)),
        ("ADD a INT AFTER id, ADD z DATE", "a, b, c", (7, "x", 3)),
        ("DROP z", "a, b, c", (8, "y", 3)),
        ("CHANGE b other TEXT", "a, c", (9, None, 3)),
    ]
    for number, (action, columns, values) in enumerate(steps, first):
        if action:
            session.query(f"ALTER TABLE shop.{table} {action}")
        assert isinstance(values, tuple)
        by_name = dict(zip(("a", "b", "c"), values, strict=True))
        given = ", ".join(repr(by_name[name.strip()]) for name in columns.split(","))
        session.query(f"INSERT INTO shop.{table} (id, {columns}) VALUES ({number}, {given})")
        expected[number] = (number, *values)
    return expected


def test_rows_between_ddl_statements_are_read_with_the_columns_of_their_time(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "altered")
    run = Run(server, tmp_path, table, schema=SCHEMA)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    expected = alter_step_by_step(session, table, 1)
    run.until(lambda: len(run.rows) == len(expected))
    run.close()
    assert run.rows == expected


def test_ddl_while_the_job_stands_still(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    table = made(session, "still")
    run = Run(server, tmp_path, table, schema=SCHEMA)
    session.query("INSERT INTO shop.still VALUES (100, 5, 'before')")
    run.until(lambda: len(run.rows) == 1)
    state, rows = run.stop(), run.rows
    expected = alter_step_by_step(session, table, 1)
    run = Run(server, tmp_path, table, state, schema=SCHEMA)
    run.rows = rows
    run.until(lambda: len(run.rows) == len(expected) + 1)
    run.close()
    assert run.rows == {100: (100, 5, "before", None), **expected}


def test_ddl_during_a_snapshot(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    fill(session, "growing", 3000)
    run = Run(server, tmp_path, "growing")
    steps = ["ADD fresh INT FIRST", "DROP extra", "MODIFY name TEXT FIRST", "DROP fresh"]
    for number, action in enumerate(steps):
        before = len(run.rows)
        run.until(lambda before=before: len(run.rows) > before)
        session.query(f"ALTER TABLE shop.growing {action}")
        session.query(f"INSERT INTO shop.growing (id, v) VALUES ({9000 + number}, 1)")
    run.until(lambda: run.reader.progress()[0].phase == "binlog" and len(run.rows) == 3004)
    run.close()
    found = session.query("SELECT id, v, amount, name, at FROM shop.growing")
    assert run.rows == {row[0]: row for row in found}


def test_new_tables_are_read_with_the_rows_they_have(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    for name in ("new_1", "new_2", "new_3", "elsewhere"):
        session.query(f"DROP TABLE IF EXISTS shop.{name}")
    made(session, "new_1")
    made(session, "elsewhere")
    session.query("INSERT INTO shop.elsewhere VALUES (20, 1, 'was there')")
    run = Run(server, tmp_path, "new_[0-9]", schema=SCHEMA)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    session.query("RENAME TABLE shop.elsewhere TO shop.new_2")
    session.query("CREATE TABLE shop.new_3 (id BIGINT PRIMARY KEY, a INT, b VARCHAR(20))")
    session.query("INSERT INTO shop.new_3 VALUES (30, 1, 'created')")
    run.until(lambda: len(run.rows) == 2, 10)
    session.query("UPDATE shop.new_2 SET a = 2")
    session.query("DELETE FROM shop.new_3")
    run.until(lambda: run.rows == {20: (20, 2, "was there", None)})
    state = run.stop()
    assert [entry["name"] for entry in state["tables"]] == ["new_1", "new_2", "new_3"]


def test_a_table_that_is_dropped_while_it_is_read_does_not_end_the_others(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    fill(session, "short_1", 3000)
    fill(session, "short_2", 3000)
    run = Run(server, tmp_path, "short_1|short_2")
    run.rows = {}
    seen: list[int] = []

    def emit(_: str, batch: object) -> None:
        seen.append(batch.rows.num_rows)  # type: ignore[attr-defined]

    run.reader.poll(emit, 20)
    session.query("DROP TABLE shop.short_1")
    while run.reader.progress()[0].phase != "binlog":
        run.reader.poll(emit, 20)
    run.close()
    assert sum(seen) >= 3000


def test_a_keyless_table_that_appears_gives_its_changes(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    session.query("DROP TABLE IF EXISTS shop.keys_2")
    made(session, "keys_1")
    run = Run(server, tmp_path, "keys_[0-9]", schema=SCHEMA)
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    session.query("CREATE TABLE shop.keys_2 (a INT, b VARCHAR(20))")
    session.query("INSERT INTO shop.keys_2 VALUES (1, 'x')")
    session.query("INSERT INTO shop.keys_1 VALUES (5, 1, 'y')")
    run.until(lambda: len(run.log) == 2)
    run.close()
    assert sorted(str(row) for _, row in run.log) == ["(5, 1, 'y', None)", "(None, 1, 'x', None)"]


def test_a_table_rewritten_by_gh_ost_goes_on(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    for name in ("_osc_gho", "_osc_del", "osc"):
        session.query(f"DROP TABLE IF EXISTS shop.{name}")
    fill(session, "osc", 3)
    options = {"scan.parse.online.schema.changes.enabled": "true"}
    run = Run(server, tmp_path, ".*osc.*", given=options)
    run.until(lambda: len(run.rows) == 3)
    session.query("CREATE TABLE shop._osc_gho LIKE shop.osc")
    session.query("ALTER TABLE shop._osc_gho ADD COLUMN fresh INT FIRST")
    session.query(
        "INSERT INTO shop._osc_gho (id, v, amount, name, at)"
        " SELECT id, v, amount, name, at FROM shop.osc"
    )
    session.query("INSERT INTO shop.osc (id, v) VALUES (10, 1)")
    session.query("INSERT INTO shop._osc_gho (id, v) VALUES (10, 1)")
    session.query("RENAME TABLE shop.osc TO shop._osc_del, shop._osc_gho TO shop.osc")
    session.query("DROP TABLE shop._osc_del")
    session.query("UPDATE shop.osc SET v = 77 WHERE id = 2")
    session.query("INSERT INTO shop.osc (id, v) VALUES (11, 1)")
    run.until(lambda: 11 in run.rows)
    run.close()
    assert [kind for kind, _ in run.log] == ["+I"] * 4 + ["-U", "+U", "+I"]
    assert run.rows[2][1] == 77
