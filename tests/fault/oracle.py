"""Judges a campaign by plain client libraries: every visible state, and the last one row by row."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymysql
from tests.fault.tables import EVENTS, LEDGERS, TABLES, FaultTable
from tests.fault.workload import MARKED

_SAMPLE_S = 0.08
_LOST = (pymysql.err.OperationalError, pymysql.err.InterfaceError, pymysql.err.InternalError)


@dataclass
class Difference:
    """How a target differs from its source."""

    table: str
    rows: int
    missing: int
    unexpected: int
    examples: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not self.missing and not self.unexpected


class Observer(threading.Thread):
    """Looks at the targets again and again while the job is killed and started.

    The sum of a ledger must be right in every state seen after `complete` was called for it and the
    sum was right once; no event may ever be there twice.

    Args:
        connect: Opens a session on StarRocks.
        sums: The right sum of each ledger.
    """

    def __init__(self, connect: Callable[[], Any], sums: dict[str, int]) -> None:
        super().__init__(name="observer", daemon=True)
        self._connect = connect
        self._sums = sums
        self._stopping = threading.Event()
        self._complete: frozenset[str] = frozenset()
        self._seen_right: set[str] = set()
        self.states = 0
        self.judged = 0
        self.violations: list[str] = []

    def complete(self, tables: frozenset[str]) -> None:
        """The snapshots of these tables have been prepared."""
        self._complete = tables

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        connection: Any = None
        while not self._stopping.wait(_SAMPLE_S):
            try:
                connection = connection or self._connect()
                self._look(connection.cursor())
            except _LOST:
                connection = None
        if connection is not None:
            connection.close()

    def _look(self, cursor: Any) -> None:
        self.states += 1
        for table in LEDGERS:
            complete = table.name in self._complete
            cursor.execute(f"SELECT SUM(balance), COUNT(*) FROM fault.`{table.name}`")
            total, count = cursor.fetchone()
            right = total is not None and int(total) == self._sums[table.name]
            if right and complete:
                self._seen_right.add(table.name)
            if table.name in self._seen_right:
                self.judged += 1
                if not right:
                    self.violations.append(
                        f"{time.time():.3f} sum of {table.name} is {total} in {count} rows,"
                        f" not {self._sums[table.name]}"
                    )
        cursor.execute("SELECT COUNT(*), COUNT(DISTINCT id) FROM fault.events")
        count, distinct = cursor.fetchone()
        if count != distinct:
            self.violations.append(
                f"{time.time():.3f} {count - distinct} of {count} events are there twice"
            )


def ledger_sums(cursor: Any) -> dict[str, int]:
    """The sum of each ledger on the source."""
    sums = {}
    for table in LEDGERS:
        cursor.execute(f"SELECT SUM(balance) FROM fault.`{table.name}`")
        sums[table.name] = int(cursor.fetchone()[0])
    return sums


def lagging(source: Any, target: Any) -> dict[str, str]:
    """The tables that lack their last row or, while the snapshot runs, others; and what they have.

    Only says when to compare: the row written last is there, and the counts are equal.
    """
    found = {}
    for name, predicate in MARKED.items():
        counts = []
        for cursor in (source, target):
            cursor.execute(f"SELECT COUNT(*) FROM fault.`{name}`")
            counts.append(cursor.fetchone()[0])
        target.execute(f"SELECT COUNT(*) FROM fault.`{name}` WHERE {predicate}")
        last = target.fetchone()[0]
        if counts[0] != counts[1] or not last:
            found[name] = (
                f"{counts[1]} of {counts[0]} rows, last row {'is' if last else 'not'} there"
            )
    return found


def differences(source: Any, target: Any) -> list[Difference]:
    """Every table as a multiset of rows, source against target."""
    return [_difference(source, target, table) for table in TABLES]


def _difference(source: Any, target: Any, table: FaultTable) -> Difference:
    sql = f"SELECT {table.names} FROM fault.`{table.name}`"
    source.execute(sql)
    expected = Counter(source.fetchall())
    target.execute(sql)
    actual = Counter(target.fetchall())
    missing, unexpected = expected - actual, actual - expected
    examples = [f"missing {row}" for row in list(missing)[:3]]
    examples += [f"unexpected {row}" for row in list(unexpected)[:3]]
    if table is EVENTS:
        doubled = [row[0] for row, count in actual.items() if count > 1]
        examples += [f"doubled ids {doubled[:10]}"] if doubled else []
    return Difference(table.name, expected.total(), missing.total(), unexpected.total(), examples)
