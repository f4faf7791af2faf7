"""The flush controller, observation by observation; whole runs are in tests/simulation."""

from dataclasses import replace

import numpy as np
import pytest

from penstock.connectors.starrocks.gate import (
    SCORES,
    VERSIONS,
    FlushGate,
    GateSettings,
    Moment,
    Outlook,
    Sawtooth,
    Scale,
    TabletVersions,
    decide,
    floor_ms,
    follow,
    outlook,
)
from penstock.testing import ManualClock


def seen(
    second: float, counts: list[float], numbers: list[float], own: int = 0, limit: int = 1000
) -> TabletVersions:
    return TabletVersions(
        1000.0 * second,
        np.arange(len(counts), dtype=np.int64),
        np.array(counts, np.float64),
        np.array(numbers, np.float64),
        own,
        replace(VERSIONS, limit=limit),
    )


def teeth(*lengths: int) -> Sawtooth:
    """One tablet, a version a second, compacted after so many seconds each."""
    state, second, number = None, 0, 1.0
    for length in lengths:
        for step in range(length):
            state = follow(state, seen(second + step, [1.0 + step], [number + step]))
        second, number = second + length, number + length
    return follow(state, seen(second, [1.0], [number]))


def test_the_floor_of_the_default_settings_is_one_point_three_seconds() -> None:
    assert floor_ms(VERSIONS.start_period_s, VERSIONS) == 1300.0
    assert floor_ms(60.0, VERSIONS) == 600.0
    assert floor_ms(130.0, VERSIONS, labels=2) == 2600.0


def test_the_period_is_measured_from_trough_to_trough() -> None:
    # The first tooth is not whole, for nobody saw it begin.
    assert teeth(60).measured_s is None
    assert teeth(60, 40).measured_s == 40.0
    assert teeth(60, 200, 200).period_s == 200.0


def test_a_first_tooth_longer_than_assumed_is_known_to_be_at_least_that_long() -> None:
    assert teeth(400).measured_s == 400.0


def test_one_tooth_stretched_by_a_pause_of_compaction_is_not_the_period() -> None:
    assert teeth(100, 120, 430, 120).period_s == 120.0
    assert teeth(100, 430, 120).period_s == 120.0


def test_a_tooth_that_began_with_a_pause_of_loads_does_not_lengthen_the_period() -> None:
    state = teeth(100, 120)
    second, number = 220, 221.0
    for idle in range(1000):
        state = follow(state, seen(second + idle, [1.0], [number]))
    for step in range(100):
        state = follow(state, seen(second + 1000 + step, [1.0 + step], [number + step]))
    state = follow(state, seen(second + 1100, [1.0], [number + 100]))
    assert state.period_s == 120.0
    assert outlook(state).late_since_ms is None


def test_a_compaction_between_two_polls_is_seen_though_the_count_did_not_fall() -> None:
    state = follow(None, seen(0, [10.0], [10.0]))
    state = follow(state, seen(30, [12.0], [32.0]))
    assert state.known[0]
    assert state.trough_ms[0] == 30_000.0


def test_the_longest_period_of_the_replicas_counts() -> None:
    state = None
    for second in range(400):
        counts = [1.0 + second % 50, 1.0 + second % 130]
        state = follow(state, seen(second, counts, [second + 1.0, second + 1.0]))
    assert state is not None
    assert state.period_s == 130.0


def test_replicas_that_come_and_go_keep_what_is_known_of_the_others() -> None:
    state = teeth(100, 120)
    both = seen(240, [21.0, 5.0], [241.0, 5.0])
    state = follow(state, both)
    assert state.period_s == 120.0
    assert list(state.known) == [True, False]
    others = replace(seen(241, [6.0, 3.0], [6.0, 3.0]), keys=np.array([1, 2], np.int64))
    state = follow(state, others)
    assert list(state.known) == [False, False]
    assert list(state.troughs) == [5.0, 3.0]
    assert state.period_s == 120.0


