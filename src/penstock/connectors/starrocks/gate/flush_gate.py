"""The gate of one writer: keeps what was observed and answers when an epoch may end."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

from penstock.connectors.starrocks.gate.law import (
    Decision,
    GateSettings,
    Moment,
    Pressure,
    decide,
)
from penstock.connectors.starrocks.gate.outlook import Outlook, outlook
from penstock.connectors.starrocks.gate.sawtooth import Sawtooth, TabletVersions, follow

if TYPE_CHECKING:
    from penstock.clock import Clock

_PUBLISHES_KEPT = 9
# "... because of too many versions, current/limit: 1001/1000. ..." (StarRocks, tablet writers)
_VERSION_REFUSAL = re.compile(r"too many (?:tablet )?versions, current/limit: (\d+)/(\d+)")


class FlushGate:
    """The flush controller's state for one table.

    The engine thread asks; the observer reports polls, the committer commits, the loader refusals,
    each from threads of their own. State is frozen and swapped under a lock, so nobody waits.

    Args:
        settings: What to aim at.
        clock: The door to time.
    """

    def __init__(self, settings: GateSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._sawtooth: Sawtooth | None = None
        self._outlook = Outlook()
        self._pressure = Pressure()
        self._publish_ms: deque[float] = deque(maxlen=_PUBLISHES_KEPT)
        self._moment = Moment(0.0)

    @property
    def own(self) -> int:
        """Versions this job has made visible since it started."""
        return self._moment.own

    def observe(self, seen: TabletVersions | None) -> None:
        """A poll has come back; None: nothing can be seen any more."""
        with self._lock:
            if seen is None:
                self._outlook = self._outlook.blind()
                self._sawtooth = None
                return
            if self._sawtooth is not None and self._sawtooth.seen.scale.share != seen.scale.share:
                self._sawtooth = None
            self._sawtooth = follow(self._sawtooth, seen)
            self._outlook = outlook(self._sawtooth)

    def published(self, took_ms: float, versions: int = 1) -> None:
        """An epoch of this table has become visible as so many versions."""
        with self._lock:
            self._publish_ms.append(took_ms)
            moment = self._moment
            self._moment = replace(
                moment,
                own=moment.own + versions,
                labels=max(1.0, 0.7 * moment.labels + 0.3 * versions),
                publish_ms=float(median(self._publish_ms)),
            )

    def refused(self, message: str) -> None:
        """StarRocks did not take a load now; its own text may tell the versions in use."""
        now = float(self._clock.now_ms())
        told = _VERSION_REFUSAL.search(message)
        with self._lock:
            seeing = self._outlook.versions is not None
            self._pressure = self._pressure.refused(now, seeing=seeing)
            if told is not None and not seeing:
                scale = replace(self._outlook.scale, limit=int(told[2]))
                self._outlook = replace(self._outlook, scale=scale)

    def decide(self, now_ms: float) -> Decision:
        """The decision now."""
        with self._lock:
            moment = replace(self._moment, now_ms=now_ms, pressure=self._pressure)
            known = self._outlook
        return decide(known.at(now_ms), self._settings, moment)

    def status(self, now_ms: float) -> dict[str, Any]:
        """The gate's part of a writer's status."""
        decision, known = self.decide(now_ms), self._outlook.at(now_ms)
        return {
            "versions": known.versions,
            "version_limit": known.scale.limit,
            "predicted_peak": None if decision.peak is None else round(decision.peak),
            "compaction_period_s": round(known.period_s, 1),
            "foreign_versions_per_s": round(known.foreign_per_s, 2),
            "publish_ms": self._moment.publish_ms,
            "interval_ms": round(decision.interval_ms),
            "reason": decision.reason,
        }
