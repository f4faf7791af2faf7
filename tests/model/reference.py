"""What the embedded StarRocks is to do, in plain Python: tables, labels, transactions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["plain", "partial", "condition"]
Row = tuple[Any, ...]

TABLES = {
    "pk": "CREATE TABLE d.pk (id INT NOT NULL, v INT, w INT) PRIMARY KEY (id)"
    " DISTRIBUTED BY HASH (id) BUCKETS 2",
    "dup": "CREATE TABLE d.dup (id INT NOT NULL, v INT) DUPLICATE KEY (id)"
    " DISTRIBUTED BY HASH (id)",
    "uni": "CREATE TABLE d.uni (id INT NOT NULL, v INT) UNIQUE KEY (id) DISTRIBUTED BY HASH (id)",
    "agg": "CREATE TABLE d.agg (id INT NOT NULL, s BIGINT SUM, m INT MAX) AGGREGATE KEY (id)"
    " DISTRIBUTED BY HASH (id)",
}


@dataclass(frozen=True)
class Load:
    """One body: rows as they are written, the key first; on `pk` the last field is `__op`.

    Modes are of the table `pk`: `plain` rows are (id, v, w, op), `partial` ones (id, w, op), and
    `condition` ones (id, v, w, op) that count only where v is not less than the present one.
    """

    table: str
    rows: tuple[Row, ...]
    mode: Mode = "plain"

    @property
    def is_bad(self) -> bool:
        """Whether a row has no key."""
        return any(row[0] is None for row in self.rows)


@dataclass
class Txn:
    """A transaction: `table` is empty for one of many tables."""

    table: str
    mode: Mode
    state: str = "PREPARE"
    loads: list[Load] = field(default_factory=list)


class Model:
    """The server's data and labels."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {"pk": {}, "dup": Counter(), "uni": {}, "agg": {}}
        self.versions = dict.fromkeys(TABLES, 1)
        self.txns: dict[str, Txn] = {}
        self._aborted: set[str] = set()

    def state(self, label: str) -> str:
        """What `get_load_state` says."""
        return self.txns[label].state if label in self.txns else "UNKNOWN"

    def crash(self) -> None:
        """What was not prepared is gone; a label aborted before that is aborted again."""
        for label, txn in list(self.txns.items()):
            if txn.state == "PREPARE":
                if label in self._aborted:
                    txn.state = "ABORTED"
                else:
                    del self.txns[label]

    # The outcomes of operations are statuses of the transaction API.

    def begin(self, label: str, table: str, mode: Mode) -> str:
        """Begin, the table empty for many."""
        if self.state(label) not in ("UNKNOWN", "ABORTED"):
            return "LABEL_ALREADY_EXISTS"
        self.txns[label] = Txn(table, mode)
        return "OK"

    def load(self, label: str, load: Load) -> str:
        """One more body."""
        txn = self.txns.get(label)
        if txn is None:
            return "FAILED"
        if txn.state != "PREPARE":
            return "TXN_NOT_EXISTS"
        if txn.table and txn.table != load.table:
            return "INVALID_ARGUMENT"
        txn.loads.append(load)
        return "OK"

    def prepare(self, label: str) -> str:
        """Make it durable."""
        txn = self.txns.get(label)
        if txn is None:
            return "FAILED"
        if txn.state != "PREPARE":
            return "TXN_NOT_EXISTS"
        if not txn.loads or any(load.is_bad for load in txn.loads):
            self._abort(label)
            return "INTERNAL_ERROR"
        txn.state = "PREPARED"
        return "OK"

    def commit(self, label: str) -> str:
        """Make it visible."""
        txn = self.txns.get(label)
        if txn is None or txn.state == "ABORTED":
            return "FAILED"
        if txn.state == "VISIBLE":
            return "OK"
        if txn.state == "PREPARE" and self.prepare(label) != "OK":
            return "INTERNAL_ERROR"
        txn.state = "VISIBLE"
        for table in dict.fromkeys(load.table for load in txn.loads):
            self._publish(table, txn.mode, [load for load in txn.loads if load.table == table])
        return "OK"

    def rollback(self, label: str) -> str:
        """Abort it."""
        txn = self.txns.get(label)
        if txn is None or txn.state == "VISIBLE":
            return "FAILED"
        if txn.state != "ABORTED":
            self._abort(label)
        return "OK"

    def stream_load(self, label: str, load: Load) -> str:
        """Begin, load and commit in one; the status of a Stream Load."""
        if self.begin(label, load.table, load.mode) != "OK":
            return "Label Already Exists"
        self.load(label, load)
        return "Success" if self.commit(label) == "OK" else "Fail"

    def statement(self, table: str) -> None:
        """An SQL statement changed the rows, which the caller does: it is a version."""
        self.versions[table] += 1

    def table(self, name: str) -> list[Row]:
        """The rows in the order of all columns, NULL first."""
        data = self.rows[name]
        if name == "dup":
            found = list(data.elements())
        else:
            found = [(key, *values) for key, values in data.items()]
        return sorted(found, key=lambda row: [(value is not None, value) for value in row])

    def _abort(self, label: str) -> None:
        self.txns[label].state = "ABORTED"
        self._aborted.add(label)

    def _publish(self, table: str, mode: Mode, loads: list[Load]) -> None:
        self.versions[table] += 1
        for row in [row for load in loads for row in load.rows]:
            _APPLY[table](self.rows[table], row, mode)


def _apply_pk(data: dict[int, tuple[Any, Any]], row: Row, mode: Mode) -> None:
    key, *values, op = row
    present = data.get(key)
    if op:
        data.pop(key, None)
    elif mode == "partial":
        data[key] = (present[0] if present else None, values[0])
    elif mode == "plain" or present is None or present[0] is None or values[0] >= present[0]:
        data[key] = (values[0], values[1])


def _apply_dup(data: Counter[Row], row: Row, _mode: Mode) -> None:
    data[row] += 1


def _apply_uni(data: dict[int, Row], row: Row, _mode: Mode) -> None:
    data[row[0]] = row[1:]


def _apply_agg(data: dict[int, Row], row: Row, _mode: Mode) -> None:
    total, most = data.get(row[0], (None, None))
    data[row[0]] = (_both(total, row[1], int.__add__), _both(most, row[2], max))


def _both(one: int | None, other: int | None, of: Any) -> int | None:
    """The aggregate of two values; NULL counts for nothing."""
    known = [value for value in (one, other) if value is not None]
    return None if not known else known[0] if len(known) == 1 else int(of(*known))


_APPLY: dict[str, Any] = {
    "pk": _apply_pk, "dup": _apply_dup, "uni": _apply_uni, "agg": _apply_agg,
}  # fmt: skip
