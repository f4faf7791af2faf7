"""Version counts and compaction on a clock that the test turns."""

from __future__ import annotations

import itertools

import pytest

from penstock.embedded.starrocks.compaction import Compactor
from penstock.embedded.starrocks.config import BACKEND, Configuration
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.versions import Versions


class ManualClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Cluster:
    """One table of one partition, and what compacts it."""

    def __init__(self, tablets: int = 1, *, primary: bool = True, seconds: float = 0.0) -> None:
        self.clock = ManualClock()
        self.config = Configuration(BACKEND)
        self.versions = Versions(self.config, self.clock)
        self.versions.add(1, 2, list(range(100, 100 + tablets)), primary=primary)
        self.compactor = Compactor(self.versions, self.config, self.clock, lambda _table: seconds)

    def counts(self) -> list[int]:
        return [replica.rowsets for replica in self.versions.replicas(1)]

    def run(self, seconds: float, loads_per_second: float = 0.0) -> list[int]:
        """The highest count after each tenth of a second."""
        seen, owed = [], 0.0
        for _ in range(round(seconds * 10)):
            self.clock.sleep(0.1)
            owed += loads_per_second / 10
            while owed >= 1:
                self.versions.published(1)
                owed -= 1
            self.compactor.step()
            seen.append(max(self.counts()))
        return seen


def test_a_primary_key_tablet_is_a_sawtooth_of_120_to_130_seconds() -> None:
    cluster = Cluster()
    seen = cluster.run(600, loads_per_second=2)
    drops = [at / 10 for at in range(1, len(seen)) if seen[at] < seen[at - 1] - 100]
    periods = [later - earlier for earlier, later in itertools.pairwise(drops)]
    assert len(drops) >= 4
    assert all(120 <= period <= 130.2 for period in periods)
    assert 240 <= max(seen) <= 265


def test_many_tablets_wait_for_the_one_thread() -> None:
    few, many = Cluster(tablets=2), Cluster(tablets=30)
    assert max(many.run(900, loads_per_second=1)) > 2 * max(few.run(900, loads_per_second=1))
    many.config.set("update_compaction_num_threads_per_disk", 30)
    many.run(140, loads_per_second=1)
    assert max(many.run(300, loads_per_second=1)) <= 135


def test_a_table_without_a_key_stays_low() -> None:
    assert max(Cluster(primary=False).run(120, loads_per_second=2)) <= 12


def test_paused_compaction_reaches_the_limit_and_the_text_is_exact() -> None:
    cluster = Cluster()
    cluster.config.set("max_compaction_concurrency", 0)
    cluster.config.set("tablet_max_versions", 50)
    cluster.versions.published(1, count=49)
    cluster.versions.check(1)
    cluster.versions.published(1, count=2)
    cluster.run(200)
    with pytest.raises(ServerError) as caught:
        cluster.versions.check(1)
    assert caught.value.message == (
        "Failed to load data into tablet 100, because of too many versions, current/limit: 52/50. "
        "You can reduce the loading job concurrency, or increase loading data batch size. If you "
        "are loading data with Routine Load, you can increase FE configs "
        "routine_load_task_consume_second and max_routine_load_batch_size,: be:127.0.0.1"
    )
    assert caught.value.status == "SERVICE_UNAVAILABLE"
    cluster.config.set("max_compaction_concurrency", -1)
    cluster.run(11)
    cluster.versions.check(1)


def test_a_tablet_behind_with_applying_is_not_compacted() -> None:
    cluster = Cluster()
    cluster.versions.published(1, count=10)
    for _ in range(2):
        cluster.versions.committed(1)
    assert cluster.run(200)[-1] == 11
    cluster.versions.settled(1)
    assert cluster.run(20)[-1] == 1


def test_versions_that_come_during_a_slow_compaction_stay() -> None:
    cluster = Cluster(seconds=30)
    cluster.versions.published(1, count=10)
    cluster.run(125)
    assert cluster.counts() == [11]
    cluster.versions.published(1, count=3)
    cluster.run(40)
    assert cluster.counts() == [4]


def test_replicas_of_two_backends_are_compacted_apart() -> None:
    cluster = Cluster()
    cluster.versions.add(1, 2, [100], primary=True, replication=2)
    cluster.versions.published(1, count=5)
    assert [r.backend_id for r in cluster.versions.replicas(1)] == [10001, 10002]
    cluster.run(131)
    assert cluster.counts() == [1, 1]
