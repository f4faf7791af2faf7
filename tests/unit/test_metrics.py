"""Counters, gauges and histograms."""

from penstock.connectors.starrocks.sink_metrics import COUNTERS, SinkMetrics
from penstock.metrics import Histogram, MetricGroup
from penstock.wire.stream_load import parse_answer


def test_a_histogram_keeps_its_window_and_counts_all() -> None:
    histogram = Histogram(window=100)
    for value in range(1, 1001):
        histogram.update(value)
    assert histogram.snapshot() == {
        "count": 1000, "min": 901, "max": 1000, "mean": 950.5, "p50": 950, "p95": 995, "p99": 999,
    }  # fmt: skip
    assert Histogram().snapshot() == {"count": 0}


def test_a_group_shows_everything_by_name() -> None:
    group = MetricGroup("orders", window=2)
    group.add("rows", 3)
    group.add("rows")
    group.set("lag", 7.5)
    group.update("time", 4.0)
    assert group.get("rows") == 4
    assert group.get("nothing") == 0
    shown = group.snapshot()
    assert list(shown) == ["lag", "rows", "time"]
    assert shown["time"] == {
        "count": 1, "min": 4.0, "max": 4.0, "mean": 4.0, "p50": 4.0, "p95": 4.0, "p99": 4.0,
    }  # fmt: skip


def test_the_sink_counts_under_upstreams_names() -> None:
    metrics = SinkMetrics(MetricGroup("orders"), window=10)
    assert set(metrics.group.snapshot()) == set(COUNTERS)
    metrics.flushed(rows=10, size=2000, took_s=0.5, last_attempt_s=0.2)
    metrics.failed()
    metrics.offered(0.001)
    metrics.published(150.0)
    metrics.answered(
        parse_answer(
            b'{"Status":"OK","NumberFilteredRows":2,"StreamLoadPlanTimeMs":3,"ReadDataTimeMs":4,'
            b'"WriteDataTimeMs":5,"LoadTimeMs":6}'
        )
    )
    shown = metrics.group.snapshot()
    histograms = {name: value for name, value in shown.items() if isinstance(value, dict)}
    assert {name: shown[name] for name in COUNTERS} == {
        "totalFlushBytes": 2000,
        "totalFlushRows": 10,
        "totalFlushTimeNs": 500_000_000,
        "totalFlushTimeNsWithoutRetries": 200_000_000,
        "totalFlushSucceededTimes": 1,
        "totalFlushFailedTimes": 1,
        "totalFilteredRows": 2,
    }
    assert {name: value["max"] for name, value in histograms.items()} == {
        "flushTimeNs": 500_000_000,
        "offerTimeNs": 1_000_000,
        "commitAndPublishTimeMs": 150.0,
        "streamLoadPutTimeMs": 3,
        "readDataTimeMs": 4,
        "writeDataTimeMs": 5,
        "loadTimeMs": 6,
    }
