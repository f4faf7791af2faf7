"""Counters, gauges and histograms under Flink's metric names; counted by anyone, read by anyone."""

from __future__ import annotations

import threading
from collections import deque
from math import ceil

DEFAULT_WINDOW = 100


class Histogram:
    """The last values of something, and how many there were in all. Not thread-safe.

    Args:
        window: How many values the quantiles are of.
    """

    def __init__(self, window: int = DEFAULT_WINDOW) -> None:
        self._values: deque[float] = deque(maxlen=window)
        self.count = 0

    def update(self, value: float) -> None:
        """One more value."""
        self._values.append(value)
        self.count += 1

    def snapshot(self) -> dict[str, float]:
        """Count, and min, max, mean and quantiles of the window; the count alone if it is empty.

        Examples:
            >>> histogram = Histogram(window=3)
            >>> for value in (9.0, 1.0, 2.0, 3.0):
            ...     histogram.update(value)
            >>> histogram.snapshot()
            {'count': 4, 'min': 1.0, 'max': 3.0, 'mean': 2.0, 'p50': 2.0, 'p95': 3.0, 'p99': 3.0}
        """
        if not self._values:
            return {"count": self.count}
        ordered = sorted(self._values)
        last = len(ordered) - 1
        quantiles = {
            f"p{percent}": ordered[min(last, max(0, ceil(percent / 100 * len(ordered)) - 1))]
            for percent in (50, 95, 99)
        }
        return {
            "count": self.count,
            "min": ordered[0],
            "max": ordered[-1],
            "mean": sum(ordered) / len(ordered),
            **quantiles,
        }


class MetricGroup:
    """Named numbers of one thing (a source, a sink, a job). Thread-safe.

    Args:
        name: Whose they are.
        window: How many values histograms keep that are not there yet.
    """

    def __init__(self, name: str, window: int = DEFAULT_WINDOW) -> None:
        self.name = name
        self.window = window
        self._lock = threading.Lock()
        self._values: dict[str, float] = {}
        self._histograms: dict[str, Histogram] = {}

    def add(self, metric: str, amount: float = 1) -> None:
        """Raise a counter."""
        with self._lock:
            self._values[metric] = self._values.get(metric, 0) + amount

    def set(self, metric: str, value: float) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[metric] = value

    def update(self, metric: str, value: float) -> None:
        """One more value of a histogram."""
        with self._lock:
            if metric not in self._histograms:
                self._histograms[metric] = Histogram(self.window)
            self._histograms[metric].update(value)

    def get(self, metric: str) -> float:
        """A counter or gauge, 0 where nothing was counted yet."""
        return self._values.get(metric, 0)

    def snapshot(self) -> dict[str, float | dict[str, float]]:
        """All of them by name, sorted; a histogram is a mapping of its own."""
        with self._lock:
            found: dict[str, float | dict[str, float]] = dict(self._values)
            found |= {name: h.snapshot() for name, h in self._histograms.items()}
        return dict(sorted(found.items()))
