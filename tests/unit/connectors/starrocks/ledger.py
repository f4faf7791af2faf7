"""A ledger over two tables: each change takes from one what it gives to the other."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pymysql

from penstock.changelog import ChangelogBatch, RowKind
from penstock.connectors.base import SourceContext, TableDescriptor, TableProgress
from penstock.connectors.starrocks import CONNECTOR
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.plan import PhysicalPlan, SinkNode, SourceNode
from penstock.runtime import JobGroup
from penstock.types import BIGINT, Column, Schema

SCHEMA = Schema((Column("id", BIGINT.with_nullable(nullable=False)), Column("v", BIGINT)), ("id",))
ACCOUNTS = 5
SIDES = ("giving", "taking")
_DATABASES = itertools.count()


class Transfers:
    """One side of the ledger, as a source; both have one reader."""

    share_key = "ledger"
    bounded = True
    schema = SCHEMA

    def __init__(self, side: str, count: int) -> None:
        self.side = side
        self.count = count

    def create_reader(self, context: SourceContext) -> TransferReader:
        return TransferReader(self.count)


class TransferReader:
    """Emits transfers one by one; a barrier never comes between the sides of one."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sides: dict[str, str] = {}
        self.next, self.waiting = 0, False

    def attach(self, source_id: str, source: Any, state: dict[str, Any] | None) -> None:
        self.sides[source_id] = source.side
        self.next = state["next"] if state else 0

    def poll(self, emit: Any, budget_ms: float) -> float | None:
        if self.waiting or self.next >= self.count:
            return 5.0
        for source_id, side in self.sides.items():
            emit(source_id, balances(side, self.next))
        self.next += 1
        return 2.0

    def at_boundary(self) -> bool:
        return self.waiting

    def request_boundary(self) -> None:
        self.waiting = True

    def snapshot(self) -> dict[str, dict[str, Any]]:
        self.waiting = False
        return {source_id: {"next": self.next} for source_id in self.sides}

    def acknowledge(self, epoch: int) -> None: ...

    def finished(self, source_id: str) -> bool:
        return self.next >= self.count

    def progress(self) -> list[TableProgress]:
        return []

    def close(self) -> None: ...


def balances(side: str, number: int) -> ChangelogBatch:
    """The account a transfer changes, as it is afterwards."""
    account = number % ACCOUNTS
    moved = sum(i + 1 for i in range(account, number + 1, ACCOUNTS))
    value = -moved if side == "giving" else moved
    rows = pa.record_batch({"id": pa.array([account]), "v": pa.array([value])})
    return ChangelogBatch(rows, np.array([RowKind.UPDATE_AFTER], np.int8))


def final_balances(count: int) -> dict[int, int]:
    """Each account of the taking side, once all transfers are done."""
    return {
        number % ACCOUNTS: int(balances("taking", number).rows.column(1)[0].as_py())
        for number in range(count)
    }


class Ledger:
    """Two tables of an embedded StarRocks, the job that fills them, and a look at their sum."""

    def __init__(self, server: EmbeddedStarRocks, count: int, **options: str) -> None:
        self.server = server
        self.count = count
        self.options = options
        self.client: Any = pymysql.connect(
            host=server.host, port=server.query_port, user=server.user, autocommit=True
        )
        self.database = f"ledger{next(_DATABASES)}"
        self.sql(f"CREATE DATABASE {self.database}")
        for side in SIDES:
            self.sql(
                f"CREATE TABLE {self.database}.{side} (id BIGINT, v BIGINT) PRIMARY KEY(id)"
                " DISTRIBUTED BY HASH(id) BUCKETS 2"
            )
        self.sums: list[Any] = []
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with self.client.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def start(self, directory: Path, **settings: str) -> JobGroup:
        """Run the job, or let it go on."""
        group = JobGroup(directory, {"execution.checkpointing.interval": "30 ms", **settings})
        sinks = []
        for side in SIDES:
            given = {
                "connector": "starrocks",
                "jdbc-url": self.server.jdbc_url,
                "load-url": self.server.load_url,
                "database-name": self.database,
                "table-name": side,
                "username": self.server.user,
                "password": "",
                "sink.retry.interval-ms": "20",
                "sink.transaction.multi-table.enabled": "true",
                **self.options,
            }
            assert CONNECTOR.sink is not None
            sink: Any = CONNECTOR.sink(TableDescriptor(f"c.ledger.{side}", SCHEMA, given))
            source: Any = Transfers(side, self.count)
            node = SourceNode(side, side, source, SCHEMA)
            sinks.append(SinkNode(side, f"ledger.{side}", sink, SCHEMA, node))
        group.submit(PhysicalPlan("ledger", tuple(sinks)))
        group.seal()
        return group

    def _look(self) -> None:
        client: Any = pymysql.connect(
            host=self.server.host, port=self.server.query_port, user=self.server.user
        )
        text = (
            f"SELECT SUM(v), COUNT(*) FROM (SELECT v FROM {self.database}.giving UNION ALL"
            f" SELECT v FROM {self.database}.taking) t"
        )
        while not self._stop.wait(0.004):
            with client.cursor() as cursor:
                cursor.execute(text)
                total, rows = cursor.fetchone()
                self.sums.append((int(total or 0), int(rows)))
        client.close()

    def check(self) -> None:
        """Both tables are complete, and their sum was zero whenever it was looked at."""
        self._end_watch()
        final = final_balances(self.count)
        assert dict(self.sql(f"SELECT id, v FROM {self.database}.taking")) == final
        assert dict(self.sql(f"SELECT id, -v FROM {self.database}.giving")) == final
        assert {total for total, _ in self.sums} == {0}
        left = self.sql(f"SHOW PROC '/transactions/{self.database}/running'")
        assert not left, "a transaction was left open"

    def _end_watch(self) -> None:
        self._stop.set()
        self._watch.join(5)

    def close(self) -> None:
        """May be called twice."""
        self._end_watch()
        if self.client.open:
            self.client.close()
