"""`python -m benchmarks [NAME ...]`: each benchmark prints one line `name: value unit`.

Servers are started here; sizes fit the two-core machine that the README's table names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pymysql

PENSTOCK = [sys.executable, "-m", "penstock.cli"]
DATAGEN = """
CREATE TABLE src (id INT, name STRING, score INT) WITH ('connector' = 'datagen',
 'rows-per-second' = '1000000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
 'fields.id.end' = '{rows}', 'fields.name.length' = '10', 'fields.score.min' = '1',
 'fields.score.max' = '100');
"""
STARROCKS = """
CREATE TABLE {name} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'starrocks',
 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query}', 'load-url' = '127.0.0.1:{http}',
 'database-name' = 'bench', 'table-name' = '{name}', 'username' = 'root', 'password' = '');
"""


class StarRocks:
    def __init__(self, profile: str = "instant") -> None:
        from penstock.testing.mysql_servers import free_port

        self.http, backend, self.query = free_port(), free_port(), free_port()
        self.process = subprocess.Popen(
            [
                *PENSTOCK,
                "starrocks",
                "--profile",
                profile,
                "--fe-http-port",
                str(self.http),
                "--be-http-port",
                str(backend),
                "--query-port",
                str(self.query),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client = pymysql.connect(
                    host="127.0.0.1", port=self.query, user="root", autocommit=True
                )
                break
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.execute("CREATE DATABASE bench")

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        with self.client.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def create(self, name: str, columns: str) -> None:
        self.execute(
            f"CREATE TABLE bench.{name} ({columns}) PRIMARY KEY (id) DISTRIBUTED BY HASH (id) "
            'BUCKETS 1 PROPERTIES ("replication_num" = "1")'
        )

    def sink(self, name: str, columns: str) -> str:
        return STARROCKS.format(name=name, columns=columns, query=self.query, http=self.http)

    def count(self, name: str) -> int:
        return int(str(self.execute(f"SELECT COUNT(*) FROM bench.{name}")[0][0]))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def start(script: str, folder: Path) -> subprocess.Popen[bytes]:
    path = folder / "script.sql"
    path.write_text(script)
    return subprocess.Popen(
        [*PENSTOCK, "run", str(path), "--quiet", "--fresh", "--state-dir", str(folder / "state")],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def finish(script: str, folder: Path) -> float:
    began = time.monotonic()
    code = start(script, folder).wait()
    if code:
        sys.exit(f"penstock run ended with {code}")
    return time.monotonic() - began


def report(name: str, value: float, unit: str) -> None:
    print(f"{name}: {value:,.2f} {unit}", flush=True)


def start_to_first_row(folder: Path) -> None:
    server = StarRocks()
    server.create("first", "id INT NOT NULL, name STRING, score INT")
    script = DATAGEN.format(rows=1_000_000_000).replace("1000000000'", "10'", 1)
    script += server.sink("first", "id INT, name STRING, score INT")
    began = time.monotonic()
    process = start(script + "INSERT INTO first SELECT * FROM src;", folder)
    while not server.count("first"):
        time.sleep(0.005)
    report("start to first row", time.monotonic() - began, "s")
    process.terminate()
    process.wait()
    server.stop()


def datagen_to_blackhole(folder: Path) -> None:
    rows = 30_000_000
    script = DATAGEN.format(rows=rows) + "CREATE TABLE b (id INT, name STRING, score INT) WITH ("
    script += "'connector' = 'blackhole');INSERT INTO b SELECT * FROM src;"
    seconds = finish(script, folder)
    report("datagen to blackhole", rows / seconds / 1e6, "M rows/s, start included")


def datagen_to_starrocks(folder: Path) -> None:
    rows = 5_000_000
    server = StarRocks()
    server.create("gen", "id INT NOT NULL, name STRING, score INT")
    script = DATAGEN.format(rows=rows) + server.sink("gen", "id INT, name STRING, score INT")
    seconds = finish(script + "INSERT INTO gen SELECT * FROM src;", folder)
    assert server.count("gen") == rows
    report("datagen to embedded StarRocks", rows / seconds / 1e6, "M rows/s, start included")
    server.stop()


COLUMNS = "id INT, name STRING, score INT, amount DECIMAL(10,2), ts TIMESTAMP(6), note STRING"
MYSQL = "id INT PRIMARY KEY, name VARCHAR(20), score INT, amount DECIMAL(10,2), ts DATETIME(6), note VARCHAR(60)"


def mysql_to_starrocks(folder: Path) -> None:
    from penstock.testing.mysql_servers import start_mariadb

    rows = 1_000_000
    folder.chmod(0o755)
    with start_mariadb(folder / "mysql") as source:
        client = pymysql.connect(
            host="127.0.0.1",
            port=source.endpoint.port,
            user=source.endpoint.user,
            autocommit=True,
            password=source.endpoint.password.reveal(),
        )
        cursor = client.cursor()
        cursor.execute("CREATE DATABASE bench")
        cursor.execute("USE bench")
        cursor.execute(f"CREATE TABLE m ({MYSQL})")
        fill = "CONCAT('name ', seq), seq % 100, seq / 4, NOW(6), REPEAT('n', 30)"
        cursor.execute(f"INSERT INTO m SELECT seq, {fill} FROM seq_1_to_{rows}")
        server = StarRocks()
        server.create(
            "m", COLUMNS.replace("TIMESTAMP(6)", "DATETIME").replace("id INT", "id INT NOT NULL")
        )
        script = f"CREATE TABLE src ({COLUMNS}, PRIMARY KEY (id) NOT ENFORCED) WITH ("
        script += f"'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '{source.endpoint.port}',"
        script += (
            f"'username' = '{source.endpoint.user}', 'password' = '', 'database-name' = 'bench',"
        )
        script += "'server-time-zone' = 'UTC', 'table-name' = 'm');"
        script += server.sink("m", COLUMNS)
        began = time.monotonic()
        process = start(script + "INSERT INTO m SELECT * FROM src;", folder)
        while server.count("m") < rows:
            time.sleep(0.02)
        report(
            "MySQL snapshot", rows / (time.monotonic() - began) / 1e3, "k rows/s, start included"
        )
        time.sleep(2)
        began = time.monotonic()
        for first in range(rows + 1, 2 * rows, 100_000):
            cursor.execute(f"INSERT INTO m SELECT seq, {fill} FROM seq_{first}_to_{first + 99_999}")
        written = time.monotonic() - began
        while server.count("m") < 2 * rows:
            time.sleep(0.02)
        seconds = time.monotonic() - began
        report(
            "binlog of multi-row inserts",
            rows / seconds / 1e3,
            f"k changes/s ({written:.1f} s writing)",
        )
        report("memory of penstock run", memory_mb(process.pid), "MB (proportional set size)")
        process.terminate()
        process.wait()
        server.stop()


def memory_mb(pid: int) -> float:
    import psutil

    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(float(p.memory_full_info().pss) for p in family) / 2**20


ALL = (start_to_first_row, datagen_to_blackhole, datagen_to_starrocks, mysql_to_starrocks)

if __name__ == "__main__":
    wanted = sys.argv[1:]
    for benchmark in ALL:
        if not wanted or benchmark.__name__ in wanted:
            with tempfile.TemporaryDirectory() as directory:
                benchmark(Path(directory))
