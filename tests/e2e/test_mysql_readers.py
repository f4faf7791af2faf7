"""Snapshot and binlog readers against real servers: both must give the same values."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from penstock.changelog import RowKind
from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
from penstock.clients.mysql_binlog import BinlogStream, current_position
from penstock.config import Secret
from penstock.errors import ConnectorError
from penstock.testing import mysql_servers
from penstock.wire.mysql.binlog import BinlogDecoder
from penstock.wire.mysql.binlog_events import BinlogElement, RowsBlock, TransactionEnd
from penstock.wire.mysql.column import MySqlColumn, parse_column
from penstock.wire.mysql.convert import select_expression, text_to_arrow
from penstock.wire.mysql.gtid import parse_gtids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.testing.mysql_servers import MySqlServer
    from penstock.wire.mysql.binlog_events import BinlogPosition
    from penstock.wire.mysql.gtid import MariaDbGtidPosition, MySqlGtidSet

DEFINITION = """
    id bigint unsigned primary key, a tinyint, m mediumint unsigned, n mediumint,
    d decimal(30,10), w decimal(65,30), z decimal(10,2) zerofill, f float, g double,
    dt datetime(6), ts timestamp(3) null, da date, ti time(6), y year, bi bit(10), b1 bit(1),
    e enum('x','y'), st set('p','q'), bn binary(5), vb varbinary(10), t text,
    l varchar(10) character set latin1, ch char(100), j json, big longblob
