"""Settings of the frontend and the backends that can be read and changed while they run.

Names and defaults are StarRocks'. Those that begin with `penstock_` say how slow this server is to
be, which a real cluster cannot be told.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; `kind` is the type name ADMIN SHOW FRONTEND CONFIG and be_configs print."""

    name: str
    default: str
    kind: str = "int"
    is_mutable: bool = True
    comment: str = ""

    def fits(self, value: str) -> bool:
        """Whether the value is of the setting's kind."""
        if self.kind == "boolean":
            return value.lower() in {"true", "false"}
        if self.kind == "String":
            return True
        try:
            number = float(value)
        except ValueError:
            return False
        return self.kind == "double" or number == int(number)


FRONTEND: Final = (
    Setting("default_replication_num", "1", "short"),
    Setting("empty_load_as_error", "true", "boolean"),
    Setting("enable_fast_schema_evolution", "true", "boolean"),
    Setting("label_keep_max_num", "1000"),
    Setting("label_keep_max_second", "259200"),
    Setting("max_automatic_partition_number", "4096"),
    Setting("max_running_txn_num_per_db", "1000"),
    Setting("max_stream_load_timeout_second", "259200"),
    Setting("min_load_timeout_second", "1"),
    Setting("prepared_transaction_default_timeout_second", "86400"),
    Setting("run_mode", "shared_nothing", "String", is_mutable=False),
    Setting("stream_load_default_timeout_second", "600"),
    Setting("stream_load_max_txn_num_per_be", "-1"),
)

BACKEND: Final = (
    Setting("base_compaction_check_interval_seconds", "60"),
    Setting("base_compaction_interval_seconds_since_last_operation", "86400"),
    Setting("base_compaction_num_threads_per_disk", "1"),
    Setting("base_cumulative_delta_ratio", "0.3", "double"),
    Setting("cumulative_compaction_check_interval_seconds", "1", "double"),
    Setting("cumulative_compaction_num_threads_per_disk", "1"),
    Setting("max_compaction_concurrency", "-1", comment="0 pauses compaction"),
    Setting("max_cumulative_compaction_num_singleton_deltas", "1000"),
    Setting("max_update_compaction_num_singleton_deltas", "1000"),
    Setting("min_base_compaction_num_singleton_deltas", "5"),
    Setting("min_compaction_failure_interval_sec", "120"),
    Setting("min_cumulative_compaction_num_singleton_deltas", "5"),
    Setting("primary_key_limit_size", "128"),
    Setting("streaming_load_max_batch_size_mb", "100"),
    Setting("streaming_load_max_mb", "102400"),
    Setting("tablet_max_pending_versions", "1000"),
    Setting("tablet_max_versions", "1000"),
    Setting("tablet_rowset_stale_sweep_time_sec", "1800"),
    Setting("update_compaction_check_interval_seconds", "10", "double"),
    Setting("update_compaction_num_threads_per_disk", "1"),
    Setting("update_compaction_per_tablet_min_interval_seconds", "120", "double"),
    Setting("update_compaction_result_bytes", "1073741824"),
    Setting("update_compaction_size_threshold", "268435456"),
    Setting("penstock_begin_latency_ms", "0", "double"),
    Setting("penstock_compaction_ms", "0", "double", comment="time to compact one tablet"),
    Setting("penstock_disk_mb_per_second", "0", "double", comment="0 is as fast as it can"),
    Setting("penstock_latency_tail_factor", "6", "double"),
    Setting("penstock_latency_tail_percent", "0", "double", comment="share of slow operations"),
    Setting("penstock_load_latency_ms", "0", "double"),
    Setting("penstock_prepare_latency_ms", "0", "double"),
    Setting("penstock_publish_latency_ms", "0", "double"),
)


class Configuration:
    """Settings and their present values; safe for use from many threads."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._settings = {setting.name: setting for setting in settings}
        self._values = {name: setting.default for name, setting in self._settings.items()}
        self._kept = dict(self._values)
        self._lock = threading.Lock()

    def __contains__(self, name: object) -> bool:
        return name in self._settings

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def items(self) -> list[tuple[Setting, str]]:
        """Settings by name, with their values."""
        return [(self._settings[name], value) for name, value in sorted(self._values.items())]

    def number(self, name: str) -> float:
        """A value as a number."""
        return float(self._values[name])

    def flag(self, name: str) -> bool:
        """A value as true or false."""
        return self._values[name].lower() == "true"

    def set(self, name: str, value: str | float) -> None:
        """Change a value.

        Raises:
            ServerError: There is no such setting, it is fixed, or the value is not of its kind.
        """
        setting = self._settings.get(name)
        if setting is None or not setting.is_mutable:
            raise ServerError(f"Config '{name}' does not exist or is not mutable")
        text = str(value)
        if not setting.fits(text):
            raise ServerError(
                f"Invalid value '{value}' of config '{name}', it is of type {setting.kind}"
            )
        with self._lock:
            self._values[name] = text

    def keep(self) -> None:
        """Let the present values be those that `restore` goes back to."""
        with self._lock:
            self._kept = dict(self._values)

    def restore(self) -> None:
        """Go back to the values of the last `keep`."""
        with self._lock:
            self._values.update(self._kept)


def load_timeout(config: Configuration, wanted: float | None) -> float:
    """Seconds a load may take until it is prepared; the frontend's default if None is wanted.

    Raises:
        ServerError: The wanted time is out of range.
    """
    if wanted is None:
        return config.number("stream_load_default_timeout_second")
    least, most = (
        int(config.number(name))
        for name in ("min_load_timeout_second", "max_stream_load_timeout_second")
    )
    if not least <= wanted <= most:
        raise ServerError(
            f"Invalid timeout: {wanted:g}. Timeout should between {least} and {most} seconds",
            status="ANALYSIS_ERROR",
        )
    return wanted
