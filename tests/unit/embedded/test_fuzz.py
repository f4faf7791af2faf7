"""Bad input: requests and packets of a seeded generator get an answer or a closed connection."""

from __future__ import annotations

import random
import socket
import struct
from typing import Any

import pymysql
import pytest
from tests.unit.embedded.load_client import AUTH, Client, make_tables

from penstock.embedded.starrocks.server import EmbeddedStarRocks

METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "put", "", "\x00", "PUT PUT"]
PATHS = [
    "/", "/api", "/api/d/t/_stream_load", "/api/d//_stream_load", "/api/transaction/begin",
    "/api/transaction/load", "/api/transaction/prepare", "/api/transaction/commit",
    "/api/transaction/rollback", "/api/transaction/list", "/api/transaction/", "/metrics",
    "/api/d/get_load_state?label=x", "/api/d/get_load_state", "/api/d/x/_cancel", "/api/health",
    "/api/d/t/_stream_load_meta?type=nodes", "/api/_load_error_log?file=%00", "//[", "*",
    "http://[::1/x", "/api/_penstock/faults", "/%ff%fe/%zz", "/" + "a" * 5000, "/api/d/表/_stream_load",
]  # fmt: skip
HEADERS = {
    "label": ["l1", "", "ü", "x" * 200, "a b", "l2"],
    "db": ["d", "nope", "%64", ""],
    "table": ["t", "dup", "nope", "%E8%A1%A8"],
    "format": ["csv", "json", "parquet", ""],
    "columns": ["id,b,c", "id, b = upper(c)", "((", "`", "id,b,c,__op='delete'", "x = nope(y)", ","],
    "column_separator": [",", "\\x01", "\\x", "||", "\\xzz"],
    "row_delimiter": ["\\x02", "\\n", ""],
    "max_filter_ratio": ["1", "nan", "inf", "-1", "x"],
    "where": ["id > 1", "id >", "1=1; drop table t", "'"],
    "jsonpaths": ['["$.a"]', "[", '["$["]', "[1]"],
    "json_root": ["$.a", "a", "$[", "$..x"],
    "strip_outer_array": ["true", "false", "2"],
    "skip_header": ["1", "99999999999", "-1"],
    "enclose": ['"', "ab", "\\x22"],
    "escape": ["\\", "\\x5c"],
    "timeout": ["1", "0", "x", "1e400", "nan"],
    "compression": ["gzip", "lz4_frame", "zstd", "rar"],
    "partial_update": ["true"],
    "merge_condition": ["c", "id", "nope"],
    "timezone": ["UTC", "Mars/X", "+99:00", "../../etc"],
    "transaction_type": ["multi"],
    "enable_merge_commit": ["true"],
    "merge_commit_interval_ms": ["10", "x"],
    "merge_commit_parallel": ["1"],
    "Expect": ["100-continue"],
    "Content-Length": ["0", "5", "-5", "x", "99999999999999999999", "1e3"],
    "Transfer-Encoding": ["chunked", "gzip, chunked"],
    "Authorization": [AUTH, AUTH, AUTH, AUTH, "Basic !!!", "Bearer x", "Basic"],
}  # fmt: skip
BODIES = [
    b"", b"1\tx\t1\n", b"1,x,1\n", b'{"id":1}', b'[{"id":1},{"id":"x"}]', b"\xff" * 40, b"[" * 300,
    b"5\r\n1\tx\t1\r\n0\r\n\r\n", b"zz\r\n", b"-1\r\n\r\n", b"\x1f\x8b\x08\x00garbage", b"\n" * 50,
    b"1\x01x\x011\x02", b"NULL\tNULL\tNULL\n",
]  # fmt: skip


