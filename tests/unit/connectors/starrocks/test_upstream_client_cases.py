"""What upstream's unit tests assert about labels, left-over transactions and answers, of ours.

Source: flink-connector-starrocks and its stream load SDK; docs/starrocks-conformance.md.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable
from tests.unit.connectors.starrocks.whole_sink import WholeSink

from penstock.clients.http import Endpoint, HttpResponse
from penstock.clock import SystemClock
from penstock.connectors.base import RecoveredSink, SharedResources, SinkContext
from penstock.connectors.starrocks.labels import Labels
from penstock.connectors.starrocks.load_api import (
    BACK_PRESSURE,
    LABEL_USED,
    LoadApi,
    RowsRefusedError,
    load_client,
)
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError
from penstock.types import INT, STRING, Column, Schema
from penstock.wire.stream_load import LABEL, LoadState

SCHEMA = Schema((Column("id", INT.with_nullable(nullable=False)), Column("name", STRING)), ("id",))
DDL = "(id INT, name STRING) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture
def table(server: EmbeddedStarRocks) -> Iterator[TargetTable]:
    made = TargetTable(server, DDL)
    yield made
    made.close()


@pytest.fixture
def api(table: TargetTable) -> Iterator[LoadApi]:
    client = load_client(table.options(), SystemClock())
    yield LoadApi(client, "d", "t", SystemClock())
    client.close()


# ExactlyOnceLabelTest


def labels(options: StarRocksOptions, *, identity: str = "job-1", incarnation: int = 1) -> Labels:
    with ThreadPoolExecutor(1) as pool:
        context = SinkContext(
            "s1", "my job", identity, incarnation, Path(), pool, pool, pool, SystemClock(),
            lambda: None, lambda *_: None, None, RecoveredSink(), pool, SharedResources(),
        )  # fmt: skip
    return Labels(options, context, "c.d.t")


def test_labels_start_with_the_prefix_and_never_repeat(table: TargetTable) -> None:
    options = table.options(**{"sink.label-prefix": "p-1"})
    first, restarted = labels(options), labels(options, incarnation=2)
    made = [source.next(epoch) for source in (first, restarted) for epoch in (1, 1, 2)]
    assert len(set(made)) == 6
    assert all(label.startswith("p-1-") and LABEL.fullmatch(label) for label in made)


def test_labels_of_a_logged_intent_are_found_again_after_a_restart(table: TargetTable) -> None:
    options = table.options(**{"sink.label-prefix": "p"})
    made = labels(options).next(7)
    assert labels(options, incarnation=2).name(1, 7, 0) == made


def test_labels_of_another_prefix_or_job_are_never_met(table: TargetTable) -> None:
    options = table.options(**{"sink.label-prefix": "p"})
    other = table.options(**{"sink.label-prefix": "q"})
    made = {labels(options).next(1), labels(other).next(1), labels(options, identity="2").next(1)}
    assert len(made) == 3


def test_labels_without_a_prefix_have_the_jobs_name(table: TargetTable) -> None:
    assert labels(table.options()).next(1).startswith("my_job-")


# LingeringTransactionAborterTest: `settle` is what closes a left-over transaction


def open_transaction(api: LoadApi, label: str, *, prepared: bool = False) -> None:
    api.begin(label, {})
    if prepared:
        body = [memoryview(b"1\tx\t0\n")]
        api.load(label, {"format": "csv", "columns": "id,name,__op"}, body)
        api.prepare(label, {})


@pytest.mark.parametrize("prepared", [False, True])
def test_an_open_transaction_is_aborted(api: LoadApi, prepared: bool) -> None:
    open_transaction(api, f"open-{prepared}", prepared=prepared)
    assert api.settle(f"open-{prepared}") is LoadState.ABORTED


def test_unknown_and_aborted_labels_need_nothing(api: LoadApi) -> None:
    assert api.settle("never-seen") is LoadState.UNKNOWN
    open_transaction(api, "twice")
    api.settle("twice")
    assert api.settle("twice") is LoadState.ABORTED


def test_a_finished_transaction_is_left_alone(api: LoadApi) -> None:
    open_transaction(api, "finished", prepared=True)
    api.commit("finished", {})
    assert api.settle("finished") is LoadState.VISIBLE


def test_rollback_fails_then_cancel_succeeds(table: TargetTable, api: LoadApi) -> None:
    open_transaction(api, "cancelled")
    table.server.inject(Fault("rollback", "status", status="TXN_NOT_EXISTS", times=2))
    assert api.settle("cancelled") is LoadState.ABORTED


def test_rollback_throws_but_the_transaction_is_aborted(table: TargetTable, api: LoadApi) -> None:
    open_transaction(api, "thrown")
    table.server.inject(Fault("rollback", "drop"))
    assert api.settle("thrown") is LoadState.ABORTED


def test_rollback_and_cancel_fail(table: TargetTable, api: LoadApi) -> None:
    open_transaction(api, "stuck")
    table.server.inject(Fault("rollback", "status", times=0))
    table.server.inject(Fault("cancel", "status", times=0))
    try:
        with pytest.raises(ConnectorError, match="could not abort"):
            api.settle("stuck", within_s=0.5)
    finally:
        table.server.faults.clear()
    assert api.settle("stuck") is LoadState.ABORTED


# SinkFunctionFactoryTest, ErrorUtilsTest, StarRocksStreamLoadVisitorTest: answers


class Answering:
    """A client that gives prepared answers."""

    def __init__(self, *bodies: Any, status: int = 200) -> None:
        self._bodies = list(bodies)
        self._status = status
        self.asked: list[str] = []

    def request(
        self, method: str, path: str, headers: Any = None, body: Sequence[Any] | None = None
    ) -> HttpResponse:
        self.asked.append(f"{method} {path}")
        data = json.dumps(self._bodies.pop(0)).encode()
        return HttpResponse(self._status, {}, data, Endpoint("h", 1))

    def get(self, url: str) -> HttpResponse:
        return self.request("GET", url)


def scripted(*bodies: Any, status: int = 200) -> LoadApi:
    return LoadApi(Answering(*bodies, status=status), "d", "t", SystemClock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "status", "supported"),
    [
        ({"Status": "INVALID_ARGUMENT", "Message": "empty label"}, 200, True),
        ({"Status": "FAILED", "Message": "class X: Empty label."}, 200, True),
        ({"status": "FAILED", "msg": "Not implemented"}, 200, False),
        ("not json", 200, False),
        ({"Status": "FAILED"}, 404, False),
    ],
)
def test_transactions_are_found_by_a_begin_without_label(
    body: Any, status: int, supported: bool
) -> None:
    assert scripted(body, status=status).supports_transactions() is supported


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("Fail", "too many filtered rows", "rows"),
        ("INTERNAL_ERROR", "primary key size exceed the limit", "rows"),
        ("INTERNAL_ERROR", "Only primary key table support partial update", "rows"),
        ("FAILED", "class X: Access denied for user 'a'", "final"),
        ("FAILED", "class X: Database[d] does not exist.", "final"),
        ("FAILED", "class X: unknown table t", "final"),
        ("FAILED", "current running txns on db 1 is 100, larger than limit 100", "pressure"),
        ("SERVICE_UNAVAILABLE", "", "pressure"),
        ("Fail", "Failed to load data into tablet 1, because of too many versions", "pressure"),
        ("Fail", "Too many versions. tablet_id: 1, version_count: 1001, limit: 1000", "pressure"),
        ("Fail", "Stream Load exceed http cuncurrent limit 9, please try again later", "pressure"),
        ("TXN_IN_PROCESSING", "Transaction in processing, please retry later", "again"),
        ("INTERNAL_ERROR", "anything else", "again"),
        ("Fail", "timeout by txn manager", "again"),
        ("FAILED", "No backend alive.", "again"),
        ("Label Already Exists", "Label [l] has already been used.", "label"),
    ],
)
def test_answers_are_sorted_into_kinds(status: str, message: str, kind: str) -> None:
    api = scripted({"Status": status, "Message": message})
    with pytest.raises((ConnectorError, RowsRefusedError)) as caught:
        api.stream_load("l", {}, [memoryview(b"x")])
    error = caught.value
    if kind == "rows":
        assert isinstance(error, RowsRefusedError)
        return
    assert isinstance(error, ConnectorError)
    codes = {"pressure": BACK_PRESSURE, "label": LABEL_USED}
    assert error.code == codes.get(kind, "starrocks-load")
    assert error.retryable is (kind != "final")
    assert f"{status}: {message}" in error.detail


@pytest.mark.parametrize("status", ["Success", "OK", "Publish Timeout"])
def test_success_has_three_spellings(status: str) -> None:
    answer = scripted({"Status": status, "NumberLoadedRows": 1}).stream_load("l", {}, [])
    assert answer.loaded_rows == 1


@pytest.mark.parametrize(("existing", "ok"), [("FINISHED", True), ("RUNNING", False)])
def test_a_label_that_exists_is_success_only_when_finished(existing: str, ok: bool) -> None:
    api = scripted({"Status": "Label Already Exists", "ExistingJobStatus": existing})
    if ok:
        assert api.stream_load("l", {}, []).loaded_rows is None
        return
    with pytest.raises(ConnectorError) as caught:
        api.stream_load("l", {}, [])
    assert caught.value.code == LABEL_USED


def test_an_answer_without_status_is_a_failure() -> None:
    with pytest.raises(ConnectorError, match="could not read an answer"):
        scripted({"TxnId": 1}).stream_load("l", {}, [])


def test_access_denied_is_final() -> None:
    with pytest.raises(ConnectorError, match=r"access to d\.t was denied") as caught:
        scripted({}, status=401).stream_load("l", {}, [])
    assert not caught.value.retryable


# StarRocksSinkManagerTest


def test_flush_at_max_bytes(table: TargetTable, tmp_path: Path) -> None:
    options = {
        "sink.buffer-flush.max-bytes": "67108864",
        "sink.buffer-flush.interval-ms": "3600000",
    }
    with WholeSink(table, SCHEMA, tmp_path, **options) as sink:
        sink.write([(0, "x")])
        sink.flush(final=False)
        now_ms = SystemClock().now_ms()
        text = "x" * 1_000_000
        sink.write([(i, text) for i in range(30)])
        assert not sink.writer.barrier_wanted(now_ms)
        sink.write([(i, text) for i in range(30, 40)])
        # Rows on their way to the spool are counted once they are there.
        deadline = time.monotonic() + 20
        while not sink.writer.barrier_wanted(now_ms):
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize(("retries", "faults", "ok"), [("2", 2, True), ("1", 2, False)])
def test_retries_then_failure(
    table: TargetTable, tmp_path: Path, retries: str, faults: int, ok: bool
) -> None:
    table.server.inject(Fault("load", "lose", times=faults))
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.max-retries": retries}) as sink:
        sink.write([(1, "x")])
        if ok:
            sink.flush()
            assert table.sql("SELECT * FROM d.t") == [(1, "x")]
        else:
            with pytest.raises(ConnectorError, match="lost the answer"):
                sink.flush()
    table.server.faults.clear()
