"""What the writers of a job share: memory for rows on their way, and transactions of a database."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

MEMORY_BYTES = 64 << 20
OPEN_TRANSACTIONS = 80
# Of the frontend's limit; others load into the database too.
_SHARE_PERCENT = 80


class MemoryBudget:
    """Bytes of rows held in memory by all writers of a job.

    Args:
        limit_bytes: From here on writers are full.
    """

    def __init__(self, limit_bytes: int = MEMORY_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Use bytes, also beyond the limit."""
        with self._lock:
            self.used_bytes += size

    def take_if_room(self, size: int) -> bool:
        """Use bytes where half of the budget is still free behind them."""
        with self._lock:
            if self.used_bytes + size > self.limit_bytes // 2:
                return False
            self.used_bytes += size
            return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        with self._lock:
            self.used_bytes -= size

    def close(self) -> None:
        """Nothing to release."""

    @property
    def tight(self) -> bool:
        """More than half is used: hand on even small batches."""
        return self.used_bytes >= self.limit_bytes // 2

    @property
    def full(self) -> bool:
        """Take nothing more now."""
        return self.used_bytes >= self.limit_bytes


class TransactionSlots:
    """Caps the open transactions of a database below the FE's limit; who waits longest is first.

    Args:
        count: How many may be open.
    """

    def __init__(self, count: int = OPEN_TRANSACTIONS) -> None:
        self.count = count
        self._asked = False
        self._held: set[Hashable] = set()
        self._waiting: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = threading.Lock()

    def first_to_ask(self) -> bool:
        """Whether nobody has asked the frontend for its limit yet; true once."""
        with self._lock:
            asked, self._asked = self._asked, True
        return not asked

    def cap(self, limit: int) -> None:
        """The frontend lets that many transactions of the database run."""
        with self._lock:
            self.count = max(1, limit * _SHARE_PERCENT // 100)

    def acquire(self, holder: Hashable) -> bool:
        """Take a slot; false where none is free for this holder now: it is queued, ask again."""
        with self._lock:
            if holder in self._held:
                return True
            self._waiting.setdefault(holder)
            free = self.count - len(self._held)
            first = list(self._waiting)[: max(free, 0)]
            if holder not in first:
                return False
            del self._waiting[holder]
            self._held.add(holder)
            return True

    def close(self) -> None:
        """Nothing to release."""

    def release(self, holder: Hashable) -> None:
        """Give the slot back, or leave the queue."""
        with self._lock:
            self._held.discard(holder)
            self._waiting.pop(holder, None)
