"""Properties of tables: which are StarRocks', and which of them change an answer here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.embedded.starrocks.query_port.queries import Queries

_KNOWN: Final = frozenset(
    {
        "replication_num", "default.replication_num", "storage_medium", "storage_cooldown_time",
        "storage_cooldown_ttl", "storage_format", "storage_type", "storage_volume", "compression",
        "colocate_with", "bloom_filter_columns", "bloom_filter_fpp", "in_memory", "write_quorum",
        "replicated_storage", "enable_persistent_index", "persistent_index_type", "bucket_size",
        "mutable_bucket_num", "fast_schema_evolution", "use_fast_schema_evolution",
        "light_schema_change", "use_light_schema_change", "partition_live_number",
        "partition_ttl", "partition_ttl_number", "partition_retention_condition",
        "time_drift_constraint", "unique_constraints", "foreign_key_constraints",
        "primary_index_cache_expire_sec", "enable_async_write_back", "file_bundling",
        "base_compaction_forbidden_time_ranges", "labels.location", "enable_load_profile",
        "lake_compaction_max_parallel", "cloud_native_fast_schema_evolution_v2",
    }
)  # fmt: skip
_FAMILIES: Final = ("dynamic_partition.", "binlog_", "datacache.", "data_cache.", "flat_json.")


def check_properties(queries: Queries, names: Iterable[str]) -> None:
    """Warn of properties of a table that StarRocks does not know either.

    Those it knows are kept and shown; docs/guide/embedded-starrocks.md says what has an effect.
    """
    for name in names:
        if name.lower() not in _KNOWN and not name.lower().startswith(_FAMILIES):
            queries.warnings.append(f"Unknown property '{name}'")
