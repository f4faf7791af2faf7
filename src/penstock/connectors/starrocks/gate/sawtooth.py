"""Follows the versions of a table's tablets: sawtooths, risen by loads and cut by compaction.

A load adds a version to every tablet it touches; a compaction merges many into one. StarRocks
visits a primary-key tablet at intervals of 120 s and more, each tablet and replica at its own time,
so every replica's teeth are followed by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SHORTEST_PERIOD_S = 2.0
LONGEST_PERIOD_S = 3600.0
# Rates are means over this part of a period: what others add until the next trough is then known
# to a few versions in a hundred of the limit, however long the period is.
_RATE_WINDOW = 0.2
_RATE_WINDOW_LEAST_S = 10.0
_TEETH_KEPT = 3
_IDLE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Scale:
    """What is counted, and how much of it is healthy.

    Args:
        limit: Where StarRocks refuses loads, or begins to slow them.
        share: Part of the limit that the peaks of our own loads may reach.
        start_period_s: Time from trough to trough that is assumed until it was measured.
    """

    limit: int
    share: float
    start_period_s: float


# `tablet_max_versions` versions per tablet; a primary-key tablet is compacted at most every 120 s,
# and looked at every 10 s. (StarRocks docs, BE configuration)
VERSIONS = Scale(1000, 0.10, 130.0)
# Shared-data clusters: the compaction score of a partition; above 100 commits are slowed down.
# (StarRocks docs, Compaction for shared-data clusters)
SCORES = Scale(100, 0.50, 60.0)


@dataclass(frozen=True, slots=True, eq=False)
class TabletVersions:
    """What one poll saw of one table, a place per replica of a tablet.

    Args:
        now_ms: When it was asked for.
        keys: Which replica; ascending, each once.
        counts: Versions in use, the number that is compared with the limit.
        numbers: The highest version number; it rises by one with every load, whoever made it.
        own: How many versions this job had made visible by then, since it started.
        scale: What `counts` is measured by.
    """

    now_ms: float
    keys: Ints
    counts: Floats
    numbers: Floats
    own: int
    scale: Scale = VERSIONS


@dataclass(frozen=True, slots=True, eq=False)
class Sawtooth:
    """The memory of the teeth; arrays have a place per replica, as in `seen`.

    Args:
        seen: The last poll.
        troughs: Versions after the last compaction, or the fewest seen.
        trough_ms: When that compaction was, or when the replica was first seen.
        known: Whether `trough_ms` is a compaction.
        pending_ms: When the first version above the trough was seen, NaN while there is none.
        moved_ms: When the version number last rose.
        teeth_s: The last periods measured, newest first, NaN where there are fewer.
        growth: Versions arriving per second, whoever made them.
        own_rate: Versions per second that this job made.
    """

    seen: TabletVersions
    troughs: Floats
    trough_ms: Floats
    known: NDArray[np.bool_]
    pending_ms: Floats
    moved_ms: Floats
    teeth_s: Floats
    growth: Floats
    own_rate: float = 0.0
    measured_s: float | None = None

    @property
    def period_s(self) -> float:
        """Time from trough to trough, the longest of the replicas that are written to."""
        return self.seen.scale.start_period_s if self.measured_s is None else self.measured_s

    @property
    def since_ms(self) -> Floats:
        """Since when versions have been waiting for compaction; NaN where none does."""
        idle = self.pending_ms - self.trough_ms
        waited = self.seen.now_ms - self.trough_ms
        return np.where(idle <= _IDLE_SHARE * waited, self.trough_ms, self.pending_ms)

    @property
    def moving(self) -> NDArray[np.bool_]:
        """Which replicas are written to; all where none is known to be.

        A partition that gets no rows gets no versions either, however many it has.
        """
        moving = _moving(self, lower_median(self.teeth_s))
        return moving if moving.any() else np.ones(len(moving), np.bool_)


def follow(state: Sawtooth | None, seen: TabletVersions) -> Sawtooth:
    """The state after a poll.

    Both numbers of a replica are read at one moment, so `count + arrived - count after` is exactly
    what compaction has merged in between, however slowly we poll.
    """
    if state is None:
        return _first(seen)
    state = _aligned(state, seen)
    before, now = state.seen, seen.now_ms
    arrived = np.maximum(seen.numbers - before.numbers, 0.0)
    merged = before.counts + arrived - seen.counts
    height = before.counts + arrived - state.troughs
    compacted = (merged >= np.maximum(2.0, 0.3 * height)) | (
        (merged >= 1.0) & (seen.counts <= state.troughs)
    )
    teeth = _with_tooth(state, now, compacted)
    troughs = np.where(compacted, seen.counts, np.minimum(state.troughs, seen.counts))
    pending = np.where(compacted, np.nan, state.pending_ms)
    pending = np.where((seen.counts > troughs) & np.isnan(pending), now, pending)
    seconds = max(now - before.now_ms, 1.0) / 1000.0
    window_s = max(_RATE_WINDOW * state.period_s, _RATE_WINDOW_LEAST_S)
    weight = 1.0 - float(np.exp(-seconds / window_s))
    own_now = (seen.own - before.own) / seconds
    followed = replace(
        state,
        seen=seen,
        troughs=troughs,
        trough_ms=np.where(compacted, now, state.trough_ms),
        known=state.known | compacted,
        pending_ms=pending,
        moved_ms=np.where(arrived > 0, now, state.moved_ms),
        teeth_s=teeth,
        growth=state.growth + weight * (arrived / seconds - state.growth),
        own_rate=state.own_rate + weight * (own_now - state.own_rate),
    )
    return replace(followed, measured_s=_measured(followed))


def _first(seen: TabletVersions) -> Sawtooth:
    count = len(seen.keys)
    now = np.full(count, seen.now_ms, np.float64)
    return Sawtooth(
        seen=seen,
        troughs=seen.counts,
        trough_ms=now,
        known=np.zeros(count, np.bool_),
        pending_ms=np.full(count, np.nan),
        moved_ms=np.full(count, -np.inf),
        teeth_s=np.full((count, _TEETH_KEPT), np.nan),
        growth=np.zeros(count),
    )


def _aligned(state: Sawtooth, seen: TabletVersions) -> Sawtooth:
    """The state with the replicas of `seen`: new ones start afresh, lost ones are forgotten."""
    if np.array_equal(state.seen.keys, seen.keys):
        return state
    fresh = _first(seen)
    old = state.seen.keys
    places = np.minimum(np.searchsorted(old, seen.keys), max(len(old) - 1, 0))
    kept = (old[places] == seen.keys) if len(old) else np.zeros(len(seen.keys), np.bool_)

    def take(before: Floats, new: Floats) -> Floats:
        result = new.copy()
        result[kept] = before[places[kept]]
        return result

    known = fresh.known.copy()
    known[kept] = state.known[places[kept]]
    before = TabletVersions(
        state.seen.now_ms,
        seen.keys,
        take(state.seen.counts, seen.counts),
        take(state.seen.numbers, seen.numbers),
        state.seen.own,
        seen.scale,
    )
    return Sawtooth(
        seen=before,
        troughs=take(state.troughs, fresh.troughs),
        trough_ms=take(state.trough_ms, fresh.trough_ms),
        known=known,
        pending_ms=take(state.pending_ms, fresh.pending_ms),
        moved_ms=take(state.moved_ms, fresh.moved_ms),
        teeth_s=take(state.teeth_s, fresh.teeth_s),
        growth=take(state.growth, fresh.growth),
        own_rate=state.own_rate,
        measured_s=state.measured_s,
    )


def _with_tooth(state: Sawtooth, now_ms: float, compacted: NDArray[np.bool_]) -> Floats:
    """The measured periods after the teeth that have just ended.

    A tooth that began with a pause of loads, or ended in one of polls, says only how long a period
    is at most; one whose begin was not seen, how long it is at least.
    """
    if not compacted.any():
        return state.teeth_s
    tooth_s = (now_ms - state.trough_ms) / 1000.0
    typical_s = lower_median(state.teeth_s)
    typical_s = np.where(np.isnan(typical_s), state.period_s, typical_s)
    idle_s = np.nan_to_num((state.pending_ms - state.trough_ms) / 1000.0, nan=np.inf)
    unseen_s = (now_ms - state.seen.now_ms) / 1000.0
    sharp = np.maximum(idle_s, unseen_s) <= _IDLE_SHARE * tooth_s
    whole = state.known & (sharp | (tooth_s <= typical_s))
    counts = compacted & (whole | (~state.known & (tooth_s > typical_s)))
    tooth_s = np.clip(tooth_s, SHORTEST_PERIOD_S, LONGEST_PERIOD_S)
    shifted = np.column_stack([tooth_s, state.teeth_s[:, :-1]])
    return np.where(counts[:, None], shifted, state.teeth_s)


def lower_median(teeth_s: Floats) -> Floats:
    """Per row the median of what is not NaN, of two the smaller; NaN where all is.

    One tooth that a pause of compaction has stretched does not count then; a period that has really
    become longer is met by the age of the running tooth before it is measured.

    Examples:
        >>> lower_median(np.array([[430.0, 130.0, 130.0], [430.0, 130.0, np.nan]]))
        array([130., 130.])
    """
    count = np.sum(~np.isnan(teeth_s), axis=1)
    ordered = np.sort(teeth_s, axis=1)
    places = np.maximum(count - 1, 0) // 2
    return np.asarray(np.take_along_axis(ordered, places[:, None], axis=1)[:, 0], np.float64)


def _measured(state: Sawtooth) -> float | None:
    """The longest period of the replicas that are written to; as before where nothing is new."""
    periods = lower_median(state.teeth_s)
    counted = ~np.isnan(periods) & _moving(state, periods)
    return float(periods[counted].max()) if counted.any() else state.measured_s


def _moving(state: Sawtooth, periods: Floats) -> NDArray[np.bool_]:
    """Replicas that got versions lately: within two periods of theirs, or a minute."""
    lately_ms = 1000.0 * np.maximum(2.0 * np.nan_to_num(periods, nan=state.period_s), 60.0)
    return state.seen.now_ms - state.moved_ms <= lately_ms
