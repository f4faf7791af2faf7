"""Rows that StarRocks refuses go to a file with the reason; the rest of their load arrives."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable
from tests.unit.connectors.starrocks.whole_sink import WholeSink

from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import DataError, OptionError
from penstock.types import DECIMAL, INT, STRING, Column, Schema

DDL = "(id INT, name VARCHAR(3), v DECIMAL(10,2)) {} KEY(id) DISTRIBUTED BY HASH(id)"
SCHEMA = Schema(
    (
        Column("id", INT.with_nullable(nullable=False)),
        Column("name", STRING),
        Column("v", DECIMAL(10, 2)),
    ),
    ("id",),
)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture(params=["PRIMARY", "DUPLICATE"])
def table(server: EmbeddedStarRocks, request: pytest.FixtureRequest) -> Iterator[TargetTable]:
    made = TargetTable(server, DDL.format(request.param))
    yield made
    made.close()


def row(number: int, *, bad: bool = False) -> tuple[Any, ...]:
    return (number, "much too long" if bad else "abc", None)


def letters(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def found(table: TargetTable) -> list[int]:
    return [int(key) for (key,) in table.sql("SELECT id FROM d.t ORDER BY id")]


def test_bad_rows_are_put_aside_and_the_rest_arrives(table: TargetTable, tmp_path: Path) -> None:
    path = tmp_path / "letters" / "dead.jsonl"
    bad = {3, 4, 500, 999}
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.dead-letter.path": str(path)}) as sink:
        sink.write([row(i, bad=i in bad) for i in range(1000)])
        sink.flush()
        assert found(table) == [i for i in range(1000) if i not in bad]
        assert sink.writer.status()["dead_letters"] == 4
    written = letters(path)
    assert [line["row"] for line in written] == [
        {"id": i, "name": "much too long", "v": None} for i in sorted(bad)
    ]
    assert {line["op"] for line in written} == {"upsert"}
    assert {line["table"] for line in written} == {"d.t"}
    assert len({line["id"] for line in written}) == 4
    for line in written:
        assert line["reason"].startswith("The field (name = name, pos = 1) is out of range")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not table.server.transactions.running()


def test_every_row_may_be_bad(table: TargetTable, tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.dead-letter.path": str(path)}) as sink:
        sink.write([row(1, bad=True), row(2, bad=True)])
        sink.flush()
        assert found(table) == []
        sink.write([row(3)])
        sink.flush()
        assert found(table) == [3]
    assert [line["row"]["id"] for line in letters(path)] == [1, 2]


def test_too_many_bad_rows_fail_the_job(table: TargetTable, tmp_path: Path) -> None:
    options = {
        "sink.dead-letter.path": str(tmp_path / "dead.jsonl"),
        "sink.dead-letter.max-rows": "3",
    }
    with WholeSink(table, SCHEMA, tmp_path, **options) as sink:
        sink.write([row(i, bad=i % 2 == 0) for i in range(100)])
        with pytest.raises(DataError, match="more than 3 rows") as caught:
            sink.flush()
        assert "out of range" in caught.value.detail
    assert found(table) == []


def test_without_the_option_the_job_fails_and_names_it(table: TargetTable, tmp_path: Path) -> None:
    with WholeSink(table, SCHEMA, tmp_path) as sink:
        sink.write([row(1, bad=True), row(2)])
        with pytest.raises(DataError, match="refused rows") as caught:
            sink.flush()
        assert "sink.dead-letter.path" in caught.value.hint
    assert found(table) == []


def test_a_lost_answer_while_looking_for_bad_rows_is_tried_again(
    table: TargetTable, tmp_path: Path
) -> None:
    path = tmp_path / "dead.jsonl"
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.dead-letter.path": str(path)}) as sink:
        table.server.inject(
            Fault("prepare", "status", status="Fail", message="too many filtered rows")
        )
        table.server.inject(Fault("load", "drop"))
        sink.write([row(i, bad=i == 5) for i in range(10)])
        sink.flush()
    assert found(table) == [i for i in range(10) if i != 5]
    assert [line["row"]["id"] for line in letters(path)] == [5]


def test_plain_loads_cannot_tell_bad_rows(table: TargetTable, tmp_path: Path) -> None:
    options = {"sink.version": "V1", "sink.dead-letter.path": str(tmp_path / "dead.jsonl")}
    sink = WholeSink(table, SCHEMA, tmp_path, **options)
    with pytest.raises(OptionError, match="needs transactions"):
        sink.__enter__()
    sink.__exit__()


def test_dead_letters_go_to_a_table_and_can_be_replayed(table: TargetTable, tmp_path: Path) -> None:
    table.sql("DROP TABLE IF EXISTS d.dead")
    options = {"sink.dead-letter.table": "dead"}
    with WholeSink(table, SCHEMA, tmp_path, **options) as sink:
        sink.write([row(i, bad=i in {3, 7}) for i in range(10)])
        sink.flush()
        assert sink.writer.status()["dead_letters"] == 2
    assert found(table) == [i for i in range(10) if i not in {3, 7}]
    written = table.sql("SELECT source_table, op, reason, row_json FROM d.dead ORDER BY row_json")
    assert [json.loads(line[3])["id"] for line in written] == [3, 7]
    assert {(line[0], line[1]) for line in written} == {("d.t", "upsert")}
    assert all("out of range" in line[2] for line in written)
    table.sql(
        "INSERT INTO d.t SELECT CAST(get_json_string(row_json, '$.id') AS INT),"
        " substr(get_json_string(row_json, '$.name'), 1, 3), NULL FROM d.dead"
        " WHERE source_table = 'd.t' AND op = 'upsert'"
    )
    assert found(table) == list(range(10))


def test_a_letter_written_again_after_a_crash_is_there_once(
    table: TargetTable, tmp_path: Path
) -> None:
    table.sql("DROP TABLE IF EXISTS d.dead")
    for start in ("a", "b"):
        folder = tmp_path / start
        with WholeSink(table, SCHEMA, folder, **{"sink.dead-letter.table": "d.dead"}) as sink:
            sink.write([row(3, bad=True), row(4)])
            sink.flush()
    assert table.sql("SELECT COUNT(*) FROM d.dead") == [(1,)]


def test_a_table_of_dead_letters_that_does_not_answer_is_tried_again(
    table: TargetTable, tmp_path: Path
) -> None:
    table.sql("DROP TABLE IF EXISTS d.dead")
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.dead-letter.table": "dead"}) as sink:
        table.server.inject(Fault("stream_load", "drop", table="dead", times=2))
        sink.write([row(3, bad=True), row(4)])
        sink.flush()
    assert table.sql("SELECT COUNT(*) FROM d.dead") == [(1,)]
    assert found(table) == [4]


def test_a_table_of_another_form_is_no_place_for_dead_letters(
    table: TargetTable, tmp_path: Path
) -> None:
    table.sql("DROP TABLE IF EXISTS d.dead")
    table.sql("CREATE TABLE d.dead (id INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    sink = WholeSink(table, SCHEMA, tmp_path, **{"sink.dead-letter.table": "dead"})
    with pytest.raises(OptionError, match="no table of dead letters"):
        sink.__enter__()
    sink.__exit__()
    table.sql("DROP TABLE d.dead")
