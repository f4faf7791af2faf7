"""Watches the versions of all tables that a job group writes in one StarRocks cluster.

One query a second at most serves every table, by table id. Where `be_tablets` is not to be had,
SHOW TABLET is asked for one table after the other; where nothing is, the gates run open loop.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.gate import SCORES, VERSIONS, Scale
from penstock.connectors.starrocks.version_queries import (
    Name,
    ReplicaRow,
    Way,
    read_ids,
    read_score_scale,
    read_scores,
    read_tablets,
    read_version_scale,
    show_tablets,
    tablet_versions,
)
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from penstock.clock import Clock
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.target import TargetConnection

_LOG = logging.getLogger(__name__)
_POLL_MS = 1000
_SHOW_TABLET_MS = 10_000
_LIMITS_MS = 60_000
_TRY_AGAIN_MS = 300_000
_FAILURES_MOST = 3
# A poll that brings more replicas than this is made less often, in proportion.
_ROWS_PER_POLL = 2000
_SLOWEST_POLL = 30
# The server refuses, or its rows are not those of StarRocks' documents.
_UNREADABLE = (ConnectorError, ValueError, TypeError, IndexError)
_NEXT = {Way.BE_TABLETS: Way.SHOW_TABLET}


@dataclass(slots=True)
class _Table:
    """A table under watch and the gates of its writers. All but `gates` is the look's own."""

    name: Name
    gates: list[FlushGate] = field(default_factory=list)
    table_id: int | None = None
    way: Way = Way.BE_TABLETS
    failures: int = 0
    asked_ms: int = 0


