"""Durable load transactions: a journal of their records, and prepared rows as Arrow files.

A prepared transaction is on disk, file and line, before anyone is told; a published one leaves
only its line.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import ipc

from penstock.embedded.starrocks.load import OP, ParsedLoad
from penstock.embedded.starrocks.model import LoadRecord
from penstock.embedded.starrocks.transaction import TableLoad, Transaction

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """The journal of one data directory; opened by `recover`.

    Args:
        directory: Where the journal and the files are; made if there is none.
        keep: How many transactions are remembered over a restart.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        self._dir = directory
        self._keep = keep
        self._lock = threading.Lock()
        self._file: Any = None
        directory.mkdir(exist_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def note(self, transaction: Transaction, *, durable: bool) -> None:
        """Write the present state of a transaction; on disk at return if `durable`."""
        data = asdict(transaction.record)
        data["is_multi"] = transaction.is_multi
        data["parts"] = {
            name: {
                "partial": part.partial,
                "merge_condition": part.merge_condition,
                "is_update": part.is_update,
            }
            for name, part in transaction.tables.items()
        }
        with self._lock:
            self._file.write(json.dumps(data).encode() + b"\n")
            self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    def stage(self, transaction: Transaction) -> None:
        """Write the rows of a transaction to disk."""
        for place, part in enumerate(transaction.tables.values()):
            batch = part.batch()
            rows = batch.rows if batch.ops is None else batch.rows.append_column(OP, batch.ops)
            with self._staged(transaction.record.txn_id, place).open("wb") as file:
                with ipc.new_file(file, rows.schema) as writer:
                    writer.write_table(rows)
                file.flush()
                os.fsync(file.fileno())
        _sync_directory(self._dir)

    def unstage(self, transaction: Transaction) -> None:
        """Remove the rows of a transaction that is over."""
        for place in range(len(transaction.tables)):
            self._staged(transaction.record.txn_id, place).unlink(missing_ok=True)

    def recover(self) -> list[Transaction]:
        """The remembered transactions with the rows they had on disk; opens the journal.

        A transaction whose files are missing comes without loads.
        """
        path = self._dir / "journal.jsonl"
        last: dict[int, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    data = json.loads(line)
                except ValueError:
                    continue  # the last line, cut by a crash before anyone was told
                last.pop(data["txn_id"], None)
                last[data["txn_id"]] = data
        over = len(last) - self._keep
        kept = [
            data
            for place, data in enumerate(last.values())
            if place >= over or data["state"] in ("PREPARED", "COMMITTED")
        ]
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.writelines(json.dumps(data).encode() + b"\n" for data in kept)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_directory(self._dir)
        self._file = path.open("ab")
        return [self._restored(data) for data in kept]

    def _staged(self, txn_id: int, place: int) -> Path:
        return self._dir / f"{txn_id}.{place}.arrow"

    def _restored(self, data: dict[str, Any]) -> Transaction:
        parts: dict[str, dict[str, Any]] = data.pop("parts")
        is_multi = data.pop("is_multi")
        transaction = Transaction(LoadRecord(**data), is_multi)
        for place, (name, options) in enumerate(parts.items()):
            part = transaction.tables[name] = TableLoad(**options)
            staged = self._staged(transaction.record.txn_id, place)
            if staged.exists():
                rows = ipc.open_file(pa.BufferReader(staged.read_bytes())).read_all()
                ops = None
                if OP in rows.column_names:
                    ops = rows.column(OP).combine_chunks()
                    rows = rows.drop_columns([OP])
                part.loads = [ParsedLoad(rows, ops, 0, 0, 0, [])]
        return transaction


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
