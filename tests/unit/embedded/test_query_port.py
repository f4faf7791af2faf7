"""The query port of the embedded StarRocks, through a real client."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from penstock.config.secret import Secret
from penstock.embedded.starrocks.dialect.lexer import split_statements
from penstock.embedded.starrocks.query_port.auth import native_proof
from penstock.embedded.starrocks.query_port.packets import PacketStream
from penstock.embedded.starrocks.query_port.server import QueryPortServer
from penstock.embedded.starrocks.store import Store
from penstock.embedded.starrocks.transactions import Transactions
from penstock.embedded.starrocks.users import Users

TUTORIAL = """
CREATE DATABASE IF NOT EXISTS test;

CREATE TABLE test.c101_flink
(
    `id` int(11) NOT NULL COMMENT "用户 ID",
    `name` varchar(65533) NOT NULL COMMENT "用户姓名",
    `score` int(11) NOT NULL COMMENT "用户得分"
)
ENGINE=OLAP
PRIMARY KEY(`id`)
DISTRIBUTED BY HASH(`id`);
"""


@pytest.fixture
def server() -> Iterator[QueryPortServer]:
    store = Store()
    transactions = Transactions(store)
    port = QueryPortServer(
        transactions, "127.0.0.1", 0, Users({"root": Secret("test@123")}, store.catalog)
    )
    port.start()
    yield port
    port.stop()
    transactions.close()
    store.close()


def connect(server: QueryPortServer, password: str = "test@123", **more: Any) -> Any:
    return pymysql.connect(
        host="127.0.0.1", port=server.port, user="root", password=password, **more
    )


@pytest.fixture
def client(server: QueryPortServer) -> Iterator[Any]:
    connection = connect(server, autocommit=True)
    cursor = connection.cursor()
    for statement in split_statements(TUTORIAL):
        cursor.execute(statement)
    cursor.execute("USE test")
    yield cursor
    connection.close()


def rows(client: Any, statement: str) -> list[tuple[Any, ...]]:
    client.execute(statement)
    return list(client.fetchall())


def refused(client: Any, statement: str) -> tuple[int, str]:
    with pytest.raises(pymysql.MySQLError) as caught:
        client.execute(statement)
    number, text = caught.value.args
    return number, text


def test_a_wrong_password_is_refused(server: QueryPortServer) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        connect(server, password="wrong")
    assert caught.value.args[0] == 1045


def test_the_tutorial_table_is_described_with_its_comments(client: Any) -> None:
    assert rows(client, "DESC c101_flink")[0] == ("id", "int(11)", "NO", "true", None, "")
    text = rows(client, "SHOW CREATE TABLE c101_flink")[0][1]
    assert '`id` int(11) NOT NULL COMMENT "用户 ID"' in text
    assert "PRIMARY KEY(`id`)" in text


def test_the_tutorial_file_runs_unchanged(server: QueryPortServer) -> None:
    path = Path(__file__).parents[3] / "../shared/tutorial/01_starrocks_table.sql"
    if not path.exists():
        pytest.skip("the tutorial is not at hand")
    cursor = connect(server).cursor()
    for statement in split_statements(path.read_text(encoding="utf-8")):
        cursor.execute(statement)
    assert rows(cursor, "SHOW TABLES FROM test") == [("c101_flink",)]
    cursor.connection.close()


def test_inserted_rows_replace_rows_of_the_same_key(client: Any) -> None:
    assert client.execute("INSERT INTO c101_flink VALUES (1, 'a', 1), (2, '中文''s', -2)") == 2
    client.execute("INSERT INTO c101_flink (id, name, score) SELECT id, 'b', 5 FROM c101_flink")
    expected = [(1, "b", 5), (2, "b", 5)]
    assert rows(client, "SELECT * FROM test.c101_flink ORDER BY id") == expected


def test_update_and_delete_count_their_rows_and_make_versions(client: Any) -> None:
    client.execute("INSERT INTO c101_flink VALUES (1, 'a', 1), (2, 'b', 2)")
    assert client.execute("UPDATE c101_flink SET score = score + 1 WHERE id = 1") == 1
    assert client.execute("DELETE FROM c101_flink WHERE id = 2") == 1
    assert rows(client, "SELECT * FROM c101_flink") == [(1, "a", 2)]
    assert rows(client, "SELECT NUM_VERSION FROM information_schema.be_tablets") == [(4,)]


def test_too_many_versions_refuses_the_next_insert(client: Any) -> None:
    client.execute(
        "UPDATE information_schema.be_configs SET value = '2' WHERE name = 'tablet_max_versions'"
    )
    client.execute("INSERT INTO c101_flink VALUES (1, 'a', 1)")
    client.execute("INSERT INTO c101_flink VALUES (2, 'a', 1)")
    number, text = refused(client, "INSERT INTO c101_flink VALUES (3, 'a', 1)")
    assert number == 1064
    assert "too many versions, current/limit: 3/2" in text


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("SELEC 1", 1064),
        ("SELECT * FROM nowhere", 5502),
        ("SELECT * FROM nobody.nowhere", 1049),
        ("USE nobody", 1049),
        ("CREATE DATABASE test", 1007),
        ("CREATE TABLE c101_flink (a int)", 1050),
        ("UPDATE c101_flink SET id = 2 WHERE id = 1", 1064),
        ("INSERT INTO c101_flink VALUES (NULL, 'a', 1)", 1064),
        ("INSERT INTO c101_flink VALUES (1, 'a')", 1064),
        ("SELECT 1; SELECT 2", 1064),
        ("CREATE TABLE t (a strange)", 1064),
    ],
)
def test_what_is_wrong_is_refused_by_number(client: Any, statement: str, number: int) -> None:
    assert refused(client, statement)[0] == number
    assert rows(client, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SET NAMES utf8mb4",
        "SET autocommit=0, sql_mode=concat(@@sql_mode,',STRICT_TRANS_TABLES')",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SHOW VARIABLES LIKE 'sql_mode'",
        "SHOW WARNINGS",
        "/* driver */ SELECT @@session.auto_increment_increment AS a, @@max_allowed_packet AS b",
        "SELECT @@version_comment LIMIT 1",
        "SHOW FULL TABLES FROM `test`",
        "SHOW PROC '/transactions/test/running'",
        "SHOW TABLET FROM c101_flink",
        "SHOW BACKENDS",
        "SHOW FRONTENDS",
        "SHOW LOAD",
        "ADMIN SHOW FRONTEND CONFIG LIKE 'run_mode'",
        "COMMIT",
    ],
)
def test_start_up_chatter_is_answered(client: Any, statement: str) -> None:
    client.execute(statement)


@pytest.mark.parametrize(
    "table",
    [
        "SCHEMATA",
        "TABLES",
        "COLUMNS",
        "tables_config",
        "be_tablets",
        "be_compactions",
        "be_configs",
        "loads",
        "load_tracking_logs",
        "partitions_meta",
    ],
)
def test_system_tables_can_be_read(client: Any, table: str) -> None:
    client.execute(f"SELECT * FROM information_schema.{table}")


def test_column_types_are_shown_as_starrocks_shows_them(client: Any) -> None:
    client.execute(
        "CREATE TABLE kinds (k bigint, b boolean, l largeint, d decimal(10, 2), s string) "
        "DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 3 PROPERTIES ('replication_num' = '1')"
    )
    found = rows(
        client,
        "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_SIZE, DECIMAL_DIGITS, COLUMN_KEY FROM "
        "information_schema.COLUMNS WHERE TABLE_NAME = 'kinds' ORDER BY ORDINAL_POSITION",
    )
    assert found == [
        ("k", "bigint", 19, 0, "DUP"),
        ("b", "tinyint", None, None, ""),
        ("l", "bigint unsigned", 39, 0, ""),
        ("d", "decimal", 10, 2, ""),
        ("s", "varchar", 65533, None, ""),
    ]


def test_a_column_is_added_where_it_is_wanted(client: Any) -> None:
    client.execute("INSERT INTO c101_flink VALUES (1, 'a', 1)")
    client.execute('ALTER TABLE c101_flink ADD COLUMN v varchar(9) DEFAULT "x" AFTER name')
    assert rows(client, "SELECT * FROM c101_flink") == [(1, "a", "x", 1)]
    client.execute("ALTER TABLE c101_flink DROP COLUMN v")
    assert rows(client, "SELECT * FROM c101_flink") == [(1, "a", 1)]
    assert [row[9] for row in rows(client, "SHOW ALTER TABLE COLUMN")] == ["FINISHED"] * 2


def test_chinese_names_work_everywhere(client: Any) -> None:
    client.execute("CREATE DATABASE `数据`")
    client.execute("CREATE TABLE `数据`.`订单` (`编号` int, `名` string) PRIMARY KEY(`编号`)")
    client.execute("INSERT INTO `数据`.`订单` VALUES (1, '甲')")
    client.execute("SELECT `编号`, `名` FROM `数据`.`订单`")
    assert [column[0] for column in client.description] == ["编号", "名"]
    assert list(client.fetchall()) == [(1, "甲")]
    client.execute("DROP TABLE `数据`.`订单` FORCE")


def test_long_texts_and_many_rows_arrive_whole(client: Any) -> None:
    found = rows(client, "SELECT repeat('x', 70000) AS a, NULL AS b, repeat('y', 300) AS c")
    assert found == [("x" * 70000, None, "y" * 300)]
    big = rows(client, "SELECT repeat('z', 17000000) AS a")
    assert len(big[0][0]) == 17_000_000


def test_the_version_is_given(client: Any) -> None:
    assert rows(client, "SELECT current_version()") == [("4.0.0-penstock",)]
    assert rows(client, "SELECT version(), database()") == [("8.0.33", "test")]


def packets_until_end(connection: Any, columns: int) -> list[bytes]:
    for _ in range(columns + 1):
        connection._read_packet()
    found = []
    while (data := connection._read_packet().get_all_data())[0] != 0xFE:
        found.append(data)
    return found


def test_a_prepared_statement_takes_parameters_and_answers_in_binary(client: Any) -> None:
    client.execute("INSERT INTO c101_flink VALUES (1, 'a', 1), (2, '中?', 2)")
    connection = client.connection
    connection._execute_command(
        0x16, b"SELECT id, name FROM c101_flink WHERE id < ? AND name <> ? -- ?"
    )
    head = connection._read_packet().get_all_data()
    number, parameters = struct.unpack_from("<I", head, 1)[0], struct.unpack_from("<H", head, 7)[0]
    assert parameters == 2
    for _ in range(parameters + 1):
        connection._read_packet()
    body = struct.pack("<IBI", number, 0, 1) + b"\0\x01" + bytes([8, 0, 253, 0])
    connection._execute_command(0x17, body + struct.pack("<q", 9) + b"\x01a")
    columns = connection._read_packet().get_all_data()[0]
    text = "中?".encode()
    expected = b"\0\0" + struct.pack("<i", 2) + bytes([len(text)]) + text
    assert packets_until_end(connection, columns) == [expected]
    connection._execute_command(0x19, struct.pack("<I", number))
    assert rows(client, "SELECT 1") == [(1,)]


def test_a_client_of_another_plugin_is_asked_again(server: QueryPortServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        stream = PacketStream(raw)
        greeting = stream.read()
        at = greeting.index(b"\0", 1) + 5
        salt = greeting[at : at + 8] + greeting[at + 27 : at + 39]
        flags = 0x200 | 0x8000 | 0x80000 | 0x1000000
        login = struct.pack("<IIB23x", flags, 1 << 24, 33) + b"root\0\0caching_sha2_password\0"
        stream.send(login)
        assert stream.read() == b"\xfemysql_native_password\0" + salt + b"\0"
        stream.send(native_proof("test@123", salt))
        assert stream.read()[0] == 0
        stream.sequence = 0
        stream.send(b"\x03SELECT 7 AS a")
        # CLIENT_DEPRECATE_EOF was agreed: no EOF behind the columns, an OK packet at the end.
        assert stream.read() == b"\x01"
        stream.read()
        assert stream.read() == b"\x017"
        assert stream.read()[:3] == b"\xfe\0\0"
