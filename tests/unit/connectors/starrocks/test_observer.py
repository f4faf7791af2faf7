"""The observer of a cluster: what it asks, how often, and whom it tells."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, cast

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))

from penstock.connectors.base import SharedResources
from penstock.connectors.starrocks.gate import FlushGate, GateSettings
from penstock.connectors.starrocks.observer import ClusterObserver
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import TargetConnection
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError
from penstock.testing import ManualClock


class Inline(Executor):
    """A pool whose calls run at once, or when `run` says so."""

    def __init__(self, *, later: bool = False) -> None:
        self.later = later
        self.calls: list[tuple[Future[Any], Callable[[], object]]] = []

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append((future, call))
        if not self.later:
            self.run()
        return future

    def run(self) -> None:
        calls, self.calls = self.calls, []
        for future, call in calls:
            call()
            future.set_result(None)

    def cancel(self) -> None:
        for future, _ in self.calls:
            future.cancel()


class Cluster:
    """Answers the observer's queries; refuses those whose text holds a word of `refused`."""

    def __init__(self) -> None:
        self.ids = {("shop", "orders"): 1, ("shop", "items"): 2}
        self.engine = "OLAP"
        self.tablets = {1: [(10, 100, 5, 50), (11, 100, 7, 50)], 2: [(10, 200, 3, 30)]}
        self.limit = "1000"
        self.refused: dict[str, ConnectorError] = {}
        self.asked: list[str] = []
        self.closed = 0

    def query(self, sql: str, args: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        for word, error in self.refused.items():
            if word in sql:
                raise error
        if "tables_config" in sql:
            return [(*name, id_, self.engine) for name, id_ in self.ids.items() if name[1] in args]
        if "be_tablets" in sql:
            return [(i, *row) for i in self.tablets if i in args for row in self.tablets[i]]
        if "be_configs" in sql:
            return [(self.limit,), ("9999",)]
        if "partitions_meta" in sql:
            return [("shop", "orders", 7, 12.5, 90), ("shop", "other", 8, 99.0, 90)]
        if "lake_ingest" in sql:
            return [("lake_ingest_slowdown_threshold", "[]", "200", "long", "true", "")]
        assert sql == "SHOW TABLET FROM `shop`.`orders`"
        row: list[object] = [0] * 22
        row[0], row[2], row[4], row[17] = "100", "10", "60", "42"
        return [tuple(row)]

    def count(self, word: str) -> int:
        return sum(word in sql for sql in self.asked)

    def close(self) -> None:
        self.closed += 1


DENIED = ConnectorError("x", retryable=False, code="access-denied", detail="Access denied.")
AWAY = ConnectorError("x", retryable=True, code="starrocks-unreachable")
BROKEN = ConnectorError("x", retryable=True, code="starrocks-query", detail="boom")


class Rig:
    def __init__(self, *, later: bool = False) -> None:
        self.cluster = Cluster()
        self.clock = ManualClock()
        self.pool = Inline(later=later)
        self.observer = ClusterObserver(
            cast("TargetConnection", self.cluster), self.pool, self.clock
        )

    def gate(self, table: str = "orders") -> FlushGate:
        gate = FlushGate(GateSettings(), self.clock)
        self.observer.watch("shop", table, gate)
        return gate

    def pass_seconds(self, seconds: int, per_second: int = 4) -> None:
        for _ in range(seconds * per_second):
            self.observer.poll(self.clock.now_ms())
            self.clock.advance(1 / per_second)


def versions(gate: FlushGate) -> object:
    return gate.status(0)["versions"]


def test_one_query_a_second_serves_all_tables() -> None:
    rig = Rig()
    orders, items, other = rig.gate(), rig.gate("items"), rig.gate()
    rig.pass_seconds(20)
    assert rig.cluster.count("be_tablets") == 20
    assert rig.cluster.count("tables_config") == 1
    assert rig.cluster.count("be_configs") == 1
    assert [versions(gate) for gate in (orders, items, other)] == [7, 3, 7]


def test_the_limit_is_the_lowest_of_the_backends_and_is_read_again() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.pass_seconds(1)
    assert gate.status(0)["version_limit"] == 1000
    rig.cluster.limit = "500"
    rig.pass_seconds(61)
    assert gate.status(0)["version_limit"] == 500


def test_a_look_that_takes_long_is_not_followed_by_another() -> None:
    rig = Rig(later=True)
    rig.gate()
    rig.pass_seconds(30)
    assert len(rig.pool.calls) == 1
    rig.pool.run()
    rig.pass_seconds(1)
    assert len(rig.pool.calls) == 1


def test_many_replicas_are_asked_for_less_often() -> None:
    rig = Rig()
    rig.gate()
    rig.cluster.tablets[1] = [(10, tablet, 5, 50) for tablet in range(10_000)]
    rig.pass_seconds(20)
    assert rig.cluster.count("be_tablets") == 4


def test_show_tablet_serves_where_be_tablets_is_denied() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.cluster.refused["be_tablets"] = DENIED
    rig.pass_seconds(30)
    assert versions(gate) == 42
    assert rig.cluster.count("be_tablets") == 1
    assert rig.cluster.count("SHOW TABLET") == 3


def test_without_any_privilege_the_gate_runs_open_loop_and_asks_again_later() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.cluster.refused |= {"be_tablets": DENIED, "SHOW TABLET": DENIED, "be_configs": DENIED}
    rig.pass_seconds(60)
    assert (rig.cluster.count("be_tablets"), rig.cluster.count("SHOW TABLET")) == (1, 1)
    assert gate.decide(rig.clock.now_ms()).interval_ms == 1300.0
    assert gate.decide(rig.clock.now_ms()).reason == "versions cannot be seen"
    rig.cluster.refused.clear()
    rig.pass_seconds(300, per_second=1)
    assert versions(gate) == 7


def test_a_cluster_that_is_away_for_a_while_is_asked_the_same_way_again() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.pass_seconds(2)
    rig.cluster.refused[""] = AWAY
    rig.pass_seconds(30)
    rig.cluster.refused.clear()
    rig.cluster.tablets[1] = [(10, 100, 9, 60)]
    rig.pass_seconds(2)
    assert versions(gate) == 9
    assert rig.cluster.count("SHOW TABLET") == 0


def test_a_query_that_always_breaks_is_given_up() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.cluster.refused["be_tablets"] = BROKEN
    rig.pass_seconds(10)
    assert rig.cluster.count("be_tablets") == 3
    assert versions(gate) == 42


def test_a_table_made_anew_is_found_under_its_new_id() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.pass_seconds(2)
    rig.cluster.ids["shop", "orders"] = 3
    rig.cluster.tablets = {3: [(10, 300, 2, 2)]}
    rig.pass_seconds(2)
    assert versions(gate) == 2


def test_a_shared_data_cluster_is_asked_for_compaction_scores() -> None:
    rig = Rig()
    rig.cluster.engine = "CLOUD_NATIVE"
    rig.cluster.refused["lake_ingest"] = DENIED
    gate = rig.gate()
    rig.pass_seconds(2)
    assert rig.cluster.count("be_tablets") == 0
    status = gate.status(rig.clock.now_ms())
    assert (status["versions"], status["version_limit"]) == (12, 100)
    rig.cluster.refused.clear()
    rig.pass_seconds(60, per_second=1)
    assert gate.status(rig.clock.now_ms())["version_limit"] == 200


def test_a_gate_that_is_forgotten_is_told_nothing_more() -> None:
    rig = Rig()
    orders, items = rig.gate(), rig.gate("items")
    rig.pass_seconds(1)
    rig.observer.forget(orders)
    rig.cluster.tablets = {1: [(10, 100, 90, 90)], 2: [(10, 200, 90, 90)]}
    rig.pass_seconds(2)
    assert (versions(orders), versions(items)) == (7, 90)
    rig.observer.forget(items)
    asked = len(rig.cluster.asked)
    rig.pass_seconds(5)
    assert len(rig.cluster.asked) == asked


def test_a_close_during_a_look_closes_the_connection_after_it() -> None:
    rig = Rig(later=True)
    rig.gate()
    rig.pass_seconds(1)
    rig.observer.close()
    assert rig.cluster.closed == 0
    rig.pool.run()
    assert rig.cluster.closed == 1
    rig.pass_seconds(5)
    assert not rig.pool.calls


def test_a_look_the_pool_never_came_to_does_not_keep_the_connection() -> None:
    rig = Rig(later=True)
    rig.gate()
    rig.pass_seconds(1)
    rig.observer.close()
    rig.pool.cancel()
    assert rig.cluster.closed == 1


def test_rows_that_make_no_sense_are_given_up() -> None:
    rig = Rig()
    gate = rig.gate()
    rig.cluster.tablets[1] = [(10, 100, None, 50)]  # type: ignore[list-item]
    rig.pass_seconds(10)
    assert rig.cluster.count("be_tablets") == 3
    assert versions(gate) == 42


def test_the_last_user_closes_what_is_shared() -> None:
    shared, cluster = SharedResources(), Cluster()
    first = shared.acquire("key", lambda: cluster)
    assert shared.acquire("key", Cluster) is first
    shared.release("key")
    assert cluster.closed == 0
    shared.release("key")
    assert cluster.closed == 1
    assert len(shared) == 0


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as embedded:
        yield embedded


def test_the_embedded_server_understands_every_question(server: EmbeddedStarRocks) -> None:
    options = StarRocksOptions(
        {
            "connector": "starrocks",
            "jdbc-url": server.jdbc_url,
            "load-url": server.load_url,
            "database-name": "shop",
            "table-name": "orders",
            "username": "root",
            "password": "",
        }
    )
    connection = TargetConnection(options)
    connection.query("CREATE DATABASE shop")
    for table, buckets in (("orders", 3), ("购物 车", 1)):
        connection.query(
            f"CREATE TABLE shop.`{table}` (id INT NOT NULL) PRIMARY KEY (id) "
            f"DISTRIBUTED BY HASH (id) BUCKETS {buckets} PROPERTIES ('replication_num' = '1')"
        )
        connection.query(f"INSERT INTO shop.`{table}` VALUES (1)")
    connection.query("INSERT INTO shop.orders VALUES (2)")
    clock = ManualClock()
    observer = ClusterObserver(connection, Inline(), clock)
    gates = [FlushGate(GateSettings(), clock) for _ in range(2)]
    observer.watch("shop", "orders", gates[0])
    observer.watch("shop", "购物 车", gates[1])
    observer.poll(clock.now_ms())
    assert [versions(gate) for gate in gates] == [3, 2]
    assert connection.query("SHOW TABLET FROM shop.`购物 车`")[0][17] in {2, "2"}
    observer.close()
