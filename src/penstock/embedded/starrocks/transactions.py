"""Labels and load transactions: begin, load, prepare, commit, publish, rollback.

States: PREPARE -> PREPARED -> COMMITTED -> VISIBLE, or ABORTED. With a data directory a prepared
transaction is an Arrow file and a line of the journal, both on disk before the answer is sent.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import ipc

from penstock.embedded.starrocks.load import OP, LoadOptions, ParsedLoad, parse_body
from penstock.embedded.starrocks.model import LoadRecord, ServerError

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.embedded.starrocks.store import Store

RUNNING = ("PREPARE", "PREPARED")
DONE = ("COMMITTED", "VISIBLE")


@dataclass(slots=True)
class Transaction:
    """A load transaction: what others may see of it is its `record`."""

    record: LoadRecord
    loads: list[ParsedLoad] = field(default_factory=list)
    loaded_once: bool = False
    max_filter_ratio: float = 0.0
    partial: bool = False
    merge_condition: str = ""
    failed: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    forgotten: bool = False
    publishing: Future[None] | None = None

    @property
    def label(self) -> str:
        """Its label."""
        return self.record.label


class Transactions:
    """All transactions of the server.

    Args:
        store: Where they publish to; its profile and clock are used.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.label_keep_max_second = 259_200
        self.label_keep_max_num = 1000
        self.max_running_txn_num_per_db = 1000
        self.empty_load_as_error = True
        self.error_url = "http://127.0.0.1:8040"
        self._labels: dict[tuple[str, str], Transaction] = {}
        self._errors: dict[str, str] = {}
        self._lock = threading.RLock()
        self._publishers = ThreadPoolExecutor(8, "starrocks-publish")
        self._next_id = 1000
        self._journal: Any = None
        self._dir: Path | None = None
        if store.data_dir is not None:
            self._dir = store.data_dir / "transactions"
            self._dir.mkdir(exist_ok=True)
            self._recover(self._dir)
        self._stop = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="starrocks-labels", daemon=True)
        self._sweeper.start()

    def close(self) -> None:
        """Wait for running publishes and close the journal."""
        self._stop.set()
        self._sweeper.join()
        self._publishers.shutdown()
        if self._journal is not None:
            self._journal.close()

    # --------------------------------------------------------------------------------- lookups

    def find(self, db: str, label: str) -> Transaction | None:
        """The transaction that has the label, if it is still known."""
        self.expire()
        return self._labels.get((db, label))

    def state(self, db: str, label: str) -> tuple[str, str]:
        """State and reason of a label, as `get_load_state` reports them."""
        found = self.find(db, label)
        return (found.record.state, found.record.reason) if found else ("UNKNOWN", "")

    def running(self) -> list[LoadRecord]:
        """Records of what is in PREPARE or PREPARED."""
        with self._lock:
            return [t.record for t in self._labels.values() if t.record.state in RUNNING]

    def error_log(self, name: str) -> str | None:
        """The text of an error log."""
        return self._errors.get(name)

    # ------------------------------------------------------------------------------ operations

    def begin(
        self,
        label: str,
        db: str,
        table: str,
        *,
        timeout: float = 600,
        user: str = "root",
        kind: str = "TRANSACTION_STREAM_LOAD",
        wait: bool = True,
    ) -> Transaction:
        """Begin a transaction under a label."""
        if not label:
            raise ServerError("empty label", status="INVALID_ARGUMENT")
        if len(label) > 128 or any(not (c.isalnum() or c in "-_") for c in label):
            raise ServerError(
                f"Label format error. regex: ^[-\\w]{{1,128}}$, label: {label}",
                status="INVALID_ARGUMENT",
            )
        if not self.store.has_database(db):
            raise ServerError(f"Database[{db}] does not exist.")
        self.store.table(db, table)
        if wait:
            self.store.profile.wait("begin", self.store.clock)
        self.expire()
        with self._lock:
            known = self._labels.get((db, label))
            if known is not None and known.record.state != "ABORTED":
                raise ServerError(
                    f"Label [{label}] has already been used.",
                    status="LABEL_ALREADY_EXISTS",
                    existing="RUNNING" if known.record.state in RUNNING else "FINISHED",
                )
            count = sum(r.db == db for r in self.running())
            if count >= self.max_running_txn_num_per_db:
                raise ServerError(
                    f"current running txns on db {db} is {count}, larger than limit "
                    f"{self.max_running_txn_num_per_db}"
                )
            self._next_id += 1
            record = LoadRecord(self._next_id, label, db, table, user=user, kind=kind)
            record.begin_ms = self.store.clock.now_ms()
            record.timeout_ms = int(timeout * 1000)
            transaction = Transaction(record)
            self._labels.pop((db, label), None)
            self._labels[db, label] = transaction
            self.store.load_history.append(record)
            return transaction

    def load(
        self, label: str, db: str, table: str, options: LoadOptions, body: bytes
    ) -> Transaction:
        """Take a body into a transaction; bad rows are reported by `prepare`."""
        transaction = self._context(label, db, table, capital=True)
        with self._exclusive(transaction):
            if transaction.record.state != "PREPARE":
                raise self._not_exists(label, capital=True)
            self.store.profile.wait("load", self.store.clock)
            self._take(transaction, options, body)
        return transaction

    def prepare(
        self, label: str, db: str, table: str = "", *, prepared_timeout: float | None = None
    ) -> Transaction:
        """Make a transaction durable, so that commit cannot fail."""
        transaction = self._context(label, db, table)
        with self._exclusive(transaction):
            if transaction.record.state == "ABORTED":
                raise ServerError("transaction is aborted", status="ABORTED")
            if transaction.record.state != "PREPARE":
                raise self._not_exists(label)
            self._prepare(transaction, prepared_timeout)
        return transaction

    def commit(
        self, label: str, db: str, table: str = "", *, timeout: float = 20
    ) -> tuple[Transaction, str]:
        """Commit and publish; the transaction and a message."""
        transaction = self._known(label, db)
        record = transaction.record
        if record.state in DONE:
            failed = transaction.publishing
            if record.state == "COMMITTED" and failed and failed.done() and failed.exception():
                transaction.publishing = self._publishers.submit(self._publish, transaction)
                self._await(transaction, timeout)
            text = f"Transaction {record.txn_id} has already committed, label is {label}"
            return transaction, text
        if record.state == "ABORTED":
            raise ServerError(
                f"Can not commit ABORTED transaction {record.txn_id}, label is {label}",
                status="FAILED",
            )
        with self._exclusive(transaction):
            if record.state == "PREPARE":
                self._context(label, db, table)
                self._prepare(transaction, None)
            if record.state == "PREPARED":
                self._commit(transaction)
        self._await(transaction, timeout)
        return transaction, ""

    def rollback(
        self, label: str, db: str, table: str = "", reason: str = ""
    ) -> tuple[Transaction, str]:
        """Abort; the transaction and a message."""
        transaction = self._known(label, db)
        record = transaction.record
        if record.state == "ABORTED":
            text = f"Transaction {record.txn_id} has already aborted, label is {label}"
            return transaction, text
        if record.state in DONE:
            raise ServerError(
                f"Can not abort {record.state} transaction {record.txn_id}, label is {label}",
                status="FAILED",
            )
        if record.state == "PREPARE" and not reason:
            self._context(label, db, table)
        with self._exclusive(transaction):
            self._abort(transaction, reason or "User Abort")
        return transaction, ""

    def stream_load(
        self,
        transaction: Transaction,
        options: LoadOptions,
        body: bytes,
        *,
        timeout: float = 20,
    ) -> None:
        """The whole of a plain Stream Load after its begin."""
        with self._exclusive(transaction):
            self.store.profile.wait("load", self.store.clock)
            self._take(transaction, options, body)
            self._prepare(transaction, None, wait=False)
            self._commit(transaction)
        self._await(transaction, timeout)

    def forget_context(self, db: str, label: str) -> None:
        """Lose the backend's part of a transaction, as a restart of the backend does."""
        found = self._labels.get((db, label))
        if found is not None:
            found.forgotten = True
            found.loads.clear()

    def abort(self, transaction: Transaction, reason: str) -> None:
        """Abort a running transaction after a failure."""
        self._abort(transaction, reason)

    # ----------------------------------------------------------------------------------- parts

    @staticmethod
    def _not_exists(label: str, *, capital: bool = False) -> ServerError:
        word = "Transaction" if capital else "transaction"
        return ServerError(f"{word} with label {label} not exists", status="TXN_NOT_EXISTS")

    def _known(self, label: str, db: str) -> Transaction:
        if not label:
            raise ServerError("Empty label.", status="FAILED")
        if not db:
            raise ServerError("No database selected.", status="FAILED")
        if not self.store.has_database(db):
            raise ServerError(f"Database[{db}] does not exist.", status="FAILED")
        found = self.find(db, label)
        if found is None:
            raise ServerError(
                f"No transaction found with db[{db}] and label[{label}]", status="FAILED"
            )
        return found

    def _context(self, label: str, db: str, table: str, *, capital: bool = False) -> Transaction:
        """The transaction as the backend knows it."""
        if not label:
            raise ServerError("empty label", status="INVALID_ARGUMENT")
        found = self.find(db, label)
        if found is None:
            with self._lock:
                other = [t for (_, name), t in self._labels.items() if name == label]
            running = [t for t in other if t.record.state == "PREPARE" and not t.forgotten]
            if running:
                raise ServerError(
                    f"Request database {db} not equal transaction database {running[0].record.db}",
                    status="INVALID_ARGUMENT",
                )
            raise self._not_exists(label, capital=capital)
        if found.forgotten or found.record.state != "PREPARE":
            raise self._not_exists(label, capital=capital)
        if table and table != found.record.table:
            raise ServerError(
                f"Request table {table} not equal transaction table {found.record.table}",
                status="INVALID_ARGUMENT",
            )
        return found

    @contextmanager
    def _exclusive(self, transaction: Transaction) -> Iterator[None]:
        if not transaction.lock.acquire(blocking=False):
            raise ServerError(
                "Transaction in processing, please retry later", status="TXN_IN_PROCESSING"
            )
        try:
            yield
        finally:
            transaction.lock.release()

    def _take(self, transaction: Transaction, options: LoadOptions, body: bytes) -> None:
        record = transaction.record
        try:
            table = self.store.table(record.db, record.table)
            self.store.versions.check(table.table_id)
            if options.merge_condition and table.column(options.merge_condition) is None:
                raise ServerError(  # noqa: TRY301
                    f"merge condition column {options.merge_condition} is unknown"
                )
            transaction.loads.append(parse_body(table, body, options))
        except ServerError as error:
            self._abort(transaction, error.message)
            raise
        transaction.loaded_once = True
        transaction.max_filter_ratio = options.max_filter_ratio
        transaction.partial = options.partial_update
        transaction.merge_condition = options.merge_condition
        record.load_bytes += len(body)

    def _prepare(
        self, transaction: Transaction, prepared_timeout: float | None, *, wait: bool = True
    ) -> None:
        record = transaction.record
        try:
            if wait:
                self.store.profile.wait("prepare", self.store.clock)
            if not transaction.loaded_once:
                text = f"transaction with label {record.label} hasn't send any data yet"
                raise ServerError(text)  # noqa: TRY301
            self._count(transaction)
            if self._dir is not None:
                self._stage(transaction, self._dir)
        except ServerError as error:
            self._abort(transaction, error.message)
            raise
        if prepared_timeout:
            record.prepared_timeout_ms = int(prepared_timeout * 1000)
        record.prepared_ms = self.store.clock.now_ms()
        record.state = "PREPARED"
        self._note(transaction, durable=True)

    def _count(self, transaction: Transaction) -> None:
        record, loads = transaction.record, transaction.loads
        record.total_rows = sum(load.total for load in loads)
        record.filtered_rows = sum(load.filtered for load in loads)
        record.unselected_rows = sum(load.unselected for load in loads)
        record.loaded_rows = sum(load.rows.num_rows for load in loads)
        record.error_rows = [line for load in loads for line in load.errors][:50]
        if record.error_rows:
            name = f"error_log_{uuid.uuid4().hex[:16]}_{uuid.uuid4().hex[:16]}"
            self._errors[name] = "".join(line + "\n" for line in record.error_rows)
            record.error_url = f"{self.error_url}/api/_load_error_log?file={name}"
        selected = record.total_rows - record.unselected_rows
        if selected and record.filtered_rows / selected > transaction.max_filter_ratio:
            raise ServerError("too many filtered rows")
        if not record.loaded_rows and self.empty_load_as_error:
            raise ServerError("all partitions have no load data")

    def _commit(self, transaction: Transaction) -> None:
        record = transaction.record
        record.commit_ms = self.store.clock.now_ms()
        record.state = "COMMITTED"
        self._note(transaction, durable=True)
        transaction.publishing = self._publishers.submit(self._publish, transaction)

    def _await(self, transaction: Transaction, timeout: float) -> None:
        if transaction.publishing is None:
            return
        try:
            transaction.publishing.result(timeout)
        except FutureTimeout:
            raise ServerError(
                f"publish timeout, label is {transaction.label}", status="PUBLISH_TIMEOUT"
            ) from None

    def _publish(self, transaction: Transaction) -> None:
        record = transaction.record
        self.store.profile.wait("publish", self.store.clock)
        rows, ops = _joined(transaction.loads)
        self.store.publish(
            record.db,
            record.table,
            rows,
            ops,
            partial=transaction.partial,
            merge_condition=transaction.merge_condition,
            txn_id=record.txn_id,
        )
        record.finish_ms = self.store.clock.now_ms()
        record.state = "VISIBLE"
        self._note(transaction, durable=False)
        transaction.loads.clear()
        self._unstage(record.txn_id)

    def _abort(self, transaction: Transaction, reason: str) -> None:
        record = transaction.record
        if record.state not in RUNNING:
            return
        was = record.state
        record.reason = reason
        record.finish_ms = self.store.clock.now_ms()
        record.state = "ABORTED"
        transaction.loads.clear()
        self._note(transaction, durable=was == "PREPARED")
        self._unstage(record.txn_id)

    # --------------------------------------------------------------------------------- retention

    def expire(self) -> None:
        """Abort what is over its time, forget labels beyond their retention."""
        now = self.store.clock.now_ms()
        with self._lock:
            for transaction in list(self._labels.values()):
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
            if len(self._labels) <= self.label_keep_max_num and not self._oldest_is_old(now):
                return
            final = [
                (key, t.record.finish_ms)
                for key, t in self._labels.items()
                if t.record.state in ("VISIBLE", "ABORTED")
            ]
            over = len(final) - self.label_keep_max_num
            for place, (key, finished) in enumerate(final):
                if place < over or now - finished > self.label_keep_max_second * 1000:
                    del self._labels[key]

    def _oldest_is_old(self, now: int) -> bool:
        oldest = next(iter(self._labels.values()), None)
        return oldest is not None and (
            now - oldest.record.begin_ms > self.label_keep_max_second * 1000
        )

    def _sweep(self) -> None:
        while not self._stop.wait(1.0):
            self.expire()

    # -------------------------------------------------------------------------------- durability

    def _stage(self, transaction: Transaction, directory: Path) -> None:
        rows, ops = _joined(transaction.loads)
        if ops is not None:
            rows = rows.append_column(OP, ops)
        path = directory / f"{transaction.record.txn_id}.arrow"
        with path.open("wb") as file:
            with ipc.new_file(file, rows.schema) as writer:
                writer.write_table(rows)
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(directory)

    def _unstage(self, txn_id: int) -> None:
        if self._dir is not None:
            (self._dir / f"{txn_id}.arrow").unlink(missing_ok=True)

    def _note(self, transaction: Transaction, *, durable: bool) -> None:
        if self._journal is None:
            return
        data = asdict(transaction.record)
        data["partial"] = transaction.partial
        data["merge_condition"] = transaction.merge_condition
        with self._lock:
            self._journal.write(json.dumps(data).encode() + b"\n")
            self._journal.flush()
        if durable:
            os.fsync(self._journal.fileno())

    def _recover(self, directory: Path) -> None:
        path = directory / "journal.jsonl"
        last: dict[int, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    data = json.loads(line)
                except ValueError:
                    continue  # the last line, cut by a crash before anyone was told
                last.pop(data["txn_id"], None)
                last[data["txn_id"]] = data
        fresh = path.with_suffix(".new")
        kept = list(last.values())[-self.label_keep_max_num * 2 :]
        with fresh.open("wb") as file:
            file.writelines(json.dumps(data).encode() + b"\n" for data in kept)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_directory(directory)
        self._journal = path.open("ab")
        for data in kept:
            self._restore(data, directory)
        self._next_id = max(self._next_id, *last) if last else self._next_id

    def _restore(self, data: dict[str, Any], directory: Path) -> None:
        partial, condition = data.pop("partial"), data.pop("merge_condition")
        transaction = Transaction(
            LoadRecord(**data), partial=partial, merge_condition=condition, loaded_once=True
        )
        record = transaction.record
        self._labels[record.db, record.label] = transaction
        self.store.load_history.append(record)
        if record.state in ("PREPARED", "COMMITTED"):
            staged = directory / f"{record.txn_id}.arrow"
            if staged.exists():
                rows = ipc.open_file(pa.BufferReader(staged.read_bytes())).read_all()
                ops = None
                if OP in rows.column_names:
                    ops = rows.column(OP).combine_chunks()
                    rows = rows.drop_columns([OP])
                transaction.loads = [ParsedLoad(rows, ops, 0, 0, 0, [])]
            elif record.state == "PREPARED":
                self._abort(transaction, "staged data is missing")
        if record.state == "COMMITTED" and transaction.loads:
            self._publish(transaction)
        elif record.state == "COMMITTED":
            record.state = "VISIBLE"  # a staged file goes only after its publish
        elif record.state == "PREPARE":
            self._abort(transaction, "the server was restarted")


def _joined(loads: list[ParsedLoad]) -> tuple[pa.Table, pa.Array | None]:
    """The rows of several loads as one batch."""
    if len(loads) == 1:
        return loads[0].rows, loads[0].ops
    rows = pa.concat_tables([load.rows for load in loads])
    if all(load.ops is None for load in loads):
        return rows, None
    parts = [
        pa.array([0] * load.rows.num_rows, pa.int8()) if load.ops is None else load.ops
        for load in loads
    ]
    return rows, pa.concat_arrays(parts)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
