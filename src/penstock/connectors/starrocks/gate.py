"""The flush controller: when an epoch may end, so that StarRocks keeps up. Pure functions.

A primary-key tablet is compacted about every two minutes, so its version count is a sawtooth; the
gate steers by the peak it predicts: versions now, plus the commits until the next trough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

START_PERIOD_S = 130.0
DEFAULT_LIMIT = 1000
_URGENT_SHARE = 0.5
_SLOWEST_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What the gate aims at.

    Args:
        target_ms: The user's interval, None where the gate chooses.
        share: Part of the version limit that peaks may reach.
        labels: Labels, that is versions, per epoch.
    """

    target_ms: float | None = None
    share: float = 0.10
    labels: int = 1


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen at one moment; `versions` None where they cannot be read."""

    now_ms: int
    versions: int | None = None
    limit: int = DEFAULT_LIMIT
    publish_ms: float = 0.0
    refused: bool = False


@dataclass(frozen=True, slots=True)
class GateState:
    """The controller's memory and its decision, `interval_ms` with `reason`."""

    interval_ms: float
    reason: str = "start"
    period_s: float = START_PERIOD_S
    versions: int | None = None
    limit: int = DEFAULT_LIMIT
    trough_ms: int | None = None
    peak: int = 0
    falling: bool = False
    penalty: float = 1.0


def floor_ms(settings: GateSettings, period_s: float, limit: int) -> float:
    """The shortest interval whose peak stays within the share.

    Examples:
        >>> floor_ms(GateSettings(), 130.0, 1000)
        1300.0
    """
    return 1000.0 * settings.labels * period_s / (settings.share * limit)


def start(settings: GateSettings) -> GateState:
    """The state before anything was seen."""
    floor = floor_ms(settings, START_PERIOD_S, DEFAULT_LIMIT)
    return GateState(settings.target_ms or floor)


def step(state: GateState, settings: GateSettings, seen: Observation) -> GateState:
    """The next state after an observation."""
    state = _followed(state, seen)
    penalty = min(state.penalty * 2, 32.0) if seen.refused else max(1.0, state.penalty * 0.97)
    state = replace(state, penalty=penalty, limit=seen.limit)
    floor = floor_ms(settings, state.period_s, seen.limit)
    share = settings.share if settings.target_ms is None else max(settings.share, _URGENT_SHARE)
    wanted, reason = (
        (floor, "versions within share")
        if settings.target_ms is None
        else (settings.target_ms, "set by the user")
    )
    if seen.versions is not None:
        demanded = _demanded_ms(state, settings, seen, share)
        if demanded > wanted:
            wanted, reason = demanded, f"{seen.versions} of {seen.limit} versions in use"
    if seen.publish_ms > wanted:
        wanted, reason = seen.publish_ms, "publish takes as long"
    if penalty > 1.05:
        wanted, reason = wanted * penalty, "StarRocks refused loads"
    longest = max(_SLOWEST_MS, settings.target_ms or 0.0)
    return replace(state, interval_ms=min(wanted, longest), reason=reason)


def predicted_peak(state: GateState, settings: GateSettings, now_ms: int) -> float:
    """Versions expected right before the next compaction."""
    return (state.versions or 0) + settings.labels * _left_ms(state, now_ms) / state.interval_ms


def _left_ms(state: GateState, now_ms: int) -> float:
    period = state.period_s * 1000.0
    since = 0.0 if state.trough_ms is None else float(now_ms - state.trough_ms)
    # A compaction that is overdue is taken to come within a tenth of its period.
    return max(period - since, period / 10)


def _demanded_ms(
    state: GateState, settings: GateSettings, seen: Observation, share: float
) -> float:
    budget = share * seen.limit - (seen.versions or 0)
    left = _left_ms(state, seen.now_ms)
    if budget < settings.labels:
        return min(left, _SLOWEST_MS)
    # Some slack: otherwise the last commits before a trough would be stretched for nothing.
    return settings.labels * left / (budget * 1.25)


def _followed(state: GateState, seen: Observation) -> GateState:
    """Follow the sawtooth; a fall by half of the peak ends a tooth."""
    if seen.versions is None:
        return replace(state, versions=None)
    peak = max(state.peak, seen.versions)
    fell = peak >= 10 and seen.versions <= peak / 2
    if not fell:
        trough = seen.now_ms if state.trough_ms is None else state.trough_ms
        return replace(state, versions=seen.versions, peak=peak, trough_ms=trough)
    period = state.period_s
    if state.falling and state.trough_ms is not None:
        measured = (seen.now_ms - state.trough_ms) / 1000.0
        period = min(max(0.5 * period + 0.5 * measured, 20.0), 900.0)
    return replace(
        state,
        versions=seen.versions,
        peak=seen.versions,
        trough_ms=seen.now_ms,
        falling=True,
        period_s=period,
    )
