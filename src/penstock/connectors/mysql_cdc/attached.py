"""A source while it is read: its tables, where it stands, its state and progress."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.connectors.base import TableProgress
from penstock.connectors.mysql_cdc.chunks import DONE, dump_key
from penstock.connectors.mysql_cdc.tables import file_order
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.column import MySqlColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.connectors.base import SourceState
    from penstock.connectors.mysql_cdc.dispatcher import TableDispatcher
    from penstock.connectors.mysql_cdc.row_shape import RowShape
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.connectors.mysql_cdc.tables import PhysicalTable
    from penstock.wire.mysql.binlog_events import RowsBlock
    from penstock.wire.mysql.gtid import GtidPosition

    TableName = tuple[str, str]

_GTIDS_HELD = 10_000


@dataclass(eq=False, slots=True)
class CapturedTable:
    """A physical table of one source.

    Args:
        table: As the server describes it now.
        shape: Lays out its rows.
        dispatcher: Of its changes.
        logged: Its columns where the stream stands; None where only the server can tell.
        splitting: Whether bounds of chunks are being looked for.
    """

    table: PhysicalTable
    shape: RowShape
    dispatcher: TableDispatcher
    logged: tuple[MySqlColumn, ...] | None
    splitting: bool = False
    _saved: tuple[Any, list[Any]] = (None, [])

    def saved_columns(self) -> list[Any]:
        """`logged` as JSON, [] where it is not known."""
        if self._saved[0] is not self.logged:
            self._saved = (self.logged, [[*astuple(column)] for column in self.logged or ()])
        return self._saved[1]


def load_columns(saved: list[Any]) -> tuple[MySqlColumn, ...]:
    """What `CapturedTable.saved_columns` gave."""
    names = [known.name for known in fields(MySqlColumn)]
    found = (MySqlColumn(**dict(zip(names, row, strict=True))) for row in saved)
    return tuple(replace(column, members=tuple(column.members)) for column in found)


def load_counts(saved: list[Any]) -> dict[TableName, int]:
    """Images by table, out of the state."""
    return {(str(database), str(name)): int(count) for database, name, count in saved}


def _counts(images: dict[TableName, int]) -> list[Any]:
    """What `load_counts` reads."""
    return [[*table, count] for table, count in images.items() if count]


@dataclass(eq=False, slots=True)
class AttachedSource:
    """A source attached to a reader.

    Args:
        source: As planned.
        tables: Its tables by (database, name).
        position: After the last transaction handed on.
        gtids: GTIDs executed up to there, None without.
        start_by_gtid: The position is another server's: start by GTIDs.
        server: Which server the position is of.
        handed: Row images handed on behind `position`, by table: of a transaction still open.
        skip: Images behind `position` that were handed on before the stream was opened again.
        cuts: By GTID, images handed on of transactions that were open when the stream ended: they
            are skipped inside those, wherever they come in the stream of another server.
        open_gtid: Of the transaction being read, "" between transactions and without GTIDs.
    """

    source: MySqlCdcSource
    tables: dict[TableName, CapturedTable]
    position: BinlogPosition
    gtids: GtidPosition | None = None
    start_by_gtid: bool = False
    server: str = ""
    handed: dict[TableName, int] = field(default_factory=dict)
    skip: dict[TableName, int] = field(default_factory=dict)
    cuts: dict[str, dict[TableName, int]] = field(default_factory=dict)
    open_gtid: str = ""
    rows_done: int = 0
    snapshot_rows: int = 0
    newest_ms: int | None = None
    _began: tuple[int, int] | None = None
    _new_gtids: list[str] = field(default_factory=list)

    @property
    def snapshotting(self) -> bool:
        chunks = [t.dispatcher.chunks for t in self.tables.values()]
        return any(c is not None and not c.all_done for c in chunks)

    @property
    def finished(self) -> bool:
        return self.source.bounded and not self.snapshotting

    @property
    def reading(self) -> int:
        """Chunks registered and not emitted."""
        return sum(len(t.dispatcher.reads) for t in self.tables.values())

    def wanted(self, block: RowsBlock) -> NDArray[np.bool_]:
        """Images the source has not had yet and that are not older than it starts; counts them."""
        mask = np.ones(block.image_count, np.bool_)
        if not self.start_by_gtid:
            mine = file_order(BinlogPosition(block.file, 0))[:2]
            theirs = file_order(self.position)[:2]
            if mine < theirs:
                mask[:] = False
            elif mine == theirs:
                mask &= block.next_offset > self.position.offset
        behind = int(np.count_nonzero(mask))
        if not behind:
            return mask
        skipped = min(self.skip.get(block.table, 0), behind)
        if skipped:
            self.skip[block.table] -= skipped
            mask[np.flatnonzero(mask)[:skipped]] = False
        self.handed[block.table] = self.handed.get(block.table, 0) + behind - skipped
        limit = self.source.options.timestamp_ms
        if self.source.options.startup_mode == "timestamp" and limit is not None:
            mask &= block.timestamp_s >= limit // 1000
        return mask

    def begin(self, gtid: str, position: BinlogPosition) -> None:
        """A transaction begins at `position`; what was handed on of it is skipped."""
        if not self.start_by_gtid and file_order(position) < file_order(self.position):
            return
        self.open_gtid = gtid
        known = self.cuts.pop(gtid, None)
        if known is not None:
            self.skip, self.handed = dict(known), dict(known)

    def advance(self, position: BinlogPosition, gtids: tuple[str, ...]) -> None:
        """Transactions have ended at `position`; nothing if the source has passed it already."""
        if not self.start_by_gtid and file_order(position) <= file_order(self.position):
            return
        self.position = position
        self.start_by_gtid = False
        self.open_gtid = ""
        self.handed = {table: count for table, count in self.skip.items() if count}
        if self.gtids is not None:
            self._new_gtids += [gtid for gtid in gtids if gtid]
            if len(self._new_gtids) > _GTIDS_HELD:
                self.all_gtids()

    def begin_again(self) -> None:
        """The stream is opened again at `position`: what was handed on behind it is skipped."""
        self.cuts = self._all_cuts()
        if self.open_gtid:
            self.handed, self.open_gtid = {}, ""
        self.skip = dict(self.handed)

    def _all_cuts(self) -> dict[str, dict[TableName, int]]:
        """`cuts`, and the open transaction where it has a GTID and rows of it were handed on."""
        if not self.open_gtid or not any(self.handed.values()):
            return dict(self.cuts)
        return {**self.cuts, self.open_gtid: dict(self.handed)}

    def all_gtids(self) -> GtidPosition | None:
        """GTIDs executed up to `position`."""
        if self.gtids is not None and self._new_gtids:
            self.gtids = self.gtids.with_gtids(self._new_gtids)
            self._new_gtids.clear()
        return self.gtids

    def state(self) -> SourceState:
        """JSON-able; `enumerator.attach` reads it."""
        tables = []
        for (database, name), captured in self.tables.items():
            chunks = captured.dispatcher.chunks
            entry: dict[str, Any] = {"database": database, "name": name}
            entry["columns"] = captured.saved_columns()
            if chunks is not None and not chunks.all_done:
                entry["bounds"] = [dump_key(bound) for bound in chunks.bounds]
                entry["done"] = [i for i, state in enumerate(chunks.states) if state == DONE]
                entry["complete"] = chunks.complete
            tables.append(entry)
        return {
            "version": 1,
            "phase": "snapshot" if self.snapshotting else "binlog",
            "position": f"{self.position}{self._snapshot_text()}",
            "file": self.position.file,
            "offset": self.position.offset,
            "gtids": str(self.all_gtids() or ""),
            "server": self.server,
            "handed": [] if self.open_gtid else _counts(self.handed),
            "cuts": [[gtid, _counts(counts)] for gtid, counts in self._all_cuts().items()],
            "tables": tables,
            "rows_done": self.rows_done,
            "snapshot_rows": self.snapshot_rows,
        }

    def _snapshot_text(self) -> str:
        """How far the snapshot is, for people; "" once it is done."""
        return ", in its snapshot" if self.snapshotting else ""

    def progress(self, now_ms: int, waiting_bytes: int) -> TableProgress:
        """For the live view."""
        phase = "snapshot" if self.snapshotting else "finished" if self.finished else "binlog"
        total = sum(t.table.approx_rows for t in self.tables.values())
        lag = None if self.newest_ms is None else max(0, now_ms - self.newest_ms)
        if waiting_bytes == 0 and phase == "binlog":
            lag = 0 if lag is not None else None
        chunks = [c for t in self.tables.values() if (c := t.dispatcher.chunks) is not None]
        rows_total = max(total, self.snapshot_rows) if phase == "snapshot" else None
        return TableProgress(
            table=self.source.path,
            phase=phase,
            rows_done=self.rows_done,
            rows_total=rows_total,
            position=str(self.position),
            lag_ms=lag,
            extra={
                "snapshot_rows": self.snapshot_rows,
                "chunks_done": sum(c.states.count(DONE) for c in chunks),
                "chunks_known": sum(len(c.states) for c in chunks),
                "seconds_left": self._seconds_left(now_ms, rows_total),
                "waiting_bytes": waiting_bytes,
            },
        )

    def _seconds_left(self, now_ms: int, rows_total: int | None) -> float | None:
        """Of the snapshot at the speed it had so far; None where it is done or not known yet."""
        if rows_total is None:
            self._began = None
            return None
        began_ms, began_rows = self._began = self._began or (now_ms, self.snapshot_rows)
        read = self.snapshot_rows - began_rows
        if read <= 0:
            return None
        return (now_ms - began_ms) / 1000 * (rows_total - self.snapshot_rows) / read