def test_versions_of_others_are_what_own_commits_do_not_explain() -> None:
    state = None
    for second in range(300):
        state = follow(state, seen(second, [1.0 + 3 * second], [1.0 + 3 * second], own=second))
    assert state is not None
    assert outlook(state).foreign_per_s == pytest.approx(1.9, abs=0.1)


def test_a_partition_that_gets_no_rows_is_no_danger_however_full() -> None:
    state = None
    for second in range(200):
        counts, numbers = [790.0, 1.0 + second % 50], [790.0, 1.0 + second]
        state = follow(state, seen(second, counts, numbers, own=second))
    assert state is not None
    known = outlook(state)
    assert known.versions == 790
    assert decide(known, GateSettings(), Moment(200_000.0, own=199)).interval_ms == 500.0


def test_own_commits_since_the_poll_use_up_room() -> None:
    known = Outlook(period_s=130.0, versions=600, tight=600.0, own=10)
    settings = GateSettings(target_ms=1000.0)
    before = decide(known, settings, Moment(0.0, own=10))
    after = decide(known, settings, Moment(0.0, own=110))
    assert before.interval_ms == 1000.0
    assert after.interval_ms == 1300.0
    assert "600 of 1000 versions" in after.reason


def test_the_users_interval_is_the_target_until_versions_demand_more() -> None:
    for target_ms in (1000.0, 300_000.0):
        settings = GateSettings(target_ms)
        calm = Outlook(versions=30, tight=30.0)
        assert decide(calm, settings, Moment(0.0)).interval_ms == target_ms
        assert decide(calm, settings, Moment(0.0)).reason == "set by the user"
        assert decide(Outlook(), settings, Moment(0.0)).interval_ms == target_ms
    full = Outlook(versions=730, tight=730.0)
    longer = decide(full, GateSettings(1000.0), Moment(0.0))
    assert longer.interval_ms == pytest.approx(1857, abs=1)
    assert decide(full, GateSettings(300_000.0), Moment(0.0)).interval_ms == 300_000.0


def test_next_to_the_limit_even_a_full_buffer_waits() -> None:
    full = Outlook(versions=950, tight=950.0)
    assert decide(full, GateSettings(), Moment(0.0)).hold
    assert not decide(Outlook(versions=600, tight=600.0), GateSettings(), Moment(0.0)).hold


def test_late_compaction_stretches_the_interval_and_says_so() -> None:
    late = Outlook(period_s=120.0, versions=110, tight=110.0, since_ms=0.0, late_since_ms=0.0)
    assert decide(late, GateSettings(), Moment(100_000.0)).interval_ms == 1200.0
    stretched = decide(late, GateSettings(), Moment(440_000.0))
    assert stretched.interval_ms == pytest.approx(4000.0)
    assert stretched.reason == "no compaction for 440 s"
    assert stretched.stretched
    assert not decide(late, GateSettings(), Moment(100_000.0)).stretched


def test_a_commit_is_not_asked_for_before_the_one_before_can_be_visible() -> None:
    slow = decide(Outlook(), GateSettings(), Moment(0.0, publish_ms=4000.0))
    assert (slow.interval_ms, slow.reason) == (4000.0, "publish takes as long")


def test_refusals_lengthen_and_fade() -> None:
    clock = ManualClock()
    gate = FlushGate(GateSettings(), clock)
    for _ in range(5):
        gate.refused("current running txns on db 1 is 1000, larger than limit 1000")
    assert gate.decide(clock.now_ms()).interval_ms == 2600.0
    assert gate.decide(clock.now_ms()).reason == "StarRocks refused loads"
    gate.observe(replace(seen(0, [1.0], [1.0]), now_ms=float(clock.now_ms())))
    assert gate.decide(clock.now_ms() + 180_000).interval_ms == 1300.0


def test_a_refusal_for_versions_tells_the_limit_where_it_cannot_be_read() -> None:
    gate = FlushGate(GateSettings(), ManualClock())
    gate.refused("... because of too many versions, current/limit: 101/100. You can ...")
    assert gate.status(0)["version_limit"] == 100


