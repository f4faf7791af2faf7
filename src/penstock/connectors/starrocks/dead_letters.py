"""Dead letters: finds the rows StarRocks refuses and puts them aside, so that the rest loads.

An error log shows only some rows, so refused ones are found by loading parts of a load into
transactions that are rolled back: each tells how many of its rows are bad.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from penstock.connectors.starrocks.changes import Chunk
from penstock.connectors.starrocks.layout import OP
from penstock.connectors.starrocks.load_api import RowsRefusedError
from penstock.errors import CheckpointError, DataError
from penstock.formats.load_text import as_text
from penstock.state import open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from penstock.clock import Clock
    from penstock.connectors.starrocks.bodies import Bodies
    from penstock.connectors.starrocks.layout import Layout
    from penstock.connectors.starrocks.load_api import LoadApi
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.outbox import Frame
    from penstock.state import Segment

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a chunk that StarRocks refuses, and its words about it."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a trial said: how many rows are bad (None: it cannot tell), and lines about them."""

    bad: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows of a chunk, and how many are bad in them and what was before them since `found`."""

    start: int
    end: int
    bad: int | None = None
    found: int = 0


class Sieve:
    """Finds the bad rows of chunks by trial; blocks, on one thread at a time.

    Args:
        api: Calls for the table.
        bodies: Encodes loads.
        options: Of the sink.
        next_label: A label never used before, its intent durable.
    """

    def __init__(
        self,
        api: LoadApi,
        bodies: Bodies,
        options: StarRocksOptions,
        next_label: Callable[[], str],
    ) -> None:
        self._api = api
        self._bodies = bodies
        self._options = options
        self._next_label = next_label

    def bad_rows(self, chunk: Chunk, limit: int) -> list[BadRow]:
        """The bad rows, in order; at most one more than `limit`.

        Raises:
            ConnectorError: StarRocks did not answer; nothing is left behind.
        """
        found: list[BadRow] = []
        # Parts to try, the leftmost on top; the second half of one is good where the first half
        # had all the bad rows that were counted.
        parts = [_Span(0, chunk.rows)]
        while parts and len(found) <= limit:
            part = parts.pop()
            if part.bad is not None and len(found) - part.found == part.bad:
                continue
            size = part.end - part.start
            verdict = self._try(_part(chunk, part.start, part.end))
            if verdict.bad == 0:
                continue
            if size in {1, verdict.bad}:
                found += _all_bad(part, verdict.reasons)
                continue
            middle = part.start + size // 2
            parts.append(_Span(middle, part.end, verdict.bad, len(found)))
            parts.append(_Span(part.start, middle))
        return found[: limit + 1]

    def _try(self, chunk: Chunk) -> _Verdict:
        label = self._next_label()
        try:
            self._api.begin(label, self._options.begin_headers)
            headers, body = self._bodies.encode(chunk, self._bodies.choose(chunk))
            self._api.load(label, {**headers, "max_filter_ratio": "1"}, body)
            answer = self._api.prepare(label, {})
        except RowsRefusedError as error:
            bad = chunk.rows if error.filtered_rows == chunk.rows else None
            return _Verdict(bad, error.log or (error.said,))
        finally:
            self._api.settle(label)
        log = self._api.error_log(answer.error_url) if answer.filtered_rows else ""
        return _Verdict(answer.filtered_rows, tuple(log.splitlines()))


class Letters(Protocol):
    """Where refused rows go."""

    count: int

    def write(self, chunk: Chunk, bad: Sequence[BadRow]) -> None:
        """Keep rows of a chunk, durably.

        Raises:
            ConnectorError, CheckpointError: They could not be kept.
        """


@dataclass(frozen=True, slots=True)
class Letter:
    """A refused row and why.

    Args:
        id: Made of the row: the same when the row is refused again after a crash.
        time_ms: When it was refused.
        table: `database.table` it was meant for.
        operation: `upsert` or `delete`.
        reason: StarRocks' own.
        row: Its fields, as JSON can hold them.
    """

    id: str
    time_ms: int
    table: str
    operation: str
    reason: str
    row: dict[str, Any]

    @classmethod
    def of(cls, table: str, layout: Layout, chunk: Chunk, bad: BadRow, now_ms: int) -> Letter:
        """The letter of a row of a chunk."""
        values = [_value(column, bad.index) for column in chunk.columns]
        fields = dict(zip(layout.names, values, strict=True))
        operation = "delete" if fields.pop(OP, 0) == 1 else "upsert"
        identity = json.dumps([table, operation, fields], ensure_ascii=False)
        digest = hashlib.blake2s(identity.encode(), digest_size=8).hexdigest()
        return cls(digest, now_ms, table, operation, bad.reason, fields)


class DeadLetters:
    """A file of refused rows, one JSON object a line; each is on disk before its epoch ends.

    After a crash a row may be written again: `id` is the same then.

    Args:
        path: The file; created with its folder, readable by its owner only.
        table: `database.table`.
        layout: Of the fields of a row.
        clock: The door to time.
    """

    def __init__(self, path: Path, table: str, layout: Layout, clock: Clock) -> None:
        self._path = path
        self._table = table
        self._layout = layout
        self._clock = clock
        self.count = 0

    def write(self, chunk: Chunk, bad: Sequence[BadRow]) -> None:
        """Append rows of a chunk, durably.

        Raises:
            CheckpointError: The file could not be written.
        """
        now_ms = self._clock.now_ms()
        letters = [Letter.of(self._table, self._layout, chunk, row, now_ms) for row in bad]
        lines = b"".join(_line(letter) for letter in letters)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = open_private(self._path, flags)
            with contextlib.closing(os.fdopen(descriptor, "wb", buffering=0)) as file:
                file.write(lines)
                os.fsync(file.fileno())
        except OSError as error:
            raise CheckpointError(
                "could not write dead letters",
                code="dead-letters-not-written",
                detail=f"{error.strerror}: {self._path}.",
                hint="Make room, or give another 'sink.dead-letter.path'.",
            ) from error
        self.count += len(bad)


def _line(letter: Letter) -> bytes:
    line = {
        "id": letter.id,
        "time_ms": letter.time_ms,
        "table": letter.table,
        "op": letter.operation,
        "reason": letter.reason,
        "row": letter.row,
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


class Aside:
    """The rows of batches that were put aside until their transaction is prepared.

    Args:
        letters: Where they go; None where a refused row fails the job.
        api: Calls for the table.
        bodies: Encodes loads.
        options: Of the sink.
    """

    def __init__(
        self,
        letters: Letters | None,
        api: LoadApi,
        bodies: Bodies,
        options: StarRocksOptions,
    ) -> None:
        self._letters = letters
        self._api = api
        self._bodies = bodies
        self._options = options
        self._places: dict[tuple[Segment, int], list[int]] = {}

    @property
    def wanted(self) -> bool:
        """Whether refused rows are put aside at all."""
        return self._letters is not None

    @property
    def count(self) -> int:
        """Rows put aside so far."""
        return 0 if self._letters is None else self._letters.count

    def without(self, frame: Frame, batch: pa.RecordBatch) -> Chunk:
        """The rows of a batch that are left."""
        places = self._places.get((frame.segment, frame.index))
        if places:
            batch = batch.take(np.delete(np.arange(batch.num_rows), places))
        return Chunk(batch.columns, batch.num_rows)

    def sift(self, frame: Frame, batch: pa.RecordBatch, next_label: Callable[[], str]) -> int:
        """Put the refused rows of a batch aside; how many.

        Raises:
            DataError: There are more than the user allows.
            ConnectorError: StarRocks did not answer.
        """
        assert self._letters is not None
        chunk = self.without(frame, batch)
        limit = self._options.dead_letter_rows
        bad = Sieve(self._api, self._bodies, self._options, next_label).bad_rows(chunk, limit)
        if len(bad) > limit:
            raise _too_many(self._api.name, limit, bad[0])
        if bad:
            self._letters.write(chunk, bad)
            _LOG.warning("%d rows of %s became dead letters", len(bad), self._api.name)
            places = self._places.setdefault((frame.segment, frame.index), [])
            left = np.delete(np.arange(batch.num_rows), places)
            places += left[[row.index for row in bad]].tolist()
        return len(bad)

    def forget(self) -> None:
        """Their transaction is prepared without them."""
        self._places.clear()


def _too_many(table: str, limit: int, first: BadRow) -> DataError:
    """More rows are bad than may be put aside: something else than a row is wrong."""
    return DataError(
        f"StarRocks refuses more than {limit} rows of one load for {table}",
        table=table,
        code="too-many-dead-letters",
        detail=f"First of them: {first.reason}",
        hint="Compare the sink table with its target, or raise 'sink.dead-letter.max-rows'.",
    )


def _part(chunk: Chunk, start: int, end: int) -> Chunk:
    return Chunk([column.slice(start, end - start) for column in chunk.columns], end - start)


def _all_bad(part: _Span, reasons: Sequence[str]) -> list[BadRow]:
    """Each row with its own line of the log where it has one for each."""
    lines = [_reason(line) for line in reasons if line.strip()] or ["refused without a reason"]
    own = len(lines) == part.end - part.start
    return [
        BadRow(i, lines[i - part.start] if own else lines[0]) for i in range(part.start, part.end)
    ]


def _reason(line: str) -> str:
    return line.removeprefix("Error: ").partition(" Row: ")[0].rstrip(". ")


def _value(column: pa.Array, index: int) -> Any:
    """A value as JSON can hold it: integers and booleans as such, all else as its text."""
    cell = column.slice(index, 1)
    value = cell[0].as_py()
    return value if value is None or isinstance(value, int) else as_text(cell)[0].as_py()
