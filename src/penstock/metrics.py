"""Counters and gauges under Flink's metric names, owned by whoever counts, read by anyone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class MetricGroup:
    """Named numbers of one thing (a source, a sink, a job). Written by one thread only."""

    name: str
    values: dict[str, float] = field(default_factory=dict)

    def add(self, metric: str, amount: float = 1) -> None:
        """Raise a counter."""
        self.values[metric] = self.values.get(metric, 0) + amount

    def set(self, metric: str, value: float) -> None:
        """Set a gauge."""
        self.values[metric] = value

    def get(self, metric: str) -> float:
        """The value, 0 where nothing was counted yet."""
        return self.values.get(metric, 0)
