"""Keeps what the process frees from staying with its allocators."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys

import pyarrow as pa

# Numbers of mallopt's parameters (glibc, malloc.h)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MIB = 1 << 20


def give_back_freed_memory() -> None:
    """Arrow and everything else use one allocator, which returns big blocks to the system.

    Arrow's own pool keeps the pages of every thread that once decoded a batch, and glibc's a heap
    per thread: with both left alone a job's memory is several times what it holds. Elsewhere than
    on glibc only Arrow's pool is set.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 2)
        mallopt(_MMAP_THRESHOLD, _MIB)
        mallopt(_TRIM_THRESHOLD, 8 * _MIB)
