"""The writer on MySQL: seeded transactions that keep the sum of each ledger."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pymysql
from tests.fault.tables import EVENTS, LEDGER, MARKER, TABLES, VAULT, WIDE

_TEXTS = (
    "退款：部分",
    "tab\there",
    "line\nbreak",
    "quote ' \" \\ back",
    r"\N",
    "",
    "😀 emoji",
    None,
)
_RECONNECT_S = 60


class Workload(threading.Thread):
    """Writes until stopped, then writes the marker rows; survives restarts of the server.

    Args:
        connect: Opens a session on the server.
        seed: Chooses the transactions.
        pause_s: Between two transactions.
    """

    def __init__(self, connect: Callable[[], Any], seed: int, pause_s: float = 0.02) -> None:
        super().__init__(name="workload", daemon=True)
        self._connect = connect
        self._random = random.Random(seed)
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self.transactions = 0
        self.changes = 0
        self.failure: BaseException | None = None
        self._ids: list[int] = []
        self._vaults: list[tuple[int, str]] = []
        self._wide: list[int] = []
        self._fresh = 0
        operations: dict[Callable[[Any], None], int] = {
            self._transfer: 12,
            self._open_account: 6,
            self._close_account: 4,
            self._change_key: 5,
            self._swap_keys: 2,
            self._delete_and_insert: 3,
            self._vault: 8,
            self._both: 6,
            self._append: 14,
            self._wide_change: 12,
            self._range: 4,
            self._large: 1,
            self._large_append: 1,
        }
        self._operations = list(operations)
        self._weights = list(operations.values())

    def stop(self) -> None:
        """End after the running transaction, with the markers; waits.

        Raises:
            AssertionError: The workload itself failed.
        """
        self._stopping.set()
        self.join()
        assert self.failure is None, f"the workload failed: {self.failure!r}"

    def run(self) -> None:
        try:
            connection = self._open()
            while not self._stopping.wait(self._pause_s):
                operation = self._random.choices(self._operations, self._weights)[0]
                connection = self._transaction(connection, operation)
            while (after := self._transaction(connection, self._markers)) is not connection:
                connection = after
            connection.close()
        except (AssertionError, pymysql.err.Error) as error:
            self.failure = error

    def _transaction(self, connection: Any, operation: Callable[[Any], None]) -> Any:
        """Run one; the connection to go on with, another one where the server was lost."""
        cursor = connection.cursor()
        try:
            operation(cursor)
            if self._random.random() < 0.07 and operation != self._markers:
                connection.rollback()
                self._reload(cursor)
            else:
                connection.commit()
                self.transactions += 1
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError):
            # Whether the commit happened is unknown; the tables are asked.
            return self._open()
        return connection

    def _open(self) -> Any:
        deadline = time.monotonic() + _RECONNECT_S
        while True:
            try:
                connection = self._connect()
                cursor = connection.cursor()
                cursor.execute("USE fault")
                self._reload(cursor)
            except (pymysql.err.OperationalError, pymysql.err.InterfaceError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return connection

    def _reload(self, cursor: Any) -> None:
        cursor.execute(f"SELECT id FROM ledger WHERE id < {MARKER}")
        self._ids = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT no, region FROM vault WHERE region <> 'end'")
        self._vaults = list(cursor.fetchall())
        cursor.execute(f"SELECT `编号` FROM `订单宽表` WHERE `编号` < {MARKER}")
        self._wide = [row[0] for row in cursor.fetchall()]
        self._fresh = max(*self._ids, self._fresh, 1_000_000)

    def _execute(self, cursor: Any, sql: str, values: Any = None) -> int:
        count = int(cursor.execute(sql, values))
        self.changes += count
        return count

    def _new_id(self) -> int:
        self._fresh += self._random.randint(1, 3)
        return self._fresh

    def _pick(self, count: int) -> list[int]:
        return self._random.sample(self._ids, count)

    def _move(self, cursor: Any, giver: int, taker: int) -> None:
        amount = self._random.randint(1, 500)
        for account, change in ((giver, -amount), (taker, amount)):
            moved = self._execute(
                cursor,
                "UPDATE ledger SET balance = balance + %s, seq = seq + 1 WHERE id = %s",
                (change, account),
            )
            assert moved == 1

    # Operations; each is one transaction and keeps both sums.

    def _transfer(self, cursor: Any) -> None:
        for _ in range(self._random.randint(1, 5)):
            giver, taker = self._pick(2)
            self._move(cursor, giver, taker)

    def _open_account(self, cursor: Any) -> None:
        account = self._new_id()
        sql = "INSERT INTO ledger VALUES (%s, %s, 0, 0)"
        self._execute(cursor, sql, (account, self._random.choice(_TEXTS)))
        self._move(cursor, self._pick(1)[0], account)
        self._ids.append(account)

    def _close_account(self, cursor: Any) -> None:
        closed, heir = self._pick(2)
        cursor.execute("SELECT balance FROM ledger WHERE id = %s", (closed,))
        (balance,) = cursor.fetchone()
        self._execute(cursor, "DELETE FROM ledger WHERE id = %s", (closed,))
        sql = "UPDATE ledger SET balance = balance + %s, seq = seq + 1 WHERE id = %s"
        self._execute(cursor, sql, (balance, heir))
        self._ids.remove(closed)

    def _change_key(self, cursor: Any) -> None:
        old, new = self._pick(1)[0], self._new_id()
        self._execute(cursor, "UPDATE ledger SET id = %s WHERE id = %s", (new, old))
        self._ids.remove(old)
        self._ids.append(new)

    def _swap_keys(self, cursor: Any) -> None:
        one, other = self._pick(2)
        between = MARKER - 1
        for new, old in ((between, one), (one, other), (other, between)):
            self._execute(cursor, "UPDATE ledger SET id = %s WHERE id = %s", (new, old))

    def _delete_and_insert(self, cursor: Any) -> None:
        account = self._pick(1)[0]
        cursor.execute("SELECT balance FROM ledger WHERE id = %s", (account,))
        (balance,) = cursor.fetchone()
        self._execute(cursor, "DELETE FROM ledger WHERE id = %s", (account,))
        sql = "INSERT INTO ledger VALUES (%s, %s, %s, -1)"
        self._execute(cursor, sql, (account, self._random.choice(_TEXTS), balance))

    def _vault(self, cursor: Any) -> None:
        giver, taker = self._random.sample(self._vaults, 2)
        amount = self._random.randint(1, 500)
        for (number, region), change in ((giver, -amount), (taker, amount)):
            self._execute(
                cursor,
                "UPDATE vault SET balance = balance + %s, note = %s WHERE no = %s AND region = %s",
                (change, self._random.choice(_TEXTS), number, region),
            )
        if self._random.random() < 0.2:
            number, region = self._vaults.pop(self._random.randrange(len(self._vaults)))
            moved = f"r{self._random.randrange(10**9)}"
            self._execute(
                cursor,
                "UPDATE vault SET region = %s WHERE no = %s AND region = %s",
                (moved, number, region),
            )
            self._vaults.append((number, moved))

    def _both(self, cursor: Any) -> None:
        self._transfer(cursor)
        self._vault(cursor)
        self._append(cursor)

    def _append(self, cursor: Any) -> None:
        rows = [
            (f"kind{self._random.randrange(9)}", self._random.choice(_TEXTS), i / 8)
            for i in range(self._random.randint(1, 40))
        ]
        self._execute_many(
            cursor, "INSERT INTO events (kind, payload, amount, at) VALUES ", "NOW(6)", rows
        )

    def _execute_many(self, cursor: Any, head: str, last: str, rows: list[Any]) -> None:
        places = ", ".join("(" + "%s, " * len(row) + last + ")" for row in rows)
        self._execute(cursor, head + places, [value for row in rows for value in row])

    def _wide_change(self, cursor: Any) -> None:
        chance = self._random.random()
        if chance < 0.2:
            number = self._new_id()
            self._execute(cursor, "INSERT INTO `订单宽表` (`编号`) VALUES (%s)", (number,))
            self._wide.append(number)
        elif chance < 0.3:
            number = self._wide.pop(self._random.randrange(len(self._wide)))
            self._execute(cursor, "DELETE FROM `订单宽表` WHERE `编号` = %s", (number,))
            return
        part = self._random.randint(1, 5)
        self._execute(
            cursor,
            f"UPDATE `订单宽表` SET `名称{part}` = %s, `整数{part}` = %s, `金额{part}` = `金额{part}`"
            f" + 0.000001, `时间{part}` = NOW(6), `双精{part}` = `双精{part}` * 1.1"
            " WHERE `编号` = %s",
            (self._random.choice(_TEXTS), self.transactions, self._random.choice(self._wide)),
        )

    def _range(self, cursor: Any) -> None:
        start = self._pick(1)[0]
        self._execute(
            cursor,
            "UPDATE ledger SET seq = seq + 1 WHERE id BETWEEN %s AND %s",
            (start, start + self._random.randint(5, 500)),
        )

    def _large(self, cursor: Any) -> None:
        start = self._pick(1)[0]
        self._execute(
            cursor,
            "UPDATE ledger SET seq = seq + 1, owner = CONCAT('户 ', seq) WHERE id >= %s LIMIT 8000",
            (start,),
        )
        self._transfer(cursor)

    def _large_append(self, cursor: Any) -> None:
        self._execute(
            cursor,
            "INSERT INTO events (kind, payload, amount, at)"
            " SELECT 'bulk', payload, amount, at FROM events LIMIT 3000",
        )

    def _markers(self, cursor: Any) -> None:
        self._execute(cursor, "REPLACE INTO ledger VALUES (%s, 'end', 0, 0)", (MARKER,))
        self._execute(cursor, "REPLACE INTO vault VALUES (-1, 'end', 0, '')")
        self._execute(
            cursor, "INSERT IGNORE INTO events VALUES (%s, 'end', '', 0, NOW(6))", (MARKER,)
        )
        self._execute(cursor, "REPLACE INTO `订单宽表` (`编号`) VALUES (%s)", (MARKER,))


MARKED = {
    LEDGER.name: f"id = {MARKER}",
    VAULT.name: "no = -1",
    EVENTS.name: f"id = {MARKER}",
    WIDE.name: f"`编号` = {MARKER}",
}
assert set(MARKED) == {table.name for table in TABLES}
