"""Runs a whole sink, as the engine does, against an embedded StarRocks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from tests.unit.connectors.starrocks.target_table import TargetTable, batch

from penstock.clock import SystemClock
from penstock.connectors.base import RecoveredSink, SharedResources, SinkContext, TableDescriptor
from penstock.connectors.starrocks.sink import StarRocksSink
from penstock.connectors.starrocks.writer import StarRocksWriter
from penstock.types import Schema


class WholeSink:
    """A writer of `d.t`; a context object that closes it.

    Args:
        table: The target.
        schema: Of the rows.
        folder: The job's.
        options: Besides the addresses.
    """

    # Which start of the job it is, and what the one before left.
    start: ClassVar[tuple[int, RecoveredSink]] = (1, RecoveredSink())

    def __init__(
        self,
        table: TargetTable,
        schema: Schema,
        folder: Path,
        **options: str,
    ) -> None:
        self.table = table
        self.schema = schema
        self._pool = ThreadPoolExecutor(4)
        self._epoch = 1
        raw = {**table.options().raw, "sink.retry.interval-ms": "10", **options}
        sink = StarRocksSink.from_descriptor(TableDescriptor("c.d.t", schema, raw))
        context = SinkContext(
            "s1", "job", str(folder), self.start[0], folder, self._pool, self._pool, self._pool,
            SystemClock(), lambda: None, lambda *_: None, None, self.start[1], self._pool, SharedResources(),
        )  # fmt: skip
        self.writer: StarRocksWriter = sink.writer_for("c.d.t", schema, context)

    def __enter__(self) -> WholeSink:
        self.writer.open().result(20)
        self.writer.start(self._epoch)
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close(abort=True).result(20)
        self._pool.shutdown()

    def write(self, rows: list[tuple[Any, ...]], kinds: list[str] | None = None) -> None:
        self.writer.write(batch(self.schema, rows, kinds))

    def flush(self, seconds: float = 20, *, final: bool = True) -> None:
        """Barriers until everything written is visible."""
        wanted = self._epoch
        deadline = time.monotonic() + seconds
        while self.writer.visible_epoch < wanted:
            self.writer.barrier(self._epoch, final=final)
            while self.writer.listed(self._epoch) is None:
                self._wait(deadline)
            self.writer.commit(self._epoch)
            self._epoch += 1
            self._wait(deadline)

    def _wait(self, deadline: float) -> None:
        self.writer.check()
        assert time.monotonic() < deadline, self.writer.status()
        time.sleep(0.005)
