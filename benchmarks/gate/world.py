"""A StarRocks table with its tablets, its compaction and its writers, in virtual time.

Modelled on the backend's update compaction: one thread per disk compacts the due tablet with the
most versions, goes on at once while one is due, and sleeps for the check interval otherwise; a tablet
is due once the period has passed since its last compaction. Every load adds a version to all
tablets of the partition. (StarRocks docs, BE configuration `update_compaction_*`)

The job under test runs the epoch protocol: rows arrive all the time, a barrier when the gate says
so, then begin, load, prepare and manifest; a commit waits for the one before to be visible.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from penstock.connectors.starrocks.gate import (
    VERSIONS,
    FlushGate,
    GateSettings,
    Scale,
    TabletVersions,
    floor_ms,
)
from penstock.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH_MS = 1_700_000_000_000
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another writer of the table: from when to when, and how many loads per second."""

    begin_s: float
    end_s: float
    per_s: float


@dataclass(frozen=True, slots=True)
class Setup:
    """What is simulated; times in seconds.

    Args:
        period_s: Least time between two compactions of a tablet.
        check_s: How long a compaction thread sleeps when no tablet is due.
        compact_s: How long a compaction takes, typically.
        disks: Over which the replicas are spread.
        one_per_check: A thread sleeps after every compaction, so that many tablets wait.
        stopped: From when to when no compaction begins.
        target_ms: The user's interval.
        seeing: Whether the job may read versions.
        poll_s: Between two polls of the versions.
    """

    duration_s: float
    period_s: float = 120.0
    check_s: float = 10.0
    compact_s: float = 0.5
    buckets: int = 1
    replicas: int = 1
    disks: int = 3
    limit: int = 1000
    foreign: tuple[Foreign, ...] = ()
    one_per_check: bool = False
    stopped: tuple[tuple[float, float], ...] = ()
    target_ms: float | None = None
    seeing: bool = True
    poll_s: float = 1.0
    tail: float = 0.02
    publish_s: float = 0.15


@dataclass(slots=True)
class Second:
    """The trace: what was to be seen in a second."""

    at_s: float
    versions: float
    interval_s: float
    reason: str
    lag_s: float


@dataclass(slots=True)
class Epoch:
    """Rows from `first_s` to `barrier_s`, visible at `visible_s`.

    `interval_s` is the longest the gate wanted in between.
    """

    first_s: float
    barrier_s: float
    interval_s: float
    visible_s: float = float("nan")


@dataclass(slots=True)
class Result:
    """What happened."""

    setup: Setup
    trace: list[Second] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    refused: int = 0
    teeth: list[tuple[float, int, float]] = field(default_factory=list)

    def period_s(self, begin_s: float = 0.0, end_s: float = float("inf")) -> float:
        """The time from trough to trough in a span: the longest of the tablets' medians."""
        by_tablet: dict[int, list[float]] = {}
        for at_s, tablet, length_s in self.teeth:
            if begin_s <= at_s < end_s:
                by_tablet.setdefault(tablet, []).append(length_s)
        return max((median(lengths) for lengths in by_tablet.values()), default=self.setup.period_s)

    def floor_s(self, begin_s: float = 0.0, end_s: float = float("inf")) -> float:
        """The formula's floor of the interval in a span."""
        scale = Scale(self.setup.limit, VERSIONS.share, VERSIONS.start_period_s)
        return floor_ms(self.period_s(begin_s, end_s), scale) / 1000

    def excess_s(self, share: float = 0.99) -> float:
        """Quantile, over all rows, of freshness less two intervals."""
        return self._quantile(share, 2.0)

    def freshness_s(self, share: float) -> float:
        """Quantile, over all rows, of the time from arrival to visibility."""
        return self._quantile(share, 0.0)

    def intervals_s(self, begin_s: float, end_s: float) -> list[float]:
        """The gate's decisions in a span of time."""
        return [s.interval_s for s in self.trace if begin_s <= s.at_s < end_s]

    def _quantile(self, share: float, intervals: float) -> float:
        values, weights = [], []
        for epoch in self.epochs:
            if epoch.visible_s == epoch.visible_s:
                length = epoch.barrier_s - epoch.first_s
                for part in (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975):
                    age = epoch.visible_s - epoch.first_s - part * length
                    values.append(age - intervals * epoch.interval_s)
                    weights.append(length)
        order = np.argsort(values)
        total = np.cumsum(np.array(weights)[order])
        return float(np.array(values)[order][np.searchsorted(total, share * total[-1])])


