"""What the real flink-connector-starrocks sent, sent again: `make interop ARGS=--record` renews it."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks

RECORDED = json.loads(Path(__file__).with_name("flink_connector.json").read_text())
AUTH = "Basic " + base64.b64encode(b"root:pw").decode()


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(password="pw") as made:
        yield made


def send(server: EmbeddedStarRocks, request: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON of the answer to a request as recorded; a body in chunks comes as one."""
    port = server.fe_http_port if request["role"] == "FE" else server.be_http_port
    headers = {**request["headers"], "authorization": AUTH}
    body = base64.b64decode(request["body"])
    headers.pop("transfer-encoding", None)
    headers["content-length"] = str(len(body))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(request["method"], request["target"], body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read() or b"{}")
    connection.close()
    return response.status, answer


@pytest.mark.parametrize("case", RECORDED, ids=[case["name"] for case in RECORDED])
def test_its_requests_get_their_answers(server: EmbeddedStarRocks, case: dict[str, Any]) -> None:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.query_port, user="root", password="pw"
    )
    with connection, connection.cursor() as cursor:
        for statement in ("DROP DATABASE IF EXISTS flink", "CREATE DATABASE flink"):
            cursor.execute(statement)
        for statement in ("USE flink", *case["statements"]):
            cursor.execute(statement)
        for request in case["requests"]:
            status, answer = send(server, request)
            assert status == request["status"], request
            assert {name: answer.get(name) for name in request["answer"]} == request["answer"]
        cursor.execute("SELECT * FROM flink.target ORDER BY id")
        assert [[str(value) for value in row] for row in cursor.fetchall()] == case["rows"]
