"""How long the embedded server's operations take: at once, or as a real cluster would."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import OptionError

if TYPE_CHECKING:
    from penstock.clock import Clock
    from penstock.embedded.starrocks.config import Configuration

OPERATIONS = ("begin", "load", "prepare", "publish")


@dataclass(frozen=True, slots=True)
class Profile:
    """Where a server starts: added waiting per operation, in seconds.

    `tail` is the chance of a slow operation, which waits `tail_factor` times as long.
    """

    name: str = "instant"
    begin: float = 0.0
    load: float = 0.0
    prepare: float = 0.0
    publish: float = 0.0
    tail: float = 0.0
    tail_factor: float = 6.0

    def apply(self, config: Configuration) -> None:
        """Write it into the settings of the backend, where it can be changed."""
        for operation in OPERATIONS:
            config.set(f"penstock_{operation}_latency_ms", getattr(self, operation) * 1000)
        config.set("penstock_latency_tail_percent", self.tail * 100)
        config.set("penstock_latency_tail_factor", self.tail_factor)


INSTANT = Profile()
REALISTIC = Profile("realistic", begin=0.005, load=0.02, prepare=0.06, publish=0.15, tail=0.02)
PROFILES = {profile.name: profile for profile in (INSTANT, REALISTIC)}


def profile_named(name: str) -> Profile:
    """The profile `instant` or `realistic`."""
    if name not in PROFILES:
        raise OptionError(f"unknown profile '{name}'", key=name, known=PROFILES)
    return PROFILES[name]


class Delays:
    """Waits as the settings say.

    Args:
        config: The settings of the backend.
        clock: The time.
        seed: Makes the spread of the waits repeatable.
    """

    def __init__(self, config: Configuration, clock: Clock, seed: int | None = None) -> None:
        self._config = config
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311

    def reseed(self, seed: int) -> None:
        """Begin the row of chances anew."""
        self._random.seed(seed)

    def wait(self, operation: str, size: int = 0) -> None:
        """Wait as long as a `begin`, `load`, `prepare` or `publish` of `size` bytes is to take."""
        seconds = self._latency(operation) + self.disk_seconds(size)
        if seconds:
            self._clock.sleep(seconds)

    def disk_seconds(self, size: int) -> float:
        """How long the disk takes to write `size` bytes."""
        speed = self._config.number("penstock_disk_mb_per_second")
        return size / (speed * 1e6) if speed > 0 else 0.0

    def _latency(self, operation: str) -> float:
        base = self._config.number(f"penstock_{operation}_latency_ms") / 1000
        if not base:
            return 0.0
        is_slow = self._random.random() * 100 < self._config.number("penstock_latency_tail_percent")
        factor = self._config.number("penstock_latency_tail_factor") if is_slow else 1.0
        return base * self._random.uniform(0.7, 1.4) * factor
