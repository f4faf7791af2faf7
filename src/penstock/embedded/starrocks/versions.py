"""Versions and rowsets per tablet, the limit on them, and the compaction that lowers them.

The data itself lives elsewhere in one piece; what is kept here is the count that a real server
would have, so that `too many versions` happens exactly when it would.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.clock import Clock
    from penstock.embedded.starrocks.model import TableDef

TOO_MANY_VERSIONS = (
    "Failed to load data into tablet {tablet}, because of too many versions, current/limit: "
    "{count}/{limit}. You can reduce the loading job concurrency, or increase loading data batch "
    "size. If you are loading data with Routine Load, you can increase FE configs "
    "routine_load_task_consume_second and max_routine_load_batch_size,: be:{host}"
)

_DEFAULTS = {
    "tablet_max_versions": "1000",
    "cumulative_compaction_check_interval_seconds": "1",
    "cumulative_compaction_num_threads_per_disk": "1",
    "min_cumulative_compaction_num_singleton_deltas": "5",
    "max_cumulative_compaction_num_singleton_deltas": "1000",
    "base_compaction_check_interval_seconds": "60",
    "base_compaction_num_threads_per_disk": "1",
    "min_base_compaction_num_singleton_deltas": "5",
    "base_compaction_interval_seconds_since_last_operation": "86400",
    "base_cumulative_delta_ratio": "0.3",
    "update_compaction_check_interval_seconds": "10",
    "update_compaction_per_tablet_min_interval_seconds": "120",
    "update_compaction_num_threads_per_disk": "1",
    "update_compaction_size_threshold": "268435456",
    "update_compaction_result_bytes": "1073741824",
    "max_update_compaction_num_singleton_deltas": "1000",
    "tablet_rowset_stale_sweep_time_sec": "1800",
    "max_compaction_concurrency": "-1",
    "streaming_load_max_mb": "102400",
}


class BackendConfig:
    """The `be_configs`: names to values as text, all of them mutable at run time."""

    def __init__(self) -> None:
        self.defaults = dict(_DEFAULTS)
        self._values = dict(_DEFAULTS)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> object:
        return iter(self._values)

    def items(self) -> list[tuple[str, str]]:
        """Names and values."""
        return sorted(self._values.items())

    def set(self, name: str, value: str | float) -> None:
        """Change a value, as `UPDATE information_schema.be_configs` does."""
        if name not in self._values:
            raise ServerError(f"unknown backend config '{name}'")
        try:
            float(value)
        except ValueError as error:
            raise ServerError(f"invalid value '{value}' of backend config '{name}'") from error
        self._values[name] = str(value)

    def number(self, name: str) -> float:
        """A value as a number."""
        return float(self._values[name])


@dataclass(slots=True)
class TabletState:
    """One tablet: how many rowsets its version graph holds, and when it was last compacted."""

    tablet_id: int
    primary: bool
    rowsets: int = 1
    version: int = 1
    compacted_at: float = 0.0


class Versions:
    """The tablets of all tables."""

    def __init__(self, config: BackendConfig, clock: Clock, host: str = "127.0.0.1") -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._tables: dict[int, list[TabletState]] = {}
        self.host = host
        self.compactions = 0

    def add(self, table: TableDef, version: int = 1, rowsets: int = 1) -> None:
        """Begin to count for `table`."""
        now = self._clock.monotonic()
        with self._lock:
            self._tables[table.table_id] = [
                TabletState(tablet, table.primary, rowsets, version, now)
                for tablet in table.tablet_ids
            ]

    def drop(self, table_id: int) -> None:
        """Forget a table."""
        with self._lock:
            self._tables.pop(table_id, None)

    def check(self, table_id: int) -> None:
        """Refuse a new write where a tablet has more versions than the limit."""
        limit = int(self._config.number("tablet_max_versions"))
        for tablet in self._tables.get(table_id, ()):
            if tablet.rowsets > limit:
                text = TOO_MANY_VERSIONS.format(
                    tablet=tablet.tablet_id, count=tablet.rowsets, limit=limit, host=self.host
                )
                raise ServerError(text, status="SERVICE_UNAVAILABLE")

    def published(self, table_id: int) -> int:
        """One more version on all tablets of a table; the new version."""
        version = 0
        with self._lock:
            for tablet in self._tables.get(table_id, ()):
                tablet.rowsets += 1
                tablet.version += 1
                version = tablet.version
        return version

    def tablets(self, table_id: int) -> list[TabletState]:
        """The tablets of a table."""
        return list(self._tables.get(table_id, ()))

    def version(self, table_id: int) -> int:
        """The visible version of a table; 1 when it is new."""
        return max((tablet.version for tablet in self._tables.get(table_id, ())), default=1)

    def compact(self, *, force: bool = False) -> int:
        """One round of compaction over the tablets that are due; how many were compacted.

        Args:
            force: Compact every tablet, due or not, as a manual compaction does.
        """
        if not force and self._config.number("max_compaction_concurrency") == 0:
            return 0
        now = self._clock.monotonic()
        interval = self._config.number("update_compaction_per_tablet_min_interval_seconds")
        least = self._config.number("min_cumulative_compaction_num_singleton_deltas")
        most = int(self._config.number("max_update_compaction_num_singleton_deltas"))
        done = 0
        with self._lock:
            for tablet in [tablet for tablets in self._tables.values() for tablet in tablets]:
                if tablet.primary:
                    due = tablet.rowsets > 1 and now - tablet.compacted_at >= interval
                    left = max(1, tablet.rowsets - most + 1)
                else:
                    due = tablet.rowsets - 1 >= least
                    left = 2
                if force and tablet.rowsets > 1:
                    due, left = True, 1
                if due and left < tablet.rowsets:
                    tablet.rowsets = left
                    tablet.compacted_at = now
                    done += 1
            self.compactions += done
        return done


class CompactionThread:
    """Runs `Versions.compact` at the configured check intervals."""

    def __init__(
        self, versions: Versions, config: BackendConfig, compacted: Callable[[], None]
    ) -> None:
        self._versions = versions
        self._compacted = compacted
        self._config = config
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
        while not self._stop.wait(self._interval()):
            if self._versions.compact():
                self._compacted()

    def _interval(self) -> float:
        names = (
            "update_compaction_check_interval_seconds",
            "cumulative_compaction_check_interval_seconds",
        )
        return max(0.05, min(self._config.number(name) for name in names))
