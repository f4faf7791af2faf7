"""A few tables, and a client that speaks HTTP as loaders do."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from penstock.embedded.starrocks.model import ColumnDef, TableDef
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.embedded.starrocks.store import Store

AUTH = "Basic " + base64.b64encode(b"root:secret").decode()


def make_tables(store: Store) -> None:
    store.create_database("d")
    columns = [ColumnDef("id", "int"), ColumnDef("b", "varchar(10)"), ColumnDef("c", "int")]
    store.create_table(TableDef("d", "t", columns, "PRIMARY", ["id"], buckets=2))
    more = [
        ColumnDef("id", "int", nullable=False),
        ColumnDef("x", "decimal(10,2)"),
        ColumnDef("ts", "datetime"),
    ]
    store.create_table(TableDef("d", "dup", more, "DUPLICATE", ["id"]))
    named = [ColumnDef("编号", "int"), ColumnDef("名称", "string")]
    store.create_table(TableDef("d", "表", named, "PRIMARY", ["编号"]))


class Client:
    """Speaks the load APIs; follows the redirect from frontend to backend."""

    def __init__(self, server: EmbeddedStarRocks) -> None:
        self.server = server
        self.redirects = 0

    def call(self, method: str, path: str, body: bytes = b"", port: int = 0, **headers: Any) -> Any:
        port = port or self.server.fe_http_port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.putrequest(method, path)
            for name, value in {"Authorization": AUTH, "Expect": "100-continue", **headers}.items():
                connection.putheader(name, value.encode())
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            taken_here = "_penstock" in path or "transaction_type" in headers
            if port == self.server.be_http_port or taken_here:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.send(body)  # an answer may come before the body is taken
            answer = connection.getresponse()
            data = answer.read()
            if answer.status == 307:
                self.redirects += 1
                place = urlsplit(answer.headers["Location"])
                assert place.port == self.server.be_http_port
                target = place.path + ("?" + place.query if place.query else "")
                return self.call(method, target, body, self.server.be_http_port, **headers)
            return json.loads(data)
        finally:
            connection.close()

    def stream(self, table: str, body: str | bytes, **headers: Any) -> Any:
        raw = body.encode() if isinstance(body, str) else body
        return self.call("PUT", f"/api/d/{quote(table)}/_stream_load", raw, **headers)

    def txn(self, operation: str, label: str, body: str = "", table: str = "t", **more: str) -> Any:
        method = "PUT" if operation == "load" else "POST"
        headers: dict[str, Any] = {"label": label, "db": "d", "table": table, **more}
        data = body.encode() if operation == "load" else b""
        return self.call(method, f"/api/transaction/{operation}", data, **headers)

    def rows(self, table: str = "t") -> list[Any]:
        name = self.server.store.physical("d", table)
        return self.server.store.query(f"SELECT * FROM {name} ORDER BY ALL")

    def state(self, label: str) -> Any:
        return self.call("GET", f"/api/d/get_load_state?label={label}")["state"]

    def error_log(self, answer: Any) -> str:
        place = urlsplit(answer["ErrorURL"])
        connection = http.client.HTTPConnection("127.0.0.1", place.port or 0)
        connection.request("GET", f"{place.path}?{place.query}")
        text = connection.getresponse().read().decode()
        connection.close()
        return text
