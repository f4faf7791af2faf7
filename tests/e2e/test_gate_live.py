"""The gate against the embedded server: compaction pauses, and no load is refused.

Time is compressed by settings of the server that a real one has too.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.gate.live import LiveRun

from penstock.embedded.starrocks.server import EmbeddedStarRocks

LIMIT = 40


@pytest.fixture
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks(profile="realistic") as embedded:
        yield embedded


def test_while_compaction_pauses_the_users_interval_gives_way_and_no_load_is_refused(
    server: EmbeddedStarRocks, tmp_path: Path
) -> None:
    options = ", 'sink.buffer-flush.interval-ms' = '250'"
    run = LiveRun(server, tmp_path, limit=LIMIT, period_s=2.0, options=options)
    try:
        run.until(lambda s: s["versions"] is not None and s["version_limit"] == LIMIT, 15)
        # At first a period of 130 s is assumed, which is long for so small a limit.
        run.until(lambda s: s["reason"] == "set by the user", 20)
        run.set("max_compaction_concurrency", 0)
        held = run.until(lambda s: s["interval_ms"] >= 1000, 30)
        assert f"of {LIMIT} versions in use" in held["reason"]
        time.sleep(3)
        assert run.versions <= LIMIT
        run.set("max_compaction_concurrency", -1)
        run.until(lambda s: s["interval_ms"] == 250 and s["versions"] < LIMIT // 2, 8)
        assert run.sink["retries"] == 0
    finally:
        run.close()


def test_the_gate_learns_the_servers_compaction_period(
    server: EmbeddedStarRocks, tmp_path: Path
) -> None:
    run = LiveRun(server, tmp_path, limit=300, period_s=2.0)
    try:
        learnt = run.until(lambda s: s["compaction_period_s"] < 20, 30)
        assert learnt["compaction_period_s"] >= 2
        # On a slow machine publishing may take longer than the share of the limit asks for.
        share_ms = 1000 * learnt["compaction_period_s"] / 30
        assert learnt["interval_ms"] <= max(share_ms, learnt["publish_ms"], 200) + 1
        assert run.sink["retries"] == 0
    finally:
        run.close()


def test_every_table_of_a_script_keeps_the_interval_set_for_it(
    server: EmbeddedStarRocks, tmp_path: Path
) -> None:
    often = ", 'sink.buffer-flush.interval-ms' = '400'"
    seldom = ", 'sink.buffer-flush.interval-ms' = '4000'"
    run = LiveRun(server, tmp_path, limit=1000, period_s=2.0, options=often)
    run.submit("seldom", seldom)
    try:
        for table in ("ticks", "seldom"):
            run.until(lambda _, table=table: run.visible(table) > 1, 20)  # type: ignore[misc]
        before = run.visible("ticks"), run.visible("seldom")
        time.sleep(8)
        often_made, seldom_made = (
            run.visible("ticks") - before[0],
            run.visible("seldom") - before[1],
        )
        assert 1 <= seldom_made <= 3
        assert 4 * seldom_made < often_made <= 21
    finally:
        run.close()


@pytest.mark.parametrize("version", ["AUTO", "V1"])
def test_the_sink_counts_what_it_sends_under_upstreams_names(
    server: EmbeddedStarRocks, tmp_path: Path, version: str
) -> None:
    options = f", 'sink.version' = '{version}', 'sink.metric.histogram-window-size' = '2'"
    run = LiveRun(server, tmp_path, limit=1000, period_s=2.0, options=options)
    run.until(lambda s: s["last_commit_ms"] is not None and s["rows"] > 400, 20)
    run.close()
    assert len(run.group._sinks._shared) == 0
    (metrics,) = run.group.metrics().values()
    counted = {name: value for name, value in metrics.items() if not isinstance(value, dict)}
    windows = {name: value for name, value in metrics.items() if isinstance(value, dict)}
    assert counted["totalFlushRows"] == run.sink["rows"]
    assert counted["totalFlushSucceededTimes"] >= 2
    assert counted["totalFlushFailedTimes"] == 0
    assert counted["totalFlushBytes"] > run.sink["rows"]
    assert counted["totalFlushTimeNs"] == counted["totalFlushTimeNsWithoutRetries"]
    publish, offers = windows["commitAndPublishTimeMs"], windows["offerTimeNs"]
    assert publish["count"] == counted["totalFlushSucceededTimes"]
    assert 50 <= publish["p50"] <= 5000
    assert offers["p99"] < 1e9
