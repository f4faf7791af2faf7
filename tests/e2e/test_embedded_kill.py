"""The embedded server is killed under load, again and again: what it said is still true."""

from __future__ import annotations

import http.client
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pymysql

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.unit.embedded.load_client import Client

ROUNDS = 4


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """`penstock starrocks` as a process of its own; ports as the load client wants them."""

    def __init__(self, directory: Path) -> None:
        self.fe_http_port, self.be_http_port, self.query_port = (free_port() for _ in range(3))
        started = time.monotonic()
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "penstock.cli", "starrocks", "--data-dir", str(directory),
                "--password", "secret", "--fe-http-port", str(self.fe_http_port),
                "--be-http-port", str(self.be_http_port), "--query-port", str(self.query_port),
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Stop it"):
                break
        self.start_seconds = time.monotonic() - started

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        connection = pymysql.connect(
            host="127.0.0.1", port=self.query_port, user="root", password="secret"
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Loader(threading.Thread):
    """Loads one row a transaction; remembers by row what the server last said of it."""

    def __init__(self, server: Server, first: int) -> None:
        super().__init__(daemon=True)
        self._client = Client(server)  # type: ignore[arg-type]  # it needs the ports only
        self._next = first
        self.said: dict[int, str] = {}

    def run(self) -> None:
        while True:
            row = self._next
            self._next += 1
            try:
                for operation, state in (
                    ("begin", "PREPARE"), ("load", "PREPARE"), ("prepare", "PREPARED"),
                    ("commit", "VISIBLE"),
                ):  # fmt: skip
                    if operation == "commit" and row % 3 == 0:
                        break  # stays prepared
                    self.said[row] = f"{operation} sent"
                    answer = self._client.txn(operation, f"r{row}", f"{row}\tx\t{row}\n")
                    assert answer["Status"] == "OK", answer
                    self.said[row] = state
            except (OSError, http.client.HTTPException):
                return


def test_what_was_said_is_true_after_a_kill(tmp_path: Path) -> None:
    rng = random.Random(11)
    server = Server(tmp_path)
    server.ask("CREATE DATABASE d")
    server.ask(
        "CREATE TABLE d.t (id INT NOT NULL, b VARCHAR(10), c INT) PRIMARY KEY (id)"
        " DISTRIBUTED BY HASH(id) BUCKETS 2"
    )
    said: dict[int, str] = {}
    for turn in range(ROUNDS):
        loaders = [Loader(server, 1_000_000 * turn + 100_000 * place) for place in range(3)]
        for loader in loaders:
            loader.start()
        time.sleep(rng.uniform(0.5, 2.0))
        server.kill()
        for loader in loaders:
            loader.join(20)
            said |= loader.said
        server = Server(tmp_path)
        client = Client(server)  # type: ignore[arg-type]
        visible = {row for (row,) in server.ask("SELECT id FROM d.t")}
        for row, last in list(said.items())[-600:]:
            state = client.state(f"r{row}")
            if last == "VISIBLE":
                assert (row in visible, state) == (True, "VISIBLE"), row
            elif last == "PREPARED":
                assert (row in visible, state) == (False, "PREPARED"), row
                client.txn("rollback", f"r{row}")
                said[row] = "ABORTED"
            elif last == "commit sent":
                assert state in ("VISIBLE", "PREPARED"), (row, state)
                assert (row in visible) == (state == "VISIBLE")
            elif last not in ("prepare sent", "ABORTED"):
                assert (row in visible, state) in ((False, "UNKNOWN"), (False, "ABORTED")), row
    assert sum(last == "VISIBLE" for last in said.values()) > 20
    server.kill()
