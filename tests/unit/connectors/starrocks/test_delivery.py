"""Whole sinks against an embedded StarRocks: upstream's cases about delivery, and addresses."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable
from tests.unit.connectors.starrocks.whole_sink import WholeSink

from penstock.clock import SystemClock
from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError, OptionError
from penstock.types import INT, STRING, Column, Schema

SCHEMA = Schema((Column("id", INT.with_nullable(nullable=False)), Column("name", STRING)), ("id",))
DDL = "(id INT, name STRING) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)"
PUBLISH_S = 4
ROWS = [(1, "one"), (2, "two")]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture
def table(server: EmbeddedStarRocks) -> Iterator[TargetTable]:
    made = TargetTable(server, DDL)
    yield made
    made.close()


def deliver(table: TargetTable, folder: Path, **options: str) -> None:
    with WholeSink(table, SCHEMA, folder, **options) as sink:
        sink.write(ROWS)
        sink.flush()
    assert table.sql("SELECT * FROM d.t ORDER BY id") == ROWS


def finished(table: TargetTable) -> list[dict[str, Any]]:
    """SHOW PROC of the finished transactions of the database."""
    with table.client.cursor() as cursor:
        cursor.execute("SHOW PROC '/transactions/d/finished'")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def last_label(table: TargetTable) -> dict[str, Any]:
    return max(finished(table), key=lambda row: int(row["TransactionId"]))


AT_LEAST_ONCE = {"sink.semantic": "at-least-once"}
PLAIN = {"sink.at-least-once.use-transaction-stream-load": "false"}


def test_at_least_once_with_transaction(table: TargetTable, tmp_path: Path) -> None:
    deliver(table, tmp_path, **AT_LEAST_ONCE)
    assert int(last_label(table)["PreparedTimeoutMs"]) == 180_000


def test_at_least_once_without_transaction(table: TargetTable, tmp_path: Path) -> None:
    deliver(table, tmp_path, **AT_LEAST_ONCE, **PLAIN)
    assert int(last_label(table)["PreparedTimeoutMs"]) == -1, "it was never prepared"


def test_exactly_once(table: TargetTable, tmp_path: Path) -> None:
    deliver(table, tmp_path, **{"sink.semantic": "exactly-once"})


def test_exactly_once_with_a_label_prefix(table: TargetTable, tmp_path: Path) -> None:
    deliver(table, tmp_path, **{"sink.label-prefix": "my-prefix"})
    assert last_label(table)["Label"].startswith("my-prefix-")


@pytest.mark.parametrize("version", ["V1", "V2", "AUTO"])
def test_every_sink_version_delivers(table: TargetTable, tmp_path: Path, version: str) -> None:
    deliver(table, tmp_path, **{"sink.version": version})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({**AT_LEAST_ONCE, "sink.properties.prepared_timeout": "60"}, 60_000),
        ({"sink.properties.prepared_timeout": "600"}, 600_000),
        ({}, -1),  # the frontend's own
    ],
)
def test_prepared_timeout(
    table: TargetTable, tmp_path: Path, options: dict[str, str], expected: int
) -> None:
    deliver(table, tmp_path, **options)
    assert int(last_label(table)["PreparedTimeoutMs"]) == expected


def test_the_timeout_property_is_the_transactions(table: TargetTable, tmp_path: Path) -> None:
    deliver(table, tmp_path, **{"sink.properties.timeout": "77"})
    assert int(last_label(table)["TimeoutMs"]) == 77_000


@pytest.mark.parametrize("body", ["csv", "json"])
@pytest.mark.parametrize("more", [{}, {**AT_LEAST_ONCE, **PLAIN}], ids=["transaction", "plain"])
def test_lz4_loads(table: TargetTable, tmp_path: Path, body: str, more: dict[str, str]) -> None:
    lz4 = {"sink.properties.format": body, "sink.properties.compression": "lz4_frame"}
    deliver(table, tmp_path, **lz4, **more)


def test_max_rows_ends_an_epoch_in_at_least_once(table: TargetTable, tmp_path: Path) -> None:
    options = {
        **AT_LEAST_ONCE,
        "sink.buffer-flush.max-rows": "64000",
        "sink.buffer-flush.interval-ms": "3600000",
    }
    with WholeSink(table, SCHEMA, tmp_path, **options) as sink:
        sink.write([(0, "x")])
        sink.flush(final=False)
        now_ms = SystemClock().now_ms()
        sink.write([(i, "x") for i in range(63_999)])
        assert not sink.writer.barrier_wanted(now_ms)
        sink.write([(64_000, "x")])
        assert sink.writer.barrier_wanted(now_ms)


def test_the_chunk_limit_cuts_loads(table: TargetTable, tmp_path: Path) -> None:
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.chunk-limit": "1000"}) as sink:
        for start in range(0, 1000, 100):
            sink.write([(i, "x" * 50) for i in range(start, start + 100)])
        sink.flush()
    assert table.sql("SELECT COUNT(*) FROM d.t") == [(1000,)]


@pytest.fixture
def slow_publish() -> Iterator[TargetTable]:
    """A table whose loads become visible late."""
    with EmbeddedStarRocks(settings={"penstock_publish_latency_ms": 1000 * PUBLISH_S}) as server:
        table = TargetTable(server, DDL)
        yield table
        table.close()


def test_a_publish_timeout_does_not_wait_for_visibility(
    slow_publish: TargetTable, tmp_path: Path
) -> None:
    with WholeSink(slow_publish, SCHEMA, tmp_path, **{"sink.publish-timeout.ms": "1000"}) as sink:
        began = time.monotonic()
        sink.write(ROWS)
        sink.flush()
        took = time.monotonic() - began
        seen = slow_publish.sql("SELECT COUNT(*) FROM d.t")
    assert seen == [(0,)] or took > PUBLISH_S


def test_at_most_two_commits_of_a_table_are_unpublished(
    slow_publish: TargetTable, tmp_path: Path
) -> None:
    """The third waits until the first is visible, though nobody waits for publishing."""
    with WholeSink(slow_publish, SCHEMA, tmp_path, **{"sink.publish-timeout.ms": "1000"}) as sink:
        for number in range(3):
            sink.write([(number, "x")])
            sink.flush(40)
        assert slow_publish.sql("SELECT COUNT(*) FROM d.t WHERE id = 0") == [(1,)]


def test_rows_left_out_by_the_filter_ratio_are_told_without_their_data(
    server: EmbeddedStarRocks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = TargetTable(server, DDL.replace("STRING", "VARCHAR(3)"))
    with WholeSink(table, SCHEMA, tmp_path, **{"sink.properties.max_filter_ratio": "0.5"}) as sink:
        sink.write([*ROWS, (3, "geheim")])
        sink.flush()
    assert table.sql("SELECT * FROM d.t ORDER BY id") == ROWS
    assert "1 of 3 rows for d.t were left out" in caplog.text
    assert "(name = name, pos = 1) is out of range" in caplog.text
    assert "geheim" not in caplog.text
    table.close()


def test_loads_use_their_connections_again(table: TargetTable, tmp_path: Path) -> None:
    with WholeSink(table, SCHEMA, tmp_path) as sink:
        sink.write(ROWS)
        sink.flush()
        http = sink.writer._link.api._http  # type: ignore[union-attr]
        before = http.connections
        for number in range(10):
            sink.write([(number, "x")])
            sink.flush()
        # The frontend closes after each redirect: of begin, load and prepare; the backend never.
        opened = (http.connections - before) / 10
        assert opened <= 4


# Addresses


def test_a_backend_as_load_url_gets_plain_loads(
    table: TargetTable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backend = f"127.0.0.1:{table.server.be_http_port}"
    deliver(table, tmp_path, **{"load-url": backend})
    assert "backend or proxy" in caplog.text
    assert "at least once" in caplog.text


def test_a_lost_answer_of_a_backend_doubles_nothing(
    server: EmbeddedStarRocks, tmp_path: Path
) -> None:
    table = TargetTable(server, DDL.replace("PRIMARY", "DUPLICATE"))
    server.inject(Fault("stream_load", "drop"))
    deliver(table, tmp_path, **{"load-url": f"127.0.0.1:{server.be_http_port}"})
    table.close()


def test_a_backend_cannot_give_exactly_once_the_user_asks_for(
    table: TargetTable, tmp_path: Path
) -> None:
    backend = f"127.0.0.1:{table.server.be_http_port}"
    options = {"load-url": backend, "sink.semantic": "exactly-once"}
    sink = WholeSink(table, SCHEMA, tmp_path, **options)
    with pytest.raises(OptionError, match="exactly-once") as caught:
        sink.__enter__()
    sink.__exit__()
    assert "address of a frontend" in caught.value.hint


def test_the_next_frontend_is_taken(table: TargetTable, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = f"127.0.0.1:{taken.getsockname()[1]}"
        taken.close()
        deliver(
            table,
            tmp_path,
            **{
                "load-url": f"{dead};{table.server.load_url}",
                "jdbc-url": f"jdbc:mysql://{dead},127.0.0.1:{table.server.query_port}/d"
                "?useSSL=false&serverTimezone=Asia/Shanghai",
            },
        )


def test_an_unreachable_backend_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with EmbeddedStarRocks() as server:
        table = TargetTable(server, DDL)
        server.frontend.backend = f"127.0.0.1:{port}"
        with WholeSink(table, SCHEMA, tmp_path, **{"sink.max-retries": "0"}) as sink:
            sink.write(ROWS)
            with pytest.raises(ConnectorError, match="could not reach") as caught:
                sink.flush()
        assert f"'sink.load.host-mapping' = '127.0.0.1:{port}=" in caught.value.hint
        table.close()


def test_an_unreachable_backend_is_mapped(tmp_path: Path) -> None:
    with EmbeddedStarRocks() as server:
        table = TargetTable(server, DDL)
        server.frontend.backend = "be.inside.invalid:8040"
        mapping = f"be.inside.invalid:8040=127.0.0.1:{server.be_http_port}"
        deliver(table, tmp_path, **{"sink.load.host-mapping": mapping})
        table.close()


def test_tls_that_the_server_does_not_offer_is_refused(table: TargetTable, tmp_path: Path) -> None:
    url = f"{table.server.jdbc_url}/d?sslMode=REQUIRED"
    sink = WholeSink(table, SCHEMA, tmp_path, **{"jdbc-url": url})
    with pytest.raises(ConnectorError):
        sink.__enter__()
    sink.__exit__()


def test_session_variables_of_the_jdbc_url_are_set(table: TargetTable, tmp_path: Path) -> None:
    url = f"{table.server.jdbc_url}/d?sessionVariables=query_timeout=77"
    deliver(table, tmp_path, **{"jdbc-url": url})
    bad = f"{table.server.jdbc_url}/d?sessionVariables=not a statement"
    sink = WholeSink(table, SCHEMA, tmp_path, **{"jdbc-url": bad})
    with pytest.raises(ConnectorError, match="could not connect"):
        sink.__enter__()
    sink.__exit__()
