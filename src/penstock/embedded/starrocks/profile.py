"""How long the embedded server's operations take: at once, or as a real cluster would."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import OptionError

if TYPE_CHECKING:
    from penstock.clock import Clock


@dataclass(frozen=True, slots=True)
class Profile:
    """Added waiting per operation, in seconds. `tail` is the chance of a slow one.

    A slow operation waits `tail_factor` times as long.
    """

    name: str = "instant"
    begin: float = 0.0
    load: float = 0.0
    prepare: float = 0.0
    publish: float = 0.0
    tail: float = 0.0
    tail_factor: float = 6.0

    def delay(self, operation: str) -> float:
        """Seconds to add to one `begin`, `load`, `prepare` or `publish`."""
        base = float(getattr(self, operation))
        if not base:
            return 0.0
        spread = random.uniform(0.7, 1.4)  # noqa: S311
        return base * spread * (self.tail_factor if random.random() < self.tail else 1.0)  # noqa: S311

    def wait(self, operation: str, clock: Clock) -> None:
        """Wait as long as `operation` is to take."""
        seconds = self.delay(operation)
        if seconds:
            clock.sleep(seconds)


INSTANT = Profile()
REALISTIC = Profile("realistic", begin=0.005, load=0.02, prepare=0.06, publish=0.15, tail=0.02)
PROFILES = {profile.name: profile for profile in (INSTANT, REALISTIC)}


def profile_named(name: str) -> Profile:
    """The profile `instant` or `realistic`."""
    if name not in PROFILES:
        raise OptionError(f"unknown profile '{name}'", key=name, known=PROFILES)
    return PROFILES[name]