class ClusterObserver:
    """Reads versions on the connector I/O pool and reports them to the gates.

    Args:
        connection: To the cluster; one look at a time uses it, the last one closes it.
        executor: The connector I/O pool.
        clock: The door to time.
    """

    def __init__(self, connection: TargetConnection, executor: Executor, clock: Clock) -> None:
        self._connection = connection
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._tables: dict[Name, _Table] = {}
        self._looking = False
        self._closed = False
        self._looked_ms: int | None = None
        self._pause_ms = _POLL_MS
        self._limits_ms: int | None = None
        self._scales = {Way.BE_TABLETS: VERSIONS, Way.PARTITIONS_META: SCORES}

    def watch(self, database: str, table: str, gate: FlushGate) -> None:
        """From now on report the table's versions to `gate`."""
        name = (database, table)
        with self._lock:
            self._tables.setdefault(name, _Table(name)).gates.append(gate)

    def forget(self, gate: FlushGate) -> None:
        """Report nothing more to `gate`."""
        with self._lock:
            for table in list(self._tables.values()):
                table.gates = [other for other in table.gates if other is not gate]
                if not table.gates:
                    del self._tables[table.name]

    def poll(self, now_ms: int) -> None:
        """Look again if it is time. Never blocks."""
        with self._lock:
            looked = self._looked_ms
            early = looked is not None and 0 <= now_ms - looked < self._pause_ms
            if early or self._looking or self._closed or not self._tables:
                return
            self._looking, self._looked_ms = True, now_ms
        try:
            # Called too when the pool is shut down before it came to the look.
            self._executor.submit(self._look).add_done_callback(self._looked)
        except RuntimeError:
            self._looked()

    def close(self) -> None:
        """Release the connection, after a look that is under way. May be called twice."""
        with self._lock:
            self._closed = True
            if self._looking:
                return
        self._connection.close()

    # On the pool, one look at a time.

    def _look(self) -> None:
        with self._lock:
            tables = list(self._tables.values())
        self._look_at(tables, self._clock.now_ms())

    def _looked(self, _: object = None) -> None:
        with self._lock:
            self._looking = False
            closed = self._closed
        if closed:
            self._connection.close()

    def _look_at(self, tables: list[_Table], now_ms: int) -> None:
        for table in tables:
            if table.way is Way.NONE and now_ms - table.asked_ms >= _TRY_AGAIN_MS:
                table.way, table.table_id = Way.BE_TABLETS, None
        self._identify([t for t in tables if t.table_id is None and t.way is not Way.NONE])
        self._read_limits(tables, now_ms)
        rows = self._ask([t for t in tables if t.way is Way.BE_TABLETS], self._tablets)
        rows += self._ask([t for t in tables if t.way is Way.PARTITIONS_META], self._scores)
        shown = [t for t in tables if t.way is Way.SHOW_TABLET]
        first = min(shown, key=lambda table: table.asked_ms, default=None)
        if first is not None and now_ms - first.asked_ms >= _SHOW_TABLET_MS:
            rows += self._ask([first], self._shown)
        self._pause_ms = _POLL_MS * max(1, min(_SLOWEST_POLL, rows // _ROWS_PER_POLL))

    def _identify(self, tables: list[_Table]) -> None:
        if not tables:
            return
        try:
            found = read_ids(self._connection, {table.name for table in tables})
        except _UNREADABLE as error:
            self._failed(tables, error)
            return
        for table in tables:
            if table.name not in found:
                self._step_down(table, "information_schema.tables_config does not show it")
                continue
            table.table_id, way = found[table.name]
            if table.way is Way.BE_TABLETS:
                table.way = way

    def _read_limits(self, tables: list[_Table], now_ms: int) -> None:
        if self._limits_ms is not None and now_ms - self._limits_ms < _LIMITS_MS:
            return
        ways = {table.way for table in tables}
        if ways & {Way.BE_TABLETS, Way.SHOW_TABLET}:
            before = self._scales[Way.BE_TABLETS]
            self._scales[Way.BE_TABLETS] = read_version_scale(self._connection, before)
        if Way.PARTITIONS_META in ways:
            before = self._scales[Way.PARTITIONS_META]
            self._scales[Way.PARTITIONS_META] = read_score_scale(self._connection, before)
        self._limits_ms = now_ms

    def _ask(
        self,
        tables: list[_Table],
        read: Callable[[list[_Table]], dict[Name, list[ReplicaRow]]],
    ) -> int:
        """Read and tell the gates; how many rows there were."""
        tables = [t for t in tables if t.table_id is not None or t.way is Way.SHOW_TABLET]
        if not tables:
            return 0
        now_ms = self._clock.now_ms()
        own = {id(gate): gate.own for table in tables for gate in table.gates}
        try:
            rows_of = read(tables)
        except _UNREADABLE as error:
            self._failed(tables, error)
            return 0
        for table in tables:
            table.asked_ms = now_ms
            rows = rows_of.get(table.name)
            if not rows:
                self._vanished(table)
                continue
            table.failures = 0
            scale = self._scale(table.way)
            for gate in list(table.gates):
                made = own.get(id(gate), gate.own)
                gate.observe(tablet_versions(now_ms, rows, made, scale))
        return sum(map(len, rows_of.values()))

    def _scale(self, way: Way) -> Scale:
        return self._scales[Way.PARTITIONS_META if way is Way.PARTITIONS_META else Way.BE_TABLETS]

    def _tablets(self, tables: list[_Table]) -> dict[Name, list[ReplicaRow]]:
        ids = {table.table_id: table.name for table in tables if table.table_id is not None}
        return read_tablets(self._connection, ids)

    def _scores(self, tables: list[_Table]) -> dict[Name, list[ReplicaRow]]:
        return read_scores(self._connection, {table.name for table in tables})

    def _shown(self, tables: list[_Table]) -> dict[Name, list[ReplicaRow]]:
        return show_tablets(self._connection, tables[0].name)

    def _failed(self, tables: list[_Table], error: Exception) -> None:
        """A cluster that is down tells nothing about the way; one that refuses does."""
        detail, denied = str(error), False
        if isinstance(error, ConnectorError):
            if error.code == "starrocks-unreachable":
                return
            detail = error.detail
            denied = not error.retryable or "denied" in detail.lower()
        for table in tables:
            table.failures += 1
            if denied or table.failures >= _FAILURES_MOST:
                self._step_down(table, detail)

    def _vanished(self, table: _Table) -> None:
        """No rows: the table was made anew under another id, or the user may not see it."""
        table.table_id = None
        table.failures += 1
        if table.failures >= _FAILURES_MOST:
            self._step_down(table, "it shows no tablets of the table")

    def _step_down(self, table: _Table, why: str) -> None:
        before, table.way, table.failures = table.way, _NEXT.get(table.way, Way.NONE), 0
        table.asked_ms = 0
        if table.way is Way.NONE:
            table.asked_ms = self._clock.now_ms()
            for gate in list(table.gates):
                gate.observe(None)
        name = ".".join(table.name)
        _LOG.info(
            "versions of %s are read from %s now, for %s failed: %s",
            name,
            table.way.value,
            before.value,
            why,
        )
