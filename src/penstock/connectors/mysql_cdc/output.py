"""Gathers what a reader hands on into batches of a useful size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from penstock.changelog import ChangelogBatch
    from penstock.connectors.mysql_cdc.attached import AttachedSource, CapturedTable

    EmitBatch = Callable[[str, ChangelogBatch], None]
    Piece = tuple[pa.RecordBatch, NDArray[np.int8] | None]

_BATCH_ROWS = 16_384
_BATCH_BYTES = 4 << 20


class BatchOutput:
    """Small pieces of one table become one batch, which leaves when full or the table changes."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[Piece]] = {}
        self._rows: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._tables: dict[str, tuple[AttachedSource, CapturedTable]] = {}
        self.emit: EmitBatch | None = None

    def collect(
        self,
        source_id: str,
        owner: tuple[AttachedSource, CapturedTable],
        rows: pa.RecordBatch,
        kinds: NDArray[np.int8] | None,
    ) -> int:
        """Take rows of a source's table; gives their bytes."""
        known = self._tables.get(source_id)
        if known is None or known[1] is not owner[1]:
            self._flush_source(source_id)
            self._tables[source_id] = owner
        size = int(rows.nbytes)
        self._pieces.setdefault(source_id, []).append((rows, kinds))
        self._rows[source_id] = self._rows.get(source_id, 0) + rows.num_rows
        self._bytes[source_id] = self._bytes.get(source_id, 0) + size
        if self._rows[source_id] >= _BATCH_ROWS or self._bytes[source_id] >= _BATCH_BYTES:
            self._flush_source(source_id)
        return size

    def flush(self) -> None:
        """Emit everything."""
        for source_id in list(self._pieces):
            self._flush_source(source_id)

    def _flush_source(self, source_id: str) -> None:
        pieces = self._pieces.pop(source_id, [])
        self._rows[source_id] = self._bytes[source_id] = 0
        if not pieces:
            return
        source, captured = self._tables[source_id]
        rows = pa.Table.from_batches([piece[0] for piece in pieces]).combine_chunks()
        kinds = None
        if any(piece[1] is not None for piece in pieces):
            parts = [np.zeros(r.num_rows, np.int8) if k is None else k for r, k in pieces]
            kinds = np.concatenate(parts)
        assert self.emit is not None
        append_only = source.source.options.append_only
        start = 0
        for batch in rows.to_batches():
            part = None if kinds is None else kinds[start : start + batch.num_rows]
            start += batch.num_rows
            source.rows_done += batch.num_rows
            self.emit(source_id, captured.shape.finish(batch, part, append_only=append_only))
