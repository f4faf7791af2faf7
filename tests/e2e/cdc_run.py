"""A small engine around one mysql-cdc source, tables to read, and a writer that changes them."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from penstock.changelog import ChangelogBatch, RowKind
from penstock.clients.mysql import MySqlConnection
from penstock.clock import SystemClock
from penstock.connectors.base import SourceContext, TableDescriptor
from penstock.connectors.mysql_cdc import MySqlCdcSource
from penstock.types import BIGINT, DECIMAL, INT, STRING, TIMESTAMP, Column, Schema

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

COLUMNS = (
    Column("id", BIGINT.with_nullable(nullable=False)),
    Column("v", INT),
    Column("amount", DECIMAL(10, 2)),
    Column("name", STRING),
    Column("at", TIMESTAMP(6)),
)
SCHEMA = Schema(COLUMNS, ("id",))
DDL = (
    "CREATE TABLE shop.{} (id BIGINT PRIMARY KEY, extra INT DEFAULT 7, v INT,"
    " amount DECIMAL(10,2), name VARCHAR(40), at DATETIME(6))"
)


class Run:
    """A small engine: polls, folds what is emitted, can be stopped and resumed."""

    def __init__(
        self,
        server: MySqlServer,
        directory: Path,
        table: str,
        state: Any = None,
        schema: Schema = SCHEMA,
        metadata: dict[str, str] | None = None,
        given: dict[str, str] | None = None,
        pool: ThreadPoolExecutor | None = None,
        **options: str,
    ) -> None:
        endpoint = server.endpoint
        all_options = {
            "connector": "mysql-cdc",
            "hostname": endpoint.host,
            "port": str(endpoint.port),
            "username": endpoint.user,
            "password": endpoint.password.reveal(),
            "database-name": "shop",
            "table-name": table,
            "server-time-zone": "UTC",
            "scan.incremental.snapshot.chunk.size": "200",
            **{k.replace("__", "-").replace("_", "."): v for k, v in options.items()},
            **(given or {}),
        }
        self.pool = pool or ThreadPoolExecutor(4)
        self.woken = threading.Event()
        context = SourceContext(directory, self.pool, SystemClock(), self.woken.set)
        self.source = MySqlCdcSource(TableDescriptor("c.d.t", schema, all_options, metadata or {}))
        self.reader = self.source.create_reader(context)
        self.rows: dict[Any, tuple[Any, ...]] = {}
        self.log: list[tuple[str, tuple[Any, ...]]] = []
        self.reader.attach("t", self.source, state)

    def emit(self, source_id: str, batch: ChangelogBatch) -> None:
        assert source_id == "t"
        assert batch.rows.schema == self.source.schema.arrow()
        rows = list(zip(*(c.to_pylist() for c in batch.rows.columns), strict=True))
        kinds = batch.kinds_or_inserts().tolist()
        for index, (kind, row) in enumerate(zip(kinds, rows, strict=True)):
            self.log.append((RowKind(kind).short, row))
            if kind == RowKind.UPDATE_BEFORE:
                assert kinds[index + 1] == RowKind.UPDATE_AFTER
            if kind in (RowKind.INSERT, RowKind.UPDATE_AFTER):
                if kind == RowKind.INSERT:
                    assert row[0] not in self.rows, f"row {row[0]} was emitted twice"
                self.rows[row[0]] = row
            else:
                gone = self.rows.pop(row[0])
                assert gone == row or self.source.metadata

    def step(self) -> None:
        wait = self.reader.poll(self.emit, 20)
        if wait is None or wait > 0:
            self.woken.wait(0.05 if wait is None else min(wait / 1000, 0.05))
            self.woken.clear()

    def until(self, done: Any, seconds: float = 40) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, self.reader.progress()
            self.step()

    def stop(self) -> Any:
        self.reader.request_boundary()
        while not self.reader.at_boundary():
            self.step()
        state = json.loads(json.dumps(self.reader.snapshot()))["t"]
        self.close()
        return state

    def close(self) -> None:
        self.reader.close()
        self.reader.close()
        self.pool.shutdown()


def table_rows(session: MySqlConnection, table: str) -> dict[Any, tuple[Any, ...]]:
    found = session.query(f"SELECT id, v, amount, name, at FROM shop.{table}")
    return {row[0]: row for row in found}


def fill(session: MySqlConnection, table: str, count: int, gap: int = 1) -> None:
    session.query(f"DROP TABLE IF EXISTS shop.{table}")
    session.query(DDL.format(table))
    for start in range(0, count, 1000):
        values = ",".join(
            f"({i * gap},{i},{i}.25,'n{i}','2024-01-02 03:04:05.000006')"
            for i in range(start, min(count, start + 1000))
        )
        session.query(f"INSERT INTO shop.{table} (id,v,amount,name,at) VALUES {values}")
    session.query(f"ANALYZE TABLE shop.{table}")


class Writer(threading.Thread):
    """Changes random rows in transactions until stopped."""

    def __init__(self, server: MySqlServer, table: str, top: int) -> None:
        super().__init__()
        self.session = MySqlConnection.open(server.endpoint)
        self.table, self.top = table, top
        self.stopping = threading.Event()
        self.count = 0

    def run(self) -> None:
        rng = random.Random(7)
        t = f"shop.{self.table}"
        while not self.stopping.is_set():
            self.session.query("BEGIN")
            for _ in range(rng.randint(1, 6)):
                i = rng.randrange(self.top)
                self.session.query(
                    rng.choice(
                        [
                            f"UPDATE {t} SET v = v + 1 WHERE id BETWEEN {i} AND {i + 3}",
                            f"DELETE FROM {t} WHERE id = {i}",
                            f"REPLACE INTO {t} (id, v, name) VALUES ({i}, -1, 'new')",
                            f"UPDATE IGNORE {t} SET id = {self.top + i} WHERE id = {i}",
                        ]
                    )
                )
            self.session.query(rng.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
            self.count += 1
            time.sleep(0.001)
        self.session.close()

    def end(self) -> None:
        self.stopping.set()
        self.join()
