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
