"""The tables of a fault campaign on both sides, and the script between them.

Two ledgers whose balances keep their sum in every transaction, an insert-only table that goes to a
duplicate-key table, and a wide one under Chinese names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MARKER = 9_000_000_000
"""Key of the row that the workload writes last into every table."""


@dataclass(frozen=True)
class FaultTable:
    """One table.

    Args:
        name: Its name on both sides.
        columns: Name, MySQL type and Flink type; StarRocks' type is MySQL's without `(6)`.
        key: Primary key of the source; the first column also cuts the chunks.
        duplicate: Whether the target is a duplicate-key table.
        fill: SELECT list over `n` that makes a row.
        share: Part of the rows at the start.
    """

    name: str
    columns: tuple[tuple[str, str, str], ...]
    key: tuple[str, ...]
    fill: str
    share: float
    duplicate: bool = False

    @property
    def names(self) -> str:
        return ", ".join(f"`{name}`" for name, _, _ in self.columns)

    @property
    def keys(self) -> str:
        return ", ".join(f"`{name}`" for name in self.key)


def _wide_columns() -> Iterator[tuple[str, str, str]]:
    yield "编号", "BIGINT NOT NULL", "BIGINT"
    for part in range(1, 6):
        yield f"名称{part}", "VARCHAR(200)", "STRING"
        yield f"整数{part}", "INT", "INT"
        yield f"金额{part}", "DECIMAL(20,6)", "DECIMAL(20, 6)"
        yield f"时间{part}", "DATETIME(6)", "TIMESTAMP(6)"
        yield f"双精{part}", "DOUBLE", "DOUBLE"


_WHEN = "DATE_ADD('2024-01-01 08:00:00.123456', INTERVAL n * 7919 MICROSECOND)"
_WIDE_PART = f"CONCAT('说明 ', n, '：退款'), n % 1000, n / 7, {_WHEN}, n / 3"
LEDGER = FaultTable(
    "ledger",
    (
        ("id", "BIGINT NOT NULL", "BIGINT"),
        ("owner", "VARCHAR(60)", "STRING"),
        ("balance", "BIGINT", "BIGINT"),
        ("seq", "INT", "INT"),
    ),
    ("id",),
    "n, CONCAT('户主 ', n), 1000 + (n * 7919) % 997, 0",
    0.3,
)
VAULT = FaultTable(
    "vault",
    (
        ("no", "INT NOT NULL", "INT"),
        ("region", "VARCHAR(20) NOT NULL", "STRING"),
        ("balance", "BIGINT", "BIGINT"),
        ("note", "VARCHAR(80)", "STRING"),
    ),
    ("no", "region"),
    "n DIV 4, ELT(1 + n % 4, 'east', 'west', '北', 'Süd'), 500 + (n * 104729) % 9973, NULL",
    0.2,
)
EVENTS = FaultTable(
    "events",
    (
        ("id", "BIGINT NOT NULL AUTO_INCREMENT", "BIGINT"),
        ("kind", "VARCHAR(20)", "STRING"),
        ("payload", "VARCHAR(200)", "STRING"),
        ("amount", "DECIMAL(12,3)", "DECIMAL(12, 3)"),
        ("at", "DATETIME(6)", "TIMESTAMP(6)"),
    ),
    ("id",),
    f"n, ELT(1 + n % 3, 'click', '下单', 'view'), CONCAT('payload ', n), n / 8, {_WHEN}",
    0.4,
    duplicate=True,
)
WIDE = FaultTable(
    "订单宽表",
    tuple(_wide_columns()),
    ("编号",),
    "n, " + ", ".join([_WIDE_PART] * 5),
    0.1,
)
TABLES = (LEDGER, VAULT, EVENTS, WIDE)
LEDGERS = (LEDGER, VAULT)


def create_source(cursor: Any, rows: int) -> None:
    """Create and fill the tables in MySQL, about `rows` rows in all."""
    cursor.execute("DROP DATABASE IF EXISTS fault")
    cursor.execute("CREATE DATABASE fault CHARACTER SET utf8mb4")
    cursor.execute("USE fault")
    cursor.execute("CREATE TABLE n (n INT PRIMARY KEY)")
    cursor.execute("INSERT INTO n VALUES (1)")
    largest, size = max(int(rows * table.share) for table in TABLES), 1
    while size < largest:
        cursor.execute(f"INSERT INTO n SELECT n + {size} FROM n WHERE n <= {largest - size}")
        size *= 2
    for table in TABLES:
        columns = ", ".join(f"`{name}` {kind}" for name, kind, _ in table.columns)
        cursor.execute(f"CREATE TABLE `{table.name}` ({columns}, PRIMARY KEY ({table.keys}))")
        cursor.execute(
            f"INSERT INTO `{table.name}` SELECT {table.fill} FROM n"
            f" WHERE n <= {int(rows * table.share)}"
        )
    cursor.execute("DROP TABLE n")
    for table in TABLES:
        cursor.execute(f"ANALYZE TABLE `{table.name}`")
        cursor.fetchall()


def create_target(cursor: Any) -> None:
    """Create the tables in StarRocks."""
    cursor.execute("DROP DATABASE IF EXISTS fault")
    cursor.execute("CREATE DATABASE fault")
    for table in TABLES:
        columns = ", ".join(
            f"`{name}` {kind.replace('(6)', '').replace(' AUTO_INCREMENT', '')}"
            for name, kind, _ in table.columns
        )
        model = "DUPLICATE" if table.duplicate else "PRIMARY"
        cursor.execute(
            f"CREATE TABLE fault.`{table.name}` ({columns}) {model} KEY ({table.keys})"
            f" DISTRIBUTED BY HASH (`{table.key[0]}`) BUCKETS 1"
            ' PROPERTIES ("replication_num" = "1")'
        )


def script(
    mysql_port: int, query_port: int, http_port: int, chunk_rows: int, more: str = ""
) -> str:
    """The Flink SQL that copies and follows all tables; `more` are options of the sinks."""
    source = (
        f"'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '{mysql_port}',"
        " 'username' = 'root', 'password' = '', 'server-time-zone' = 'UTC',"
        f" 'scan.incremental.snapshot.chunk.size' = '{chunk_rows}',"
        " 'database-name' = 'fault', 'table-name' = '{0}'"
    )
    sink = (
        f"'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query_port}',"
        f" 'load-url' = '127.0.0.1:{http_port}', 'username' = 'root', 'password' = '',"
        " 'database-name' = 'fault', 'table-name' = '{0}'"
        f"{more}"
    )
    parts = ["SET 'pipeline.name' = 'fault';", "SET 'table.local-time-zone' = 'UTC';"]
    inserts = []
    for table in TABLES:
        columns = ", ".join(f"`{name}` {kind}" for name, _, kind in table.columns)
        key = f", PRIMARY KEY ({table.keys}) NOT ENFORCED"
        parts.append(
            f"CREATE TABLE `{table.name}` ({columns}{key}) WITH ({source.format(table.name)});"
        )
        options = sink.format(table.name)
        if table.duplicate:
            # The workload never deletes from it; the planner cannot know.
            key, options = "", f"{options}, 'sink.ignore-delete' = 'true'"
        parts.append(f"CREATE TABLE `sr_{table.name}` ({columns}{key}) WITH ({options});")
        inserts.append(f"INSERT INTO `sr_{table.name}` SELECT * FROM `{table.name}`;")
    return "\n".join([*parts, "EXECUTE STATEMENT SET BEGIN", *inserts, "END;", ""])
