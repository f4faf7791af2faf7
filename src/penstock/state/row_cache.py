"""Looked-up rows by key: pages of rows, and where in them the rows of each key are."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

Key = tuple[Any, ...]
PAGES_MAX = 48


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long looked-up rows are kept, and how many.

    Args:
        max_rows: Most rows; a key without rows counts as one.
        expire_after_write_ms: Age at which a key is asked again; None for never.
        expire_after_access_ms: Time without use after which a key goes; None for never.
        keep_missing: Whether it is kept too that a key has no row.
    """

    max_rows: int
    expire_after_write_ms: int | None = None
    expire_after_access_ms: int | None = None
    keep_missing: bool = True


@dataclass(eq=False, slots=True)
class Page:
    """Rows of several keys, and how many of them are still of use."""

    rows: pa.RecordBatch
    used: int


@dataclass(slots=True)
class Found:
    """The rows of a key: `count` of them from `start` in the page on."""

    page: Page
    start: int
    count: int
    written_ms: float = 0.0
    read_ms: float = 0.0


class RowCache:
    """Rows by key within a policy; the least lately used go first. Engine thread only.

    Args:
        policy: How long and how many.
    """

    def __init__(self, policy: CachePolicy) -> None:
        self._policy = policy
        self._found: OrderedDict[Key, Found] = OrderedDict()
        self._rows = 0
        self._pages: dict[int, Page] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._found)

    @property
    def rows(self) -> int:
        """Rows it holds, keys without rows included."""
        return self._rows

    def get(self, key: Key, now_ms: float) -> Found | None:
        """What is known of a key; None where it must be asked."""
        found = self._found.get(key)
        if found is not None and self._expired(found, now_ms):
            self._drop(key)
            found = None
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        found.read_ms = now_ms
        self._found.move_to_end(key)
        return found

    def put(self, found: Sequence[tuple[Key, Found]], now_ms: float) -> None:
        """Keep what was found, within the policy."""
        for key, one in found:
            if not one.count and not self._policy.keep_missing:
                continue
            if key in self._found:
                self._drop(key)
            self._found[key] = Found(one.page, one.start, one.count, now_ms, now_ms)
            one.page.used += one.count
            self._rows += max(1, one.count)
            if one.count:
                self._pages[id(one.page)] = one.page
        while self._rows > self._policy.max_rows:
            self._drop(next(iter(self._found)))
        if self._is_scattered():
            self._gather()

    def _expired(self, found: Found, now_ms: float) -> bool:
        written, read = self._policy.expire_after_write_ms, self._policy.expire_after_access_ms
        return (written is not None and now_ms - found.written_ms >= written) or (
            read is not None and now_ms - found.read_ms >= read
        )

    def _drop(self, key: Key) -> None:
        found = self._found.pop(key)
        self._rows -= max(1, found.count)
        found.page.used -= found.count
        if not found.page.used:
            self._pages.pop(id(found.page), None)

    def _is_scattered(self) -> bool:
        stored = sum(page.rows.num_rows for page in self._pages.values())
        used = sum(page.used for page in self._pages.values())
        return len(self._pages) > PAGES_MAX or stored > 2 * used + 65_536

    def _gather(self) -> None:
        """All rows of use into one page, so that what was dropped is freed."""
        alive = [found for found in self._found.values() if found.count]
        if not alive:
            return
        rows, starts = gathered(alive)
        page = Page(rows, rows.num_rows)
        for found, start in zip(alive, starts.tolist(), strict=True):
            found.page, found.start = page, start
        self._pages = {id(page): page}


def gathered(found: Sequence[Found]) -> tuple[pa.RecordBatch, Any]:
    """The rows of several keys as one batch, and where those of each begin in it.

    Args:
        found: At least one.
    """
    pages: dict[int, Page] = {id(one.page): one.page for one in found}
    place = {key: index for index, key in enumerate(pages)}
    page_of = np.array([place[id(one.page)] for one in found], np.int64)
    start = np.array([one.start for one in found], np.int64)
    count = np.array([one.count for one in found], np.int64)
    starts = np.zeros(len(found), np.int64)
    parts, base = [], 0
    for index, page in enumerate(pages.values()):
        chosen = np.flatnonzero(page_of == index)
        wanted = ranges(start[chosen], count[chosen])
        starts[chosen] = base + np.cumsum(count[chosen]) - count[chosen]
        parts.append(page.rows.take(pa.array(wanted)))
        base += len(wanted)
    return pa.concat_batches(parts), starts


def ranges(start: Any, count: Any) -> Any:
    """All indices of ranges, one after the other.

    Examples:
        >>> ranges(np.array([5, 0]), np.array([2, 1])).tolist()
        [5, 6, 0]
    """
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(start - ends + count, count)
