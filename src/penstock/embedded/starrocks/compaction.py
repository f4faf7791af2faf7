"""Compaction as StarRocks schedules it, over the counts of `versions.py`.

Each check takes at most one tablet per thread and disk, the one with the most rowsets: with the
default settings a primary-key tablet is visited every 120 s, and a table of many tablets waits
longer, which is what makes the version count of a busy table a sawtooth.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penstock.clock import Clock
    from penstock.embedded.starrocks.config import Configuration
    from penstock.embedded.starrocks.versions import PartitionVersions, Replica, Versions

_TICK_SECONDS: Final = 0.05


@dataclass(slots=True)
class _Kind:
    """One kind of compaction: names of its settings, and when it last looked for work."""

    interval: str
    threads: str
    checked_at: float = float("-inf")


class Compactor:
    """Lowers version counts; `step` is called often and does what is due by then.

    Args:
        versions: The counts.
        config: The settings of the backend.
        clock: The time.
        seconds: How long the compaction of a tablet of a table takes, given its table id.
    """

    def __init__(
        self,
        versions: Versions,
        config: Configuration,
        clock: Clock,
        seconds: Callable[[int], float] = lambda _table: 0.0,
    ) -> None:
        self._versions = versions
        self._config = config
        self._clock = clock
        self._seconds = seconds
        self._running: list[Replica] = []
        self._update = _Kind(
            "update_compaction_check_interval_seconds", "update_compaction_num_threads_per_disk"
        )
        self._cumulative = _Kind(
            "cumulative_compaction_check_interval_seconds",
            "cumulative_compaction_num_threads_per_disk",
        )
        self.finished = 0

    def step(self) -> int:
        """End what is over, begin what is due; how many compactions ended."""
        now = self._clock.monotonic()
        with self._versions.lock:
            before = self.finished
            self._end(now)
            if self._config.number("max_compaction_concurrency") != 0:
                self._check(self._update, now, primary=True)
                self._check(self._cumulative, now, primary=False)
            self._end(now)
            return self.finished - before

    def compact_all(self) -> int:
        """Compact every tablet at once, due or not, as a manual compaction of each; how many."""
        now = self._clock.monotonic()
        with self._versions.lock:
            count = 0
            for partition in self._versions.all_partitions():
                for replica in partition.replicas:
                    if replica.rowsets > 1:
                        replica.deltas = replica.merged = replica.taken = 0
                        replica.compacted_at = now
                        count += 1
            self.finished += count
            return count

    def _end(self, now: float) -> None:
        for replica in [replica for replica in self._running if replica.busy_until <= now]:
            self._running.remove(replica)
            replica.deltas -= replica.taken
            if not replica.primary and replica.taken:
                replica.merged += 1
                if replica.merged >= self._config.number(
                    "min_base_compaction_num_singleton_deltas"
                ):
                    replica.merged = 0  # base compaction takes them all
            replica.taken, replica.busy_until, replica.compacted_at = 0, 0.0, now
            self.finished += 1

    def _check(self, kind: _Kind, now: float, *, primary: bool) -> None:
        if now - kind.checked_at < self._config.number(kind.interval):
            return
        kind.checked_at = now
        free: dict[int, int] = {}
        threads = int(self._config.number(kind.threads))
        limit = int(self._config.number("max_compaction_concurrency"))
        due = sorted(
            self._due(now, primary=primary), key=lambda pair: pair[1].rowsets, reverse=True
        )
        for partition, replica in due:
            busy = sum(
                other.backend_id == replica.backend_id and other.primary == primary
                for other in self._running
            )
            left = free.setdefault(replica.backend_id, threads - busy)
            if left < 1 or 0 < limit <= len(self._running):
                continue
            free[replica.backend_id] -= 1
            self._begin(partition, replica, now)

    def _due(self, now: float, *, primary: bool) -> Iterator[tuple[PartitionVersions, Replica]]:
        wait = self._config.number("update_compaction_per_tablet_min_interval_seconds")
        least = self._config.number("min_cumulative_compaction_num_singleton_deltas")
        for partition in self._versions.all_partitions():
            if primary and partition.pending >= 2:
                continue  # a tablet that is behind with applying is not compacted
            for replica in partition.replicas:
                if replica.primary != primary or replica.busy_until:
                    continue
                if (
                    replica.deltas > 0 and now - replica.compacted_at >= wait
                    if primary
                    else (replica.deltas >= least)
                ):
                    yield partition, replica

    def _begin(self, partition: PartitionVersions, replica: Replica, now: float) -> None:
        most = int(self._config.number("max_update_compaction_num_singleton_deltas"))
        replica.taken = min(replica.deltas, most) if replica.primary else replica.deltas
        replica.busy_until = now + self._seconds(partition.table_id)
        self._running.append(replica)


class CompactionThread:
    """Steps a compactor until it is stopped.

    Args:
        compactor: What to step.
        compacted: Called after steps that ended a compaction.
    """

    def __init__(self, compactor: Compactor, compacted: Callable[[], None]) -> None:
        self._compactor = compactor
        self._compacted = compacted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="starrocks-compaction", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End and wait for the end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            if self._compactor.step():
                self._compacted()
