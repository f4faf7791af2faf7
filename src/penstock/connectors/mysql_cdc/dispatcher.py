"""Decides per table which changes flow now, which wait for their chunk, and which it will contain.

A chunk registers here before it is read. From then on its changes are set aside, until the stream
has passed the position taken after the read; they are folded into the rows read and leave with
them. A change of a chunk nobody reads yet is in what will be read; it is remembered for a while,
since a transaction stands in the binlog before other sessions see it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, RowKind
from penstock.connectors.mysql_cdc.chunks import DONE, PENDING, READING
from penstock.connectors.mysql_cdc.types import to_declared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from penstock.connectors.mysql_cdc.chunks import ChunkMap
    from penstock.connectors.mysql_cdc.tables import PhysicalTable
    from penstock.types import Schema
    from penstock.wire.mysql.binlog_events import BinlogPosition

_MARGIN_ROWS = 100_000
_MARGIN_MS = 10_000
_SHORT = np.array([kind.short for kind in RowKind], dtype=object)
_KINDS = {"insert": RowKind.INSERT, "delete": RowKind.DELETE}


class RowShape:
    """Lays MySQL columns out as the declared row, with hidden key columns behind.

    Args:
        schema: Declared columns, metadata columns among them.
        metadata: Column name to metadata key.
        table: The physical table.
        zone: In which TIMESTAMP is shown.
    """

    def __init__(
        self, schema: Schema, metadata: dict[str, str], table: PhysicalTable, zone: str
    ) -> None:
        self._schema = schema
        self._metadata = metadata
        self._table = table
        self._zone = zone
        self._arrow = schema.arrow()
        self._hidden = list(table.key)
        if table.chunk_key is not None:
            self._hidden.append(table.chunk_key.name)

    @property
    def needed(self) -> list[str]:
        """Columns of the table that must be read."""
        wanted = {c.name for c in self._schema.columns if c.name not in self._metadata}
        return [c.name for c in self._table.columns if c.name in wanted | set(self._hidden)]

    def build(
        self, names: Sequence[str], arrays: Sequence[Any], count: int, op_ms: Any
    ) -> pa.RecordBatch:
        """Rows with hidden columns; `row_kind` is filled by `finish`."""
        by_name = dict(zip(names, arrays, strict=True))
        columns = []
        for column in self._schema.columns:
            key = self._metadata.get(column.name)
            if key is not None:
                columns.append(self._meta(key, count, op_ms))
            elif column.name in by_name:
                columns.append(
                    to_declared(
                        by_name[column.name],
                        column.type,
                        self._zone,
                        table=self._table.full_name,
                        column=column.name,
                    )
                )
            else:
                columns.append(pa.nulls(count, column.type.arrow()))
        fields = list(self._arrow)
        for index, name in enumerate(self._hidden):
            columns.append(by_name[name])
            fields.append(pa.field(f"__key{index}", by_name[name].type))
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    def _meta(self, key: str, count: int, op_ms: Any) -> Any:
        if key == "op_ts":
            micros = np.asarray(op_ms, np.int64) * 1000
            return pa.array(micros).cast(pa.timestamp("us", tz="UTC"))
        text = {"database_name": self._table.database, "table_name": self._table.name}
        return pa.repeat(pa.scalar(text.get(key, ""), pa.string()), count)

    def finish(
        self, rows: pa.RecordBatch, kinds: NDArray[np.int8] | None, *, append_only: bool
    ) -> ChangelogBatch:
        """The batch as the engine gets it."""
        rows = rows.select(list(range(len(self._arrow))))
        for index, column in enumerate(self._schema.columns):
            if self._metadata.get(column.name) == "row_kind":
                shown = np.zeros(rows.num_rows, np.int8) if kinds is None else kinds
                text = pa.array(_SHORT[shown], pa.string())
                rows = rows.set_column(index, self._arrow.field(index), text)
        return ChangelogBatch(rows, None if append_only else kinds)

    def keys(self, rows: pa.RecordBatch) -> list[tuple[Any, ...]]:
        """The primary key of each row."""
        start = len(self._arrow)
        columns = [rows.column(start + i).to_pylist() for i in range(len(self._table.key))]
        return list(zip(*columns, strict=True))

    def chunk_values(self, rows: pa.RecordBatch) -> list[Any]:
        """The chunk key of each row."""
        values: list[Any] = rows.column(rows.num_columns - 1).to_pylist()
        return values


@dataclass(slots=True)
class ChunkRead:
    """A chunk between its registration and its emission."""

    aside: list[tuple[pa.RecordBatch, NDArray[np.int8]]] = field(default_factory=list)
    rows: list[pa.RecordBatch] | None = None
    high: BinlogPosition | None = None


class TableDispatcher:
    """Routes the changes of one table of one source.

    Args:
        shape: Lays out rows.
        chunks: The table's chunks, None where there is no snapshot: all flows.
        live: False for bounded sources, whose changes end with their chunk.
    """

    def __init__(self, shape: RowShape, chunks: ChunkMap | None, *, live: bool = True) -> None:
        self.shape = shape
        self.chunks = chunks
        self.reads: dict[int, ChunkRead] = {}
        self._live = live
        self._margin: deque[tuple[int, pa.RecordBatch, NDArray[np.int8]]] = deque()
        self._margin_rows = 0

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
                read.aside.append((rows.filter(pa.array(mask)), kinds[mask]))
        return read

    def route(
        self, rows: pa.RecordBatch, kinds: NDArray[np.int8], now_ms: int
    ) -> tuple[pa.RecordBatch, NDArray[np.int8]] | None:
        """The changes that flow now; -U and +U of one change are adjacent in `rows`."""
        chunks = self.chunks
        if chunks is None or (self._live and chunks.all_done):
            self._margin.clear()
            self._margin_rows = 0
            return rows, kinds
        where = chunks.locate(self.shape.chunk_values(rows))
        states = np.array([*chunks.states, PENDING, PENDING], np.int8)[where]
        for chunk in np.unique(where[states == READING]):
            mask = where == chunk
            self.reads[int(chunk)].aside.append((rows.filter(pa.array(mask)), kinds[mask]))
        waiting = states == PENDING
        if waiting.any():
            self._margin.append((now_ms, rows.filter(pa.array(waiting)), kinds[waiting]))
            self._margin_rows += int(waiting.sum())
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
        self._margin.clear()
        self._margin_rows = 0
        if self.chunks is not None:
            for chunk in self.reads:
                self.chunks.states[chunk] = PENDING
        self.reads.clear()

    def _fold(
        self,
        read: list[pa.RecordBatch],
        aside: list[tuple[pa.RecordBatch, NDArray[np.int8]]],
    ) -> list[pa.RecordBatch]:
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
        while margin and (margin[0][0] < now_ms - _MARGIN_MS or self._margin_rows > _MARGIN_ROWS):
            self._margin_rows -= margin.popleft()[1].num_rows


def interleave(
    shape: RowShape, kind: str, columns: Sequence[str], images: Sequence[Any], op_ms: Any
) -> tuple[pa.RecordBatch, NDArray[np.int8]]:
    """One block of changes as rows and kinds; updates as adjacent -U, +U.

    Args:
        shape: Lays out rows.
        kind: "insert", "update" or "delete".
        columns: Names of the columns.
        images: One list of arrays, or for updates two: old and new.
        op_ms: Per change, its time.
    """
    count = len(op_ms)
    if kind != "update":
        rows = shape.build(columns, images[0], count, op_ms)
        return rows, np.full(count, _KINDS[kind], np.int8)
    both = [shape.build(columns, image, count, op_ms) for image in images]
    table = pa.Table.from_batches(both).combine_chunks()
    order = np.arange(2 * count).reshape(2, count).T.reshape(-1)
    rows = table.take(pa.array(order)).combine_chunks().to_batches()[0]
    kinds = np.tile(np.array([RowKind.UPDATE_BEFORE, RowKind.UPDATE_AFTER], np.int8), count)
    return rows, kinds


def _without_halves(kinds: NDArray[np.int8], flows: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Kinds where half of an update that flows alone is a delete or an insert."""
    out = kinds.copy()
    before = np.flatnonzero(kinds == RowKind.UPDATE_BEFORE)
    alone = flows[before] & ~flows[before + 1]
    out[before[alone]] = RowKind.DELETE
    alone = ~flows[before] & flows[before + 1]
    out[before[alone] + 1] = RowKind.INSERT
    return out
