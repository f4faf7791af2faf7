"""What the sawtooth of a table means for its next loads: few numbers, taken after every poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penstock.connectors.starrocks.gate.sawtooth import VERSIONS, Scale

if TYPE_CHECKING:
    from penstock.connectors.starrocks.gate.sawtooth import Sawtooth

# A compaction that is overdue is taken to come within a tenth of the time it was waited for.
OVERDUE_SHARE = 0.1
# Part of the limit that no predicted peak, foreign loads included, is to pass.
CEILING = 0.8
_BUDGET_USED = 0.9
_NOISE_PER_S = 0.1


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known about a table between two polls.

    Args:
        period_s: Time from trough to trough.
        scale: Of the counts, with the limit read from the server.
        versions: The most versions in use on a replica, None where they cannot be seen.
        own: Versions this job had made by then.
        tight: Versions in use on the replica that leaves the least room for loads.
        since_ms: Since when that replica waits for compaction.
        foreign_per_s: Versions per second that others add to it.
        late_since_ms: Since when a replica waits that has used up its budget; None: there is none.
    """

    period_s: float = VERSIONS.start_period_s
    scale: Scale = VERSIONS
    versions: int | None = None
    own: int = 0
    tight: float = 0.0
    since_ms: float = 0.0
    foreign_per_s: float = 0.0
    late_since_ms: float | None = None

    def left_s(self, now_ms: float) -> float:
        """Seconds until the tightest replica is compacted, as far as that can be said."""
        waited = max(0.0, (now_ms - self.since_ms) / 1000.0)
        return max(self.period_s - waited, OVERDUE_SHARE * waited)

    def room(self, now_ms: float, own: int) -> float:
        """Versions we may still add before then, beside those others will."""
        ahead = max(0, own - self.own)
        foreign = self.foreign_per_s * self.left_s(now_ms)
        return CEILING * self.scale.limit - self.tight - ahead - foreign


def outlook(state: Sawtooth) -> Outlook:
    """The outlook right after a poll."""
    seen = state.seen
    if not len(seen.keys):
        return Outlook(state.period_s, seen.scale, own=seen.own)
    now, scale = seen.now_ms, seen.scale
    since_ms = np.nan_to_num(state.since_ms, nan=now)
    waited_s = (now - since_ms) / 1000.0
    left_s = np.maximum(state.period_s - waited_s, OVERDUE_SHARE * waited_s)
    others = np.maximum(state.growth - state.own_rate - _NOISE_PER_S, 0.0)
    room = CEILING * scale.limit - seen.counts - others * left_s
    place = int(np.argmax(left_s / np.maximum(room, 1.0) - np.minimum(room, 0.0)))
    used_up = seen.counts - state.troughs >= _BUDGET_USED * scale.share * scale.limit
    return Outlook(
        period_s=state.period_s,
        scale=scale,
        versions=round(float(seen.counts.max())),
        own=seen.own,
        tight=float(seen.counts[place]),
        since_ms=float(since_ms[place]),
        foreign_per_s=float(others[place]),
        late_since_ms=float(since_ms[used_up].min()) if used_up.any() else None,
    )
