"""A clock that tests move by hand."""

from __future__ import annotations


class ManualClock:
    """A `Clock` at which nothing passes but by `advance` and `sleep`."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = now_ms
        self._passed_s = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed_s += seconds

    def now_ms(self) -> int:
        return self._start_ms + round(1000 * self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)
