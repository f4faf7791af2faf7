"""Operator state on disk: what changed in an epoch, in one file, durable before the manifest.

A file holds segments, each an Arrow IPC stream of one table of one operator: the slots that changed
since the table's segment before. The manifest lists the segments of every table in order; a file
that it does not name is deleted. Once a table has many segments, or its later ones outgrow its
first, they are merged into one in the background; the engine never copies a whole table.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.checkpoint.store import DISK_FULL, NotDurableError
from penstock.errors import CheckpointError
from penstock.state import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FORMAT_VERSION = 1
_SEGMENTS_MAX = 16
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a state file.

    Args:
        file: Its name in the directory of state files.
        offset: Where it begins.
        length: In bytes.
        rows: Slots in it.
    """

    file: str
    offset: int
    length: int
    rows: int


TablePlace = tuple[str, str]
"""The operator's id and the table's name."""


class StateFiles:
    """The state files of a job directory.

    Args:
        directory: Made where missing.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(
        self, name: str, parts: Mapping[TablePlace, Sequence[pa.RecordBatch]]
    ) -> dict[TablePlace, Segment]:
        """One durable file with a segment for each part. May be called again with the same name.

        Raises:
            NotDurableError: It could not be written.
        """
        if not parts:
            return {}
        found: dict[TablePlace, Segment] = {}
        path = self.directory / name
        try:
            make_private_folder(self.directory)
            with os.fdopen(open_private(path, _WRITE), "wb") as file:
                for place, batches in parts.items():
                    start = file.tell()
                    with pa.ipc.new_stream(file, batches[0].schema) as writer:
                        for batch in batches:
                            writer.write_batch(batch)
                    rows = sum(batch.num_rows for batch in batches)
                    found[place] = Segment(name, start, file.tell() - start, rows)
                file.flush()
                os.fsync(file.fileno())
            _sync(self.directory)
        except OSError as error:
            raise NotDurableError(
                "could not write operator state",
                disk_full=error.errno in DISK_FULL,
                detail=f"{error.strerror}: {path}.",
            ) from error
        return found

    def read(self, segments: Sequence[Segment]) -> list[pa.RecordBatch]:
        """The segments of a table, in order.

        Raises:
            CheckpointError: A file is missing or damaged.
        """
        return [batch for segment in segments for batch in self._segment(segment)]

    def _segment(self, segment: Segment) -> list[pa.RecordBatch]:
        path = self.directory / segment.file
        try:
            with path.open("rb") as file:
                file.seek(segment.offset)
                data = file.read(segment.length)
            with pa.ipc.open_stream(data) as reader:
                batches = list(reader)
            for batch in batches:
                batch.validate(full=True)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, str(error)) from error
        rows = sum(batch.num_rows for batch in batches)
        if rows != segment.rows or not batches:
            raise _damaged(path, f"It holds {rows} rows, not {segment.rows}.")
        return batches

    def merge(self, name: str, segments: Sequence[Segment], *, whole: bool) -> Segment:
        """Several segments of a table as one durable one.

        Args:
            name: Of the new file.
            segments: In order.
            whole: They are all there are: forgotten slots are left out.

        Raises:
            CheckpointError: They cannot be read, or the file cannot be written.
        """
        place = ("", "")
        return self.write(name, {place: merged(self.read(segments), whole=whole)})[place]

    def keep(self, files: Iterable[str]) -> None:
        """Delete all files but these."""
        kept = set(files)
        with contextlib.suppress(OSError):
            for path in self.directory.glob("*.state"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)


def merged(batches: Sequence[pa.RecordBatch], *, whole: bool) -> list[pa.RecordBatch]:
    """The last row of every slot; several batches where texts are more than one can hold, 2 GiB.

    Args:
        batches: Changes of one table, in order.
        whole: Leave out slots that were forgotten.
    """
    table = pa.Table.from_batches(batches)
    slots = table.column("slot").to_numpy()
    order = np.arange(len(slots))
    last = np.full(int(slots.max(initial=-1)) + 1, -1)
    last[slots] = order
    keep = last[slots] == order
    if whole:
        keep &= table.column("live").to_numpy()
    found = table.filter(pa.array(keep)).combine_chunks().to_batches()
    return found or [batches[0].slice(0, 0)]


def worth_merging(segments: Sequence[Segment]) -> tuple[int, bool] | None:
    """From which segment on a table's should be merged, and whether that is all; None for not yet.

    The first one stays while the others are small beside it: a row is written again only as often
    as the table doubles.

    Examples:
        >>> worth_merging([Segment("a", 0, 9, 100)] * 3) is None
        True
        >>> worth_merging([Segment("a", 0, 9, 1000)] + [Segment("b", 0, 9, 1)] * 16)
        (1, False)
        >>> worth_merging([Segment("a", 0, 9, 10)] + [Segment("b", 0, 9, 10)] * 16)
        (0, True)
    """
    if len(segments) <= _SEGMENTS_MAX:
        return None
    later = sum(segment.rows for segment in segments[1:])
    return (0, True) if later > segments[0].rows else (1, False)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, detail: str) -> CheckpointError:
    return CheckpointError(
        "operator state is damaged",
        code="damaged-state",
        detail=f"{detail}\nFile {path}.",
        hint="Put the file back from a backup of the state directory, or start anew with --fresh,"
        " which reads the tables again: empty duplicate-key targets first.",
    )


def encode(tables: Mapping[TablePlace, Sequence[Segment]], texts: Mapping[str, str]) -> Any:
    """What a manifest says of operators: their text and the segments of their tables."""
    found: dict[str, Any] = {
        operator: {"version": FORMAT_VERSION, "text": text, "tables": {}}
        for operator, text in texts.items()
    }
    for (operator, table), segments in tables.items():
        listed = [[s.file, s.offset, s.length, s.rows] for s in segments]
        found[operator]["tables"][table] = listed
    return found


def decode(operators: Mapping[str, Any]) -> tuple[dict[TablePlace, list[Segment]], dict[str, str]]:
    """The reverse of `encode`.

    Raises:
        CheckpointError: It was written in another format.
    """
    tables: dict[TablePlace, list[Segment]] = {}
    for operator, entry in operators.items():
        if entry["version"] != FORMAT_VERSION:
            raise CheckpointError(
                f"operator state has version {entry['version']}, this Penstock reads"
                f" {FORMAT_VERSION}",
                code="state-version",
                hint="Resume with the Penstock that wrote it, or start anew with --fresh.",
            )
        for table, segments in entry["tables"].items():
            tables[operator, table] = [Segment(*segment) for segment in segments]
    return tables, {operator: entry["text"] for operator, entry in operators.items()}
