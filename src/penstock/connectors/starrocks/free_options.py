"""Options that a resumed job may have otherwise: how rows are sent, not which and where to."""

from typing import Final

from penstock.connectors.starrocks.options import StarRocksOptions

FREE_OPTIONS: Final = frozenset(
    option.key
    for option in (
        StarRocksOptions.username,
        StarRocksOptions.password,
        StarRocksOptions.max_bytes,
        StarRocksOptions.max_rows,
        StarRocksOptions.interval_ms,
        StarRocksOptions.adaptive,
        StarRocksOptions.spool_bytes,
        StarRocksOptions.enqueue_timeout_ms,
        StarRocksOptions.max_retries,
        StarRocksOptions.retry_interval_ms,
        StarRocksOptions.connect_timeout_ms,
        StarRocksOptions.socket_timeout_ms,
        StarRocksOptions.continue_timeout_ms,
        StarRocksOptions.sanitize_error_log,
        StarRocksOptions.host_mapping,
        StarRocksOptions.ca_file,
        StarRocksOptions.dead_letter_path,
        StarRocksOptions.dead_letter_table,
        StarRocksOptions.dead_letter_rows,
    )
)
