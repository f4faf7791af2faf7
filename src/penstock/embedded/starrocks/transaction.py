"""A load transaction: its record, and the rows it holds until they are published.

States: PREPARE -> PREPARED -> COMMITTED -> VISIBLE, or ABORTED.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.publish import Batch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from penstock.embedded.starrocks.load import LoadOptions, ParsedLoad
    from penstock.embedded.starrocks.model import LoadRecord

RUNNING = ("PREPARE", "PREPARED")
DONE = ("COMMITTED", "VISIBLE")


@dataclass(slots=True)
class TableLoad:
    """What a transaction brings to one table; all its bodies come with the same options."""

    loads: list[ParsedLoad] = field(default_factory=list)
    options: LoadOptions | None = None
    partial: bool = False
    merge_condition: str = ""
    is_update: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, options: LoadOptions) -> None:
        """Note the options of the first body.

        Raises:
            ServerError: An earlier body came with others.
        """
        if self.options is not None and self.options != options:
            raise ServerError(
                "the parameters of this load are not those of the first load of the transaction",
                status="INVALID_ARGUMENT",
            )
        self.options = options
        self.partial = options.partial_update
        self.merge_condition = options.merge_condition
        self.is_update = options.partial_update and options.partial_update_mode == "column"

    @property
    def max_filter_ratio(self) -> float:
        """Which share of the rows may be filtered."""
        return self.options.max_filter_ratio if self.options else 0.0

    def batch(self) -> Batch:
        """All bodies as one batch."""
        rows, ops = _joined(self.loads)
        return Batch(rows, ops, self.partial, self.merge_condition, self.is_update)


@dataclass(slots=True)
class Transaction:
    """A load transaction: what others may see of it is its `record`.

    Args:
        record: Its label, state and counters.
        is_multi: Whether it loads into several tables, each named by its loads.
        tables: What it brings, by table.
        idle_ms: How long it may lie without a request; 0 is any time.
        used_ms: When the last request ended.
        forgotten: Whether the backend lost its part.
        publishing: The running or finished publish.
    """

    record: LoadRecord
    is_multi: bool = False
    tables: dict[str, TableLoad] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    idle_ms: int = 0
    used_ms: int = 0
    forgotten: bool = False
    publishing: Future[None] | None = None

    @property
    def label(self) -> str:
        """Its label."""
        return self.record.label

    def loads(self) -> list[ParsedLoad]:
        """All bodies, of whatever table."""
        return [load for part in self.tables.values() for load in part.loads]

    def part(self, table: str) -> TableLoad:
        """What it brings to one table."""
        with _PARTS:
            return self.tables.setdefault(table, TableLoad())

    @contextmanager
    def alone(self, table: str = "") -> Iterator[None]:
        """One request at a time: per table of a multi-table load, else per transaction.

        Raises:
            ServerError: Another one is running.
        """
        with _PARTS:
            if table and self.is_multi:
                wanted = [self.tables.setdefault(table, TableLoad()).lock]
                if self.lock.locked():
                    raise _in_processing()
            else:
                wanted = [self.lock, *(part.lock for part in self.tables.values())]
            held = [lock for lock in wanted if lock.acquire(blocking=False)]
        try:
            if len(held) < len(wanted):
                raise _in_processing()
            yield
        finally:
            for lock in held:
                lock.release()


_PARTS = threading.Lock()


def _in_processing() -> ServerError:
    return ServerError("Transaction in processing, please retry later", status="TXN_IN_PROCESSING")


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
