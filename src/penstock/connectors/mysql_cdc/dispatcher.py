"""Decides per table which changes flow now, which wait for their chunk, and which it will contain.

A chunk registers here before it is read. From then on its changes are set aside, until the stream
has passed the position taken with the read; they are folded into the rows read and leave with
them. A change of a chunk nobody reads yet is in what will be read: the read waits until everything
handed on before is visible. Where the server cannot tell that, such changes are remembered for a
while, since a transaction stands in the binlog before other sessions see it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import RowKind
from penstock.connectors.mysql_cdc.chunks import DONE, PENDING, READING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.connectors.mysql_cdc.chunks import ChunkMap
    from penstock.connectors.mysql_cdc.row_shape import RowShape
    from penstock.wire.mysql.binlog_events import BinlogPosition

    Changes = tuple[pa.RecordBatch, NDArray[np.int8]]

_MARGIN_ROWS = 100_000
_MARGIN_MS = 10_000
_MARGIN_BYTES = 16 << 20
# Changes set aside for one chunk: then only the last of each key is kept, then it is read again.
_ASIDE_BYTES = 8 << 20


@dataclass(slots=True)
class ChunkRead:
    """A chunk between its registration and its emission."""

    aside: list[Changes] = field(default_factory=list)
    aside_bytes: int = 0
    rows: list[pa.RecordBatch] | None = None
    high: BinlogPosition | None = None

    def set_aside(self, rows: pa.RecordBatch, kinds: NDArray[np.int8]) -> None:
        """Remember changes of the chunk."""
        self.aside.append((rows, kinds))
        self.aside_bytes += int(rows.nbytes)


class TableDispatcher:
    """Routes the changes of one table of one source.

    Args:
        shape: Lays out rows.
        chunks: The table's chunks, None where there is no snapshot: all flows.
        live: False for bounded sources, whose changes end with their chunk.
        margin: Whether a read may miss changes handed on just before: remember those.
    """

    def __init__(
        self, shape: RowShape, chunks: ChunkMap | None, *, live: bool = True, margin: bool = True
    ) -> None:
        self.shape = shape
        self.chunks = chunks
        self.reads: dict[int, ChunkRead] = {}
        self._live = live
        self._keeps_margin = margin
        self._margin: deque[tuple[int, pa.RecordBatch, NDArray[np.int8]]] = deque()
        self._margin_rows = 0
        self._margin_bytes = 0

    def register(self, chunk: int, now_ms: int) -> ChunkRead:
        """The chunk will be read: from now on its changes are set aside."""
        assert self.chunks is not None
        assert self.chunks.states[chunk] == PENDING
        self.chunks.states[chunk] = READING
        read = self.reads[chunk] = ChunkRead()
        self._forget_old(now_ms)
        for _, rows, kinds in self._margin:
            mask = self.chunks.locate(self.shape.chunk_values(rows)) == chunk
            if mask.any():
                read.set_aside(rows.filter(pa.array(mask)), kinds[mask])
        return read

    def take_read(
        self,
        read: ChunkRead,
        rows: list[pa.RecordBatch],
        high: BinlogPosition,
        cut: object | None,
    ) -> None:
        """The rows of a registered chunk have come.

        Args:
            read: What `register` gave; ignored where the chunk is to be read again.
            rows: All its rows, or with `cut` those before it.
            high: The stream must pass it before the rows leave.
            cut: The chunk was too big and ends at this key; the rest is a chunk of its own.
        """
        chunk = next((i for i, known in self.reads.items() if known is read), None)
        if chunk is None:
            return
        read.rows, read.high = rows, high
        if cut is None:
            return
        assert self.chunks is not None
        self.chunks.cut(chunk, cut)
        self.reads = {i + (i > chunk): known for i, known in self.reads.items()}
        aside, read.aside, read.aside_bytes = read.aside, [], 0
        for changed, kinds in aside:
            mask = self.chunks.locate(self.shape.chunk_values(changed)) == chunk
            if mask.any():
                read.set_aside(changed.filter(pa.array(mask)), kinds[mask])

    def route(self, rows: pa.RecordBatch, kinds: NDArray[np.int8], now_ms: int) -> Changes | None:
        """The changes that flow now; -U and +U of one change are adjacent in `rows`."""
        chunks = self.chunks
        if chunks is None or (self._live and chunks.all_done):
            self._drop_margin()
            return rows, kinds
        where = chunks.locate(self.shape.chunk_values(rows))
        states = np.array([*chunks.states, PENDING, PENDING], np.int8)[where]
        for chunk in np.unique(where[states == READING]).tolist():
            mask = where == chunk
            self.reads[chunk].set_aside(rows.filter(pa.array(mask)), kinds[mask])
            self._bound_aside(chunk)
        waiting = states == PENDING
        if self._keeps_margin and waiting.any():
            kept = rows.filter(pa.array(waiting))
            self._margin.append((now_ms, kept, kinds[waiting]))
            self._margin_rows += kept.num_rows
            self._margin_bytes += int(kept.nbytes)
            self._forget_old(now_ms)
        flows = (states == DONE) & self._live
        if not flows.any():
            return None
        if flows.all():
            return rows, kinds
        return rows.filter(pa.array(flows)), _without_halves(kinds, flows)[flows]

    def emit(self, chunk: int) -> list[pa.RecordBatch]:
        """The chunk's rows as of now, all inserts; its later changes flow."""
        assert self.chunks is not None
        read = self.reads.pop(chunk)
        assert read.rows is not None
        self.chunks.states[chunk] = DONE
        return self._fold(read.rows, read.aside) if read.aside else read.rows

    def change_shape(self, shape: RowShape) -> None:
        """Columns of the table changed: chunks being read start again, with the new ones."""
        self.shape = shape
        self._drop_margin()
        if self.chunks is not None:
            for chunk in self.reads:
                self.chunks.reopen(chunk)
        self.reads.clear()

    def give_up(self) -> None:
        """The table is gone: nothing of it is read any more."""
        self.reads.clear()
        self._drop_margin()
        if self.chunks is not None:
            self.chunks.finish()

    def _bound_aside(self, chunk: int) -> None:
        """Keep the last change of each key; if that is still too much, read the chunk again."""
        read = self.reads[chunk]
        if read.aside_bytes <= _ASIDE_BYTES:
            return
        rows = pa.Table.from_batches([part[0] for part in read.aside]).combine_chunks()
        batch = rows.to_batches()[0]
        kinds = np.concatenate([part[1] for part in read.aside])
        last = dict(zip(self.shape.keys(batch), range(batch.num_rows), strict=True))
        places = np.array(sorted(last.values()), np.int64)
        read.aside, read.aside_bytes = [], 0
        read.set_aside(batch.take(pa.array(places)), kinds[places])
        if read.aside_bytes > _ASIDE_BYTES // 2:
            assert self.chunks is not None
            self.chunks.reopen(chunk)
            del self.reads[chunk]

    def _fold(self, read: list[pa.RecordBatch], aside: list[Changes]) -> list[pa.RecordBatch]:
        latest: dict[tuple[Any, ...], tuple[int, int] | None] = {}
        for number, (rows, kinds) in enumerate(aside):
            for index, key in enumerate(self.shape.keys(rows)):
                gone = kinds[index] in (RowKind.DELETE, RowKind.UPDATE_BEFORE)
                latest[key] = None if gone else (number, index)
        out = []
        for rows in read:
            kept = [key not in latest for key in self.shape.keys(rows)]
            out.append(rows if all(kept) else rows.filter(pa.array(kept, pa.bool_())))
        for number, (rows, _) in enumerate(aside):
            taken = [place[1] for place in latest.values() if place and place[0] == number]
            if taken:
                out.append(rows.take(pa.array(taken)))
        return [rows for rows in out if rows.num_rows]

    def _forget_old(self, now_ms: int) -> None:
        margin = self._margin
        while margin and (
            margin[0][0] < now_ms - _MARGIN_MS
            or self._margin_rows > _MARGIN_ROWS
            or self._margin_bytes > _MARGIN_BYTES
        ):
            rows = margin.popleft()[1]
            self._margin_rows -= rows.num_rows
            self._margin_bytes -= int(rows.nbytes)

    def _drop_margin(self) -> None:
        self._margin.clear()
        self._margin_rows = self._margin_bytes = 0


def _without_halves(kinds: NDArray[np.int8], flows: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Kinds where half of an update that flows alone is a delete or an insert."""
    out = kinds.copy()
    before = np.flatnonzero(kinds == RowKind.UPDATE_BEFORE)
    alone = flows[before] & ~flows[before + 1]
    out[before[alone]] = RowKind.DELETE
    alone = ~flows[before] & flows[before + 1]
    out[before[alone] + 1] = RowKind.INSERT
    return out
