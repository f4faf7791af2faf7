"""What the sawtooth of a table means for its next loads: few numbers, taken after every poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.connectors.starrocks.gate.sawtooth import VERSIONS, Scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.connectors.starrocks.gate.sawtooth import Sawtooth

# A compaction that is overdue is taken to come within a tenth of the time it was waited for.
OVERDUE_SHARE = 0.1
# Part of the limit that a predicted peak, foreign loads included, is to stay below. Where others
# leave no room below it, a part of what is left below the brink, and the least, is still used.
CEILING = 0.8
BRINK = 0.95
_BRINK_PART = 0.3
_LEAST_PART = 0.03
_BUDGET_USED = 0.9
_NOISE_PER_S = 0.1
# What was seen is carried on with our own commits for so long, then it is worth nothing.
_FRESH_PERIODS = 2.0
_FRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known about a table between two polls.

    Args:
        period_s: Time from trough to trough.
        scale: Of the counts, with the limit read from the server.
        versions: The most versions in use on a replica, None where they cannot be seen.
        own: Versions this job had made by then.
        seen_ms: When that was.
        tight: Versions in use on the replica that leaves the least room for loads.
        since_ms: Since when that replica waits for compaction.
        foreign_per_s: Versions per second that others add to it.
        late_since_ms: Since when a replica waits that has used up its budget; None: there is none.
    """

    period_s: float = VERSIONS.start_period_s
    scale: Scale = VERSIONS
    versions: int | None = None
    own: int = 0
    seen_ms: float = 0.0
    tight: float = 0.0
    since_ms: float = 0.0
    foreign_per_s: float = 0.0
    late_since_ms: float | None = None

    def at(self, now_ms: float) -> Outlook:
        """What of it still holds: nothing that was seen long ago but the period and the limit."""
        fresh_ms = 1000.0 * max(_FRESH_PERIODS * self.period_s, _FRESH_S)
        if self.versions is None or now_ms - self.seen_ms <= fresh_ms:
            return self
        return self.blind()

    def blind(self) -> Outlook:
        """The outlook without sight of versions."""
        return Outlook(self.period_s, self.scale)

    def left_s(self, now_ms: float) -> float:
        """Seconds until the tightest replica is compacted, as far as that can be said."""
        waited = max(0.0, (now_ms - self.since_ms) / 1000.0)
        return max(self.period_s - waited, OVERDUE_SHARE * waited)

    def room(self, now_ms: float, own: int) -> float:
        """Versions we may still add before then, beside those others will."""
        now = self.tight + max(0, own - self.own)
        left_s = self.left_s(now_ms)
        room = _room(now, self.foreign_per_s, left_s, self.period_s, self.scale.limit, max)
        return float(room)

    def full(self, own: int) -> bool:
        """Whether the next versions might be refused."""
        return self.tight + max(0, own - self.own) + 1 > BRINK * self.scale.limit


def _room(
    counts: Any,
    foreign_per_s: Any,
    left_s: Any,
    period_s: float,
    limit: int,
    larger: Callable[[Any, Any], Any],
) -> Any:
    """Room in versions, of one replica or of an array of them; at least 1."""
    predicted = counts + foreign_per_s * left_s
    least = _LEAST_PART * (BRINK * limit - counts) * left_s / period_s
    room = larger(CEILING * limit - predicted, _BRINK_PART * (BRINK * limit - predicted))
    return larger(larger(room, least), 1.0)


def outlook(state: Sawtooth) -> Outlook:
    """The outlook right after a poll."""
    seen = state.seen
    if not len(seen.keys):
        return Outlook(state.period_s, seen.scale)
    now, scale = seen.now_ms, seen.scale
    since_ms = np.nan_to_num(state.since_ms, nan=now)
    waited_s = (now - since_ms) / 1000.0
    left_s = np.maximum(state.period_s - waited_s, OVERDUE_SHARE * waited_s)
    others = np.maximum(state.growth - state.own_rate - _NOISE_PER_S, 0.0)
    room = _room(seen.counts, others, left_s, state.period_s, scale.limit, np.maximum)
    moving = state.moving
    place = int(np.argmax(np.where(moving, left_s / room, -1.0)))
    used_up = moving & (seen.counts - state.troughs >= _BUDGET_USED * scale.share * scale.limit)
    return Outlook(
        period_s=state.period_s,
        scale=scale,
        versions=round(float(seen.counts.max())),
        own=seen.own,
        seen_ms=now,
        tight=float(seen.counts[place]),
        since_ms=float(since_ms[place]),
        foreign_per_s=float(others[place]),
        late_since_ms=float(since_ms[used_up].min()) if used_up.any() else None,
    )
