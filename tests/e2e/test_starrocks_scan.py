"""StarRocks to StarRocks as a process, killed while rows are on their way."""

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

ROWS = 300_000
SCRIPT = """
CREATE TABLE source (id BIGINT, s STRING) WITH ('connector' = 'starrocks', 'jdbc-url' = '{jdbc}',
 'scan-url' = 'fe:8030', 'database-name' = 'd', 'table-name' = 'source', 'username' = 'root',
 'password' = '');
CREATE TABLE target (id BIGINT, s STRING) WITH ('connector' = 'starrocks', 'jdbc-url' = '{jdbc}',
 'load-url' = '{load}', 'database-name' = 'd', 'table-name' = 'target', 'username' = 'root',
 'password' = '', 'sink.buffer-flush.max-rows' = '64000');
INSERT INTO target SELECT id, SHA512(SHA512(SHA512(s))) FROM source WHERE id > 0;
"""


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    # Commits take a second, so that a kill finds some of them done and others not.
    settings = {"penstock_publish_latency_ms": 500}
    with EmbeddedStarRocks(settings=settings) as made:
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
        [sys.executable, "-m", "penstock.cli", "run", "copy.sql"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_a_copy_killed_half_way_ends_with_each_row_of_one_version_once(
    server: EmbeddedStarRocks, tmp_path: Path
) -> None:
    query(server, "CREATE DATABASE d")
    for name in ("source", "target"):
        query(
            server,
            f"CREATE TABLE d.{name} (id BIGINT, s STRING) DUPLICATE KEY(id)"
            " DISTRIBUTED BY HASH(id)",
        )
    query(
        server,
        f"INSERT INTO d.source SELECT generate_series, concat('v', generate_series)"
        f" FROM TABLE(generate_series(1, {ROWS}))",
    )
    script = SCRIPT.format(jdbc=server.jdbc_url, load=server.load_url)
    (tmp_path / "copy.sql").write_text(script)
    first = start(tmp_path)
    end = time.monotonic() + 60
    while not (seen := query(server, "SELECT COUNT(*) FROM d.target")[0][0]):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < end
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert seen < ROWS
    # What is read from here on must not show: the scan has begun in the version before.
    query(server, "TRUNCATE TABLE d.source")
    second = start(tmp_path)
    _, said = second.communicate(timeout=90)
    assert second.returncode == 0, said
    found = query(server, "SELECT COUNT(*), COUNT(DISTINCT id), MIN(id), MAX(id) FROM d.target")
    assert found[0] == (ROWS, ROWS, 1, ROWS)
