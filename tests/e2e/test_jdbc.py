"""`jdbc` tables of a real MariaDB: scans, conditions, partitions, look-ups."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.unit.connectors.sql_table.scan_run import ScanRun, read_all

from penstock.clients.mysql import MySqlConnection
from penstock.clock import SystemClock
from penstock.connectors.base import Narrowing, TableDescriptor
from penstock.connectors.base.sql_table import SqlTableSource
from penstock.connectors.jdbc.table import lookup, source
from penstock.errors import ValidationError
from penstock.expressions import Expr, InputRef, Literal
from penstock.functions.resolve import resolve_operator
from penstock.testing.mysql_servers import available, start_mariadb
from penstock.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INT,
    SMALLINT,
    STRING,
    TIME,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TINYINT,
    Column,
    DataType,
    Schema,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer

TYPES = """CREATE TABLE shop.types (id INT PRIMARY KEY, b1 TINYINT(1), ti TINYINT, tu TINYINT
 UNSIGNED, sm SMALLINT, iu INT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, fl FLOAT, dou DOUBLE,
 de DECIMAL(30,10), da DATE, tm TIME, dtm DATETIME(6), tst TIMESTAMP(3) NULL, ch CHAR(5), vc
 VARCHAR(40), tx TEXT, en ENUM('x','y'), js JSON, vb VARBINARY(9), bl BLOB)"""
VALUES = r"""INSERT INTO shop.types VALUES (1, 1, -128, 255, 32767, 4294967295,
 9223372036854775807, 18446744073709551615, 1.1, 1e300, -12345678901234567890.0123456789,
 '2024-02-29', '23:59:58', '1969-12-31 23:59:59.999999', '2024-01-01 00:00:00.123', 'abc',
 'Äß😀\\ ''q''', 'text', 'y', '{"a": 1}', x'00ff', x'0102'),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0000-00-00', NULL, NULL, NULL,
 NULL, '', NULL, NULL, NULL, NULL, NULL)"""
COLUMNS: tuple[tuple[str, DataType], ...] = (
    ("id", INT),
    ("b1", BOOLEAN),
    ("ti", TINYINT),
    ("tu", SMALLINT),
    ("sm", SMALLINT),
    ("iu", BIGINT),
    ("bi", BIGINT),
    ("bu", DECIMAL(20, 0)),
    ("fl", FLOAT),
    ("dou", DOUBLE),
    ("de", DECIMAL(30, 10)),
    ("da", DATE),
    ("tm", TIME(0)),
    ("dtm", TIMESTAMP(6)),
    ("tst", TIMESTAMP(3)),
    ("ch", STRING),
    ("vc", STRING),
    ("tx", STRING),
    ("en", STRING),
    ("js", STRING),
    ("vb", BYTES),
    ("bl", BYTES),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[MySqlServer]:
    if "mariadb" not in available():
        pytest.fail("no MariaDB server here: make test-servers")
    with start_mariadb(tmp_path_factory.mktemp("mariadb")) as running:
        session = MySqlConnection.open(running.endpoint)
        session.query("SET sql_mode = ''")
        session.query("CREATE DATABASE shop CHARACTER SET utf8mb4")
        session.query("USE shop")
        session.query(TYPES)
        session.query(VALUES)
        session.query("CREATE TABLE shop.many (id INT PRIMARY KEY, s VARCHAR(20))")
        session.query("INSERT INTO shop.many SELECT seq, CONCAT('row ', seq) FROM seq_1_to_50000")
        session.query(
            "CREATE TABLE shop.dim (k VARCHAR(10) COLLATE utf8mb4_general_ci, n INT, v TEXT,"
            " KEY (k, n))"
        )
        session.query(
            "INSERT INTO shop.dim VALUES ('a', 1, 'one'), ('A', 1, 'ONE'), ('a ', 1, 'blank'),"
            " ('b', 2, 'two'), ('b', 3, 'three'), (NULL, 4, 'none'), ('q''\\\\', 5, 'quoted')"
        )
        session.close()
        yield running


def descriptor(
    server: MySqlServer, table: str, *columns: tuple[str, DataType], **options: str
) -> TableDescriptor:
    endpoint = server.endpoint
    given = {
        "connector": "jdbc",
        "url": f"jdbc:mysql://{endpoint.host}:{endpoint.port}/shop?serverTimezone=Asia/Shanghai",
        "table-name": table,
        "username": endpoint.user,
        "password": endpoint.password.reveal(),
        **options,
    }
    return TableDescriptor("c.d.t", Schema(tuple(Column(n, t) for n, t in columns)), given)


def test_every_type_is_read_exactly(server: MySqlServer, tmp_path: Path) -> None:
    rows = read_all(source(descriptor(server, "types", *COLUMNS)), tmp_path)
    first, second = sorted(rows, key=lambda row: row["id"])
    assert first == {
        "id": 1,
        "b1": True,
        "ti": -128,
        "tu": 255,
        "sm": 32767,
        "iu": 4294967295,
        "bi": 2**63 - 1,
        "bu": Decimal(2**64 - 1),
        "fl": pytest.approx(1.1, rel=1e-7),
        "dou": 1e300,
        "de": Decimal("-12345678901234567890.0123456789"),
        "da": dt.date(2024, 2, 29),
        "tm": dt.time(23, 59, 58),
        "dtm": dt.datetime.fromisoformat("1969-12-31 23:59:59.999999"),
        "tst": dt.datetime.fromisoformat("2024-01-01 08:00:00.123"),
        "ch": "abc",
        "vc": "Äß😀\\ 'q'",
        "tx": "text",
        "en": "y",
        "js": '{"a": 1}',
        "vb": b"\x00\xff",
        "bl": b"\x01\x02",
    }
    assert second == dict.fromkeys(first) | {"id": 2, "vc": ""}


def test_an_instant_is_an_instant(server: MySqlServer, tmp_path: Path) -> None:
    declared = descriptor(server, "types", ("id", INT), ("tst", TIMESTAMP_LTZ(3)))
    first = min(read_all(source(declared), tmp_path), key=lambda row: row["id"])
    assert first["tst"] == dt.datetime.fromisoformat("2024-01-01T00:00:00.123+00:00")


@pytest.mark.parametrize(
    ("column", "declared"), [("vc", INT), ("bi", STRING), ("dou", FLOAT), ("da", TIMESTAMP(3))]
)
def test_a_type_that_does_not_fit_is_refused(
    server: MySqlServer, tmp_path: Path, column: str, declared: DataType
) -> None:
    run = ScanRun(source(descriptor(server, "types", (column, declared))), tmp_path)
    with pytest.raises(ValidationError) as failure:
        run.until()
    run.close()
    assert failure.value.code == "type-mismatch"


def test_parts_are_read_side_by_side_and_nothing_outside_of_them(
    server: MySqlServer, tmp_path: Path
) -> None:
    options = {
        "scan.partition.column": "id",
        "scan.partition.num": "7",
        "scan.partition.lower-bound": "11",
        "scan.partition.upper-bound": "49990",
    }
    declared = descriptor(server, "many", ("id", INT), ("s", STRING), **options)
    rows = read_all(source(declared), tmp_path)
    assert sorted(row["id"] for row in rows) == list(range(11, 49991))


def narrowed(server: MySqlServer, *conditions: Expr, limit: int | None = None) -> SqlTableSource:
    made = source(descriptor(server, "dim", ("k", STRING), ("n", INT), ("v", STRING)))
    found = made.narrow(Narrowing((0, 1, 2), conditions, limit)).source
    assert isinstance(found, SqlTableSource)
    return found


def test_conditions_are_sent_and_equal_texts_lose_nothing(
    server: MySqlServer, tmp_path: Path
) -> None:
    k, n = InputRef(0, "k", STRING), InputRef(1, "n", INT)
    equal = resolve_operator("=", [k, Literal("a", STRING)])
    values = {row["v"] for row in read_all(narrowed(server, equal), tmp_path)}
    assert "one" in values
    assert values <= {"one", "ONE", "blank"}  # the plan filters again
    quoted = resolve_operator("=", [k, Literal("q'\\", STRING)])
    assert [row["n"] for row in read_all(narrowed(server, quoted), tmp_path)] == [5]
    more = resolve_operator(">", [n, Literal(2, INT)])
    assert sorted(row["n"] for row in read_all(narrowed(server, more), tmp_path)) == [3, 4, 5]


def test_a_limit_is_sent_where_conditions_are_exact(server: MySqlServer, tmp_path: Path) -> None:
    n = InputRef(1, "n", INT)
    more = resolve_operator(">", [n, Literal(2, INT)])
    assert len(read_all(narrowed(server, more, limit=2), tmp_path)) == 2
    equal = resolve_operator("=", [InputRef(0, "k", STRING), Literal("a", STRING)])
    assert narrowed(server, equal, limit=1).limit is None


def fetch(server: MySqlServer, keys: dict[str, list[Any]]) -> list[Any]:
    schema = (("k", STRING), ("n", INT), ("v", STRING))
    kinds = dict(schema)
    table = lookup(descriptor(server, "dim", *schema))
    places = [[name for name, _ in schema].index(key) for key in keys]
    rows = table.rows_by(places, [2], (), SystemClock())
    arrays = [pa.array(values, kinds[name].arrow()) for name, values in keys.items()]
    found = rows.fetch(pa.RecordBatch.from_arrays(arrays, list(keys)))
    rows.close()
    return sorted(found.column(len(keys)).to_pylist())


def test_look_ups_are_exact_whatever_the_collation(server: MySqlServer) -> None:
    assert fetch(server, {"k": ["a"]}) == ["one"]
    assert fetch(server, {"k": ["A", "b"]}) == ["ONE", "three", "two"]
    assert fetch(server, {"k": ["q'\\"]}) == ["quoted"]
    assert fetch(server, {"k": ["b", "a"], "n": [3, 1]}) == ["one", "three"]
    assert fetch(server, {"k": ["zz"]}) == []


def test_look_ups_run_side_by_side(server: MySqlServer) -> None:
    schema = (("id", INT), ("s", STRING))
    rows = lookup(descriptor(server, "many", *schema)).rows_by([0], [1], (), SystemClock())

    def ask(start: int) -> int:
        keys = pa.RecordBatch.from_arrays([pa.array(range(start, start + 500), pa.int32())], ["k"])
        return int(rows.fetch(keys).num_rows)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(1, 5001, 500))) == 5000
    rows.close()


def test_an_integer_that_overflows_its_declared_type_fails_and_names_the_column(
    server: MySqlServer, tmp_path: Path
) -> None:
    run = ScanRun(source(descriptor(server, "types", ("bi", BIGINT), ("iu", INT))), tmp_path)
    with pytest.raises(Exception, match="does not fit the declared type") as failure:
        run.until()
    run.close()
    assert getattr(failure.value, "column", "") == "iu"
