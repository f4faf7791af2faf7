"""What a binlog decoder gives: transactions, blocks of rows, statements, rotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.changelog import RowKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


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
        gtids: GTIDs of all transactions since the `TransactionEnd` before, in order; runs of one
            source may be joined: `uuid:5-9` on MySQL, their last one on MariaDB.
    """

    gtid: str
    position: BinlogPosition
    timestamp_s: int
    gtids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowsBlock:
    """Row changes of one table, in the order of the binlog, of one or many transactions.

    An update is two adjacent images. Blocks of complete transactions, one a table, come before
    their `TransactionEnd`; rows of an open transaction come in blocks of their own behind it.

    Args:
        table: Database and table.
        columns: Their names, by position.
        images: One array a column, one value a row image.
        kinds: Per image, its `RowKind`.
        timestamp_s: Per image, the event's time in seconds.
        next_offset: Per image, the offset just after its event, in `file`. Images of a compressed
            transaction all have the offset after the transaction.
        file: Binlog file they come from.
        complete: Whether the next `TransactionEnd` ends all their transactions.
    """

    table: tuple[str, str]
    columns: tuple[str, ...]
    images: list[pa.Array]
    kinds: npt.NDArray[np.int8]
    timestamp_s: npt.NDArray[np.int64]
    next_offset: npt.NDArray[np.int64]
    file: str
    complete: bool = True

    @property
    def image_count(self) -> int:
        """How many row images."""
        return len(self.kinds)

    @property
    def change_count(self) -> int:
        """How many rows changed."""
        return len(self.kinds) - int((self.kinds == RowKind.UPDATE_BEFORE).sum())


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
