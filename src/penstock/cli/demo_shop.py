"""The demo's shop: its tables on both sides, its rows, and the comparison of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.types import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDE = ", ".join(
    f"{p}1 INT, {p}2 BIGINT, {p}3 DOUBLE, {p}4 DECIMAL(20,6), {p}5 VARCHAR(100), "
    f"{p}6 VARCHAR(200), {p}7 DATE, {p}8 DATETIME{{micros}}, {p}9 SMALLINT"
    for p in "ab"
)


@dataclass(frozen=True, slots=True)
class ShopTable:
    """A table of the shop.

    Args:
        name: Its name on both sides.
        columns: Column definitions; `{micros}` stands for MySQL's `(6)`.
        key: Primary key columns.
        share: Part of the demo's rows.
        generator: SELECT list over `n` (1, 2, ...) that makes a row in MySQL.
        expected: What MySQL must answer for StarRocks' `SELECT *`.
        target_columns: Column definitions of the target where they differ.
    """

    name: str
    columns: str
    key: str
    share: float
    generator: str
    expected: str
    target_columns: str = ""


_DATE = "DATE_ADD('2024-01-01', INTERVAL n % 500 DAY)"
_MICROS = "DATE_ADD('2024-01-01 08:00:00.123456', INTERVAL n * 7919 MICROSECOND)"
_WIDE_ROW = (
    f"n, n * 1000003, n / 7, n / 3, CONCAT('text ', n), CONCAT('说明 ', n), {_DATE}, {_MICROS}, "
    "n % 99"
)

TABLES = (
    ShopTable(
        "customers",
        "id INT NOT NULL, name VARCHAR(100), city VARCHAR(100), credit DECIMAL(12,2), "
        "created_at DATETIME{micros}, stamp BIGINT",
        "id",
        0.2,
        f"n, CONCAT('customer ', n, ' 客户'), ELT(1 + n % 4, 'Berlin', 'Paris', '上海', NULL), "
        f"n * 1.11, {_MICROS}, 0",
        "SELECT id, name, UPPER(city), credit, created_at, stamp FROM customers",
    ),
    ShopTable(
        "orders",
        "id BIGINT NOT NULL, customer_id INT, status VARCHAR(20), amount DECIMAL(10,2), "
        "ordered_at DATETIME{micros}, stamp BIGINT",
        "id",
        0.3,
        f"n, n % 1000, ELT(1 + n % 3, 'draft', 'open', 'paid'), n % 5000 + 0.5, {_MICROS}, 0",
        "SELECT * FROM orders WHERE status <> 'draft'",
    ),
    ShopTable(
        "order_items",
        "order_id BIGINT NOT NULL, line INT NOT NULL, product_id INT, quantity INT, "
        "price DECIMAL(10,2), stamp BIGINT",
        "order_id, line",
        0.3,
        "n DIV 3, n % 3, n % 500, 1 + n % 9, n % 100 + 0.25, 0",
        "SELECT order_id, line, product_id, quantity, "
        "CAST(price * quantity AS DECIMAL(12,2)), stamp FROM order_items",
        "order_id BIGINT NOT NULL, line INT NOT NULL, product_id INT, quantity INT, "
        "total DECIMAL(12,2), stamp BIGINT",
    ),
    ShopTable(
        "商品",
        "`编号` INT NOT NULL, `名称` VARCHAR(100), `价格` DECIMAL(10,2), `上架时间` DATETIME, "
        "stamp BIGINT",
        "`编号`",
        0.1,
        "n, CONCAT('商品 ', n), n % 1000 + 0.99, DATE_ADD('2024-01-01', INTERVAL n MINUTE), 0",
        "SELECT * FROM `商品`",
    ),
    ShopTable(
        "wide",
        f"id INT NOT NULL, {_WIDE}, stamp BIGINT",
        "id",
        0.1,
        f"n, {_WIDE_ROW}, {_WIDE_ROW}, 0",
        "SELECT * FROM wide",
    ),
)


def create_source(cursor: Any, rows: int) -> None:
    """Create and fill the shop in MySQL, `rows` rows in all."""
    cursor.execute("DROP DATABASE IF EXISTS shop")
    cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
    cursor.execute("USE shop")
    cursor.execute("CREATE TABLE n (n INT PRIMARY KEY)")
    cursor.execute("INSERT INTO n VALUES (1)")
    size = 1
    largest = max(1, *(int(rows * table.share) for table in TABLES))
    while size < largest:
        cursor.execute(f"INSERT INTO n SELECT n + {size} FROM n WHERE n <= {largest - size}")
        size *= 2
    for table in TABLES:
        columns = table.columns.replace("{micros}", "(6)")
        cursor.execute(
            f"CREATE TABLE {quote_identifier(table.name)} ({columns}, PRIMARY KEY ({table.key}))"
        )
        count = int(rows * table.share)
        rows_of = f"SELECT {table.generator} FROM n WHERE n <= {count}"
        cursor.execute(f"INSERT INTO {quote_identifier(table.name)} {rows_of}")
    cursor.execute("DROP TABLE n")


def create_target(cursor: Any) -> None:
    """Create the shop's tables in StarRocks."""
    cursor.execute("DROP DATABASE IF EXISTS shop")
    cursor.execute("CREATE DATABASE shop")
    for table in TABLES:
        columns = (table.target_columns or table.columns).replace("{micros}", "")
        cursor.execute(
            f"CREATE TABLE shop.{quote_identifier(table.name)} ({columns}) "
            f"PRIMARY KEY ({table.key}) "
            f"DISTRIBUTED BY HASH ({table.key.split(',')[0]}) BUCKETS 1 "
            'PROPERTIES ("replication_num" = "1")'
        )


def differences(source: Any, target: Any) -> dict[str, dict[str, int]]:
    """Compare every table row by row, both sides read by plain clients.

    Returns:
        By table: rows on the source, missing rows, unexpected rows on the target.
    """
    found = {}
    for table in TABLES:
        source.execute(table.expected)
        expected = {repr(row) for row in _plain(source.fetchall())}
        target.execute(f"SELECT * FROM shop.{quote_identifier(table.name)}")
        rows = [repr(row) for row in _plain(target.fetchall())]
        actual = set(rows)
        found[table.name] = {
            "rows": len(expected),
            "missing": len(expected - actual),
            "unexpected": len(actual - expected) + len(rows) - len(actual),
        }
    return found


def _plain(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows]
