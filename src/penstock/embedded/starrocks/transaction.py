"""A load transaction: its record, and the rows it holds until they are published.

States: PREPARE -> PREPARED -> COMMITTED -> VISIBLE, or ABORTED.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.embedded.starrocks.publish import Batch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from penstock.embedded.starrocks.load import LoadOptions, ParsedLoad
    from penstock.embedded.starrocks.model import LoadRecord

RUNNING = ("PREPARE", "PREPARED")
DONE = ("COMMITTED", "VISIBLE")


@dataclass(slots=True)
class TableLoad:
    """What a transaction brings to one table."""

    loads: list[ParsedLoad] = field(default_factory=list)
    max_filter_ratio: float = 0.0
    partial: bool = False
    merge_condition: str = ""

    def add(self, load: ParsedLoad, options: LoadOptions) -> None:
        """One more body."""
        self.loads.append(load)
        self.max_filter_ratio = options.max_filter_ratio
        self.partial = options.partial_update
        self.merge_condition = options.merge_condition

    def batch(self) -> Batch:
        """All bodies as one batch."""
        rows, ops = _joined(self.loads)
        return Batch(rows, ops, self.partial, self.merge_condition)


@dataclass(slots=True)
class Transaction:
    """A load transaction: what others may see of it is its `record`.

    `idle_ms` is how long it may lie without a request, `used_ms` when the last one ended.
    """

    record: LoadRecord
    tables: dict[str, TableLoad] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    forgotten: bool = False
    idle_ms: int = 0
    used_ms: int = 0
    publishing: Future[None] | None = None

    @property
    def label(self) -> str:
        """Its label."""
        return self.record.label

    def loads(self) -> list[ParsedLoad]:
        """All bodies, of whatever table."""
        return [load for part in self.tables.values() for load in part.loads]


def _joined(loads: list[ParsedLoad]) -> tuple[pa.Table, pa.Array | None]:
    """The rows of several loads as one batch."""
    if len(loads) == 1:
        return loads[0].rows, loads[0].ops
    rows = pa.concat_tables([load.rows for load in loads])
    if all(load.ops is None for load in loads):
        return rows, None
    parts = [
        pa.array([0] * load.rows.num_rows, pa.int8()) if load.ops is None else load.ops
        for load in loads
    ]
    return rows, pa.concat_arrays(parts)
