"""The flush controller over hours of virtual time."""

from penstock.connectors.starrocks.gate import GateSettings, Observation, start, step


def simulate(settings: GateSettings, hours: float, compaction_s: int = 130) -> tuple[int, float]:
    state, versions, next_commit, commits, peak = start(settings), 1, 0.0, 0, 0
    for second in range(int(hours * 3600)):
        if second % compaction_s == 0:
            versions = 1
        while next_commit <= second:
            versions += 1
            commits += 1
            next_commit += state.interval_ms / 1000
        peak = max(peak, versions)
        state = step(state, settings, Observation(second * 1000, versions))
    return peak, hours * 3600 / commits


def test_default_keeps_peaks_near_a_tenth_of_the_limit() -> None:
    peak, interval = simulate(GateSettings(), 2)
    assert peak <= 125
    assert 1.2 <= interval <= 2.0


def test_slower_compaction_is_noticed() -> None:
    peak, _ = simulate(GateSettings(), 3, compaction_s=300)
    assert peak <= 200


def test_the_users_interval_is_the_target() -> None:
    _, interval = simulate(GateSettings(target_ms=5000.0), 1)
    assert 4.9 <= interval <= 5.1
    peak, interval = simulate(GateSettings(target_ms=100.0), 1)
    assert peak <= 600


def test_refusals_lengthen_and_fade() -> None:
    settings = GateSettings()
    state = step(start(settings), settings, Observation(0, refused=True))
    assert state.interval_ms >= 2500
    for second in range(1, 120):
        state = step(state, settings, Observation(second * 1000))
    assert state.interval_ms < 1500
