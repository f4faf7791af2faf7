"""The transaction API: its states, several tables, merge commit, and what a cut body leaves."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.unit.embedded.load_client import AUTH, Client, make_tables

from penstock.embedded.starrocks.server import EmbeddedStarRocks

MULTI: dict[str, Any] = {"transaction_type": "multi"}


def states(client: Client) -> dict[str, str]:
    """A label in each state a transaction may be in."""
    client.txn("begin", "PREPARE")
    for label in ("PREPARED", "VISIBLE"):
        client.txn("begin", label)
        client.txn("load", label, f"{len(label)}\tx\t1\n")
        client.txn("prepare", label)
    client.txn("commit", "VISIBLE")
    client.txn("begin", "ABORTED")
    client.txn("rollback", "ABORTED")
    return {name: client.state(name) for name in ("PREPARE", "PREPARED", "VISIBLE", "ABORTED")}


@pytest.mark.parametrize(
    ("operation", "state", "status", "text"),
    [
        ("begin", "PREPARE", "LABEL_ALREADY_EXISTS", "has already been used"),
        ("begin", "PREPARED", "LABEL_ALREADY_EXISTS", "has already been used"),
        ("begin", "VISIBLE", "LABEL_ALREADY_EXISTS", "has already been used"),
        ("begin", "ABORTED", "OK", ""),
        ("load", "PREPARED", "TXN_NOT_EXISTS", "Transaction with label PREPARED not exists"),
        ("load", "VISIBLE", "TXN_NOT_EXISTS", "Transaction with label VISIBLE not exists"),
        ("load", "ABORTED", "TXN_NOT_EXISTS", "Transaction with label ABORTED not exists"),
        ("load", "UNKNOWN", "FAILED", "No transaction found with db[d] and label[UNKNOWN]"),
        ("prepare", "PREPARE", "INTERNAL_ERROR", "hasn't send any data yet"),
        ("prepare", "PREPARED", "TXN_NOT_EXISTS", "transaction with label PREPARED not exists"),
        ("prepare", "VISIBLE", "TXN_NOT_EXISTS", "transaction with label VISIBLE not exists"),
        ("prepare", "UNKNOWN", "FAILED", "No transaction found"),
        ("commit", "PREPARED", "OK", ""),
        ("commit", "VISIBLE", "OK", "has already committed, label is VISIBLE"),
        ("commit", "ABORTED", "FAILED", "Can not commit ABORTED transaction"),
        ("commit", "UNKNOWN", "FAILED", "No transaction found"),
        ("rollback", "PREPARE", "OK", ""),
        ("rollback", "PREPARED", "OK", ""),
        ("rollback", "VISIBLE", "FAILED", "Can not abort VISIBLE transaction"),
        ("rollback", "ABORTED", "OK", "has already aborted, label is ABORTED"),
        ("rollback", "UNKNOWN", "FAILED", "No transaction found"),
    ],
)
def test_every_operation_in_every_state(
    client: Client, operation: str, state: str, status: str, text: str
) -> None:
    assert all(name == found for name, found in states(client).items())
    answer = client.txn(operation, state, "1\tx\t1\n")
    assert answer["Status"] == status, answer
    assert text in answer["Message"]
    if not text:
        assert answer["Message"] == ""


def test_arguments_that_do_not_fit(client: Client) -> None:
    call = client.call
    assert call("POST", "/api/transaction/begin")["Message"] == "empty label"
    assert "No database selected." in call("POST", "/api/transaction/begin", label="x")["Message"]
    unknown = call("POST", "/api/transaction/begin", label="x", db="nope", table="t")
    assert unknown["Message"].endswith("Database[nope] does not exist.")
    assert "Unknown table" in client.txn("begin", "x", table="nope")["Message"]
    assert "Unknown transaction operation: explode" in client.txn("explode", "x")["Message"]
    for label in ("a b", "ü", "x" * 129, "a/b"):
        assert client.txn("begin", label)["Status"] == "INVALID_ARGUMENT"
    assert client.txn("begin", "t", timeout="0")["Status"] == "ANALYSIS_ERROR"
    assert client.txn("begin", "t", timeout="soon")["Status"] == "INVALID_ARGUMENT"
    client.txn("begin", "ok")
    answer = client.txn("load", "ok", "1\t1\t\\N\n", table="dup")
    assert answer["Message"] == "Request table dup not equal transaction table t"


def test_loads_of_one_transaction_are_alike(client: Client) -> None:
    client.txn("begin", "a")
    assert client.txn("load", "a", "1\tx\t1\n")["Status"] == "OK"
    answer = client.txn("load", "a", "1,x,1\n", column_separator=",")
    assert answer["Status"] == "INVALID_ARGUMENT"
    assert client.state("a") == "ABORTED"
    client.txn("begin", "b")
    assert client.txn("load", "b", "1\tx\t1\n", strict_mode="maybe")["Status"] == "INVALID_ARGUMENT"
    assert client.state("b") == "ABORTED"


def test_a_running_write_is_not_refused_for_its_versions(
    client: Client, server: EmbeddedStarRocks
) -> None:
    client.txn("begin", "a")
    client.txn("load", "a", "1\tx\t1\n")
    server.configure("tablet_max_versions", 3)
    server.foreign_versions("d", "t", 5)
    assert client.txn("load", "a", "2\tx\t1\n")["Status"] == "OK"
    assert client.txn("commit", "a")["Status"] == "OK"
    client.txn("begin", "b")
    assert client.txn("load", "b", "1\tx\t1\n")["Status"] == "SERVICE_UNAVAILABLE"
    assert client.state("b") == "ABORTED"


def test_one_request_at_a_time(client: Client, server: EmbeddedStarRocks) -> None:
    server.configure("penstock_load_latency_ms", 500)
    client.txn("begin", "a")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.txn, "load", "a", "1\tx\t1\n")
        time.sleep(0.15)
        second = pool.submit(client.txn, "load", "a", "2\tx\t1\n")
        answers = sorted(future.result()["Status"] for future in (first, second))
    assert answers == ["OK", "TXN_IN_PROCESSING"]
    assert client.txn("commit", "a")["Status"] == "OK"


def test_tables_of_a_transaction_are_visible_together(
    client: Client, server: EmbeddedStarRocks
) -> None:
    call = client.call
    begun = call("POST", "/api/transaction/begin", label="m", db="d", **MULTI)
    assert (begun["Status"], begun["Label"]) == ("OK", "m")

    def put(table: str, body: str) -> Any:
        headers: dict[str, Any] = {"label": "m", "db": "d", "table": table, **MULTI}
        return call("PUT", "/api/transaction/load", body.encode(), **headers)

    assert put("t", "1\tx\t1\n")["Status"] == "OK"
    assert put("dup", "1\t1.5\t2024-01-01\n")["Status"] == "OK"
    assert put("t", "2\tx\t1\n")["Status"] == "OK"
    assert put("nope", "2\n")["Status"] != "OK"
    assert client.state("m") == "ABORTED"
    call("POST", "/api/transaction/begin", label="m", db="d", **MULTI)
    put("t", "1\tx\t1\n")
    put("dup", "1\t1.5\t2024-01-01\n")
    assert client.rows("t") == client.rows("dup") == []
    done = call("POST", "/api/transaction/commit", label="m", db="d", **MULTI)
    assert (done["Status"], client.state("m")) == ("OK", "VISIBLE")
    assert (len(client.rows("t")), len(client.rows("dup"))) == (1, 1)
    direct = call(
        "POST", "/api/transaction/begin", b"", server.be_http_port, label="n", db="d", **MULTI
    )
    assert direct["Message"] == (
        "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes"
    )


def test_merge_commit_makes_one_version(client: Client, server: EmbeddedStarRocks) -> None:
    headers: dict[str, Any] = {
        "enable_merge_commit": "true",
        "merge_commit_interval_ms": "400",
        "merge_commit_parallel": "3",
    }
    with ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(client.stream, "t", f"{place}\tx\t1", label=f"mine{place}", **headers)
            for place in range(8)
        ]
        answers = [future.result() for future in futures]
    assert {answer["Status"] for answer in answers} == {"Success"}, answers
    assert len({answer["Label"] for answer in answers}) == 1
    assert sorted(answer["RequestId"] for answer in answers) == [f"mine{n}" for n in range(8)]
    assert len(client.rows()) == 8
    assert server.store.versions.version(server.store.table("d", "t").table_id) == 2
    missing = client.stream("t", "1\tx\t1\n", enable_merge_commit="true")
    assert "merge_commit_interval_ms must be set positive" in missing["Message"]


def test_merge_commit_without_waiting(client: Client) -> None:
    headers: dict[str, Any] = {
        "enable_merge_commit": "true",
        "merge_commit_interval_ms": "200",
        "merge_commit_parallel": "1",
        "merge_commit_async": "true",
    }
    answer = client.stream("t", "1\tx\t1\n", **headers)
    assert (answer["Status"], client.state(answer["Label"])) == ("Success", "PREPARE")
    broken = client.stream("dup", "x\ty\n", **headers)
    until = time.monotonic() + 5
    while {client.state(answer["Label"]), client.state(broken["Label"])} != {"VISIBLE", "ABORTED"}:
        assert time.monotonic() < until
        time.sleep(0.05)
    reason = client.call("GET", f"/api/d/get_load_state?label={broken['Label']}")["reason"]
    assert "too many filtered rows. Tracking URL: http://" in reason


def test_a_cut_body_ends_the_load(client: Client, server: EmbeddedStarRocks) -> None:
    head = (
        f"PUT /api/d/t/_stream_load HTTP/1.1\r\nAuthorization: {AUTH}\r\nlabel: cut\r\n"
        "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.be_http_port)) as wire:
        wire.sendall(head.encode())
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.state("cut") == "PREPARE"
        assert client.stream("t", "1\tx\t1\n", label="cut")["ExistingJobStatus"] == "RUNNING"
        wire.sendall(b"1\tx")
    until = time.monotonic() + 5
    while client.state("cut") != "ABORTED":
        assert time.monotonic() < until
        time.sleep(0.02)
    reason = client.call("GET", "/api/d/get_load_state?label=cut")["reason"]
    assert reason == "receive body don't equal with body bytes"
    assert client.stream("t", "1\tx\t1\n", label="cut")["Status"] == "Success"


def test_a_taken_label_is_answered_before_the_body(
    client: Client, server: EmbeddedStarRocks
) -> None:
    client.stream("t", "1\tx\t1\n", label="taken")
    head = (
        f"PUT /api/d/t/_stream_load HTTP/1.1\r\nAuthorization: {AUTH}\r\nlabel: taken\r\n"
        "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.be_http_port)) as wire:
        wire.sendall(head.encode())
        answer = b""
        while piece := wire.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"Label Already Exists"' in answer
    assert b"Connection: close" in answer


def test_bodies_that_are_too_long(client: Client, server: EmbeddedStarRocks) -> None:
    server.configure("streaming_load_max_mb", 1)
    answer = client.stream("t", b"1\tx\t1\n" * 200_000, label="big")
    assert answer["Status"] == "Fail"
    assert answer["Message"].startswith("body size 1200000 exceed limit 1048576")
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    head = (
        f"PUT /api/d/t/_stream_load HTTP/1.1\r\nAuthorization: {AUTH}\r\n"
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.be_http_port)) as wire:
        wire.sendall(head.encode())
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(chunk + b"2\r\n")
        assert b"exceed limit 1048576" in wire.recv(4096)


def test_health_and_metrics(client: Client, server: EmbeddedStarRocks) -> None:
    client.stream("t", "1\tx\t1\n")
    for port, name in (
        (server.fe_http_port, b"starrocks_fe_txn_success 1"),
        (server.be_http_port, b"starrocks_be_stream_load_rows_total 1"),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/api/health")
        assert b'"OK"' in connection.getresponse().read()
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert name in answer.read()
        connection.close()


def test_many_clients_at_once(client: Client, server: EmbeddedStarRocks) -> None:
    failures: list[Any] = []

    def work(number: int) -> None:
        for place in range(5):
            answer = client.stream("t", f"{number}\tx\t{place}\n", label=f"w{number}-{place}")
            if answer["Status"] != "Success":
                failures.append(answer)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert client.rows() == [(number, "x", 4) for number in range(64)]


def test_nothing_outside_is_read(client: Client, server: EmbeddedStarRocks) -> None:
    secret = base64.b64encode(b"root:secret").decode()
    for target in (
        "/api/_load_error_log?file=../../../../etc/passwd",
        "/api/_load_error_log?file=/etc/passwd",
        "/../../etc/passwd",
        "/api/../../etc/passwd",
        "/api/d/..%2f..%2fetc/_stream_load",
        "/api/d/t/_stream_load%0d%0aX-Evil:1",
    ):
        for port in (server.fe_http_port, server.be_http_port):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", target, headers={"Authorization": f"Basic {secret}"})
            answer = connection.getresponse()
            text = answer.read()
            assert b"root:" not in text
            assert answer.headers.get("X-Evil") is None
            connection.close()


def test_a_dropped_database_takes_its_labels_with_it(client: Client) -> None:
    states(client)
    client.server.store.drop_database("d")
    assert client.txn("commit", "PREPARED")["Message"].endswith("Database[d] does not exist.")
    make_tables(client.server.store)
    assert client.state("PREPARED") == client.state("VISIBLE") == "UNKNOWN"
    assert client.txn("begin", "VISIBLE")["Status"] == "OK"


def test_a_label_of_many_tables_serves_one_table_once_it_is_aborted(client: Client) -> None:
    client.txn("begin", "l", table="", **MULTI)
    taken = client.txn("begin", "l")
    assert (taken["Status"], taken["ExistingJobStatus"]) == ("LABEL_ALREADY_EXISTS", "RUNNING")
    client.txn("rollback", "l", table="", **MULTI)
    assert client.txn("begin", "l")["Status"] == "OK"
    assert client.txn("load", "l", "1\tx\t1\n")["Status"] == "OK"
    assert client.txn("commit", "l")["Status"] == "OK"
    assert client.rows() == [(1, "x", 1)]
