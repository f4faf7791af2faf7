"""A bounded queue of received bytes: in memory first, then in a file, in order.

The stream's thread puts, the engine thread takes. While the pipeline stalls the socket is drained
into the file, so the server's write timeout is not met.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = struct.Struct("<I")


class ByteRing:
    """Blocks of bytes, first in first out.

    Args:
        path: The spill file; made when first needed, emptied when read through.
        memory_bytes: Kept in memory before spilling.
        disk_bytes: Most bytes in the file; `put` waits when it is full.
    """

    def __init__(
        self, path: Path, *, memory_bytes: int = 16 << 20, disk_bytes: int = 2 << 30
    ) -> None:
        self._path = path
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._memory: deque[bytes] = deque()
        self._memory_size = 0
        self._file: BinaryIO | None = None
        self._read_at = 0
        self._write_at = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting_bytes(self) -> int:
        """Bytes put and not taken."""
        with self._changed:
            return self._memory_size + self._write_at - self._read_at

    def put(self, data: bytes) -> bool:
        """Append; waits while full. False when closed."""
        with self._changed:
            while not self._closed and self._write_at + len(data) > self._disk_bytes:
                self._changed.wait(0.5)
            if self._closed:
                return False
            spilling = self._write_at > self._read_at
            if not spilling and (
                not self._memory or self._memory_size + len(data) <= self._memory_bytes
            ):
                self._memory.append(data)
                self._memory_size += len(data)
                return True
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # Rows of others are in it: nobody else reads it.
                self._path.unlink(missing_ok=True)
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._file = os.fdopen(os.open(self._path, flags, 0o600), "w+b")
            self._file.seek(self._write_at)
            self._file.write(_HEAD.pack(len(data)) + data)
            self._write_at += _HEAD.size + len(data)
            return True

    def take(self) -> bytes | None:
        """The oldest block, or None."""
        with self._changed:
            if self._memory:
                data = self._memory.popleft()
                self._memory_size -= len(data)
                return data
            if self._file is None or self._read_at >= self._write_at:
                return None
            self._file.seek(self._read_at)
            (size,) = _HEAD.unpack(self._file.read(_HEAD.size))
            data = self._file.read(size)
            self._read_at += _HEAD.size + size
            if self._read_at == self._write_at:
                self._file.truncate(0)
                self._read_at = self._write_at = 0
                self._changed.notify_all()
            return data

    def close(self) -> None:
        """Forget everything; a waiting `put` returns."""
        with self._changed:
            self._closed = True
            self._memory.clear()
            if self._file is not None:
                self._file.close()
                self._file = None
                self._path.unlink(missing_ok=True)
            self._changed.notify_all()
