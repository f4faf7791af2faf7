"""Gathers row events by table until they are decoded together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from penstock.changelog import RowKind
from penstock.errors import DataError
from penstock.wire.mysql.binlog_events import RowsBlock
from penstock.wire.mysql.binlog_rows import PAD

if TYPE_CHECKING:
    import numpy.typing as npt

    from penstock.wire.mysql.binlog_rows import RowImages

    Ints = npt.NDArray[np.int64]

INSERT, UPDATE, DELETE = 0, 1, 2
_ONE_IMAGE = np.array([RowKind.INSERT, RowKind.UPDATE_BEFORE, RowKind.DELETE], np.int8)


@dataclass(slots=True)
class BinlogTable:
    """A table of the stream whose rows are wanted.

    Args:
        name: Database and table.
        images: Decodes its rows.
        headers: By event type, the bytes before the row images of its events, as first seen.
    """

    name: tuple[str, str]
    images: RowImages
    headers: dict[int, bytes] = field(default_factory=dict)


class Events(NamedTuple):
    """Row events of one table in one buffer, which has `PAD` bytes behind the last of them.

    Args:
        data: The buffer.
        starts: Where the row images of each begin.
        ends: Where they end.
        kinds: INSERT, UPDATE or DELETE.
        stamps: Its time in seconds.
        offsets: The offset after it.
    """

    data: bytes
    starts: Ints
    ends: Ints
    kinds: Ints
    stamps: Ints
    offsets: Ints


class TableRows:
    """Row events of one table, those of complete transactions first.

    Args:
        table: The table.
    """

    def __init__(self, table: BinlogTable) -> None:
        self.table = table
        self._parts: list[Events] = []
        self._single: list[tuple[int, int, int, int, int]] = []
        self._single_data = b""
        self._count = 0
        self._complete = 0

    def add(self, data: bytes, start: int, end: int, kind: int, stamp: int, offset: int) -> None:
        """One event."""
        if self._single_data is not data:
            self._close_single()
            self._single_data = data
        self._single.append((start, end, kind, stamp, offset))
        self._count += 1

    def add_many(self, events: Events) -> None:
        """Events in the order of the stream."""
        self._close_single()
        self._parts.append(events)
        self._count += len(events.starts)

    def complete(self) -> None:
        """The transactions of all events so far have ended."""
        self._complete = self._count

    def decode(self, file: str) -> tuple[RowsBlock | None, RowsBlock | None]:
        """Rows of complete transactions and of the open one; forgets them."""
        self._close_single()
        parts, complete = self._parts, self._complete
        self._parts, self._count, self._complete = [], 0, 0
        events = _joined(parts)
        total = len(events.starts)
        done = self._block(events, slice(0, complete), file, complete=True) if complete else None
        rest = slice(complete, total)
        opened = self._block(events, rest, file, complete=False) if complete < total else None
        return done, opened

    def _block(self, events: Events, part: slice, file: str, *, complete: bool) -> RowsBlock:
        kinds = events.kinds[part]
        images = self.table.images
        columns, counts = images.decode(events.data, events.starts[part], events.ends[part])
        return RowsBlock(
            table=self.table.name,
            columns=images.names,
            images=columns,
            kinds=_image_kinds(kinds, counts, self.table.name),
            timestamp_s=np.repeat(events.stamps[part], counts),
            next_offset=np.repeat(events.offsets[part], counts),
            file=file,
            complete=complete,
        )

    def _close_single(self) -> None:
        if self._single:
            columns = np.array(self._single, np.int64).T
            self._parts.append(Events(self._single_data, *columns))
            self._single, self._single_data = [], b""


def _image_kinds(kinds: Ints, counts: Ints, table: tuple[str, str]) -> npt.NDArray[np.int8]:
    """Kinds of images, given those of their events and how many each event has."""
    found = np.repeat(_ONE_IMAGE[kinds], counts)
    if (kinds == UPDATE).any():
        if (counts[kinds == UPDATE] & 1).any():
            raise DataError(
                "an update of the binlog has not two images of each row", table=".".join(table)
            )
        # all images before an event are whole changes: the parity within it is what counts
        first = np.repeat(np.cumsum(counts) - counts, counts)
        second = (np.arange(len(found)) - first) & 1 == 1
        found[second & (found == RowKind.UPDATE_BEFORE)] = RowKind.UPDATE_AFTER
    return found


def _joined(parts: list[Events]) -> Events:
    """One buffer for all; where they lie in several, their row images are copied."""
    if len(parts) == 1:
        return parts[0]
    columns = [np.concatenate(arrays) for arrays in zip(*(p[1:] for p in parts), strict=True)]
    if all(part.data is parts[0].data for part in parts):
        return Events(parts[0].data, *columns)
    pieces = [
        memoryview(part.data)[start:end]
        for part in parts
        for start, end in zip(part.starts.tolist(), part.ends.tolist(), strict=True)
    ]
    sizes = columns[1] - columns[0]
    ends = np.cumsum(sizes)
    return Events(b"".join([*pieces, bytes(PAD)]), ends - sizes, ends, *columns[2:])
