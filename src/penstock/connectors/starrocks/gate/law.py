"""The law of the gate: from what is known, the time between two epochs. Pure functions.

Two bounds, the longer one rules. The *share*: the peaks of our own loads take a small share of the
version limit, `interval >= labels x period / (share x limit)`. The *ceiling*: the predicted peak,
with the versions in use and those others will add, stays well below the limit. Both stretch by
themselves while compaction is late, and fall back with the next trough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.gate.sawtooth import Scale

if TYPE_CHECKING:
    from penstock.connectors.starrocks.gate.outlook import Outlook

SHORTEST_MS = 200.0
LONGEST_MS = 900_000.0
# How much later than usual a compaction may come before the interval grows.
_TOLERANCE = 1.1
_REFUSAL_PAUSE_MS = 5_000.0
_PRESSURE_MOST = 32.0


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What the gate aims at: the user's interval, None where the gate chooses."""

    target_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Pressure:
    """Refusals of loads, fading: a factor on the interval.

    Args:
        factor: Right after the last refusal.
        at_ms: When that was.
    """

    factor: float = 1.0
    at_ms: float = 0.0

    def now(self, now_ms: float, *, seeing: bool) -> float:
        """The factor now; without sight of versions it fades slowly, as nothing else helps then."""
        half_life_ms = 30_000.0 if seeing else 600_000.0
        fading = 0.5 ** (max(0.0, now_ms - self.at_ms) / half_life_ms)
        return 1.0 + (self.factor - 1.0) * float(fading)

    def refused(self, now_ms: float, *, seeing: bool) -> Pressure:
        """After a refusal; the retries of one load count once in five seconds."""
        if self.factor > 1.0 and now_ms - self.at_ms < _REFUSAL_PAUSE_MS:
            return self
        return Pressure(min(2.0 * self.now(now_ms, seeing=seeing), _PRESSURE_MOST), now_ms)


@dataclass(frozen=True, slots=True)
class Moment:
    """What changes between polls.

    Args:
        now_ms: The time.
        own: Versions this job has made visible since it started.
        labels: Versions an epoch makes.
        publish_ms: How long a commit takes to become visible, typically.
        pressure: Refusals.
    """

    now_ms: float
    own: int = 0
    labels: float = 1.0
    publish_ms: float = 0.0
    pressure: Pressure = Pressure()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate wants now.

    Args:
        interval_ms: Between the barriers of two epochs with rows.
        reason: Why that long, in words.
        peak: The most versions expected before the next compaction, None where unknown.
        hold: The limit is so near that not even a full buffer may end an epoch early.
        stretched: It is longer than wanted, so that none of it may be saved.
    """

    interval_ms: float
    reason: str
    peak: float | None = None
    hold: bool = False
    stretched: bool = False


def floor_ms(period_s: float, scale: Scale, labels: float = 1.0) -> float:
    """The shortest interval whose peaks stay within the share.

    Examples:
        >>> floor_ms(130.0, Scale(1000, 0.10, 130.0))
        1300.0
    """
    return 1000.0 * labels * period_s / (scale.share * scale.limit)


def decide(outlook: Outlook, settings: GateSettings, moment: Moment) -> Decision:
    """The decision at a moment."""
    seeing = outlook.versions is not None
    wanted, reason = _wanted(outlook, settings, moment)
    interval = wanted
    if settings.target_ms is None and outlook.late_since_ms is not None:
        waited_s = (moment.now_ms - outlook.late_since_ms) / 1000.0
        late = floor_ms(waited_s / _TOLERANCE, outlook.scale, moment.labels)
        if late > interval:
            interval, reason = late, f"no compaction for {waited_s:.0f} s"
    if seeing:
        left_ms = 1000.0 * outlook.left_s(moment.now_ms)
        demanded = moment.labels * left_ms / outlook.room(moment.now_ms, moment.own)
        if demanded > interval:
            interval, reason = demanded, _demand(outlook)
    if moment.publish_ms > interval:
        interval, reason = moment.publish_ms, "publish takes as long"
    factor = moment.pressure.now(moment.now_ms, seeing=seeing)
    if factor > 1.05:
        interval, reason = interval * factor, "StarRocks refused loads"
    interval = min(interval, max(LONGEST_MS, settings.target_ms or 0.0))
    return Decision(
        interval,
        reason,
        _peak(outlook, moment, interval),
        hold=seeing and outlook.full(moment.own),
        stretched=interval > wanted,
    )


def _wanted(outlook: Outlook, settings: GateSettings, moment: Moment) -> tuple[float, str]:
    """The interval where nothing demands a longer one."""
    if settings.target_ms is not None:
        return settings.target_ms, "set by the user"
    blind = outlook.versions is None
    reason = "versions cannot be seen" if blind else "share of the version limit"
    return max(floor_ms(outlook.period_s, outlook.scale, moment.labels), SHORTEST_MS), reason


def _demand(outlook: Outlook) -> str:
    text = f"{outlook.tight:.0f} of {outlook.scale.limit} versions in use"
    if outlook.foreign_per_s:
        text += f", others add {outlook.foreign_per_s:.1f}/s"
    return text


def _peak(outlook: Outlook, moment: Moment, interval_ms: float) -> float | None:
    if outlook.versions is None:
        return None
    left_s = outlook.left_s(moment.now_ms)
    per_s = 1000.0 * moment.labels / interval_ms + outlook.foreign_per_s
    return outlook.tight + max(0, moment.own - outlook.own) + left_s * per_s
