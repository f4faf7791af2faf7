"""What the sink counts, under the names of its connector for Flink.

A *flush* is one epoch's way into a prepared transaction, or into plain loads. Times that the server
measures come from the answers' own fields. (flink-connector-starrocks, sink metrics)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.metrics import MetricGroup
    from penstock.wire.stream_load import LoadAnswer

COUNTERS = (
    "totalFlushBytes",
    "totalFlushRows",
    "totalFlushTimeNs",
    "totalFlushTimeNsWithoutRetries",
    "totalFlushSucceededTimes",
    "totalFlushFailedTimes",
    "totalFilteredRows",
)
# Field of an answer -> histogram.
_SERVER_TIMES = {
    "StreamLoadPutTimeMs": "streamLoadPutTimeMs",
    "StreamLoadPlanTimeMs": "streamLoadPutTimeMs",
    "ReadDataTimeMs": "readDataTimeMs",
    "WriteDataTimeMs": "writeDataTimeMs",
    "LoadTimeMs": "loadTimeMs",
}


class SinkMetrics:
    """Counts for one sink, on any thread; keeps nothing itself.

    Args:
        group: Where to count.
        window: `sink.metric.histogram-window-size`.
    """

    def __init__(self, group: MetricGroup, window: int) -> None:
        self.group = group
        group.window = window
        for counter in COUNTERS:
            group.add(counter, 0)

    def flushed(self, rows: int, size: int, took_s: float, last_attempt_s: float) -> None:
        """An epoch was handed to StarRocks.

        Args:
            rows: Rows sent.
            size: Their bytes in memory.
            took_s: From the first attempt on.
            last_attempt_s: From the last attempt on.
        """
        took_ns, last_ns = round(1e9 * took_s), round(1e9 * last_attempt_s)
        group = self.group
        group.add("totalFlushRows", rows)
        group.add("totalFlushBytes", size)
        group.add("totalFlushTimeNs", took_ns)
        group.add("totalFlushTimeNsWithoutRetries", last_ns)
        group.add("totalFlushSucceededTimes")
        group.update("flushTimeNs", took_ns)

    def failed(self) -> None:
        """An attempt at a flush was in vain."""
        self.group.add("totalFlushFailedTimes")

    def offered(self, took_s: float) -> None:
        """Rows were taken from the engine."""
        self.group.update("offerTimeNs", round(1e9 * took_s))

    def answered(self, answer: LoadAnswer) -> None:
        """StarRocks has answered a load or a prepare."""
        self.group.add("totalFilteredRows", answer.filtered_rows)
        for field, metric in _SERVER_TIMES.items():
            value = answer.fields.get(field)
            if isinstance(value, int | float):
                self.group.update(metric, value)

    def published(self, took_ms: float) -> None:
        """A commit has become visible after so long, by our clock."""
        self.group.update("commitAndPublishTimeMs", took_ms)
