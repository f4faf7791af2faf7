"""A bounded queue of received bytes: in memory first, then in a file, in order.

The stream's thread puts, the engine thread takes. While the pipeline stalls the socket is drained
into the file, so the server's write timeout is not met. A full disk is back-pressure: the stream
waits until there is room in memory or on the disk.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
import tempfile
import threading
from collections import deque
from typing import TYPE_CHECKING

from penstock.state import make_private_folder

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)
_HEAD = struct.Struct("<I")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TRY_AGAIN_S = 0.5


class ByteRing:
    """Blocks of bytes, first in first out.

    Args:
        directory: Where the spill file is made when first needed. It has no name there: rows of
            others are in it, and nothing of it is left however the process ends.
        memory_bytes: Kept in memory before spilling.
        disk_bytes: Most bytes in the file; `put` waits when it is full.
    """

    def __init__(
        self, directory: Path, *, memory_bytes: int = 16 << 20, disk_bytes: int = 2 << 30
    ) -> None:
        self._directory = directory
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._memory: deque[bytes] = deque()
        self._memory_size = 0
        self._file = -1
        self._read_at = 0
        self._write_at = 0
        self._disk_full = False
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting_bytes(self) -> int:
        """Bytes put and not taken."""
        with self._changed:
            return self._memory_size + self._write_at - self._read_at

    @property
    def disk_full(self) -> bool:
        """Whether the stream waits for room on the disk."""
        with self._changed:
            return self._disk_full

    def put(self, data: bytes) -> bool:
        """Append; waits while full. False when closed."""
        with self._changed:
            while not self._closed:
                spilling = self._write_at > self._read_at
                fits = not self._memory or self._memory_size + len(data) <= self._memory_bytes
                if fits and not spilling:
                    self._memory.append(data)
                    self._memory_size += len(data)
                    self._disk_full = False
                    return True
                if self._write_at + len(data) <= self._disk_bytes and self._spill(data):
                    return True
                self._changed.wait(_TRY_AGAIN_S)
            return False

    def take(self) -> bytes | None:
        """The oldest block, or None."""
        with self._changed:
            if self._memory:
                data = self._memory.popleft()
                self._memory_size -= len(data)
                self._changed.notify_all()
                return data
            if self._read_at >= self._write_at:
                return None
            (size,) = _HEAD.unpack(os.pread(self._file, _HEAD.size, self._read_at))
            data = os.pread(self._file, size, self._read_at + _HEAD.size)
            self._read_at += _HEAD.size + size
            if self._read_at == self._write_at:
                os.ftruncate(self._file, 0)
                self._read_at = self._write_at = 0
                self._changed.notify_all()
            return data

    def close(self) -> None:
        """Forget everything; a waiting `put` returns."""
        with self._changed:
            self._closed = True
            self._memory.clear()
            self._memory_size = self._read_at = self._write_at = 0
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            self._changed.notify_all()

    def _spill(self, data: bytes) -> bool:
        """Write behind what is there; False where the disk is full."""
        try:
            if self._file < 0:
                make_private_folder(self._directory)
                with tempfile.TemporaryFile(dir=self._directory) as opened:
                    self._file = os.dup(opened.fileno())
            block, at = memoryview(_HEAD.pack(len(data)) + data), self._write_at
            while block:
                count = os.pwrite(self._file, block, at)
                block, at = block[count:], at + count
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._tell_full(error)
            return False
        self._write_at = at
        self._disk_full = False
        return True

    def _tell_full(self, error: OSError) -> None:
        if self._file >= 0:
            os.ftruncate(self._file, self._write_at)
        if not self._disk_full:
            log.warning(
                "disk full, the binlog is read only as fast as its rows are written;"
                " make room there, or the server drops the connection",
                extra={"directory": str(self._directory), "reason": error.strerror},
            )
        self._disk_full = True
