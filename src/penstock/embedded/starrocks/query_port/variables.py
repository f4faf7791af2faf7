"""Session variables and how a client reads and sets them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

CURRENT_VERSION: Final = "4.0.0-penstock"

DEFAULT_VARIABLES: Final[dict[str, str]] = {
    "auto_increment_increment": "1",
    "autocommit": "1",
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_database": "utf8mb4",
    "character_set_results": "utf8mb4",
    "character_set_server": "utf8mb4",
    "collation_connection": "utf8mb4_general_ci",
    "collation_database": "utf8mb4_general_ci",
    "collation_server": "utf8mb4_general_ci",
    "init_connect": "",
    "insert_timeout": "14400",
    "interactive_timeout": "3600",
    "language": "/starrocks/share/english/",
    "license": "Apache License 2.0",
    "lower_case_table_names": "0",
    "max_allowed_packet": "33554432",
    "net_buffer_length": "16384",
    "net_read_timeout": "60",
    "net_write_timeout": "60",
    "performance_schema": "0",
    "query_cache_size": "1048576",
    "query_cache_type": "0",
    "query_timeout": "300",
    "session_track_schema": "1",
    "socket": "",
    "sql_auto_is_null": "0",
    "sql_mode": "ONLY_FULL_GROUP_BY",
    "sql_safe_updates": "0",
    "sql_select_limit": "9223372036854775807",
    "system_time_zone": "Etc/UTC",
    "time_zone": "Etc/UTC",
    "transaction_isolation": "REPEATABLE-READ",
    "transaction_read_only": "0",
    "tx_isolation": "REPEATABLE-READ",
    "tx_read_only": "0",
    "version": "8.0.33",
    "version_comment": "Penstock embedded StarRocks version 4.0.0-penstock",
    "wait_timeout": "28800",
    "warning_count": "0",
    "error_count": "0",
}
"""Names in lower case; values as SHOW VARIABLES prints them."""

NUMERIC_VARIABLES: Final = frozenset(
    name for name, value in DEFAULT_VARIABLES.items() if value.isdigit()
)


@dataclass(frozen=True, slots=True)
class AlterJob:
    """A finished schema change, as SHOW ALTER TABLE COLUMN lists it."""

    database: str
    table: str
    table_id: int
    finished_ms: int


class ServerSettings:
    """Global variables and finished schema changes, shared by all connections.

    Every connection's thread reads and writes; a lock orders them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._variables = dict(DEFAULT_VARIABLES)
        self._alter_jobs: list[AlterJob] = []

    def variables(self) -> dict[str, str]:
        """A copy of the global variables, for a new session."""
        with self._lock:
            return dict(self._variables)

    def set_variable(self, name: str, value: str) -> None:
        """Sets a global variable."""
        with self._lock:
            self._variables[name.lower()] = value

    def add_alter_job(self, job: AlterJob) -> None:
        """Remembers a finished schema change."""
        with self._lock:
            self._alter_jobs.append(job)

    def alter_jobs(self, database: str) -> list[AlterJob]:
        """Schema changes of a database, oldest first."""
        with self._lock:
            return [job for job in self._alter_jobs if job.database == database]
