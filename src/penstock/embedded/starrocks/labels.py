"""The labels of all databases: who holds one, how many run, and when one is forgotten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.transaction import RUNNING, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.clock import Clock
    from penstock.embedded.starrocks.model import LoadRecord


class Labels:
    """Transactions by database and label; safe for use from many threads.

    Args:
        clock: The time.
        abort: Called with a transaction whose time is over, and the reason.
    """

    def __init__(self, clock: Clock, abort: Callable[[Transaction, str], None]) -> None:
        self.keep_max_second = 259_200
        self.keep_max_num = 1000
        self.running_max_per_db = 1000
        self._clock = clock
        self._abort = abort
        self._lock = threading.RLock()
        self._by_label: dict[tuple[str, str], Transaction] = {}

    def find(self, db: str, label: str) -> Transaction | None:
        """The transaction that has the label, if it is still known."""
        self.expire()
        return self._by_label.get((db, label))

    def everywhere(self, label: str) -> list[Transaction]:
        """The transactions of this label in all databases."""
        with self._lock:
            return [held for (_, name), held in self._by_label.items() if name == label]

    def running(self) -> list[LoadRecord]:
        """Records of what is in PREPARE or PREPARED."""
        with self._lock:
            records = [held.record for held in self._by_label.values()]
        return [record for record in records if record.state in RUNNING]

    def claim(self, transaction: Transaction) -> None:
        """Give the transaction its label.

        Raises:
            ServerError: Another one holds it, or too many run in the database.
        """
        record = transaction.record
        key = record.db, record.label
        self.expire()
        with self._lock:
            known = self._by_label.get(key)
            if known is not None and known.record.state != "ABORTED":
                raise ServerError(
                    f"Label [{record.label}] has already been used.",
                    status="LABEL_ALREADY_EXISTS",
                    existing="RUNNING" if known.record.state in RUNNING else "FINISHED",
                )
            count = sum(other.db == record.db for other in self.running())
            if count >= self.running_max_per_db:
                raise ServerError(
                    f"current running txns on db {record.db} is {count}, larger than limit "
                    f"{self.running_max_per_db}"
                )
            self.keep(transaction)

    def keep(self, transaction: Transaction) -> None:
        """Remember a transaction under its label, whoever held that before."""
        key = transaction.record.db, transaction.record.label
        with self._lock:
            self._by_label.pop(key, None)
            self._by_label[key] = transaction

    def expire(self) -> None:
        """Abort what is over its time, forget labels beyond their retention."""
        now = self._clock.now_ms()
        with self._lock:
            for transaction in list(self._by_label.values()):
                record = transaction.record
                late = (
                    record.state == "PREPARE" and now > record.begin_ms + record.timeout_ms
                ) or (
                    record.state == "PREPARED"
                    and now > record.prepared_ms + record.prepared_timeout_ms
                )
                if late and transaction.lock.acquire(blocking=False):
                    try:
                        self._abort(transaction, "timeout by txn manager")
                    finally:
                        transaction.lock.release()
            if len(self._by_label) > self.keep_max_num or self._oldest_is_old(now):
                self._forget(now)

    def _forget(self, now: int) -> None:
        final = [
            (key, held.record.finish_ms)
            for key, held in self._by_label.items()
            if held.record.state in ("VISIBLE", "ABORTED")
        ]
        over = len(final) - self.keep_max_num
        for place, (key, finished) in enumerate(final):
            if place < over or now - finished > self.keep_max_second * 1000:
                del self._by_label[key]

    def _oldest_is_old(self, now: int) -> bool:
        oldest = next(iter(self._by_label.values()), None)
        return oldest is not None and now - oldest.record.begin_ms > self.keep_max_second * 1000
