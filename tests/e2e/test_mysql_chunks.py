"""Where tables are cut, by upstream's fixtures, and what a chunk holds after changes while read.

Source: Flink CDC, MySqlChunkSplitterTest and MySqlSourceITCase, re-expressed.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.cdc_run import Run

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.mysql_cdc.chunks import first_bounds, next_bounds
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.connectors.mysql_cdc.tables import discover
from penstock.types import BIGINT, STRING, Column, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

CUSTOMERS = [101, 102, 103, 109, 110, 111, 118, 121, 123, *range(1009, 1020), 2000]
NAMES = [f"user_{number + 1}" for number in range(len(CUSTOMERS))]
CARDS = [20001, 20002, 20003, *[20004] * 4, 30006, 30007, 30008, *[30009] * 3]
CARDS += [40001, 40002, 40003, 50001, 50002, 50003]
CARTS = ["user_1"] * 3 + ["user_2"] + ["user_3"] * 2 + ["user_4"] * 2 + ["user_5"] * 4
CARTS += ["user_6"] * 2
KINDS = ["001", "002", "003", *["007"] * 3, *["008"] * 3, *["009"] * 3, "100", "101"]
SNOWFLAKES = [416874195632735147, 416927583791428523, 417022095255614379, 417111867899200427]
SNOWFLAKES += [417271541558096811, 417272886855938987, 417420106184475563]
SNOWFLAKES += [418161258277847979, 418161258277847980, 418161258277847981]

# table, its columns, its rows
TABLES: dict[str, tuple[str, list[tuple[object, ...]]]] = {
    "even": ("id INT PRIMARY KEY", [(i,) for i in range(101, 111)]),
    "sparse": (
        "id INT PRIMARY KEY",
        [(i,) for i in (2, 4, 6, 8, 10, 16, 17, 18, 20, 22)],
    ),
    "dense": (
        "id1 INT, id2 INT, PRIMARY KEY (id1, id2)",
        [*((1, i) for i in range(3)), *((2, i) for i in range(3)), *((3, i) for i in range(4))],
    ),
    "card": (
        "card_no BIGINT, level VARCHAR(10), PRIMARY KEY (card_no, level)",
        [(no, f"LEVEL_{place}") for place, no in enumerate(CARDS)],
    ),
    "card_single_line": (
        "card_no BIGINT, level VARCHAR(10), PRIMARY KEY (card_no, level)",
        [(20001, "L")],
    ),
    "cart": (
        "user_id VARCHAR(20), product_no INT, product_kind VARCHAR(20),"
        " PRIMARY KEY (user_id, product_no)",
        [(user, 101 + i, f"KIND_{KINDS[i]}") for i, user in enumerate(CARTS)],
    ),
    "evenly_cart": (
        "user_id VARCHAR(20), product_no INT, PRIMARY KEY (user_id, product_no)",
        [(f"user_{i}", i) for i in range(101, 113)],
    ),
    "cart_big": ("no BIGINT UNSIGNED PRIMARY KEY", [(1,), (2,), (3,)]),
    "cart_dec": (
        "no DECIMAL(10,4) PRIMARY KEY",
        [("123456.1230",), ("123457.1230",), ("123458.1230",), ("123459.1230",)],
    ),
    "address": ("id BIGINT PRIMARY KEY", [(i,) for i in SNOWFLAKES]),
    "customers": (
        "id INT PRIMARY KEY, name VARCHAR(20)",
        list(zip(CUSTOMERS, NAMES, strict=True)),
    ),
}
CASES: list[tuple[str, int, dict[str, str], list[object]]] = [
    ("even", 2, {}, [103, 105, 107, 109]),
    ("even", 8096, {}, []),
    ("sparse", 4, {"upper": "2000"}, [10, 18]),
    ("sparse", 4, {"upper": "2.0"}, [8, 17]),
    ("sparse", 8, {"upper": "10"}, [18]),
    ("dense", 2, {}, [2, 3]),
    ("dense", 2, {"lower": "0.9"}, [2]),
    ("card", 4, {}, [20004, 30006, 30009, 40001, 50001]),
    ("card_single_line", 4, {}, []),
    ("cart", 4, {}, ["user_2", "user_4", "user_5"]),
    ("cart", 4, {"key": "product_kind"}, ["KIND_007", "KIND_008", "KIND_009", "KIND_100"]),
    ("evenly_cart", 4, {"key": "product_no"}, [105, 109]),
    ("cart_big", 2, {}, [3]),
    ("cart_dec", 2, {}, [Decimal("123458.1230")]),
    ("address", 4, {}, [417111867899200427, 417420106184475563]),
    ("customers", 4, {"key": "id"}, [462, 823, 1184, 1545, 1906]),
    (
        "customers",
        4,
        {"key": "name"},
        ["user_12", "user_15", "user_18", "user_20", "user_4", "user_7"],
    ),
]


@pytest.fixture
def session(server: MySqlServer) -> Iterator[MySqlConnection]:
    opened = MySqlConnection.open(server.endpoint)
    yield opened
    opened.close()


def test_chunk_bounds_are_those_of_upstream(session: MySqlConnection) -> None:
    session.query("DROP DATABASE IF EXISTS chunked")
    session.query("CREATE DATABASE chunked")
    for name, (columns, rows) in TABLES.items():
        session.query(f"CREATE TABLE chunked.{name} ({columns})")
        marks = ", ".join(["%s"] * len(rows[0]))
        for row in rows:
            session.query(f"INSERT INTO chunked.{name} VALUES ({marks})", list(row))
        session.query(f"ANALYZE TABLE chunked.{name}")
    keys = {
        "upper": "chunk-key.even-distribution.factor.upper-bound",
        "lower": "chunk-key.even-distribution.factor.lower-bound",
        "key": "scan.incremental.snapshot.chunk.key-column",
    }
    for table, size, more, expected in CASES:
        options = MySqlCdcOptions(
            {
                "connector": "mysql-cdc",
                "hostname": "h",
                "username": "u",
                "password": "p",
                "database-name": "chunked",
                "table-name": table,
                "scan.incremental.snapshot.chunk.size": str(size),
                **{keys[key]: value for key, value in more.items()},
            }
        )
        (found,) = discover(session, options, (), "here")
        bounds, complete = first_bounds(session, found, options)
        while not complete:
            rest, complete = next_bounds(session, found, options, bounds[-1])
            bounds += rest
        assert bounds == expected, (table, size, more)


class HookedPool(ThreadPoolExecutor):
    """Runs a hook around the first reading of a chunk, which follows the splitting."""

    def __init__(self, before: Callable[[], None] | None, after: Callable[[], None] | None) -> None:
        super().__init__(2)
        self._hooks = {True: before, False: after}
        self._lock = threading.Lock()
        self._jobs = 0

    def submit(self, fn: Any, /, *args: Any, **more: Any) -> Any:
        self._jobs += 1
        reads = self._jobs == 2

        def hooked() -> None:
            with self._lock:
                if reads and (hook := self._hooks[True]):
                    hook()
                fn(*args, **more)
                if reads and (hook := self._hooks[False]):
                    hook()

        return super().submit(hooked)


def customers(session: MySqlConnection) -> None:
    session.query("DROP TABLE IF EXISTS shop.customers")
    session.query(
        "CREATE TABLE shop.customers (id BIGINT PRIMARY KEY, name VARCHAR(20), address VARCHAR(20))"
    )
    rows = ", ".join(f"({i}, '{n}', 'Shanghai')" for i, n in zip(CUSTOMERS, NAMES, strict=True))
    session.query(f"INSERT INTO shop.customers VALUES {rows}")


def change(session: MySqlConnection) -> None:
    session.query("BEGIN")
    session.query("INSERT INTO shop.customers VALUES (15213, 'user_15213', 'Shanghai')")
    session.query("UPDATE shop.customers SET address = 'Pittsburgh' WHERE id = 2000")
    session.query("DELETE FROM shop.customers WHERE id = 1019")
    session.query("COMMIT")


SCHEMA = Schema(
    (
        Column("id", BIGINT.with_nullable(nullable=False)),
        Column("name", STRING),
        Column("address", STRING),
    ),
    ("id",),
)
CHANGED = sorted([*(i for i in CUSTOMERS if i != 1019), 15213])


@pytest.mark.parametrize("mode", ["initial", "snapshot"])
def test_enable_backfill_with_dml_post_low_watermark(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path, mode: str
) -> None:
    """Changes between the registration of a chunk and its SELECT are in its rows, once."""
    customers(session)
    pool = HookedPool(lambda: change(session), None)
    run = Run(server, tmp_path, "customers", schema=SCHEMA, pool=pool, scan_startup_mode=mode)
    run.until(lambda: run.reader.progress()[0].phase in {"binlog", "finished"})
    for _ in range(10):
        run.step()
    run.close()
    assert {kind for kind, _ in run.log} == {"+I"}
    assert sorted(row[0] for _, row in run.log) == CHANGED
    assert run.rows[2000][2] == "Pittsburgh"


def test_enable_backfill_with_dml_after_high_watermark(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    """Changes behind the SELECT come once: with the chunk's rows or as changes behind them."""
    customers(session)
    pool = HookedPool(None, lambda: change(session))
    run = Run(server, tmp_path, "customers", schema=SCHEMA, pool=pool)
    run.until(lambda: sorted(run.rows) == CHANGED and run.rows[2000][2] == "Pittsburgh")
    for _ in range(10):
        run.step()
    run.close()
    assert sorted(run.rows) == CHANGED
    assert len(run.log) in {21, 25}


