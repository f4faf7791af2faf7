"""The server under the model: a process forked from a warm one, so that a crash costs little."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymysql
from tests.model.reference import Load

AUTH = "Basic " + base64.b64encode(b"root:").decode()
# What a start would import again each time; SQL dialects are imported at the first statement.
_PRELOADED = [
    "penstock.embedded.starrocks.server",
    "penstock.embedded.starrocks.query_port.session",
    "sqlglot.dialects.duckdb",
    "sqlglot.dialects.starrocks",
]
_COLUMNS = {("pk", "partial"): "id,w,__op", ("pk", "plain"): "id,v,w,__op"}
_COLUMNS["pk", "condition"] = _COLUMNS["pk", "plain"]


def serve(directory: str, ports: tuple[int, int, int], ready: Connection) -> None:
    """The child: serves until its parent hangs up."""
    from penstock.embedded.starrocks.server import EmbeddedStarRocks

    server = EmbeddedStarRocks(Path(directory), "127.0.0.1", *ports)
    server.start()
    ready.send((server.fe_http_port, server.be_http_port, server.query_port))
    with contextlib.suppress(EOFError):
        ready.recv()
    server.stop()
    ready.close()


class World:
    """A server that is killed and started again, and a client of it.

    Args:
        directory: Where it keeps its data.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self._ports = (0, 0, 0)
        self._sql: Any = None
        self.crashes = 0
        self._start()

    def _start(self) -> None:
        self._pipe, other = self._context.Pipe()
        self._process = self._context.Process(
            target=serve, args=(str(self._directory), self._ports, other), daemon=True
        )
        self._process.start()
        other.close()
        assert self._pipe.poll(120), "the server did not start"
        self._ports = self._pipe.recv()

    def crash(self) -> None:
        """`kill -9`, and start again."""
        self._process.kill()
        self._end()
        self.crashes += 1
        self._start()

    def restart(self) -> None:
        """Stop as one should, and start again."""
        self.close()
        self._start()

    def close(self) -> None:
        """Stop as one should."""
        self._pipe.send("stop")
        self._end()

    def _end(self) -> None:
        if self._sql is not None:
            self._sql.close()
            self._sql = None
        self._process.join()
        self._process.close()
        self._pipe.close()

    def reset(self) -> None:
        """No databases, no labels."""
        assert self._http("POST", self._ports[0], "/api/_penstock/reset")["status"] == "OK"

    def sql(self, statement: str) -> list[Any]:
        """The rows of a statement."""
        if self._sql is None:
            self._sql = pymysql.connect(host="127.0.0.1", port=self._ports[2], user="root")
        with self._sql.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def state(self, label: str) -> Any:
        """The state of a label."""
        path = f"/api/d/get_load_state?label={label}"
        return self._http("GET", self._ports[0], path)["state"]

    def transaction(self, operation: str, label: str, table: str, load: Load | None = None) -> Any:
        """A call of the transaction API; of a transaction over many tables if `table` is empty."""
        headers = {"label": label, "db": "d"}
        if not table:
            headers["transaction_type"] = "multi"
        name = load.table if load else table
        if name:
            headers["table"] = name
        body = b""
        if load is not None:
            headers |= _options(load)
            body = _csv(load)
        method = "PUT" if operation == "load" else "POST"
        path = f"/api/transaction/{operation}"
        return self._http(method, self._ports[0], path, body, headers)["Status"]

    def stream_load(self, label: str, load: Load) -> Any:
        """A Stream Load."""
        headers = {"label": label, **_options(load)}
        path = f"/api/d/{load.table}/_stream_load"
        return self._http("PUT", self._ports[0], path, _csv(load), headers)["Status"]

    def _http(
        self, method: str, port: int, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Any:  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        given = {"Authorization": AUTH, **(headers or {})}
        if body:
            given["Expect"] = "100-continue"
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, given)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status == 307:
                place = urlsplit(answer.headers["Location"])
                assert place.port == self._ports[1]
                return self._http(method, place.port, place.path, body, headers)
            return json.loads(data)
        finally:
            connection.close()


def _options(load: Load) -> dict[str, str]:
    headers = {"column_separator": ",", "timeout": "600"}
    if load.table == "pk":
        headers["columns"] = _COLUMNS["pk", load.mode]
        if load.mode == "partial":
            headers["partial_update"] = "true"
        if load.mode == "condition":
            headers["merge_condition"] = "v"
    return headers


def _csv(load: Load) -> bytes:
    lines = [",".join("\\N" if value is None else str(value) for value in row) for row in load.rows]
    return ("\n".join(lines) + "\n").encode()
