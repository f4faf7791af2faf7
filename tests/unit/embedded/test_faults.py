"""Faults on purpose, over the admin endpoint as a test in another process would set them."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest

from penstock.embedded.starrocks.faults import Fault, Faults
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import OptionError


def admin(client: Any, method: str, path: str, data: Any = None) -> Any:
    body = b"" if data is None else json.dumps(data).encode()
    return client.call(method, f"/api/_penstock/{path}", body)


def test_a_load_whose_answer_is_lost_is_found_by_its_label(client: Any) -> None:
    admin(client, "POST", "faults", {"operation": "stream_load", "kind": "drop"})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.stream("t", "1\tx\t1\n", label="lost")
    assert client.state("lost") == "VISIBLE"
    admin(client, "POST", "faults", {"operation": "stream_load", "kind": "lose"})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.stream("t", "1\tx\t1\n", label="never")
    assert client.state("never") == "UNKNOWN"


def test_refusals_end_after_their_number(client: Any) -> None:
    fault = {
        "operation": "load",
        "kind": "status",
        "status": "SERVICE_UNAVAILABLE",
        "message": "too many",
        "times": 2,
        "table": "t",
    }
    admin(client, "POST", "faults", [fault])
    client.txn("begin", "a")
    client.txn("begin", "b", table="dup")
    assert client.txn("load", "b", "1\t1\t\\N\n", table="dup")["Status"] == "OK"
    for _ in range(2):
        answer = client.txn("load", "a", "1\tx\t1\n")
        assert (answer["Status"], answer["Message"]) == ("SERVICE_UNAVAILABLE", "too many")
    assert client.txn("load", "a", "1\tx\t1\n")["Status"] == "OK"


def test_the_frontend_may_fail_where_it_only_redirects(client: Any) -> None:
    admin(client, "POST", "faults", {"operation": "begin", "kind": "slow", "seconds": 0.3, "role": "fe"})  # fmt: skip
    start = time.monotonic()
    assert client.txn("begin", "s")["Status"] == "OK"
    assert time.monotonic() - start >= 0.3
    admin(client, "POST", "faults", {"operation": "load", "kind": "status", "role": "fe"})
    assert client.txn("load", "s", "1\tx\t1\n")["Message"] == "injected"
    assert client.state("s") == "PREPARE"


def test_a_restarted_backend_knows_no_transactions(client: Any) -> None:
    client.txn("begin", "r")
    client.txn("load", "r", "1\tx\t1\n")
    assert admin(client, "POST", "forget_contexts")["forgotten"] == 1
    assert client.txn("prepare", "r")["Status"] == "TXN_NOT_EXISTS"
    assert client.txn("rollback", "r")["Status"] == "TXN_NOT_EXISTS"
    assert client.state("r") == "PREPARE"
    assert client.call("POST", "/api/d/t/_cancel?label=r")["status"] == "OK"


def test_versions_settings_and_compaction(client: Any, server: EmbeddedStarRocks) -> None:
    assert admin(client, "POST", "settings", {"tablet_max_versions": 5})["status"] == "OK"
    assert admin(client, "GET", "settings")["settings"]["tablet_max_versions"] == "5"
    added = admin(client, "POST", "foreign_versions", {"db": "d", "table": "t", "count": 5})
    assert added["version"] == 6
    assert "current/limit: 6/5." in client.stream("t", "1\tx\t1\n")["Message"]
    assert admin(client, "POST", "compact")["compacted"] == 2
    assert client.stream("t", "1\tx\t1\n")["Status"] == "Success"
    assert admin(client, "POST", "settings", {"nothing": 5})["status"] == "FAILED"
    assert admin(client, "POST", "faults", {"operation": "x", "kind": "drop"})["status"] == "FAILED"
    assert admin(client, "POST", "nowhere")["status"] == "FAILED"


def test_chance_is_repeatable() -> None:
    def happened(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault("commit", "drop", times=0, probability=0.5))
        return [faults.take("commit", "be") is not None for _ in range(50)]

    assert happened(1) == happened(1) != happened(2)
    assert 10 < sum(happened(1)) < 40
    with pytest.raises(OptionError):
        Fault("commit", "explode")


def test_a_fault_that_lacks_a_field_or_has_one_too_many_is_refused_by_its_name(
    client: Any,
) -> None:
    for fault, said in [
        ({"operation": "load"}, "a fault needs 'kind'"),
        ({"kind": "drop"}, "a fault needs 'operation'"),
        ({"operation": "load", "kind": "drop", "knd": 1}, "unknown field 'knd' of a fault"),
        ("drop", "a fault is a JSON object"),
    ]:
        answer = admin(client, "POST", "faults", fault)
        assert answer["status"] == "FAILED"
        assert said in answer["msg"]
        assert "__init__" not in answer["msg"]
