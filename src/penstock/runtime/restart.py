"""Restart strategies under Flink's option keys."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from penstock.config import parse_duration_ms
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("none", "fixed-delay", "failure-rate", "exponential-delay")


class RestartStrategy(Protocol):
    """Says after a failure when to try again."""

    def delay_ms(self, now_ms: int) -> int | None:
        """Milliseconds to wait before the next start, or None to give up."""


class NoRestart:
    """The first failure ends the job."""

    def delay_ms(self, now_ms: int) -> int | None:  # noqa: ARG002
        return None


@dataclass(slots=True)
class FixedDelay:
    """A number of attempts, the same pause before each."""

    attempts: int = 1
    pause_ms: int = 1000
    used: int = 0

    def delay_ms(self, now_ms: int) -> int | None:  # noqa: ARG002
        self.used += 1
        return self.pause_ms if self.used <= self.attempts else None


@dataclass(slots=True)
class FailureRate:
    """Gives up when failures come too often."""

    max_failures: int = 1
    interval_ms: int = 60_000
    pause_ms: int = 1000
    seen: deque[int] = field(default_factory=deque)

    def delay_ms(self, now_ms: int) -> int | None:
        while self.seen and self.seen[0] <= now_ms - self.interval_ms:
            self.seen.popleft()
        self.seen.append(now_ms)
        return self.pause_ms if len(self.seen) <= self.max_failures else None


@dataclass(slots=True)
class ExponentialDelay:
    """Growing pauses, reset after a quiet time; Flink's default with checkpointing."""

    initial_ms: int = 1000
    max_ms: int = 60_000
    multiplier: float = 1.5
    reset_ms: int = 3_600_000
    attempts: int | None = None
    used: int = 0
    next_ms: float = 0.0
    last_failure_ms: int = 0

    def delay_ms(self, now_ms: int) -> int | None:
        if self.last_failure_ms and now_ms - self.last_failure_ms >= self.reset_ms:
            self.used, self.next_ms = 0, 0.0
        self.last_failure_ms = now_ms
        self.used += 1
        if self.attempts is not None and self.used > self.attempts:
            return None
        current = min(self.next_ms or self.initial_ms, self.max_ms)
        self.next_ms = current * self.multiplier
        return round(current)


def restart_strategy(settings: Mapping[str, str]) -> RestartStrategy:
    """The strategy that `restart-strategy.*` asks for.

    Raises:
        OptionError: Unknown strategy, or a value that cannot be read.
    """
    kind = settings.get("restart-strategy.type", settings.get("restart-strategy", ""))
    kind = (kind or "exponential-delay").lower().replace("exponentialdelay", "exponential-delay")
    prefix = f"restart-strategy.{kind}."

    def text(key: str, default: str) -> str:
        return settings.get(prefix + key, default)

    try:
        match kind:
            case "none" | "disable" | "off":
                return NoRestart()
            case "fixed-delay" | "fixeddelay":
                return FixedDelay(
                    int(text("attempts", "1")), parse_duration_ms(text("delay", "1 s"))
                )
            case "failure-rate" | "failurerate":
                return FailureRate(
                    int(text("max-failures-per-interval", "1")),
                    parse_duration_ms(text("failure-rate-interval", "1 min")),
                    parse_duration_ms(text("delay", "1 s")),
                )
            case "exponential-delay":
                attempts = text("attempts-before-reset-backoff", "")
                return ExponentialDelay(
                    parse_duration_ms(text("initial-backoff", "1 s")),
                    parse_duration_ms(text("max-backoff", "1 min")),
                    float(text("backoff-multiplier", "1.5")),
                    parse_duration_ms(text("reset-backoff-threshold", "1 h")),
                    int(attempts) if attempts.isdigit() else None,
                )
    except ValueError as error:
        raise OptionError(
            f"invalid value under '{prefix}*'",
            key=prefix,
            code="invalid-option",
            detail=f"{error}.",
        ) from error
    raise OptionError(
        f"unknown restart strategy '{kind}'",
        key=kind,
        known=NAMES,
        code="invalid-option",
        detail=f"Known: {', '.join(NAMES)}.",
    )
