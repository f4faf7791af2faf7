"""The spool: rows on disk that a sink has taken and its target has not acknowledged yet.

A segment is a file of frames, one record batch each, with length and checksum. A manifest names a
segment only after it was sealed, so a torn tail never counts.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from penstock.errors import CheckpointError
from penstock.state.private import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_HEAD = struct.Struct("<4sIIQ")
_MAGIC = b"PSK1"
_SUFFIX = ".spool"


class SpoolFullError(CheckpointError):
    """The disk does not take the rows now; they are still in memory, so try again later."""

    default_code = "spool-write"


@dataclass(frozen=True, slots=True)
class _Frame:
    offset: int
    length: int
    rows: int
    checksum: int


@dataclass(slots=True, eq=False)
class Segment:
    """Rows of one epoch of one table. Appended by one thread; frames once written never change.

    Attributes:
        name: Its file's name without suffix; what a manifest holds.
        epoch: The epoch whose rows it has.
        rows: Rows so far.
        size_bytes: Bytes so far.
        sealed: Durable and complete.
    """

    path: Path
    epoch: int
    rows: int = 0
    size_bytes: int = 0
    sealed: bool = False
    _frames: list[_Frame] = field(default_factory=list)
    _descriptor: int = -1

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(_SUFFIX)

    @property
    def frame_count(self) -> int:
        """How many batches it has."""
        return len(self._frames)

    def frame_rows(self, index: int) -> int:
        """Rows of one batch."""
        return self._frames[index].rows

    def append(self, batch: pa.RecordBatch) -> int:
        """Add a batch; the bytes it takes. Not durable before `seal`.

        Raises:
            SpoolFullError: The disk did not take it; the segment is as before.
        """
        assert not self.sealed
        payload = _as_stream(batch)
        checksum = zlib.crc32(payload)
        head = _HEAD.pack(_MAGIC, batch.num_rows, checksum, payload.size)
        offset = self.size_bytes
        try:
            if self._descriptor < 0:
                make_private_folder(self.path.parent)
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
                self._descriptor = open_private(self.path, flags)
            _write_all(self._descriptor, head, offset)
            _write_all(self._descriptor, memoryview(payload), offset + _HEAD.size)
        except OSError as error:
            raise _full(self.path, error) from error
        self.size_bytes = offset + _HEAD.size + payload.size
        self.rows += batch.num_rows
        self._frames.append(_Frame(offset + _HEAD.size, payload.size, batch.num_rows, checksum))
        return int(self.size_bytes - offset)

    def seal(self) -> None:
        """Make it durable; nothing is appended behind it.

        Raises:
            SpoolFullError: The disk did not take it.
        """
        if self.sealed:
            return
        try:
            if self._descriptor >= 0:
                os.ftruncate(self._descriptor, self.size_bytes)
                os.fsync(self._descriptor)
                self.close()
                _sync_directory(self.path.parent)
        except OSError as error:
            raise _full(self.path, error) from error
        self.sealed = True

    def read(self, index: int) -> pa.RecordBatch:
        """One batch, from the page cache as a rule. Any thread.

        Raises:
            CheckpointError: The file is damaged or gone.
        """
        frame = self._frames[index]
        try:
            with self.path.open("rb") as file:
                file.seek(frame.offset)
                payload = file.read(frame.length)
        except OSError as error:
            raise _damaged(self.path, f"{error.strerror}") from error
        if len(payload) != frame.length or zlib.crc32(payload) != frame.checksum:
            raise _damaged(self.path, f"batch {index} does not match its checksum")
        with pa.ipc.open_stream(payload) as reader:
            return reader.read_next_batch()

    def close(self) -> None:
        """Release the file; nothing is appended any more. May be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def delete(self) -> None:
        """Remove the file."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def scan(self) -> None:
        """Find the frames of a file that an earlier process sealed.

        Raises:
            CheckpointError: The file is damaged or gone.
        """
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                self._scan(file, size)
        except OSError as error:
            raise _damaged(self.path, f"{error.strerror}") from error
        self.size_bytes = size
        self.sealed = True

    def _scan(self, file: BinaryIO, size: int) -> None:
        offset = 0
        while offset < size:
            file.seek(offset)
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size or not head.startswith(_MAGIC):
                raise _damaged(self.path, f"no batch starts at byte {offset}")
            _, rows, checksum, length = _HEAD.unpack(head)
            offset += _HEAD.size
            if offset + length > size:
                raise _damaged(self.path, "it ends within a batch")
            self._frames.append(_Frame(offset, length, rows, checksum))
            self.rows += rows
            offset += length


def _as_stream(batch: pa.RecordBatch) -> pa.Buffer:
    """A batch with its schema in Arrow's stream format, copied once: its size is found first."""

    def write(sink: pa.NativeFile) -> None:
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)

    size = pa.MockOutputStream()
    write(size)
    payload = pa.allocate_buffer(size.size())
    write(pa.FixedSizeBufferWriter(payload))
    return payload


class Spool:
    """The segments of one sink, in a folder of its own.

    Args:
        directory: Created with the first segment.
        incarnation: Part of every name, so that no two starts of a job share one.
    """

    def __init__(self, directory: Path, incarnation: int) -> None:
        self.directory = directory
        self._incarnation = incarnation

    def create(self, epoch: int) -> Segment:
        """A segment for the rows of an epoch, without a file before the first row."""
        return Segment(self.directory / f"{self._incarnation}-{epoch}{_SUFFIX}", epoch)

    def recover(self, named: Collection[tuple[str, int]]) -> list[Segment]:
        """Open the segments a manifest names (name, epoch), in its order; delete all others.

        Raises:
            CheckpointError: One is missing or damaged.
        """
        kept = {f"{name}{_SUFFIX}" for name, _ in named}
        if self.directory.is_dir():
            for path in self.directory.glob(f"*{_SUFFIX}"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)
        segments = [Segment(self.directory / f"{name}{_SUFFIX}", epoch) for name, epoch in named]
        for segment in segments:
            segment.scan()
        return segments


def _write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full(path: Path, error: OSError) -> SpoolFullError:
    return SpoolFullError(
        "could not write waiting rows to disk",
        detail=f"{error.strerror}: {path}.",
        hint="Free space in the state directory; rows are kept and the write is repeated.",
    )


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        "waiting rows on disk cannot be read",
        code="damaged-spool",
        detail=f"{path}: {why}.",
        hint="Restore the file from a copy, or start anew with --fresh.",
    )
