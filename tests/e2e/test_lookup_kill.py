"""A look-up join as a process, killed while batches wait for their answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS, KEYS = 80_000, 100
SCRIPT = """
SET 'execution.checkpointing.interval' = '300 ms';
CREATE TABLE g (id BIGINT, k AS CAST(id % {keys} AS INT), p AS PROCTIME()) WITH (
 'connector' = 'datagen', 'rows-per-second' = '20000', 'fields.id.kind' = 'sequence',
 'fields.id.start' = '1', 'fields.id.end' = '{rows}');
CREATE TABLE dim (k INT, v STRING) WITH ('connector' = 'starrocks', 'jdbc-url' = '{jdbc}',
 'database-name' = 'd', 'table-name' = 'dim', 'username' = 'root', 'password' = '',
 'lookup.cache.ttl-ms' = '100');
CREATE TABLE target (id BIGINT, v STRING) WITH ('connector' = 'starrocks', 'jdbc-url' = '{jdbc}',
 'load-url' = '{load}', 'database-name' = 'd', 'table-name' = 'target', 'username' = 'root',
 'password' = '', 'sink.buffer-flush.max-rows' = '64000');
INSERT INTO target SELECT g.id, d.v FROM g
LEFT JOIN dim FOR SYSTEM_TIME AS OF g.p AS d ON g.k = d.k AND d.v <> 'v7';
"""


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(settings={"penstock_publish_latency_ms": 300}) as made:
        yield made


def query(server: EmbeddedStarRocks, text: str) -> Any:
    connection: Any = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall()


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", "run", "join.sql"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_each_row_arrives_once_with_its_match(server: EmbeddedStarRocks, tmp_path: Path) -> None:
    query(server, "CREATE DATABASE d")
    query(server, "CREATE TABLE d.dim (k INT, v STRING) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    query(
        server,
        "CREATE TABLE d.target (id BIGINT, v STRING) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)",
    )
    query(
        server,
        "INSERT INTO d.dim SELECT generate_series, concat('v', generate_series)"
        f" FROM TABLE(generate_series(1, {KEYS // 2}))",
    )
    script = SCRIPT.format(rows=ROWS, keys=KEYS, jdbc=server.jdbc_url, load=server.load_url)
    (tmp_path / "join.sql").write_text(script)
    first = start(tmp_path)
    end = time.monotonic() + 60
    while not query(server, "SELECT COUNT(*) FROM d.target")[0][0]:
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < end
    first.send_signal(signal.SIGKILL)
    first.communicate()
    seen = query(server, "SELECT COUNT(*) FROM d.target")[0][0]
    assert seen < ROWS
    second = start(tmp_path)
    _, said = second.communicate(timeout=90)
    assert second.returncode == 0, said
    counted = query(server, "SELECT COUNT(*), COUNT(DISTINCT id), COUNT(v) FROM d.target")[0]
    matched = (KEYS // 2 - 1) * (ROWS // KEYS)  # all but 'v7'
    assert counted == (ROWS, ROWS, matched)
    wrong = f"v <> concat('v', cast(id % {KEYS} AS STRING))"
    assert query(server, f"SELECT COUNT(*) FROM d.target WHERE {wrong}")[0][0] == 0
