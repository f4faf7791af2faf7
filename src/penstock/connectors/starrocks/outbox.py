"""The outbox of a table: segments not acknowledged yet, and the labels that cover them.

Labels cover a prefix of the segments, in order; what no label covers waits in the spool. No I/O
here beyond reading and deleting segments; one lock guards it all.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.connectors.starrocks.budget import MemoryBudget
    from penstock.state import Segment


class EntryKind(Enum):
    """How an entry of a manifest reaches the target."""

    TRANSACTION = "transaction"
    TOGETHER = "together"
    LOAD = "load"
    MERGE = "merge"
    NOTHING = "nothing"
    SPOOL = "spool"


@dataclass(slots=True, eq=False)
class Entry:
    """A label and the segments whose rows it carries.

    Attributes:
        kind: TRANSACTION: prepared in StarRocks. TOGETHER: loaded with rows of other tables, to be
            committed once listed. LOAD: to be sent by Stream Load once listed.
            MERGE: to be sent by merge commit once listed. NOTHING: all rows became dead letters.
        slot: The place it has among the open transactions of its database.
        intent_epoch: The epoch of its intent, None where nothing was begun for it.
        listed: A manifest may hold it: it is not aborted any more.
        durable: A manifest does hold it: it may be committed, `since_ms`.
    """

    kind: EntryKind
    label: str
    txn_id: int
    segments: tuple[Segment, ...]
    slot: object = None
    intent_epoch: int | None = None
    listed: bool = False
    durable: bool = False
    since_ms: int = 0

    @property
    def rows(self) -> int:
        return sum(segment.rows for segment in self.segments)

    def payload(self) -> dict[str, Any]:
        """What a manifest holds of it."""
        return {
            "kind": self.kind.value,
            "label": self.label,
            "txn_id": self.txn_id,
            **_names(self.segments),
        }


@dataclass(frozen=True, slots=True)
class Frame:
    """A batch to be loaded: its segment, its place in it, its rows."""

    segment: Segment
    index: int
    rows: int


@dataclass(slots=True)
class _Cursor:
    """Up to where the open transaction has taken batches: segments behind the covered, batches."""

    segment: int = 0
    frame: int = 0


class Outbox:
    """See the module. Every method may be called from any thread.

    Args:
        budget: Memory for batches kept besides their copy on disk.

    Attributes:
        waiting_bytes: Bytes on disk that no label covers.
        kept_bytes: Bytes on disk.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self.lock = threading.RLock()
        self.entries: deque[Entry] = deque()
        self.appended_through = 0
        self.sealed_through = 0
        self.waiting_bytes = 0
        self.kept_bytes = 0
        self._segments: deque[Segment] = deque()
        self._covered = 0
        self._cursor = _Cursor()
        self._budget = budget
        self._cached: dict[tuple[Segment, int], pa.RecordBatch] = {}
        self._acknowledged: list[Segment] = []
        self._deletable: list[Segment] = []

    # Filling

    def start(self, epoch: int) -> None:
        """The epoch is open: all before have ended."""
        with self.lock:
            self.appended_through = self.sealed_through = epoch - 1

    def recover(self, segments: list[Segment], settled: list[Segment]) -> None:
        """Begin with the segments that wait; the settled ones go with the next manifest."""
        with self.lock:
            self._acknowledged += settled
            self._segments.extend(segments)
            size = sum(segment.size_bytes for segment in segments)
            self.waiting_bytes += size
            self.kept_bytes += size

    def add(self, segment: Segment, batch: pa.RecordBatch, size_bytes: int, *, keep: bool) -> None:
        """A batch was appended to a segment and takes that many bytes there.

        With `keep` it stays in memory too, if there is room, since a load comes soon.
        """
        with self.lock:
            if not self._segments or self._segments[-1] is not segment:
                self._segments.append(segment)
            self.waiting_bytes += size_bytes
            self.kept_bytes += size_bytes
            if keep and self._budget.take_if_room(int(batch.nbytes)):
                self._cached[segment, segment.frame_count - 1] = batch

    # Loading

    def next_frame(self, through: int | None) -> Frame | None:
        """The next batch no load has taken; with `through` only of epochs up to it."""
        with self.lock:
            cursor = self._cursor
            waiting = len(self._segments) - self._covered
            while cursor.segment < waiting:
                segment = self._segments[self._covered + cursor.segment]
                if through is not None and segment.epoch > through:
                    return None
                if cursor.frame < segment.frame_count:
                    index = cursor.frame
                    cursor.frame += 1
                    return Frame(segment, index, segment.frame_rows(index))
                if segment.epoch > self.appended_through:
                    return None
                cursor.segment, cursor.frame = cursor.segment + 1, 0
            return None

    def read(self, frame: Frame) -> pa.RecordBatch:
        """The batch, from memory where it is still there."""
        with self.lock:
            batch = self._cached.get((frame.segment, frame.index))
        return batch if batch is not None else frame.segment.read(frame.index)

    def loaded(self, frame: Frame) -> None:
        """A load has taken the batch: memory may go."""
        with self.lock:
            self._uncache(frame.segment, frame.index)

    def rewind(self) -> None:
        """The open transaction is gone: its batches wait again."""
        with self.lock:
            self._cursor = _Cursor()

    def cover(
        self,
        kind: EntryKind,
        label: str,
        txn_id: int,
        through: int,
        slot: object = None,
        *,
        intent_epoch: int | None = None,
    ) -> Entry | None:
        """A label now carries all waiting segments up to `through`; None where there are none.

        `intent_epoch` is that of the intent by which recovery would find the label.
        """
        with self.lock:
            waiting = list(self._segments)[self._covered :]
            taken = tuple(segment for segment in waiting if segment.epoch <= through)
            if not taken:
                return None
            entry = Entry(kind, label, txn_id, taken, slot, intent_epoch)
            self.entries.append(entry)
            self._covered += len(taken)
            self._cursor = _Cursor()
            self.waiting_bytes -= sum(segment.size_bytes for segment in taken)
            return entry

    # Manifests

    def payloads(self, epoch: int) -> list[dict[str, Any]]:
        """What the manifest of `epoch` lists, labels first, then what waits; marks them listed."""
        with self.lock:
            for entry in self.entries:
                entry.listed = True
            payloads = [entry.payload() for entry in self.entries]
            waiting = [s for s in list(self._segments)[self._covered :] if s.epoch <= epoch]
            if waiting:
                payloads.append({"kind": EntryKind.SPOOL.value, **_names(waiting)})
            self._deletable += self._acknowledged
            self._acknowledged = []
            return payloads

    def durable(self, now_ms: int) -> list[Entry]:
        """The manifest last listed is durable: the entries to commit now, in order."""
        with self.lock:
            fresh = [entry for entry in self.entries if entry.listed and not entry.durable]
            for entry in fresh:
                entry.durable, entry.since_ms = True, now_ms
            doomed, self._deletable = self._deletable, []
        for segment in doomed:
            segment.delete()
        return fresh

    def acknowledge(self, entry: Entry) -> None:
        """The first entry is visible. Its segments go with the next manifest."""
        with self.lock:
            assert self.entries[0] is entry
            self.entries.popleft()
            for segment in entry.segments:
                self._segments.popleft()
                self._covered -= 1
                self.kept_bytes -= segment.size_bytes
                for index in range(segment.frame_count):
                    self._uncache(segment, index)
            self._acknowledged += entry.segments

    def take_back(self, entry: Entry) -> None:
        """The only entry was aborted: its rows wait again."""
        with self.lock:
            assert list(self.entries) == [entry]
            self.entries.clear()
            self._covered = 0
            self._cursor = _Cursor()
            self.waiting_bytes += sum(segment.size_bytes for segment in entry.segments)

    # Looking

    @property
    def waiting_rows(self) -> int:
        """Rows that no label covers."""
        with self.lock:
            return sum(segment.rows for segment in list(self._segments)[self._covered :])

    @property
    def unlisted(self) -> bool:
        """Whether something is prepared that no manifest lists yet."""
        with self.lock:
            return any(not entry.listed for entry in self.entries)

    def stuck(self, now_ms: int, after_ms: int) -> bool:
        """Whether the first entry has been on its way for that long."""
        with self.lock:
            first = self.entries[0] if self.entries else None
            return first is not None and first.durable and now_ms - first.since_ms > after_ms

    @property
    def oldest_unlisted(self) -> int | None:
        """The oldest intent epoch of what is prepared and in no manifest: recovery must find it."""
        with self.lock:
            epochs = [e.intent_epoch for e in self.entries if not e.listed]
        return min((epoch for epoch in epochs if epoch is not None), default=None)

    @property
    def visible_epoch(self) -> int:
        """The last ended epoch up to which everything is acknowledged."""
        with self.lock:
            if self._segments:
                return min(self._segments[0].epoch - 1, self.sealed_through)
            return self.sealed_through

    def release(self) -> None:
        """Give back memory; the files stay for recovery."""
        with self.lock:
            for segment, index in list(self._cached):
                self._uncache(segment, index)
            for segment in self._segments:
                segment.close()

    def _uncache(self, segment: Segment, index: int) -> None:
        batch = self._cached.pop((segment, index), None)
        if batch is not None:
            self._budget.give(int(batch.nbytes))


def _names(segments: list[Segment] | tuple[Segment, ...]) -> dict[str, Any]:
    return {
        "segments": [[segment.name, segment.epoch] for segment in segments],
        "rows": sum(segment.rows for segment in segments),
    }
