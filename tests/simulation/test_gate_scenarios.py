"""The gate in a simulated StarRocks: the acceptance of the flush controller.

One seed of the short scenarios by default; `GATE_SEEDS=n` runs all of them with n seeds each.
"""

import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.gate.scenarios import steady, stopped, visited
from benchmarks.gate.world import Result, Setup, World

FULL = "GATE_SEEDS" in os.environ
SEEDS = range(int(os.environ.get("GATE_SEEDS", "1")))
PERIODS_S = (30.0, 120.0, 600.0) if FULL else (30.0, 120.0)
BUCKETS = (1, 8, 64) if FULL else (1, 64)


def run(setup: Setup, seed: int) -> Result:
    """A run, and what must hold in each: no load is refused, and rows are fresh."""
    result = World(setup, seed).run()
    assert result.refused == 0
    assert result.excess_s(0.99) <= 1.0
    return result


def settled(result: Result, begin_s: float, end_s: float) -> bool:
    """Whether the interval was within 1.5 times the formula's floor all the time."""
    floor_s = max(result.floor_s(begin_s, end_s), 0.2)
    longest_s = max(result.intervals_s(begin_s, end_s))
    assert longest_s <= 1.5 * floor_s, f"{longest_s:.2f} s, floor {floor_s:.2f} s"
    return True


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("buckets", BUCKETS)
@pytest.mark.parametrize("period_s", PERIODS_S)
def test_within_three_periods_the_interval_is_near_the_floor(
    period_s: float, buckets: int, seed: int
) -> None:
    result = run(steady(period_s, buckets), seed)
    period_s = result.period_s()
    assert settled(result, 3 * period_s, result.setup.duration_s)
    later = [second.versions for second in result.trace if second.at_s > 4 * period_s]
    assert max(later) <= 150


@pytest.mark.parametrize("seed", SEEDS)
def test_many_tablets_that_wait_for_one_thread_have_a_longer_period(seed: int) -> None:
    setup = Setup(2500.0, 120.0, buckets=24, replicas=3, disks=3, one_per_check=True)
    result = run(setup, seed)
    assert result.period_s() > 200
    assert settled(result, 3 * result.period_s(), 2500.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limit", [50, 100, 300] if FULL else [100])
@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_smaller_limit_is_not_met_either(period_s: float, limit: int, seed: int) -> None:
    result = run(steady(period_s, 8, limit), seed)
    assert settled(result, 4 * result.period_s(), result.setup.duration_s)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("buckets", BUCKETS)
@pytest.mark.parametrize("period_s", PERIODS_S)
def test_the_interval_grows_while_compaction_stands_still_and_returns(
    period_s: float, buckets: int, seed: int
) -> None:
    result = run(stopped(period_s, buckets), seed)
    ((begin_s, end_s),) = result.setup.stopped
    if period_s < end_s - begin_s:
        usual_s = max(result.intervals_s(begin_s - period_s, begin_s))
        assert max(result.intervals_s(begin_s, end_s + period_s)) > 1.5 * usual_s
    assert settled(result, end_s + 2 * (period_s + 10), result.setup.duration_s)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("buckets", BUCKETS)
@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_foreign_writer_that_leaves_room_changes_nothing(
    period_s: float, buckets: int, seed: int
) -> None:
    result = run(visited(period_s, buckets, share=0.5), seed)
    assert settled(result, 3 * (period_s + 10), result.setup.duration_s)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_foreign_writer_that_leaves_no_room_is_given_way(period_s: float, seed: int) -> None:
    result = World(visited(period_s, 8, share=0.9), seed).run()
    assert result.refused == 0
    end_s = result.setup.foreign[0].end_s
    assert settled(result, end_s + 2 * (period_s + 10), result.setup.duration_s)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("period_s", PERIODS_S)
def test_the_users_interval_is_kept_while_versions_allow(period_s: float, seed: int) -> None:
    for target_ms in (1000.0, 300_000.0):
        setup = steady(period_s, 8)
        result = run(replace(setup, duration_s=1200.0, target_ms=target_ms), seed)
        intervals = [b.barrier_s - a.barrier_s for a, b in pairwise(result.epochs)]
        assert min(intervals) >= target_ms / 1000 - 0.001
        assert {second.reason for second in result.trace} == {"set by the user"}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_users_interval_gives_way_when_versions_demand_it(seed: int) -> None:
    setup = Setup(4000.0, 600.0, buckets=8, replicas=3, stopped=((1500.0, 1800.0),), target_ms=500)
    result = run(setup, seed)
    reasons = {second.reason for second in result.trace if second.interval_s > 0.5}
    assert all("versions in use" in reason for reason in reasons)
    assert reasons


@pytest.mark.parametrize("seed", SEEDS)
def test_open_loop_keeps_to_the_assumed_period(seed: int) -> None:
    result = run(Setup(2000.0, 120.0, buckets=8, replicas=3, seeing=False), seed)
    assert {second.interval_s for second in result.trace} == {1.3}
