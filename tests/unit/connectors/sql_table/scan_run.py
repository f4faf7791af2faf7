"""A small engine for scans: polls, gathers what is emitted, can be stopped and resumed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from penstock.clock import SystemClock
from penstock.connectors.base import SourceContext, find_connector
from penstock.metrics import MetricGroup

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base import TableDescriptor
    from penstock.connectors.base.sql_table import SqlTableSource


class ScanRun:
    """Reads one table; `state` is what a manifest would hold."""

    def __init__(self, source: SqlTableSource, directory: Path, state: Any = None) -> None:
        self.woken = threading.Event()
        self.pool = ThreadPoolExecutor(4)
        self.metrics: dict[str, MetricGroup] = {}
        self.rows: list[dict[str, Any]] = []
        self.batches = 0
        directory.mkdir(exist_ok=True)
        context = SourceContext(
            directory,
            self.pool,
            SystemClock(),
            self.woken.set,
            lambda table: self.metrics.setdefault(table, MetricGroup(table)),
        )
        self.reader = source.create_reader(context)
        self.reader.attach("0/t", source, state)

    @property
    def finished(self) -> bool:
        return self.reader.finished("0/t")

    def until(self, *, batches: int | None = None, timeout_s: float = 20) -> ScanRun:
        """Poll to the end, or until so many batches were emitted."""
        clock = SystemClock()
        end = clock.monotonic() + timeout_s
        while not self.finished and (batches is None or self.batches < batches):
            assert clock.monotonic() < end, "the scan does not end"
            # A budget of 0 emits one batch a call.
            wait_ms = self.reader.poll(self._take, 0 if batches is not None else 20)
            if wait_ms != 0:
                self.woken.wait(0.05 if wait_ms is None else wait_ms / 1000)
                self.woken.clear()
        return self

    def state(self) -> Any:
        return self.reader.snapshot()["0/t"]

    def close(self) -> None:
        self.reader.close()
        self.pool.shutdown(wait=True)

    def _take(self, source_id: str, batch: ChangelogBatch) -> None:
        assert source_id == "0/t"
        self.batches += 1
        self.rows += batch.rows.to_pylist()


def source_of(table: TableDescriptor) -> SqlTableSource:
    """The source its connector makes of a declaration."""
    build = find_connector(table.options["connector"]).source
    assert build is not None
    source: Any = build(table)
    return source  # type: ignore[no-any-return]


def read_all(source: SqlTableSource, directory: Path) -> list[dict[str, Any]]:
    """All rows of a scan."""
    run = ScanRun(source, directory)
    try:
        return run.until().rows
    finally:
        run.close()
