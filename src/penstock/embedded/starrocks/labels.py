"""The labels of all databases: who holds one, how many run, and when one is forgotten."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.transaction import RUNNING, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.embedded.starrocks.model import LoadRecord
    from penstock.embedded.starrocks.store import Store


_LOOK_MS = 10


class Labels:
    """Transactions by database and label; safe for use from many threads.

    Args:
        store: Its frontend settings hold the limits.
        abort: Called with a transaction whose time is over, and the reason.
    """

    def __init__(self, store: Store, abort: Callable[[Transaction, str], None]) -> None:
        self._store = store
        self._config = store.frontend_config
        self._clock = store.clock
        self._abort = abort
        self._lock = threading.RLock()
        self._by_label: dict[tuple[str, str], Transaction] = {}
        self._looked_ms = 0

    def find(self, db: str, label: str) -> Transaction | None:
        """The transaction that has the label, if it is still known."""
        self.expire()
        return self._held(db, label)

    def _held(self, db: str, label: str) -> Transaction | None:
        """Who has the label; a database that was dropped took its labels with it."""
        with self._lock:
            held = self._by_label.get((db, label))
        if held is None or not self._store.has_database(db):
            return None
        return held if held.record.db_id == self._store.database(db).db_id else None

    def known(self, label: str, db: str) -> Transaction:
        """The transaction as the frontend knows it.

        Raises:
            ServerError: There is none, or label or database are missing.
        """
        if not label:
            raise ServerError("Empty label.", status="FAILED")
        if not db:
            raise ServerError("No database selected.", status="FAILED")
        if not self._store.has_database(db):
            raise ServerError(f"Database[{db}] does not exist.", status="FAILED")
        found = self.find(db, label)
        if found is None:
            raise ServerError(
                f"No transaction found with db[{db}] and label[{label}]", status="FAILED"
            )
        return found

    def context(self, label: str, db: str, table: str, word: str = "transaction") -> Transaction:
        """The transaction as the backend knows it: only while it is in PREPARE.

        Raises:
            ServerError: The backend knows none of this label, database and table.
        """
        if not label:
            raise ServerError("empty label", status="INVALID_ARGUMENT")
        found = self.find(db, label)
        if found is None:
            for other in self._everywhere(label):
                if other.record.state == "PREPARE" and not other.forgotten:
                    raise ServerError(
                        f"Request database {db} not equal transaction database {other.record.db}",
                        status="INVALID_ARGUMENT",
                    )
        if found is None or found.forgotten or found.record.state != "PREPARE":
            raise ServerError(f"{word} with label {label} not exists", status="TXN_NOT_EXISTS")
        if table and not found.is_multi and table != found.record.table:
            raise ServerError(
                f"Request table {table} not equal transaction table {found.record.table}",
                status="INVALID_ARGUMENT",
            )
        return found

    def _everywhere(self, label: str) -> list[Transaction]:
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
        self.expire()
        with self._lock:
            known = self._held(record.db, record.label)
            if known is not None and known.record.state != "ABORTED":
                raise ServerError(
                    f"Label [{record.label}] has already been used.",
                    status="LABEL_ALREADY_EXISTS",
                    existing="RUNNING" if known.record.state in RUNNING else "FINISHED",
                )
            count = sum(other.db_id == record.db_id for other in self.running())
            limit = int(self._config.number("max_running_txn_num_per_db"))
            if count >= limit:
                raise ServerError(
                    f"current running txns on db {record.db_id} is {count},"
                    f" larger than limit {limit}",
                    status="ANALYSIS_ERROR",
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
            # every request comes by here, and there may be thousands of labels
            due = abs(now - self._looked_ms) >= _LOOK_MS
            if due:
                self._looked_ms = now
            for transaction in list(self._by_label.values()) if due else ():
                reason = self._overdue(transaction, now)
                if reason and transaction.lock.acquire(blocking=False):
                    try:
                        self._abort(transaction, reason)
                    finally:
                        transaction.lock.release()
            self._forget(now)

    def _overdue(self, transaction: Transaction, now: int) -> str:
        """Why a transaction is to be aborted; empty if it has time left."""
        record = transaction.record
        if record.state == "PREPARE":
            if now > record.begin_ms + record.timeout_ms:
                return "timeout by txn manager"
            if transaction.idle_ms and now > transaction.used_ms + transaction.idle_ms:
                return "transaction is aborted by idle timeout"
        if record.state == "PREPARED":
            default = self._config.number("prepared_transaction_default_timeout_second") * 1000
            limit = record.prepared_timeout_ms if record.prepared_timeout_ms > 0 else default
            if now > record.prepared_ms + limit:
                return "timeout by txn manager"
        return ""

    def _forget(self, now: int) -> None:
        """Drop finished labels: the old ones, and the oldest where a database has too many."""
        oldest = next(iter(self._by_label.values()), None)
        keep_ms = self._config.number("label_keep_max_second") * 1000
        keep_num = int(self._config.number("label_keep_max_num"))
        if oldest is None or (
            len(self._by_label) <= keep_num and now - oldest.record.begin_ms <= keep_ms
        ):
            return
        left = Counter(db for (db, _), held in self._by_label.items() if _is_final(held))
        for key, held in list(self._by_label.items()):
            if not _is_final(held):
                continue
            if left[key[0]] > keep_num or now - held.record.finish_ms > keep_ms:
                left[key[0]] -= 1
                del self._by_label[key]


def _is_final(transaction: Transaction) -> bool:
    return transaction.record.state in ("VISIBLE", "ABORTED")
