"""The walk-through users start with: datagen and VALUES into the embedded StarRocks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks

SHARED = Path(__file__).parents[2] / ".." / "shared" / "tutorial"
TABLE = """CREATE TABLE test.c101_flink (`id` int(11) NOT NULL COMMENT "用户 ID",
 `name` varchar(65533) NOT NULL COMMENT "用户姓名", `score` int(11) NOT NULL COMMENT "用户得分")
ENGINE=OLAP PRIMARY KEY(`id`) DISTRIBUTED BY HASH(`id`)"""
SINK = """CREATE TABLE `c101_flink` (`id` INT, `name` STRING, `score` INT,
    PRIMARY KEY (id) NOT ENFORCED
) WITH ('connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query}',
 'load-url' = '127.0.0.1:{http}', 'database-name' = 'test', 'table-name' = 'c101_flink',
 'username' = 'root', 'password' = 'test@123');
"""
VALUES = "INSERT INTO `c101_flink`  VALUES (1, 'starrocks', 100), (2, 'flink', 100);"
DATAGEN = """CREATE TABLE source_table (`id` INT, `name` STRING, `score` INT,
   PRIMARY KEY (id) NOT ENFORCED
 ) WITH ('connector' = 'datagen', 'rows-per-second'='50', 'fields.id.kind'='sequence',
'fields.id.start'='1', 'fields.id.end'='10', 'fields.score.min'='1', 'fields.score.max'='10',
'fields.name.length'='10');

insert into `c101_flink`  select id,name,score from source_table
"""


@pytest.fixture(scope="module")
def starrocks() -> Iterator[EmbeddedStarRocks]:
    server = EmbeddedStarRocks(
        fe_http_port=0, be_http_port=0, query_port=0, user="root", password="test@123"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(starrocks: EmbeddedStarRocks) -> Iterator[Any]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=starrocks.query_port,
        user="root",
        password="test@123",
        autocommit=True,
        charset="utf8mb4",
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS test")
        cursor.execute("CREATE DATABASE IF NOT EXISTS test")
        cursor.execute(TABLE)
        yield cursor


def penstock(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.sql"
    path.write_text(script, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "penstock.cli", *arguments, str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def sink(starrocks: EmbeddedStarRocks) -> str:
    return SINK.format(query=starrocks.query_port, http=starrocks.fe_http_port)


def rows(client: Any) -> list[tuple[Any, ...]]:
    client.execute("SELECT * FROM test.c101_flink ORDER BY id")
    return list(client.fetchall())


def test_two_rows_are_visible(starrocks: EmbeddedStarRocks, client: Any, tmp_path: Path) -> None:
    done = penstock(tmp_path, sink(starrocks) + VALUES, "sql", "-f")
    assert done.returncode == 0, done.stderr
    assert "Job ID: " in done.stdout
    assert rows(client) == [(1, "starrocks", 100), (2, "flink", 100)]


def test_ten_rows_and_again_ten(starrocks: EmbeddedStarRocks, client: Any, tmp_path: Path) -> None:
    for _ in range(2):
        done = penstock(tmp_path, sink(starrocks) + DATAGEN, "run")
        assert done.returncode == 0, done.stderr
        assert "FINISHED" in done.stderr
        found = rows(client)
        assert [row[0] for row in found] == list(range(1, 11))
        assert all(len(row[1]) == 10 and 1 <= row[2] <= 10 for row in found)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("'test@123'", "'wrong-secret'", "access denied"),
        ("'load-url'", "'load-urll'", "Did you mean 'load-url'?"),
        ("'table-name' = 'c101_flink'", "'table-name' = 'nosuch'", "nosuch"),
        ("`score` INT,", "`amount` INT,", "amount"),
        ("insert into", "insert inti", "syntax"),
    ],
)
def test_bad_input_is_named(
    starrocks: EmbeddedStarRocks, client: Any, tmp_path: Path, before: str, after: str, said: str
) -> None:
    script = sink(starrocks) + DATAGEN
    assert before in script
    done = penstock(tmp_path, script.replace(before, after, 1), "run")
    assert done.returncode != 0
    assert said.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert "wrong-secret" not in done.stderr
    assert rows(client) == []


def test_a_script_with_nothing_to_run_is_refused(tmp_path: Path) -> None:
    done = penstock(tmp_path, "SET 'pipeline.name' = 'x';", "run")
    assert done.returncode == 1
    assert "nothing to run" in done.stderr
