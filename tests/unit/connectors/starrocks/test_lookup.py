"""Look-ups in the embedded StarRocks: keys, exact equality, conditions, lost connections."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pymysql
import pytest

from penstock.clock import SystemClock
from penstock.connectors.base import TableDescriptor
from penstock.connectors.starrocks.read_table import lookup
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError
from penstock.expressions import InputRef, Literal
from penstock.functions.resolve import resolve_operator
from penstock.testing.clock import ManualClock
from penstock.types import BIGINT, DATE, DECIMAL, INT, STRING, TIMESTAMP, Column, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = Schema(
    (
        Column("id", INT),
        Column("s", STRING),
        Column("d", DATE),
        Column("m", DECIMAL(10, 2)),
        Column("t", TIMESTAMP(6)),
        Column("b", BIGINT),
    )
)
DDL = (
    "CREATE TABLE d.dim (id INT, s STRING, d DATE, m DECIMAL(10,2), t DATETIME, b BIGINT)"
    " DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"
)
VALUES = """INSERT INTO d.dim VALUES
 (1, 'a', '2024-01-01', 1.50, '2024-01-01 00:00:00.000001', 10),
 (1, 'b', '2024-01-02', 2.50, '2024-01-02 00:00:00', 20),
 (2, 'it''s \\\\ "x"', '2024-01-03', 3.50, '2024-01-03 00:00:00', 30),
 (3, NULL, NULL, NULL, NULL, NULL)"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        client: Any = pymysql.connect(host="127.0.0.1", port=made.query_port, user="root")
        with client, client.cursor() as cursor:
            for text in ("CREATE DATABASE d", DDL, VALUES):
                cursor.execute(text)
        yield made


def rows_by(server: EmbeddedStarRocks, *keys: str, conditions: Any = (), **options: str) -> Any:
    given = {
        "connector": "starrocks",
        "jdbc-url": server.jdbc_url,
        "database-name": "d",
        "table-name": "dim",
        "username": "root",
        "password": "",
        **options,
    }
    table = lookup(TableDescriptor("c.d.dim", SCHEMA, given))
    places = [SCHEMA.names.index(key) for key in keys]
    return table.rows_by(places, [0, 5], conditions, SystemClock())


def fetch(rows: Any, **keys: list[Any]) -> list[tuple[Any, ...]]:
    kinds = {column.name: column.type for column in SCHEMA.columns}
    arrays = [pa.array(values, kinds[name].arrow()) for name, values in keys.items()]
    found = rows.fetch(pa.RecordBatch.from_arrays(arrays, list(keys)))
    return sorted(zip(*(column.to_pylist() for column in found.columns), strict=True))


QUOTED = 'it\'s \\ "x"'
MICRO = dt.datetime.fromisoformat("2024-01-01 00:00:00.000001")


@pytest.mark.parametrize(
    ("key", "values", "found"),
    [
        ("id", [1, 2, 9], [(1, 1, 10), (1, 1, 20), (2, 2, 30)]),
        ("s", ["a", "A", "a "], [("a", 1, 10)]),
        ("s", [QUOTED], [(QUOTED, 2, 30)]),
        ("m", [Decimal("2.50")], [(Decimal("2.50"), 1, 20)]),
        ("d", [dt.date(2024, 1, 2)], [(dt.date(2024, 1, 2), 1, 20)]),
        ("t", [MICRO], [(MICRO, 1, 10)]),
    ],
)
def test_rows_are_found_by_every_kind_of_key(
    server: EmbeddedStarRocks, key: str, values: list[Any], found: list[Any]
) -> None:
    rows = rows_by(server, key)
    got = fetch(rows, **{key: values})
    rows.close()
    assert got == found


def test_several_keys_are_looked_up_together(server: EmbeddedStarRocks) -> None:
    rows = rows_by(server, "id", "s")
    found = fetch(rows, id=[1, 1, 2], s=["b", "x", "a"])
    rows.close()
    assert found == [(1, "b", 1, 20)]


def test_conditions_go_to_the_server(server: EmbeddedStarRocks) -> None:
    only = resolve_operator(">", [InputRef(5, "b", BIGINT), Literal(15, BIGINT)])
    rows = rows_by(server, "id", conditions=[only])
    found = fetch(rows, id=[1, 2])
    rows.close()
    assert found == [(1, 1, 20), (2, 2, 30)]


def test_calls_may_run_side_by_side(server: EmbeddedStarRocks) -> None:
    rows = rows_by(server, "id")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: fetch(rows, id=[n]), [1, 2, 3, 1, 2, 3]))
    rows.close()
    assert [len(one) for one in found] == [2, 1, 1, 2, 1, 1]


def test_a_kept_connection_that_the_server_closed_is_replaced(server: EmbeddedStarRocks) -> None:
    rows = rows_by(server, "id", **{"lookup.max-retries": "0"})
    assert len(fetch(rows, id=[1])) == 2
    for connection in rows._idle:
        connection.interrupt()
    assert len(fetch(rows, id=[1])) == 2
    rows.close()


def test_a_server_that_is_down_is_tried_as_often_as_wanted() -> None:
    with EmbeddedStarRocks() as gone:
        rows = rows_by(gone, "id", **{"lookup.max-retries": "2"})
    rows._clock = clock = ManualClock()
    with pytest.raises(ConnectorError) as failure:
        fetch(rows, id=[1])
    assert failure.value.retryable
    assert clock.monotonic() == pytest.approx(0.2 + 0.4)