def test_losing_sight_keeps_the_measured_period() -> None:
    clock = ManualClock()
    gate = FlushGate(GateSettings(), clock)
    state = teeth(100, 60)
    for second in range(161):
        count = 1.0 + (second % 60)
        gate.observe(seen(second, [count], [1.0 + second]))
    assert state.period_s == 60.0
    assert gate.status(161_000)["versions"] is not None
    gate.observe(None)
    assert gate.status(161_000)["versions"] is None
    assert gate.status(161_000)["interval_ms"] == 600


def test_what_was_seen_long_ago_is_worth_nothing() -> None:
    gate = FlushGate(GateSettings(), ManualClock())
    gate.observe(seen(0, [780.0], [780.0]))
    assert gate.decide(1000).interval_ms > 2000
    for _ in range(400):
        gate.published(100.0)
    assert gate.decide(250_000).hold
    blind = gate.decide(261_000)
    assert (blind.interval_ms, blind.reason) == (1300.0, "versions cannot be seen")
    assert gate.status(261_000)["versions"] is None


def test_a_tooth_that_ended_while_nobody_looked_does_not_lengthen_the_period() -> None:
    state = teeth(100, 120)
    for step in range(100):
        state = follow(state, seen(220 + step, [1.0 + step], [221.0 + step]))
    state = follow(state, seen(920, [60.0], [920.0]))
    assert state.known[0]
    assert state.trough_ms[0] == 920_000.0
    assert state.period_s == 120.0


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_seen_the_decision_is_a_sane_one(seed: int) -> None:
    """Replicas that come, go, jump and fall back; polls that are late; clocks that step back."""
    chance = np.random.default_rng(seed)
    gate = FlushGate(GateSettings(), ManualClock())
    now = 0.0
    for _ in range(300):
        now += float(chance.choice([1.0, 1.0, 1.0, 50.0, 5000.0, -30.0]))
        count = int(chance.integers(0, 6))
        keys = np.sort(chance.choice(8, count, replace=False)).astype(np.int64)
        counts = chance.integers(1, 1200, count).astype(np.float64)
        numbers = chance.integers(1, 10_000, count).astype(np.float64)
        if chance.random() < 0.1:
            gate.observe(None)
        else:
            gate.observe(TabletVersions(1000.0 * now, keys, counts, numbers, gate.own))
        gate.published(float(chance.exponential(200.0)), versions=int(chance.integers(1, 4)))
        decision = gate.decide(1000.0 * now)
        assert 200.0 <= decision.interval_ms <= 900_000.0
        assert decision.peak is None or decision.peak >= 0
        assert gate.status(1000.0 * now)["reason"]


def test_status_tells_the_decision() -> None:
    gate = FlushGate(GateSettings(), ManualClock())
    gate.observe(seen(0, [40.0, 70.0], [40.0, 70.0]))
    gate.published(120.0)
    gate.published(180.0)
    assert gate.status(0) == {
        "versions": 70,
        "version_limit": 1000,
        "predicted_peak": 172,
        "compaction_period_s": 130.0,
        "foreign_versions_per_s": 0.0,
        "publish_ms": 150.0,
        "interval_ms": 1300,
        "reason": "share of the version limit",
    }


def test_shared_data_clusters_are_steered_by_the_compaction_score() -> None:
    gate = FlushGate(GateSettings(), ManualClock())
    gate.observe(replace(seen(0, [20.0], [20.0]), scale=SCORES))
    assert gate.decide(0).interval_ms == 1200.0
    gate.observe(replace(seen(1, [95.0], [95.0]), scale=SCORES))
    assert gate.decide(1000).hold


def test_plain_loads_count_a_version_each() -> None:
    gate = FlushGate(GateSettings(), ManualClock())
    for _ in range(40):
        gate.published(100.0, versions=3)
    assert gate.own == 120
    assert gate.decide(0).interval_ms == pytest.approx(3900.0, rel=0.01)


def test_a_small_limit_has_a_longer_interval() -> None:
    assert floor_ms(130.0, Scale(100, 0.1, 130.0)) == 13_000.0