class World:
    """One run; `run` returns what happened."""

    def __init__(self, setup: Setup, seed: int = 0) -> None:
        self.setup = setup
        self.result = Result(setup)
        self._random = random.Random(seed)
        self._clock = ManualClock(EPOCH_MS)
        self._gate = FlushGate(GateSettings(setup.target_ms), self._clock)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        count = setup.buckets * setup.replicas
        self._counts = np.full(count, 2.0)
        self._numbers = np.full(count, 2.0)
        self._compacted_s = np.array(
            [-self._random.random() * setup.period_s for _ in range(count)]
        )
        self._compacted = np.zeros(count, np.bool_)
        self._disk = np.arange(count) % min(setup.disks, count)
        self._keys = np.arange(count, dtype=np.int64)
        self._scale = Scale(setup.limit, VERSIONS.share, VERSIONS.start_period_s)
        self._open = Epoch(0.0, 0.0, 0.0)
        self._last_barrier_s = 0.0
        self._preparing = False
        self._prepared: list[Epoch] = []
        self._committing = False
        self._check_at = 0.0

    def run(self) -> Result:
        setup = self.setup
        for disk in range(int(self._disk.max()) + 1):
            self._after(self._random.random() * setup.check_s, partial(self._compact, disk))
        for foreign in setup.foreign:
            self._at(foreign.begin_s, partial(self._foreign, foreign))
        if setup.seeing:
            self._after(0.0, self._poll)
        self._after(0.0, self._record)
        self._check_soon(0.0)
        while self._events and self._events[0][0] <= setup.duration_s:
            at_s, _, event = heapq.heappop(self._events)
            self._clock.advance(at_s - self._now)
            event()
        return self.result

    @property
    def _now(self) -> float:
        return self._clock.monotonic()

    def _at(self, at_s: float, event: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (at_s, self._order, event))

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        self._at(self._now + seconds, event)

    def _takes(self, seconds: float) -> float:
        tail = 6.0 if self._random.random() < self.setup.tail else 1.0
        return seconds * self._random.uniform(0.7, 1.4) * tail

    # StarRocks

    def _load(self) -> None:
        self._counts += 1
        self._numbers += 1

    def _compact(self, disk: int) -> None:
        setup, now = self.setup, self._now
        stopped = any(begin <= now < end for begin, end in setup.stopped)
        due = (self._disk == disk) & (self._counts > 1)
        due &= now - self._compacted_s >= setup.period_s
        if stopped or not due.any():
            self._after(setup.check_s, lambda: self._compact(disk))
            return
        place = int(np.argmax(np.where(due, self._counts, 0.0)))
        inputs = min(self._counts[place], 1000.0)

        def done() -> None:
            self._counts[place] -= inputs - 1
            length_s = self._now - self._compacted_s[place]
            self._compacted_s[place] = self._now
            if self._compacted[place]:
                self.result.teeth.append((self._now, place, float(length_s)))
            self._compacted[place] = True
            pause_s = setup.check_s if setup.one_per_check else 0.0
            self._after(pause_s, lambda: self._compact(disk))

        self._after(setup.compact_s * self._random.uniform(0.5, 1.5), done)

    def _foreign(self, foreign: Foreign) -> None:
        if self._now < foreign.end_s:
            if self._counts.max() <= self.setup.limit:
                self._load()
            self._after(self._random.expovariate(foreign.per_s), lambda: self._foreign(foreign))

    # The job

    def _poll(self) -> None:
        asked_ms, own = self._clock.now_ms(), self._gate.own

        def answered() -> None:
            seen = TabletVersions(
                asked_ms, self._keys, self._counts.copy(), self._numbers.copy(), own, self._scale
            )
            self._gate.observe(seen)
            self._check_soon(0.0)

        self._after(self._random.uniform(0.005, 0.05), answered)
        self._after(self.setup.poll_s, self._poll)

    def _check_soon(self, seconds: float) -> None:
        self._check_at = at = self._now + seconds
        self._at(at, lambda: self._check() if self._check_at == at else None)

    def _check(self) -> None:
        decision = self._gate.decide(self._clock.now_ms())
        self._open.interval_s = max(self._open.interval_s, decision.interval_ms / 1000)
        left_s = self._last_barrier_s + decision.interval_ms / 1000 - self._now
        if left_s > 0.0005:
            self._check_soon(min(left_s, 1.0))
        elif not self._preparing:
            self._barrier()
            self._check_soon(0.02)

    def _barrier(self) -> None:
        epoch, self._open = self._open, Epoch(self._now, 0.0, 0.0)
        epoch.barrier_s = self._now
        self._last_barrier_s = self._now
        self._preparing = True
        self.result.epochs.append(epoch)
        self._after(self._takes(0.01), lambda: self._try(epoch, 0))

    def _try(self, epoch: Epoch, tries: int) -> None:
        if self._counts.max() > self.setup.limit:
            self.result.refused += 1
            count, limit = round(self._counts.max()), self.setup.limit
            self._gate.refused(f"because of too many versions, current/limit: {count}/{limit}.")
            pause = _BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)]
            self._after(pause, lambda: self._try(epoch, tries + 1))
            return
        # Load and prepare, then the manifest.
        self._after(self._takes(0.075) + 0.01, lambda: self._ready(epoch))

    def _ready(self, epoch: Epoch) -> None:
        self._prepared.append(epoch)
        self._commit()

    def _commit(self) -> None:
        if self._committing or not self._prepared:
            return
        epoch = self._prepared.pop()
        self._preparing, self._committing = False, True
        began = self._now

        def visible() -> None:
            self._load()
            epoch.visible_s = self._now
            self._committing = False
            self._gate.published(1000 * (self._now - began))
            self._commit()
            self._check_soon(0.0)

        self._after(self._takes(self.setup.publish_s), visible)
        self._check_soon(0.0)

    def _record(self) -> None:
        decision = self._gate.decide(self._clock.now_ms())
        waiting = [e.first_s for e in self.result.epochs[-3:] if e.visible_s != e.visible_s]
        oldest = min([self._open.first_s, *waiting])
        self.result.trace.append(
            Second(
                self._now,
                float(self._counts.max()),
                decision.interval_ms / 1000,
                decision.reason,
                self._now - oldest,
            )
        )
        self._after(1.0, self._record)
