"""The scenarios the gate is held against; the tests check them, the guide shows them."""

from __future__ import annotations

from benchmarks.gate.world import Foreign, Setup

PERIODS_S = (30.0, 120.0, 600.0)
BUCKETS = (1, 8, 64)
STOP_S = 300.0


def steady(period_s: float, buckets: int, limit: int = 1000) -> Setup:
    """Nothing but our own loads: eight periods."""
    return Setup(
        8 * (period_s + 10), period_s, buckets=buckets, replicas=_replicas(buckets), limit=limit
    )


def stopped(period_s: float, buckets: int) -> Setup:
    """Compaction stops for five minutes after four periods."""
    begin = 4 * (period_s + 10)
    end = begin + STOP_S
    return Setup(
        end + 5 * (period_s + 10),
        period_s,
        buckets=buckets,
        replicas=_replicas(buckets),
        stopped=((begin, end),),
    )


def visited(period_s: float, buckets: int, share: float) -> Setup:
    """A foreign writer, which alone would use `share` of the limit, for five periods."""
    begin = 4 * (period_s + 10)
    end = begin + 5 * (period_s + 10)
    foreign = Foreign(begin, end, share * 1000 / (period_s + 10))
    return Setup(
        end + 4 * (period_s + 10),
        period_s,
        buckets=buckets,
        replicas=_replicas(buckets),
        foreign=(foreign,),
    )


def _replicas(buckets: int) -> int:
    return 1 if buckets == 1 else 3


GUIDE = {
    "steady": ("Compaction every 120 s, one tablet", steady(120.0, 1)),
    "buckets": ("Compaction every 120 s, 64 tablets of 3 replicas", steady(120.0, 64)),
    "slow": ("Compaction every 600 s: the period is learnt", steady(600.0, 8)),
    "fast": ("Compaction every 30 s: the period is learnt", steady(30.0, 8)),
    "stopped": ("Compaction stands still for five minutes", stopped(120.0, 8)),
    "foreign": ("Another writer joins and leaves", visited(120.0, 1, share=0.5)),
    "crowded": ("Another writer leaves no room", visited(120.0, 1, share=0.9)),
    "user": (
        "The user wants 1 s; compaction every 600 s, and none for 25 minutes",
        Setup(4800.0, 600.0, stopped=((1500.0, 3000.0),), target_ms=1000.0),
    ),
}
"""Name of a picture -> its title and what it shows."""
