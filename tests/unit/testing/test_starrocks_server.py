"""The embedded StarRocks as a process for tests: start, faults, crash, reset, end."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pymysql
import pytest

import penstock.testing
from penstock.errors import ConnectorError, OptionError
from penstock.testing import Fault, StarRocksServer, starrocks
from penstock.wire.starrocks_admin import StartRequest

TABLE = "CREATE TABLE d.t (id INT NOT NULL, b STRING) PRIMARY KEY (id) DISTRIBUTED BY HASH(id)"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StarRocksServer]:
    directory = tmp_path_factory.mktemp("starrocks")
    with starrocks(directory, password="pw", settings={"label_keep_max_num": 77}) as made:
        yield made


@pytest.fixture
def server(session: StarRocksServer) -> StarRocksServer:
    if not session.pid:
        session.start()
    session.reset()
    session.execute("CREATE DATABASE d")
    session.execute(TABLE)
    return session


def call(server: StarRocksServer, method: str, path: str, body: bytes = b"", **more: str) -> Any:
    """What the backend answers to a request."""
    credentials = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "db": "d", "table": "t", **more}
    connection = http.client.HTTPConnection(server.host, server.be_http_port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def state(server: StarRocksServer, label: str) -> str:
    path = f"/api/d/get_load_state?label={label}"
    credentials = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    connection = http.client.HTTPConnection(server.host, server.fe_http_port, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Basic {credentials}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text.partition('"state": "')[2].partition('"')[0]


def load(server: StarRocksServer, label: str, body: bytes) -> Any:
    return call(server, "PUT", "/api/d/t/_stream_load", body, label=label)


def test_the_public_names() -> None:
    assert penstock.testing.__all__ == ["Fault", "ManualClock", "StarRocksServer", "starrocks"]


def test_rows_that_are_loaded_are_there(server: StarRocksServer) -> None:
    assert load(server, "a", b"1\tx\n2\ty\n")["Status"] == "Success"
    assert server.execute("SELECT * FROM d.t ORDER BY id") == [(1, "x"), (2, "y")]
    assert server.execute("SELECT b FROM d.t WHERE id = %s", [2]) == [("y",)]
    with server.connect("d") as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == (("t",),)
    assert server.load_url == f"127.0.0.1:{server.fe_http_port}"
    assert server.jdbc_url == f"jdbc:mysql://127.0.0.1:{server.query_port}"


def test_a_lost_answer_leaves_a_label_that_tells(server: StarRocksServer) -> None:
    fault = Fault("stream_load", "drop", table="t")
    server.inject(fault, Fault("load", "slow", seconds=0.01, times=0))
    assert server.faults()[0] == fault
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        load(server, "lost", b"1\tx\n")
    assert state(server, "lost") == "VISIBLE"
    assert [fault.operation for fault in server.faults()] == ["load"]
    server.clear_faults()
    assert server.faults() == []


def test_chance_is_repeatable(server: StarRocksServer) -> None:
    def refused(seed: int) -> list[bool]:
        server.clear_faults()
        server.reseed(seed)
        server.inject(Fault("begin", "status", times=0, probability=0.5))
        answers = [
            call(server, "POST", "/api/transaction/begin", label=f"x{seed}{time.monotonic_ns()}")
            for _ in range(20)
        ]
        return [answer["Status"] != "OK" for answer in answers]

    first = refused(1)
    assert refused(1) == first
    assert refused(2) != first
    assert 2 < sum(first) < 18


def test_a_fault_that_is_none_is_refused_where_it_is_made() -> None:
    with pytest.raises(OptionError, match="unknown operation 'bgin' of a fault") as caught:
        Fault("bgin", "drop")
    assert caught.value.hint == "Did you mean 'begin'?"
    with pytest.raises(OptionError, match="unknown kind"):
        Fault("begin", "explode")


def test_versions_limits_and_compaction(server: StarRocksServer) -> None:
    assert server.settings()["label_keep_max_num"] == "77"
    server.configure("tablet_max_versions", 5)
    server.configure("max_compaction_concurrency", 0)
    assert server.add_versions("d", "t", 6) == 7
    answer = load(server, "many", b"1\tx\n")
    assert "too many versions, current/limit: 7/5" in answer["Message"]
    assert server.compact() == 1
    assert load(server, "few", b"1\tx\n")["Status"] == "Success"
    with pytest.raises(ConnectorError, match="Config 'nothing' does not exist"):
        server.configure("nothing", 1)


def test_reset_takes_it_back_to_its_start(server: StarRocksServer) -> None:
    server.configure("tablet_max_versions", 5)
    server.configure("label_keep_max_num", 3)
    server.execute("CREATE USER 'u' IDENTIFIED BY 'p'")
    server.execute("CREATE VIEW d.v AS SELECT id FROM d.t")
    server.inject(Fault("rollback", "drop"))
    call(server, "POST", "/api/transaction/begin", label="runs")
    call(server, "PUT", "/api/transaction/load", b"1\tx\n", label="runs")
    server.reset()
    assert server.execute("SHOW DATABASES") == [("information_schema",)]
    assert server.faults() == []
    assert server.settings()["tablet_max_versions"] == "1000"
    assert server.settings()["label_keep_max_num"] == "77"
    server.execute("CREATE DATABASE d")
    server.execute(TABLE)
    assert state(server, "runs") == "UNKNOWN"
    assert load(server, "runs", b"1\tx\n")["Status"] == "Success"
    with pytest.raises(pymysql.MySQLError, match="Access denied"):
        pymysql.connect(host=server.host, port=server.query_port, user="u", password="p")


def test_what_was_prepared_survives_a_crash(server: StarRocksServer) -> None:
    port = server.query_port
    for label, last in (("p", "prepare"), ("c", "commit"), ("l", "load")):
        row = f"{ord(label)}\t{label}\n".encode()
        for operation in ("begin", "load", "prepare", "commit"):
            method, body = ("PUT", row) if operation == "load" else ("POST", b"")
            answer = call(server, method, f"/api/transaction/{operation}", body, label=label)
            assert answer["Status"] == "OK"
            if operation == last:
                break
    process = psutil.Process(server.pid)
    server.kill()
    assert not process.is_running()
    with pytest.raises(ConnectorError, match="could not reach"):
        server.faults()
    server.start()
    assert server.query_port == port
    assert [state(server, label) for label in "pcl"] == ["PREPARED", "VISIBLE", "UNKNOWN"]
    assert server.execute("SELECT b FROM d.t") == [("c",)]


def test_it_keeps_its_data_over_a_restart(server: StarRocksServer) -> None:
    load(server, "a", b"1\tx\n")
    server.restart()
    assert server.execute("SELECT * FROM d.t") == [(1, "x")]


def test_a_port_that_is_taken_is_named(server: StarRocksServer) -> None:
    other = StarRocksServer(StartRequest(query_port=server.query_port))
    with pytest.raises(ConnectorError, match="did not start") as caught:
        other.start()
    assert "cannot listen on 127.0.0.1" in caught.value.detail
    assert other.pid == 0


def test_it_does_not_outlive_who_started_it() -> None:
    program = (
        "import os, sys; from penstock.testing import starrocks; s = starrocks(); s.start();"
        "print(s.pid); sys.stdout.flush(); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 9, done.stderr
    pid = int(done.stdout)
    deadline = time.monotonic() + 60
    while _runs(pid):
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_its_start_loads_only_what_it_needs() -> None:
    program = (
        "import sys, penstock.embedded.starrocks.__main__, penstock.embedded.starrocks.query_port"
        ".server\nprint([n for n in ('sqlglot', 'pandas', 'click', 'rich') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["penstock.testing.plugin"]\n')
    (tmp_path / "test_it.py").write_text(
        "def test_one(empty_starrocks):\n"
        "    assert empty_starrocks.execute('SHOW DATABASES') == [('information_schema',)]\n"
        "    empty_starrocks.execute('CREATE DATABASE d')\n"
        "def test_two(empty_starrocks, starrocks_server):\n"
        "    assert empty_starrocks is starrocks_server\n"
        "    assert empty_starrocks.execute('SHOW DATABASES') == [('information_schema',)]\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
