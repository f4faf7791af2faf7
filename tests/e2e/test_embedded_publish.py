"""While loads are published: readers see one version, a kill loses nothing that was committed."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.embedded.load_client import Client

from penstock.testing import StarRocksServer, starrocks

KEYS = 20_000


def body(version: int) -> str:
    return "".join(f"{key}\t{version}\t{version}\n" for key in range(KEYS))


def multi(client: Client, label: str, version: int) -> None:
    """Both tables get the version in one transaction."""
    kind = {"transaction_type": "multi"}
    for operation, table in (("begin", ""), ("load", "t"), ("load", "u"), ("commit", "")):
        content = body(version) if operation == "load" else ""
        answer = client.txn(operation, label, content, table=table, **kind)
        assert answer["Status"] == "OK", answer


def make(server: StarRocksServer) -> Client:
    server.execute("CREATE DATABASE d")
    for name in "tu":
        server.execute(
            f"CREATE TABLE d.{name} (id INT NOT NULL, b VARCHAR(10), c INT) PRIMARY KEY (id)"
            " DISTRIBUTED BY HASH (id) BUCKETS 3"
        )
    return Client(server)  # type: ignore[arg-type]  # it needs the ports only


class Reader(threading.Thread):
    """Asks again and again; remembers what it saw of each table and of both."""

    def __init__(self, server: StarRocksServer) -> None:
        super().__init__(daemon=True)
        self._connection = server.connect()
        self.done = threading.Event()
        self.seen: list[Any] = []

    def run(self) -> None:
        query = (
            "SELECT (SELECT count(*) FROM d.t), (SELECT min(c) FROM d.t), (SELECT max(c) FROM d.t),"
            " (SELECT count(*) FROM d.u), (SELECT min(c) FROM d.u), (SELECT max(c) FROM d.u)"
        )
        with self._connection as connection, connection.cursor() as cursor:
            while not self.done.is_set():
                cursor.execute(query)
                self.seen.append(cursor.fetchone())


def test_a_reader_sees_one_version_of_both_tables() -> None:
    with starrocks(password="secret") as server:
        client = make(server)
        multi(client, "first", 0)
        reader = Reader(server)
        reader.start()
        for version in range(1, 8):
            multi(client, f"v{version}", version)
        reader.done.set()
        reader.join(60)
        versions = [seen[1] for seen in reader.seen]
        for count, low, high, other_count, other_low, other_high in reader.seen:
            assert count == other_count == KEYS
            assert low == high == other_low == other_high
        assert versions == sorted(versions)
        assert len(set(versions)) > 1


@pytest.mark.parametrize("waits", [False, True], ids=["runs", "is delayed"])
def test_a_kill_during_publish_loses_nothing(tmp_path: Path, waits: bool) -> None:
    with starrocks(tmp_path, password="secret") as server:
        client = make(server)
        multi(client, "first", 0)
        if waits:  # committed and told so, not yet published
            server.configure("penstock_publish_latency_ms", 60_000)
        labels = [f"v{number}" for number in range(1, 4)]
        for number, label in enumerate(labels, 1):
            client.txn("begin", label)
            client.txn("load", label, f"{KEYS + number}\tx\t{number}\n")
            client.txn("prepare", label)
        loaders = [
            threading.Thread(target=_commit, args=(client, label), daemon=True) for label in labels
        ]
        for loader in loaders:
            loader.start()
        while all(client.state(label) == "PREPARED" for label in labels):
            pass
        server.kill()
        for loader in loaders:
            loader.join(60)
        server.start()
        client = Client(server)  # type: ignore[arg-type]
        states = {label: client.state(label) for label in labels}
        assert set(states.values()) <= {"PREPARED", "VISIBLE"}
        assert "VISIBLE" in states.values()  # at least the one that was committed
        for label in labels:
            client.txn("commit", label)
            assert client.state(label) == "VISIBLE"
        found = server.execute(f"SELECT id, c FROM d.t WHERE id >= {KEYS} ORDER BY id")
        assert found == [(KEYS + number, number) for number in range(1, 4)]
        assert server.execute("SELECT count(*), sum(c) FROM d.u") == [(KEYS, 0)]


def _commit(client: Client, label: str) -> None:
    try:
        client.txn("commit", label, timeout="1")
    except (OSError, http.client.HTTPException, ValueError):
        return