"""
FULL = """(18446744073709551615, -5, 16777215, -8388608, -12345678901234567890.0123456789, -123.5,
    7.5, 1.1, 2.5e30, '2024-02-29 10:00:00.123456', '2024-01-01 00:00:00.5', '2024-02-29',
    '-100:00:00.000001', 2024, 5, 1, 'y', 'p,q', 'ab', '\\0x', 'hé中', 'é', 'chär',
    '{"a": [1, 2.5, "é", null, true, 12345678901], "k": {}}', repeat('z', 70000))"""
EMPTY = """({}, null, null, null, null, null, null, null, null, '0000-00-00', '0000-00-00',
    '2024-00-10', '838:59:59', 0, null, 0, '', null, null, null, 'u', 'ß', null, '[]', null)"""


@pytest.fixture
def connection(server: MySqlServer) -> Iterator[MySqlConnection]:
    opened = MySqlConnection.open(server.endpoint)
    opened.query("SET sql_mode = ''")
    opened.query("DROP DATABASE IF EXISTS b")
    opened.query("CREATE DATABASE b CHARACTER SET utf8mb4")
    opened.query("USE b")
    yield opened
    opened.close()


def columns_of(connection: MySqlConnection, table: str) -> list[MySqlColumn]:
    rows = connection.query(
        "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = 'b' AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        [table],
    )
    return [parse_column(*row) for row in rows]


def snapshot(connection: MySqlConnection, table: str) -> dict[Any, list[pa.Scalar]]:
    columns = columns_of(connection, table)
    names = ",".join(select_expression(column) for column in columns)
    found = {}
    for batch in connection.stream_text(f"SELECT {names} FROM b.{table}"):
        arrays = [text_to_arrow(c, a) for c, a in zip(columns, batch, strict=True)]
        assert [a.type for a in arrays] == [c.arrow_type for c in columns]
        for row in range(len(arrays[0])):
            found[arrays[0][row].as_py()] = [array[row] for array in arrays]
    return found


def read_until(
    connection: MySqlConnection,
    start: BinlogPosition | MySqlGtidSet | MariaDbGtidPosition,
    columns: list[MySqlColumn],
) -> list[BinlogElement]:
    end, _ = current_position(connection)
    stream = BinlogStream.open(connection.endpoint, 4711, start, heartbeat_ms=1000)
    decoder = BinlogDecoder(
        lambda database, _table: columns if database == "b" else None,
        file=getattr(start, "file", ""),
    )
    found: list[BinlogElement] = []
    deadline = time.monotonic() + 30
    try:
        while decoder.position != end:
            assert time.monotonic() < deadline, f"{decoder.position} is not {end}"
            elements = decoder.feed(stream.read_available(wait_ms=200) or b"")
            while elements:
                found += elements
                elements = decoder.feed(b"")
    finally:
        stream.close()
    return found


def apply(elements: list[BinlogElement]) -> dict[Any, list[pa.Scalar]]:
    rows: dict[Any, list[pa.Scalar]] = {}
    for block in (element for element in elements if isinstance(element, RowsBlock)):
        for row, kind in enumerate(block.kinds.tolist()):
            key = block.images[0][row].as_py()
            if kind in (RowKind.UPDATE_BEFORE, RowKind.DELETE):
                del rows[key]
            else:
                rows[key] = [array[row] for array in block.images]
    return rows


def test_binlog_and_snapshot_agree_on_every_type(connection: MySqlConnection) -> None:
    connection.query(f"CREATE TABLE t ({DEFINITION}) CHARACTER SET utf8mb4")
    start, gtids = current_position(connection)
    connection.query(f"INSERT INTO t VALUES {FULL}, {EMPTY.format(2)}")
    many = ",".join(EMPTY.format(number) for number in range(100, 900))
    connection.query(f"INSERT INTO t VALUES {many}")
    connection.query("UPDATE t SET a = 7, t = CONCAT(COALESCE(t, ''), '!')")
    connection.query("DELETE FROM t WHERE id BETWEEN 200 AND 300")
    connection.query("BEGIN")
    connection.query("INSERT INTO t(id) VALUES (5)")
    connection.query("UPDATE t SET l = 'é' WHERE id = 5")
    connection.query("INSERT INTO t(id) VALUES (6), (7)")
    connection.query("COMMIT")
    columns = columns_of(connection, "t")
    expected = snapshot(connection, "t")
    assert len(expected) == 704
    by_position = read_until(connection, start, columns)
    assert apply(by_position) == expected
    position = parse_gtids(gtids, is_mariadb=connection.server_info.is_mariadb)
    by_gtid = read_until(connection, position, columns)
    assert apply(by_gtid) == expected
    for element in by_gtid:
        for gtid in element.gtids if isinstance(element, TransactionEnd) else ():
            position = position.with_gtid(gtid)
    assert str(position) == current_position(connection)[1]


def test_compressed_transactions_and_big_rows(connection: MySqlConnection) -> None:
    connection.query("CREATE TABLE c (id INT PRIMARY KEY, t LONGTEXT)")
    connection.query("SET GLOBAL max_allowed_packet = 67108864")
    start, _ = current_position(connection)
    info = connection.server_info
    compression = "log_bin_compress" if info.is_mariadb else "binlog_transaction_compression"
    compresses = info.is_mariadb or info.version >= (8, 0, 20)
    if info.is_mariadb:
        connection.query("SET GLOBAL log_bin_compress_min_len = 10")
    if compresses:
        connection.query(f"SET GLOBAL {compression} = ON")
    session = MySqlConnection.open(connection.endpoint)
    session.query("INSERT INTO b.c VALUES (1, REPEAT('a', 5000)), (2, REPEAT('b', 5000))")
    session.query("UPDATE b.c SET t = REPEAT('c', 3000)")
    session.query("DELETE FROM b.c WHERE id = 1")
    if compresses:
        session.query(f"SET GLOBAL {compression} = OFF")
    session.close()
    session = MySqlConnection.open(connection.endpoint)
    session.query("INSERT INTO b.c VALUES (3, REPEAT('d', 20000000))")
    elements = read_until(connection, start, columns_of(connection, "c"))
    assert apply(elements) == snapshot(session, "c")
    session.close()


def test_many_small_transactions_read_in_bulk_are_those_read_one_by_one(
    connection: MySqlConnection,
) -> None:
    for name in ("s1", "s2", "unwanted"):
        connection.query(f"CREATE TABLE {name} (id INT PRIMARY KEY, v INT, t VARCHAR(30))")
    start, gtids = current_position(connection)
    for number in range(900):
        table = f"s{number % 2 + 1}"
        # bytes of these values look like heads of events of server 1
        connection.query(f"INSERT INTO {table} VALUES ({number}, 1, REPEAT('x', {number % 30}))")
        if number % 3 == 0:
            connection.query(f"UPDATE {table} SET v = v + 1 WHERE id = {number}")
        if number % 5 == 0:
            connection.query(f"DELETE FROM {table} WHERE id = {number}")
        if number % 7 == 0:
            connection.query(f"INSERT INTO unwanted VALUES ({number}, 0, '')")
        if number % 200 == 0:
            connection.query("BEGIN")
            connection.query(f"UPDATE {table} SET v = 7 WHERE id < 50")
            connection.query("SAVEPOINT a")
            connection.query(f"UPDATE {table} SET v = 8 WHERE id < 20")
            connection.query("ROLLBACK TO SAVEPOINT a")
            connection.query("COMMIT")
        if number == 450:
            connection.query("ALTER TABLE s1 ADD COLUMN w INT")
            connection.query("ALTER TABLE s1 DROP COLUMN w")
    end, after = current_position(connection)
    stream = BinlogStream.open(connection.endpoint, 4712, start, heartbeat_ms=1000)
    columns = columns_of(connection, "s2")

    def decoder() -> BinlogDecoder:
        return BinlogDecoder(
            lambda _, table: None if table == "unwanted" else columns, file=start.file
        )

    def feed(into: BinlogDecoder, data: bytes) -> list[BinlogElement]:
        found: list[BinlogElement] = []
        while elements := into.feed(data):
            found += elements
            data = b""
        return found

    whole, follower = b"", decoder()
    while follower.position != end:
        data = stream.read_available(wait_ms=200) or b""
        whole += data
        feed(follower, data)
    stream.close()

    def outcome(step: int) -> tuple[Any, ...]:
        into, rows, seen = decoder(), {"s1": [], "s2": []}, []  # type: ignore[var-annotated]
        position = parse_gtids(gtids, is_mariadb=connection.server_info.is_mariadb)
        for place in range(0, len(whole), step):
            for element in feed(into, whole[place : place + step]):
                if isinstance(element, RowsBlock):
                    arrays = [a.to_pylist() for a in element.images]
                    facts = (element.kinds, element.next_offset, element.timestamp_s)
                    rows[element.table[1]] += zip(
                        *arrays, *(f.tolist() for f in facts), strict=True
                    )
                elif isinstance(element, TransactionEnd):
                    seen.append(element.position)
                    for gtid in element.gtids:
                        position = position.with_gtid(gtid)
        assert seen == sorted(seen)
        return rows, seen[-1], str(position)

    one_by_one = outcome(200)
    assert one_by_one == outcome(len(whole))
    assert one_by_one == outcome(60_000)
    assert one_by_one[2] == after
    assert len(one_by_one[0]["s1"]) > 600


def test_errors_say_what_to_do(server: MySqlServer, connection: MySqlConnection) -> None:
    wrong = MySqlEndpoint("127.0.0.1", server.endpoint.port, "nobody", Secret("hunter22"))
    with pytest.raises(ConnectorError) as refused:
        MySqlConnection.open(wrong)
    assert not refused.value.retryable
    assert "hunter22" not in refused.value.render()
    closed = MySqlEndpoint("127.0.0.1", mysql_servers.free_port(), connect_timeout_ms=1000)
    with pytest.raises(ConnectorError) as unreachable:
        MySqlConnection.open(closed)
    assert unreachable.value.retryable
    with pytest.raises(ConnectorError, match="1054"):
        list(connection.stream_text("SELECT nothing"))
    assert list(connection.stream_text("SELECT 1 FROM DUAL WHERE 1 = 0")) == []
    assert connection.query("SELECT 1") == [(1,)]
