"""The demo's traffic, in processes of their own: a writer on MySQL, a reader of StarRocks.

`python -m penstock.cli.demo_traffic write|poll`; addresses come from the environment. It prints a
line when it begins, and a line of JSON at the end, asked for by closing standard input.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from typing import Any

import pymysql

BATCH = 20
PAUSE_S = 0.02


def _connect(prefix: str, port: str) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=int(os.environ[port]),
        user=os.environ[f"{prefix}_USER"],
        password=os.environ[f"{prefix}_PASSWORD"],
        charset="utf8mb4",
        autocommit=False,
    )


def _until_closed() -> threading.Event:
    closed = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        closed.set()

    threading.Thread(target=wait, daemon=True).start()
    return closed


def _micros() -> int:
    return time.time_ns() // 1000


def write(stop: threading.Event) -> dict[str, Any]:
    """Insert, update, delete and change keys until stopped."""
    connection = _connect("MYSQL", "MYSQL_PORT")
    cursor = connection.cursor()
    cursor.execute("USE shop")
    cursor.execute("SELECT MAX(id) FROM orders")
    next_order = int(cursor.fetchone()[0]) + 1
    chance = random.Random(7)  # noqa: S311
    print("ready", flush=True)
    changes = 0
    while not stop.wait(PAUSE_S):
        stamp = _micros()
        rows = [
            (
                next_order + i,
                chance.randrange(1000),
                chance.choice(["open", "paid", "draft"]),
                f"{chance.randrange(9999)}.{chance.randrange(100):02d}",
                stamp,
            )
            for i in range(BATCH)
        ]
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s, NOW(6), %s)", rows)
        next_order += BATCH
        old = chance.randrange(1, next_order)
        cursor.execute(
            "UPDATE orders SET amount = amount + 1, "
            "status = ELT(1 + id %% 3, 'paid', 'draft', 'open'), stamp = %s "
            "WHERE id BETWEEN %s AND %s",
            (stamp, old, old + 5),
        )
        changes += BATCH + cursor.rowcount
        cursor.execute("DELETE FROM orders WHERE id BETWEEN %s AND %s", (old + 6, old + 8))
        changes += cursor.rowcount
        cursor.execute(
            "UPDATE customers SET credit = credit - 1, stamp = %s WHERE id %% 997 = %s",
            (stamp, chance.randrange(997)),
        )
        changes += cursor.rowcount
        key = chance.randrange(1, 5000)
        cursor.execute(
            "UPDATE IGNORE `商品` SET `编号` = %s, `名称` = CONCAT(`名称`, '改'), stamp = %s "
            "WHERE `编号` = %s",
            (key + 1_000_000, stamp, key),
        )
        changes += cursor.rowcount
        cursor.execute(
            "UPDATE wide SET a5 = CONCAT('changed ', %s), b8 = NOW(6), stamp = %s WHERE id = %s",
            (stamp, stamp, chance.randrange(1, 5000)),
        )
        changes += cursor.rowcount
        connection.commit()
    connection.close()
    return {"changes": changes}


def poll(stop: threading.Event) -> dict[str, Any]:
    """Poll the newest stamp in StarRocks; its age when first seen is the lag."""
    connection = _connect("SR", "SR_QUERY_PORT")
    connection.autocommit(True)  # noqa: FBT003
    cursor = connection.cursor()
    seen = 0
    lags: list[float] = []
    print("ready", flush=True)
    while not stop.wait(0.02):
        cursor.execute("SELECT DISTINCT stamp FROM shop.orders WHERE stamp > %s", (seen,))
        stamps = [int(row[0]) for row in cursor.fetchall()]
        now = _micros()
        if stamps:
            lags += [(now - stamp) / 1000 for stamp in stamps]
            seen = max(stamps)
    connection.close()
    lags.sort()
    if not lags:
        return {"p50_ms": None, "p99_ms": None, "samples": 0}
    return {
        "p50_ms": round(lags[len(lags) // 2], 1),
        "p99_ms": round(lags[int(len(lags) * 0.99)], 1),
        "samples": len(lags),
    }


if __name__ == "__main__":
    print(json.dumps({"write": write, "poll": poll}[sys.argv[1]](_until_closed())), flush=True)
