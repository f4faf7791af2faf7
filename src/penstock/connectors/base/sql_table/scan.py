"""A bounded scan: first the whole result onto disk, then from there into the job.

A SELECT cannot be resumed, and asked again it shows another version of the table. So nothing is
emitted before the last row of the result is on disk, in a spool segment: until then a failure
starts the scan anew, from then on it goes on in the segment, at the position in the state. What
the job gets is one version of the table whatever happens, and a slow sink keeps no query open.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.changelog import ChangelogBatch
from penstock.connectors.base.source import TableProgress
from penstock.connectors.base.sql_table.connect import connect, explained
from penstock.connectors.base.sql_table.table import SqlTableSource
from penstock.errors import ConnectorError
from penstock.state.spool import Segment, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base.source import Source, SourceContext, SourceState
    from penstock.connectors.base.sql_table.table import ReadColumn
    from penstock.metrics import MetricGroup

    Emit = Callable[[str, ChangelogBatch], None]

BATCH_ROWS = 16_384
STEP_BYTES = 16 << 20
RETRY_MS = 1000.0


class _Part:
    """One SELECT into the segment. `step` runs on pool threads, one at a time."""

    def __init__(self, scan: _Scan, sql: str, columns: list[ReadColumn]) -> None:
        self._scan = scan
        self._sql = sql
        self._columns = columns
        self._connection: MySqlConnection | None = None
        self._batches: Iterator[list[Any]] | None = None

    def step(self) -> bool:
        """Read on for a while; true once all is read."""
        table = self._scan.source.table
        if self._batches is None:
            self._connection = connect(table.address)
            self._batches = self._connection.stream_text(self._sql, plain_marker=table.plain_marker)
        size = 0
        while size < STEP_BYTES and not self._scan.closed:
            texts = next(self._batches, None)
            if texts is None:
                self.close()
                return True
            size += sum(text.nbytes for text in texts)
            self._scan.keep([c.decode(t) for c, t in zip(self._columns, texts, strict=True)])
        return self._scan.closed

    def interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Scan:
    """One attempt to get a result onto disk. Made by the engine thread, which calls `advance`."""

    def __init__(self, source: SqlTableSource, context: SourceContext, path: Path) -> None:
        self.source = source
        self.segment = Segment(path, 0)
        self.closed = False
        self._arrow = source.schema.arrow()
        self._context = context
        self._lock = threading.Lock()
        self._left = source.limit
        self._waiting: list[_Part] = []
        self._running: dict[_Part, Future[bool]] = {}
        self._opening: Future[list[_Part]] | None = self._submit(self._open)
        self._sealing: Future[None] | None = None

    def advance(self) -> bool:
        """Start what can be started; true once the segment is sealed.

        Raises:
            PenstockError: A part failed.
        """
        if self._opening is not None:
            if not self._opening.done():
                return False
            self._waiting, self._opening = self._opening.result(), None
        for part, future in list(self._running.items()):
            if future.done():
                del self._running[part]
                if not future.result():
                    self._waiting.insert(0, part)
        while self._waiting and len(self._running) < self.source.table.concurrency:
            part = self._waiting.pop(0)
            self._running[part] = self._submit(part.step)
        if self._running:
            return False
        if self._sealing is None:
            self._sealing = self._submit(self.segment.seal)
        return self._sealing.done() and self._sealing.result() is None

    def keep(self, columns: list[pa.Array]) -> None:
        """Append rows to the segment. Any thread.

        Raises:
            ConnectorError: The disk does not take them.
        """
        rows = pa.RecordBatch.from_arrays(columns, schema=self._arrow)
        with self._lock:
            if self.closed:
                return
            if self._left is not None:
                rows = rows.slice(0, self._left)
                self._left -= rows.num_rows
            try:
                for start in range(0, rows.num_rows, BATCH_ROWS):
                    self.segment.append(rows.slice(start, BATCH_ROWS))
            except SpoolFullError as error:
                raise ConnectorError(
                    "could not keep the rows of a scan on disk",
                    retryable=True,
                    code="scan-disk",
                    detail=error.detail,
                    hint="Free space in the state directory; the scan is repeated.",
                ) from error

    def close(self) -> None:
        """Break off; what a pool thread still reads is dropped."""
        with self._lock:
            self.closed = True
        for part, future in self._running.items():
            part.interrupt()
            future.add_done_callback(partial(_close_behind, part))
        for part in self._waiting:
            part.close()
        if self.segment.sealed:
            return
        if self._sealing is None:
            with self._lock:
                self.segment.delete()
        else:
            # never under a pool thread that truncates or syncs the file
            self._sealing.add_done_callback(lambda _: self.segment.delete())

    def _open(self) -> list[_Part]:
        connection = connect(self.source.table.address)
        try:
            queries, columns = self.source.queries(connection)
        finally:
            connection.close()
        return [_Part(self, sql, columns) for sql in queries]

    def _submit(self, call: Callable[[], Any]) -> Future[Any]:
        future = self._context.executor.submit(call)
        future.add_done_callback(lambda _: self._context.wake())
        return future


def _close_behind(part: _Part, _read: Future[Any]) -> None:
    part.close()


class _Table:
    """One attached source: its scan, then its segment and how far it is emitted."""

    def __init__(
        self, source_id: str, source: SqlTableSource, context: SourceContext, state: SourceState
    ) -> None:
        self.source = source
        self.rows = int(state.get("rows", 0))
        self.finished = bool(state.get("finished"))
        self.scan: _Scan | None = None
        self.segment: Segment | None = None
        self.metrics: MetricGroup = context.metrics(source.table.path)
        self._context = context
        self._frame = int(state.get("frame", 0))
        self._attempt = 0
        self._again_at = 0.0
        self._name = f"scan-{hashlib.blake2s(source_id.encode(), digest_size=12).hexdigest()}"
        staged = str(state.get("staged", ""))
        if staged and not self.finished:
            self.segment = Segment(context.directory / staged, 0)
            self.segment.scan()
        for path in context.directory.glob(f"{self._name}-*.spool"):
            if path.name != staged:
                path.unlink(missing_ok=True)

    @property
    def state(self) -> SourceState:
        """After the last row emitted."""
        return {
            "staged": self.segment.path.name if self.segment is not None else "",
            "frame": self._frame,
            "rows": self.rows,
            "finished": self.finished,
            "position": f"row {self.rows}",
        }

    @property
    def phase(self) -> str:
        if self.finished:
            return "finished"
        return "reading" if self.segment is None else "running"

    def advance(self) -> float | None:
        """Move the scan on. Milliseconds until there is more to do, None to wait for `wake`.

        Raises:
            PenstockError: The scan failed for good.
        """
        if self.scan is None:
            wait_ms = (self._again_at - self._context.clock.monotonic()) * 1000
            if wait_ms > 0:
                return wait_ms
            self._attempt += 1
            # An attempt that was broken off may still write: each has a file of its own.
            name = f"{self._name}-{secrets.token_hex(4)}.spool"
            self.scan = _Scan(self.source, self._context, self._context.directory / name)
        try:
            if not self.scan.advance():
                return None
        except ConnectorError as error:
            self.scan.close()
            self.scan = None
            if not error.retryable or self._attempt >= self.source.table.attempts:
                raise explained(error, self.source.table.address) from error
            self._again_at = self._context.clock.monotonic() + RETRY_MS / 1000
            return RETRY_MS
        self.segment = self.scan.segment
        return 0.0

    def emit_one(self, emit: Callable[[ChangelogBatch], None]) -> None:
        """Emit the next batch, or end."""
        assert self.segment is not None
        if self._frame < self.segment.frame_count:
            rows = self.segment.read(self._frame)
            self._frame += 1
            self.rows += rows.num_rows
            self.metrics.add("totalScannedRows", rows.num_rows)
            emit(ChangelogBatch(rows))
        self.finished = self._frame >= self.segment.frame_count

    def forget(self) -> None:
        """The end is durable: the segment is of no more use."""
        if self.segment is not None:
            self.segment.delete()

    def close(self) -> None:
        if self.scan is not None:
            self.scan.close()
        if self.segment is not None:
            self.segment.close()


class SqlScanReader:
    """Reads bounded tables; see the module. The engine thread never waits for a server."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._tables: dict[str, _Table] = {}
        self._ended: list[_Table] = []

    def attach(self, source_id: str, source: Source, state: SourceState | None) -> None:
        assert isinstance(source, SqlTableSource)
        self._tables[source_id] = _Table(source_id, source, self._context, state or {})

    def poll(self, emit: Emit, budget_ms: float) -> float | None:
        clock = self._context.clock
        deadline = clock.monotonic() + budget_ms / 1000
        waits: list[float] = []
        for source_id, table in self._tables.items():
            if table.segment is None and not table.finished:
                wait_ms = table.advance()
                if wait_ms is not None:
                    waits.append(wait_ms)
            while table.segment is not None and not table.finished:
                table.emit_one(partial(emit, source_id))
                if clock.monotonic() >= deadline:
                    return 0.0
        return min(waits) if waits else None

    def at_boundary(self) -> bool:
        return True

    def request_boundary(self) -> None:
        """Every moment between two batches is one."""

    def snapshot(self) -> dict[str, SourceState]:
        self._ended = [table for table in self._tables.values() if table.finished]
        return {source_id: table.state for source_id, table in self._tables.items()}

    def acknowledge(self, epoch: int) -> None:  # noqa: ARG002
        for table in self._ended:
            table.forget()

    def finished(self, source_id: str) -> bool:
        return self._tables[source_id].finished

    def progress(self) -> list[TableProgress]:
        return [
            TableProgress(
                table=table.source.table.path,
                phase=table.phase,
                rows_done=table.rows,
                rows_total=table.segment.rows if table.segment is not None else None,
                position=f"row {table.rows}",
            )
            for table in self._tables.values()
        ]

    def close(self) -> None:
        for table in self._tables.values():
            table.close()
