"""CPU the binlog decoder needs per change: bytes recorded from a real server, decoded in process.

`python -m benchmarks decoder`; `python -m benchmarks.decoder mysql` with MySQL instead of MariaDB.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Result
from penstock.clients.mysql import MySqlConnection
from penstock.clients.mysql_binlog import BinlogStream, current_position
from penstock.testing.mysql_servers import start_mariadb, start_mysql
from penstock.wire.mysql.binlog import BinlogDecoder
from penstock.wire.mysql.binlog_events import BinlogElement, RowsBlock
from penstock.wire.mysql.column import MySqlColumn, parse_column

if TYPE_CHECKING:
    from penstock.testing.mysql_servers import MySqlServer

_COLUMNS = {
    "id": "int",
    "name": "varchar(20)",
    "score": "int",
    "amount": "decimal(10,2)",
    "ts": "datetime(6)",
    "note": "varchar(60)",
}
_VALUES = "CONCAT('name ', {0}), {0} % 100, {0} / 4, NOW(6), REPEAT('n', 30)"
_BLOCK = 4 << 20
_TABLES = 10
_GOALS = {"single": ">= 0.9", "insert": ">= 2.5", "update": ">= 1.5"}


def decoder(folder: Path, scale: float, *, mysql: bool = False) -> list[Result]:
    """Million changes per CPU-second of the decoder, by kind of traffic."""
    folder.chmod(0o755)
    start = start_mysql if mysql else start_mariadb
    options = ("--sync-binlog=0", "--log-bin-trust-function-creators=1")
    with start(folder / "server", options=options) as server:
        session = MySqlConnection.open(server.endpoint)
        session.query("CREATE DATABASE b")
        session.query("USE b")
        for number in range(_TABLES):
            columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
            session.query(f"CREATE TABLE t{number} ({columns}, PRIMARY KEY (id))")
        _procedures(session)
        rows = int(20_000 * scale)
        return [
            _measure(server, session, "single-row transactions, insert", f"CALL single_inserts({rows})", "single"),
            _measure(server, session, "single-row transactions, update", f"CALL single_updates({rows})", "single"),
            _measure(server, session, f"single-row transactions, {_TABLES} tables, mixed kinds", f"CALL mixed({rows})", ""),
            _measure(server, session, "multi-row inserts", f"CALL multi({rows * 20})", "insert"),
            _measure(server, session, "multi-row updates", "UPDATE t1 SET score = score + 1", "update"),
            _measure(server, session, "multi-row deletes", "DELETE FROM t1", "insert"),
        ]  # fmt: skip


def _procedures(session: MySqlConnection) -> None:
    insert = f"INSERT INTO t0 VALUES (i, {_VALUES.format('i')})"
    update = "UPDATE t0 SET score = score + 1 WHERE id = i"
    loop = "DECLARE i INT DEFAULT 0; WHILE i < n DO {0}; SET i = i + 1; END WHILE"
    session.query(f"CREATE PROCEDURE single_inserts(n INT) BEGIN {loop.format(insert)}; END")
    session.query(f"CREATE PROCEDURE single_updates(n INT) BEGIN {loop.format(update)}; END")
    branches = ""
    for number in range(_TABLES):
        table = f"t{number}"
        branches += f"""WHEN {number} THEN
            IF i % 3 = 0 THEN INSERT INTO {table} VALUES (-i - 1, {_VALUES.format("i")});
            ELSEIF i % 3 = 1 THEN UPDATE {table} SET score = score + 1 ORDER BY id LIMIT 1;
            ELSE DELETE FROM {table} ORDER BY id DESC LIMIT 1; END IF; """
    mixed = f"CASE i DIV 3 % {_TABLES} {branches} END CASE"
    session.query(f"CREATE PROCEDURE mixed(n INT) BEGIN {loop.format(mixed)}; END")
    doubled = f"""INSERT INTO t1 VALUES (0, {_VALUES.format("1")});
        SET i = 1; WHILE i < n DO
          INSERT INTO t1 SELECT id + i, {_VALUES.format("id")} FROM t1 WHERE id < n - i;
          SET i = i * 2; END WHILE"""
    session.query(
        f"CREATE PROCEDURE multi(n INT) BEGIN DECLARE i INT; DELETE FROM t1; {doubled}; END"
    )


def _measure(
    server: MySqlServer, session: MySqlConnection, name: str, sql: str, goal: str
) -> Result:
    session.query("FLUSH BINARY LOGS")
    position, _ = current_position(session)
    session.query(sql)
    blocks = _record(server, session, position.file)
    columns = [parse_column(name, kind, "utf8mb4") for name, kind in _COLUMNS.items()]
    best = float("inf")
    changes = 0
    for _ in range(3):
        began = time.process_time()
        changes = sum(e.change_count for e in _decode(blocks, columns) if isinstance(e, RowsBlock))
        best = min(best, time.process_time() - began)
    return Result(
        f"decoder: {name}",
        changes / best / 1e6,
        "M changes/CPU-s",
        _GOALS.get(goal, ""),
        cpu_s=best,
    )


def _record(server: MySqlServer, session: MySqlConnection, file: str) -> list[bytes]:
    from penstock.wire.mysql.binlog_events import BinlogPosition

    end, _ = current_position(session)
    stream = BinlogStream.open(server.endpoint, 99, BinlogPosition(file, 4), heartbeat_ms=1000)
    whole = bytearray()
    # events that were not asked for are left out, so their end tells, not their size
    follower = BinlogDecoder(lambda _database, _table: None, file=file)
    try:
        while follower.position != end:
            data = stream.read_available(wait_ms=1000) or b""
            whole += data
            while follower.feed(data):
                data = b""
    finally:
        stream.close()
    return [bytes(whole[at : at + _BLOCK]) for at in range(0, len(whole), _BLOCK)]


def _decode(blocks: list[bytes], columns: list[MySqlColumn]) -> list[BinlogElement]:
    reader = BinlogDecoder(lambda database, _: columns if database == "b" else None)
    found: list[BinlogElement] = []
    for block in blocks:
        elements = reader.feed(block)
        while elements:
            found += elements
            elements = reader.feed(b"")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        for result in decoder(Path(directory), 1.0, mysql="mysql" in sys.argv):
            print(f"{result.name}: {result.value:.3f} {result.unit} ({result.cpu_s:.3f} CPU s)")