def one_request(rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(1, 300)) + rng.choice([b"", b"\r\n\r\n"])
    body = rng.choice(BODIES)
    names = rng.sample(sorted(HEADERS), rng.randrange(1, 14))
    lines = [
        f"{rng.choice(METHODS)} {rng.choice(PATHS)} {rng.choice(['HTTP/1.1'] * 9 + ['HTTP/9'])}"
    ]
    lines += [f"{name}: {rng.choice(HEADERS[name])}" for name in names]
    if "Authorization" not in names:
        lines.append(f"Authorization: {AUTH}")
    if "Content-Length" not in names and "Transfer-Encoding" not in names:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def exchange(port: int, data: bytes) -> bytes:
    """What comes back until the server closes or goes quiet after our half is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        try:
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := wire.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            return b""
        return answer


@pytest.fixture
def server() -> Any:
    with EmbeddedStarRocks(password="secret") as made:
        make_tables(made.store)
        yield made


@pytest.mark.parametrize("seed", range(5))
def test_http(server: EmbeddedStarRocks, seed: int, caplog: Any) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        data = one_request(rng)
        port = rng.choice([server.fe_http_port, server.be_http_port])
        answer = exchange(port, data)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (data, answer[:200])
        assert b"Traceback" not in answer
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    answer = Client(server).stream("t", "1\tx\t1\n", label="after")
    assert answer["Status"] == "Success", answer


LOST = (2006, 2013)
STATEMENTS = [
    "SELECT * FROM d.t WHERE id = 1", "INSERT INTO d.t VALUES (1, 'x', 2)", "SHOW TABLET FROM d.t",
    "CREATE TABLE d.x (a INT, b DECIMAL(10,2) DEFAULT '1') PRIMARY KEY (a) DISTRIBUTED BY HASH(a)",
    "UPDATE d.t SET b = 'y' WHERE id = 1", "DELETE FROM d.t WHERE id IN (1, 2)", "SHOW CREATE TABLE d.t",
    "ALTER TABLE d.t ADD COLUMN z INT AFTER id", "GRANT SELECT ON TABLE d.t TO USER 'a'@'%'",
    "SELECT date_format(now(), '%Y'), CASE WHEN 1 THEN 2 END, [1, 2][1] FROM d.t GROUP BY 1 ORDER BY 1",
    "ADMIN SET FRONTEND CONFIG ('label_keep_max_num' = '5')", "SHOW PROC '/dbs/d/t/partitions'",
    "SET @@session.x = 5, NAMES utf8", "CREATE VIEW d.v AS SELECT id FROM d.t", "EXPLAIN SELECT 1",
]  # fmt: skip


def mangled(rng: random.Random, text: str) -> str:
    pieces = list(text)
    for _ in range(rng.randrange(0, 6)):
        at = rng.randrange(len(pieces) + 1)
        if rng.random() < 0.5 and pieces:
            del pieces[min(at, len(pieces) - 1)]
        else:
            pieces.insert(at, rng.choice([*"()'\"`,;.*=<>%\\\0表 ", "SELECT ", "FROM ", " 9e999 "]))
    return "".join(pieces)


@pytest.mark.parametrize("seed", range(3))
def test_statements(server: EmbeddedStarRocks, seed: int, caplog: Any) -> None:
    rng = random.Random(seed)
    connection = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password="secret", read_timeout=20
    )
    cursor: Any = connection.cursor()
    for _ in range(150):
        text = mangled(rng, rng.choice(STATEMENTS))
        try:
            cursor.execute(text)
            cursor.fetchall()
        except pymysql.MySQLError as error:
            if error.args[0] in LOST:
                pytest.fail(f"the connection is lost after {text!r}")
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == ((1,),)
    connection.close()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_packets(server: EmbeddedStarRocks, caplog: Any) -> None:
    rng = random.Random(7)
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", server.query_port), timeout=20) as wire:
            wire.recv(4096)
            login = struct.pack("<IIB23x", rng.getrandbits(32) | 0x200, 1 << 24, 33)
            payload = rng.choice([rng.randbytes(rng.randrange(0, 80)), login + rng.randbytes(30)])
            if rng.random() < 0.5:
                payload = login + b"root\0" + b"\x14" + rng.randbytes(20)
            try:
                wire.sendall(struct.pack("<I", len(payload) | 1 << 24) + payload)
                wire.sendall(rng.randbytes(rng.randrange(0, 60)))
                wire.shutdown(socket.SHUT_WR)
                while wire.recv(65536):
                    pass
            except OSError:
                continue
    raw: Any = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password="secret", read_timeout=10
    )
    silent = {0x01, 0x18, 0x19}  # the client leaves, or gets no answer
    for command in sorted(set(range(0x20)) - silent):
        for size in (0, 1, 4, 11):
            try:
                raw._execute_command(command, rng.randbytes(size))
                raw._read_packet()
            except pymysql.MySQLError as error:
                if error.args[0] in LOST:
                    pytest.fail(f"the connection is lost after command {command} of {size} bytes")
    raw.close()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
