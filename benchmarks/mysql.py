"""Benchmarks from a real MariaDB to the embedded StarRocks: snapshot, binlog, memory."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.harness import Penstock, Result
from benchmarks.servers import Source, StarRocks, mariadb

COLUMNS = "id INT, name STRING, score INT, amount DECIMAL(10,2), ts TIMESTAMP(6), note STRING"
TARGET = COLUMNS.replace("TIMESTAMP(6)", "DATETIME").replace("id INT", "id INT NOT NULL")
MYSQL = (
    "id INT PRIMARY KEY, name VARCHAR(20), score INT, amount DECIMAL(10,2), ts DATETIME(6),"
    " note VARCHAR(60)"
)
_FILL = "CONCAT('name ', seq), seq % 100, seq / 4, NOW(6), REPEAT('n', 30)"
_COUNT = "SELECT COUNT(*) FROM bench.m"
_MEMORY_GOAL = "<= 300"


def _fill(source: Source, first: int, last: int, step: int = 100_000) -> None:
    for begin in range(first, last + 1, step):
        end = min(begin + step - 1, last)
        source.execute(f"INSERT INTO m SELECT seq, {_FILL} FROM seq_{begin}_to_{end}")


def snapshot_and_binlog(folder: Path, scale: float) -> list[Result]:
    """Snapshot of a table, then inserts and updates by multi-row statements."""
    rows = int(1_000_000 * scale)
    results = []
    with mariadb(folder) as source, StarRocks() as server:
        source.execute(f"CREATE TABLE m ({MYSQL})")
        _fill(source, 1, rows)
        server.create("m", TARGET)
        script = source.source("src", "m", COLUMNS) + server.sink("m", COLUMNS)
        with Penstock(script + "INSERT INTO m SELECT * FROM src;", folder) as job:
            seconds = job.wait(lambda: server.one(_COUNT) >= rows)
            name = "MySQL snapshot, start included"
            results.append(
                job.usage.result(name, rows / seconds / 1e3, "k rows/s", ">= 250", wall_s=seconds)
            )
            time.sleep(2)
            job.usage.mark()
            began = time.monotonic()
            _fill(source, rows + 1, 2 * rows)
            job.wait(lambda: server.one(_COUNT) >= 2 * rows)
            speed = rows / (time.monotonic() - began) / 1e3
            results.append(
                job.usage.result("binlog, multi-row inserts", speed, "k changes/s", ">= 100")
            )
            job.usage.mark()
            began = time.monotonic()
            changes = source.execute("UPDATE m SET score = 1000")
            asked = "SELECT COUNT(*) FROM bench.m WHERE score = 1000"
            job.wait(lambda: server.one(asked) >= changes)
            speed = changes / (time.monotonic() - began) / 1e3
            name = "binlog, one UPDATE of all rows"
            results.append(job.usage.result(name, speed, "k changes/s", ">= 100"))
    peak = max(result.pss_mb or 0 for result in results)
    return [*results, Result("memory of all three, peak PSS", peak, "MB", _MEMORY_GOAL)]


def wide_rows(folder: Path, scale: float) -> list[Result]:
    """Memory with rows of 20 kB, in the snapshot and in one UPDATE of all rows."""
    rows = int(50_000 * scale)
    body = "REPEAT(CHAR(97 + seq % 26), 20000)"
    with mariadb(folder) as source, StarRocks() as server:
        source.execute("CREATE TABLE m (id INT PRIMARY KEY, body MEDIUMTEXT)")
        for first in range(1, rows + 1, 5_000):
            last = min(first + 4_999, rows)
            source.execute(f"INSERT INTO m SELECT seq, {body} FROM seq_{first}_to_{last}")
        server.create("m", "id INT NOT NULL, body STRING")
        columns = "id INT, body STRING"
        script = source.source("src", "m", columns) + server.sink("m", columns)
        with Penstock(script + "INSERT INTO m SELECT * FROM src;", folder) as job:
            seconds = job.wait(lambda: server.one(_COUNT) >= rows)
            speed = rows * 20_000 / seconds / 1e6
            snapshot = job.usage.result("wide rows, snapshot", speed, "MB/s", wall_s=seconds)
            job.usage.mark()
            began = time.monotonic()
            source.execute("UPDATE m SET body = CONCAT('!', SUBSTR(body, 2))")
            asked = f"SELECT COUNT(*) FROM bench.m WHERE id = {rows} AND body LIKE '!%'"
            job.wait(lambda: server.one(asked) == 1)
            speed = rows * 20_000 / (time.monotonic() - began) / 1e6
            update = job.usage.result("wide rows, one UPDATE", speed, "MB/s")
    peak = max(snapshot.pss_mb or 0, update.pss_mb or 0)
    return [
        snapshot,
        update,
        Result("memory with wide rows, peak PSS", peak, "MB", _MEMORY_GOAL),
    ]
