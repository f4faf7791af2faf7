"""The load transaction API: begin, load, prepare, commit, publish, rollback.

With a data directory a prepared transaction is on disk before the answer is sent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.config import load_timeout
from penstock.embedded.starrocks.error_logs import ErrorLogs
from penstock.embedded.starrocks.journal import Journal
from penstock.embedded.starrocks.labels import Labels
from penstock.embedded.starrocks.load import LoadOptions, parse_body
from penstock.embedded.starrocks.model import LoadRecord, ServerError
from penstock.embedded.starrocks.transaction import DONE, RUNNING, Transaction

if TYPE_CHECKING:
    from penstock.embedded.starrocks.model import TableDef
    from penstock.embedded.starrocks.publish import Batch
    from penstock.embedded.starrocks.store import Store


_LABEL = re.compile(r"[-\w]{1,128}", re.ASCII)


class Transactions:
    """All transactions of the server.

    Args:
        store: Where they publish to; its settings and clock are used.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.labels = Labels(store, self.abort)
        self.error_url = "http://127.0.0.1:8040"
        self.error_logs = ErrorLogs()
        self._publishers = ThreadPoolExecutor(8, "starrocks-publish")
        self._journal: Journal | None = None
        if store.data_dir is not None:
            self._journal = Journal(store.data_dir / "transactions", keep=2000)
            self._recover(self._journal)
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
        return self.labels.find(db, label)

    def state(self, db: str, label: str) -> tuple[str, str]:
        """State and reason of a label, as `get_load_state` reports them."""
        found = self.find(db, label)
        return (found.record.state, found.record.reason) if found else ("UNKNOWN", "")

    def running(self) -> list[LoadRecord]:
        """Records of what is in PREPARE or PREPARED."""
        return self.labels.running()

    # ------------------------------------------------------------------------------ operations

    def begin(
        self,
        label: str,
        db: str,
        table: str,
        *,
        timeout: float | None = None,
        idle_timeout: float = 0,
        user: str = "root",
        kind: str = "TRANSACTION_STREAM_LOAD",
        is_multi: bool = False,
        wait: bool = True,
    ) -> Transaction:
        """Begin a transaction under a label.

        Args:
            label: The label.
            db: Its database.
            table: The table it loads into.
            timeout: Seconds until it must be prepared; the frontend's default if None.
            idle_timeout: Seconds without a request after which it is aborted; 0 is any time.
            user: Who begins it.
            kind: What `information_schema.loads` calls it.
            is_multi: Whether it may load into any table of the database.
            wait: Whether it takes the time a begin takes.

        Raises:
            ServerError: The label is taken or malformed, the table is unknown, or too many run.
        """
        if not label:
            raise ServerError("empty label", status="INVALID_ARGUMENT")
        if not _LABEL.fullmatch(label):
            raise ServerError(
                f"Label format error. regex: ^[-\\w]{{1,128}}$, label: {label}",
                status="INVALID_ARGUMENT",
            )
        if not self.store.has_database(db):
            raise ServerError(f"Database[{db}] does not exist.")
        if not is_multi:
            self.store.table(db, table)
        if wait:
            self.store.delays.wait("begin")
        record = LoadRecord(self.store.new_txn_id(), label, db, table, user=user, kind=kind)
        record.db_id = self.store.database(db).db_id
        record.begin_ms = self.store.clock.now_ms()
        record.timeout_ms = int(load_timeout(self.store.frontend_config, timeout) * 1000)
        transaction = Transaction(record, is_multi, idle_ms=int(idle_timeout * 1000))
        transaction.used_ms = record.begin_ms
        self.labels.claim(transaction)
        self.store.load_history.append(record)
        return transaction

    def load(
        self, label: str, db: str, table: str, options: LoadOptions, body: bytes
    ) -> Transaction:
        """Take a body into a transaction; bad rows are reported by `prepare`."""
        transaction = self.labels.context(label, db, table, "Transaction")
        with self._alone(transaction, table):
            self.labels.context(label, db, table, "Transaction")
            self.store.delays.wait("load", len(body))
            self._take(transaction, table or transaction.record.table, options, body)
        return transaction

    def prepare(
        self, label: str, db: str, table: str = "", *, prepared_timeout: float | None = None
    ) -> Transaction:
        """Make a transaction durable, so that commit cannot fail."""
        transaction = self.labels.context(label, db, table)
        with self._alone(transaction):
            self.labels.context(label, db, table)
            self._prepare(transaction, prepared_timeout)
        return transaction

    def commit(
        self, label: str, db: str, table: str = "", *, timeout: float = 20
    ) -> tuple[Transaction, str]:
        """Commit and publish; the transaction and a message."""
        transaction = self.labels.known(label, db)
        record = transaction.record
        with self._alone(transaction):
            if record.state == "ABORTED":
                raise ServerError(
                    f"Can not commit ABORTED transaction {record.txn_id}, label is {label}",
                    status="FAILED",
                )
            text = ""
            if record.state in DONE:
                text = f"Transaction {record.txn_id} has already committed, label is {label}"
                self._publish_again(transaction)
            else:
                if record.state == "PREPARE":
                    self.labels.context(label, db, table)
                    self._prepare(transaction, None)
                self._commit(transaction)
        self._await(transaction, timeout)
        return transaction, text

    def _publish_again(self, transaction: Transaction) -> None:
        """Repeat a publish that failed; one that runs or succeeded is left alone."""
        last = transaction.publishing
        if transaction.record.state == "COMMITTED" and last and last.done() and last.exception():
            transaction.publishing = self._publishers.submit(self._publish, transaction)

    def rollback(
        self, label: str, db: str, table: str = "", reason: str = ""
    ) -> tuple[Transaction, str]:
        """Abort; the transaction and a message."""
        transaction = self.labels.known(label, db)
        record = transaction.record
        with self._alone(transaction):
            if record.state == "ABORTED":
                text = f"Transaction {record.txn_id} has already aborted, label is {label}"
                return transaction, text
            if record.state in DONE:
                raise ServerError(
                    f"Can not abort {record.state} transaction {record.txn_id}, label is {label}",
                    status="FAILED",
                )
            if record.state == "PREPARE" and not reason:
                self.labels.context(label, db, table)
            self.abort(transaction, reason or "User Abort")
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
        with self._alone(transaction):
            self.store.delays.wait("load", len(body))
            self._take(transaction, transaction.record.table, options, body)
            self._prepare(transaction, None, wait=False)
            self._commit(transaction)
        self._await(transaction, timeout)

    def load_all(
        self, transaction: Transaction, options: LoadOptions, bodies: Sequence[bytes]
    ) -> None:
        """Load several bodies as one transaction and commit it; all or none of them.

        The reason of a transaction that fails names the log of its bad rows.
        """
        record = transaction.record
        try:
            with self._alone(transaction):
                for body in bodies:
                    self.store.delays.wait("load", len(body))
                    self._take(transaction, record.table, options, body)
                self._prepare(transaction, None, wait=False)
                self._commit(transaction)
            self._await(transaction, 20)
        except ServerError:
            if record.error_url and record.state == "ABORTED":
                record.reason += (
                    f". Tracking URL: {record.error_url}. Tracking SQL: select tracking_log from"
                    f" information_schema.load_tracking_logs where job_id={record.txn_id}"
                )
            raise

    def insert(self, label: str, table: TableDef, batch: Batch, user: str) -> None:
        """Make the rows of an INSERT visible under its label, as one version.

        Raises:
            ServerError: The label is taken, or the store refuses the rows.
        """
        transaction = self.begin(label, table.db, table.name, user=user, kind="INSERT", wait=False)
        record = transaction.record
        record.total_rows = batch.rows.num_rows
        try:
            self.store.publisher.publish([(table, batch)], txn_id=record.txn_id, check=True)
        except ServerError as error:
            self.abort(transaction, error.message)
            raise
        record.loaded_rows = record.total_rows
        record.commit_ms = record.finish_ms = self.store.clock.now_ms()
        record.state = "VISIBLE"
        self._note(transaction, durable=False)

    def forget_context(self, db: str, label: str) -> None:
        """Lose the backend's part of a transaction, as a restart of the backend does."""
        found = self.find(db, label)
        if found is not None:
            found.forgotten = True
            found.tables.clear()

    def forget_contexts(self) -> int:
        """Lose the backend's part of all transactions in PREPARE; how many."""
        running = [r for r in self.running() if r.state == "PREPARE"]
        for record in running:
            self.forget_context(record.db, record.label)
        return len(running)

    def abort(self, transaction: Transaction, reason: str) -> None:
        """Abort a running transaction."""
        record = transaction.record
        if record.state not in RUNNING:
            return
        was = record.state
        record.reason = reason
        record.finish_ms = self.store.clock.now_ms()
        record.state = "ABORTED"
        self._note(transaction, durable=was == "PREPARED")
        self._release(transaction)

    # ----------------------------------------------------------------------------------- parts

    @contextmanager
    def _alone(self, transaction: Transaction, table: str = "") -> Iterator[None]:
        with transaction.alone(table):
            try:
                yield
            finally:
                transaction.used_ms = self.store.clock.now_ms()

    def _take(self, transaction: Transaction, name: str, options: LoadOptions, body: bytes) -> None:
        """One more body; the transaction is over if it cannot be read."""
        record = transaction.record
        try:
            table = self.store.table(record.db, name)
            part = transaction.part(name)
            if not part.loads:
                # Only a new write is refused where versions are too many, not one that runs.
                self.store.versions.check(table.table_id)
            part.begin(options)
            part.loads.append(parse_body(table, body, options))
        except ServerError as error:
            self.abort(transaction, error.message)
            raise
        record.load_bytes += len(body)

    def _prepare(
        self, transaction: Transaction, prepared_timeout: float | None, *, wait: bool = True
    ) -> None:
        record = transaction.record
        try:
            if wait:
                self.store.delays.wait("prepare")
            if not transaction.loads():
                text = f"transaction with label {record.label} hasn't send any data yet"
                raise ServerError(text)  # noqa: TRY301
            self._count(transaction)
            for name, part in transaction.tables.items():
                # Partitions appear while the load can still fail.
                table = self.store.table(record.db, name)
                self.store.publisher.touched(table, part.batch().rows)
            if self._journal is not None:
                self._journal.stage(transaction)
        except ServerError as error:
            self.abort(transaction, error.message)
            raise
        if prepared_timeout:
            record.prepared_timeout_ms = int(prepared_timeout * 1000)
        record.prepared_ms = self.store.clock.now_ms()
        record.state = "PREPARED"
        self._note(transaction, durable=True)

    def _count(self, transaction: Transaction) -> None:
        record, loads = transaction.record, transaction.loads()
        record.total_rows = sum(load.total for load in loads)
        record.filtered_rows = sum(load.filtered for load in loads)
        record.unselected_rows = sum(load.unselected for load in loads)
        record.loaded_rows = sum(load.rows.num_rows for load in loads)
        record.error_rows = [line for load in loads for line in load.errors][:50]
        if record.error_rows:
            name = self.error_logs.add(record.error_rows)
            record.error_url = f"{self.error_url}/api/_load_error_log?file={name}"
        for part in transaction.tables.values():
            total = sum(load.total - load.unselected for load in part.loads)
            bad = sum(load.filtered for load in part.loads)
            if total and bad / total > part.max_filter_ratio:
                raise ServerError("too many filtered rows")
        if not record.loaded_rows and self.store.frontend_config.flag("empty_load_as_error"):
            raise ServerError("all partitions have no load data")

    def _commit(self, transaction: Transaction) -> None:
        record = transaction.record
        record.commit_ms = self.store.clock.now_ms()
        record.state = "COMMITTED"
        self._note(transaction, durable=True)
        for table in transaction.tables:
            self.store.versions.committed(self.store.table(record.db, table).table_id)
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
        self.store.delays.wait("publish")
        batches = [
            (self.store.table(record.db, name), part.batch())
            for name, part in transaction.tables.items()
        ]
        self.store.publisher.publish(batches, txn_id=record.txn_id)
        for table, _ in batches:
            self.store.versions.settled(table.table_id)
        record.finish_ms = self.store.clock.now_ms()
        record.state = "VISIBLE"
        self._note(transaction, durable=False)
        self._release(transaction)

    def _release(self, transaction: Transaction) -> None:
        """Let go of the rows of a transaction that is over."""
        if self._journal is not None:
            self._journal.unstage(transaction)
        transaction.tables.clear()

    def _note(self, transaction: Transaction, *, durable: bool) -> None:
        if self._journal is not None:
            self._journal.note(transaction, durable=durable)

    def _sweep(self) -> None:
        while not self._stop.wait(1.0):
            self.labels.expire()

    def _recover(self, journal: Journal) -> None:
        for transaction in journal.recover():
            record = transaction.record
            self.store.new_txn_id(after=record.txn_id)
            self.labels.keep(transaction)
            self.store.load_history.append(record)
            if record.state == "PREPARE":
                self.abort(transaction, "the server was restarted")
            elif record.state == "PREPARED" and not transaction.loads():
                self.abort(transaction, "staged data is missing")
            elif record.state == "COMMITTED" and transaction.loads():
                self._publish(transaction)
            elif record.state == "COMMITTED":
                record.state = "VISIBLE"  # staged files go only after their publish