def test_snapshot_only_mode_with_dml_after_high_watermark(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    customers(session)
    pool = HookedPool(None, lambda: change(session))
    run = Run(server, tmp_path, "customers", schema=SCHEMA, pool=pool, scan_startup_mode="snapshot")
    run.until(lambda: run.reader.finished("t"))
    run.close()
    assert {kind for kind, _ in run.log} == {"+I"}
    assert len(run.log) == 21
    assert sorted(run.rows) in (sorted(CUSTOMERS), CHANGED)


def test_a_chunk_whose_connection_is_lost_is_read_again_by_itself(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path
) -> None:
    customers(session)

    def kill() -> None:
        for row in session.query("SHOW PROCESSLIST"):
            if row[4] == "Sleep":
                session.query(f"KILL {row[0]}")

    run = Run(server, tmp_path, "customers", schema=SCHEMA, pool=HookedPool(kill, None))
    run.until(lambda: run.reader.progress()[0].phase == "binlog")
    run.close()
    assert sorted(run.rows) == sorted(CUSTOMERS)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("VARBINARY(8)", ["X'0000000000000001'", "X'00ff'", "X'ff00000000000001'", "X'2020'"]),
        (
            "BIGINT UNSIGNED",
            ["1", "9223372036854775807", "9223372036854775808", "18446744073709551615"],
        ),
        (
            "VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
            ["''", "'e'", "'Fa'", "'fb'", "'中'"],
        ),
        (
            "DATETIME(6)",
            ["'2020-01-01'", "'2020-01-01 00:00:00.000001'", "'2021-05-05'", "'2022-01-01'"],
        ),
        ("DECIMAL(20,5)", ["-1.00001", "0", "1.5", "99999999999999.99999"]),
    ],
)
def test_keys_of_many_types_are_cut_and_changed_while_read(
    server: MySqlServer, session: MySqlConnection, tmp_path: Path, kind: str, values: list[str]
) -> None:
    """Upstream's testPrimaryKeyWithVarbinaryType, -SnowflakeAlgorithm, testReadingWithMultiMaxValue,
    testUnsignedBigintPrimaryKeyChunking."""
    session.query("DROP TABLE IF EXISTS shop.keyed")
    session.query(f"CREATE TABLE shop.keyed (k {kind}, id BIGINT, v BIGINT, PRIMARY KEY (k, id))")
    rows = ", ".join(f"({value}, {i}, 0)" for i, value in enumerate(values * 3))
    session.query(f"INSERT INTO shop.keyed VALUES {rows}")
    schema = Schema((Column("id", BIGINT), Column("v", BIGINT)), ("id",))
    size = {"scan.incremental.snapshot.chunk.size": "2"}
    run = Run(server, tmp_path, "keyed", schema=schema, given=size)
    for number in range(len(values) * 3):
        run.step()
        session.query(f"UPDATE shop.keyed SET v = {number} WHERE id = {number}")
    expected = {row[0]: row for row in session.query("SELECT id, v FROM shop.keyed")}
    run.until(lambda: run.rows == expected and run.reader.progress()[0].phase == "binlog")
    run.close()
    assert run.reader.progress()[0].extra["chunks_done"] > 1
