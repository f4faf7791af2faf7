"""What a binlog decoder gives: transactions, blocks of rows, statements, rotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

RowsKind = Literal["insert", "update", "delete"]


@dataclass(frozen=True, slots=True, order=True)
class BinlogPosition:
    """A place in a server's binlog: file and byte offset of the next event."""

    file: str
    offset: int

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"


@dataclass(frozen=True, slots=True)
class TransactionBegin:
    """Rows of a transaction follow of which the end is not known yet.

    A transaction that is complete in the blocks before its `TransactionEnd` has no begin.

    Args:
        gtid: Its GTID as text, "" without GTIDs.
        position: Where its first event starts: resume here to read the whole transaction.
        timestamp_s: When the server ran it, seconds since the epoch.
    """

    gtid: str
    position: BinlogPosition
    timestamp_s: int


@dataclass(frozen=True, slots=True)
class TransactionEnd:
    """All transactions so far are complete; `position` is just after them, safe to resume from.

    Args:
        gtid: GTID of the last one, "" without GTIDs.
        position: Just after the last one.
        timestamp_s: When the last one was committed.
        gtids: GTIDs of all transactions since the `TransactionEnd` before, in order.
    """

    gtid: str
    position: BinlogPosition
    timestamp_s: int
    gtids: tuple[str, ...] = ()


@dataclass(slots=True)
class RowsBlock:
    """Row changes of one table and one kind, in the order of the binlog.

    Adjacent events are one block, over transactions too, but only complete ones: rows of an open
    transaction come in a block of their own, after the `TransactionEnd` of those before.

    Args:
        table: Database and table.
        kind: What happened to the rows.
        columns: The columns, by position, as in `before` and `after`.
        before: Old values (update, delete), else None.
        after: New values (insert, update), else None.
        timestamp_s: Per row, the event's time in seconds.
        next_offset: Per row, the offset just after its event, in `file`. Rows of a compressed
            transaction all have the offset after the transaction.
        file: Binlog file the rows come from.
        gtid: Per block, GTIDs of its transactions in order, "" without GTIDs.
        transaction: Per row, index into `gtid`.
    """

    table: tuple[str, str]
    kind: RowsKind
    columns: tuple[str, ...]
    before: list[pa.Array] | None
    after: list[pa.Array] | None
    timestamp_s: npt.NDArray[np.int64]
    next_offset: npt.NDArray[np.int64]
    file: str
    gtid: list[str] = field(default_factory=list)
    transaction: npt.NDArray[np.int32] | None = None

    @property
    def row_count(self) -> int:
        """How many rows changed."""
        return len(self.timestamp_s)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement other than BEGIN and COMMIT: usually DDL, of database `database`."""

    database: str
    text: str
    position: BinlogPosition
    timestamp_s: int
    gtid: str = ""


@dataclass(frozen=True, slots=True)
class Rotate:
    """The log goes on in another file."""

    position: BinlogPosition


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The server has nothing new; it stands at `position`."""

    position: BinlogPosition


BinlogElement = TransactionBegin | TransactionEnd | RowsBlock | Statement | Rotate | Heartbeat
