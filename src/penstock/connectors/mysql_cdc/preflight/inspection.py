"""A look at the tables behind one mysql-cdc source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection
from penstock.connectors.mysql_cdc.preflight import (
    binlog,
    privileges,
    replica_id,
    retention,
    schema,
    time_zone,
    version,
)
from penstock.connectors.mysql_cdc.tables import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from penstock.connectors.base import Finding, OutsideTable
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.connectors.mysql_cdc.tables import PhysicalTable

CONNECT_MS_MAX = 10_000


class MySqlInspection:
    """Reads settings, grants and table definitions; writes nothing, reads no row.

    Args:
        source: As planned.
    """

    def __init__(self, source: MySqlCdcSource) -> None:
        self._source = source
        self._connection: MySqlConnection | None = None
        self._found: list[PhysicalTable] | None = None

    @property
    def place(self) -> str:
        return f"MySQL {self._source.endpoint}"

    @property
    def server_key(self) -> Hashable:
        return self._source.share_key

    @property
    def exclusive(self) -> Sequence[str]:
        options = self._source.options
        first, last = options.server_id or (1, 0)
        server = f"{options.hostname}:{options.port}"
        return [f"server-id {number} of {server}" for number in range(first, min(last, first) + 1)]

    @property
    def zone(self) -> str:
        return self._source.zone

    @property
    def zone_option(self) -> str:
        return type(self._source.options).server_time_zone.key

    @property
    def _session(self) -> MySqlConnection:
        assert self._connection is not None
        return self._connection

    def connect(self) -> None:
        endpoint = self._source.endpoint
        wait_ms = min(endpoint.connect_timeout_ms, CONNECT_MS_MAX)
        self._connection = MySqlConnection.open(replace(endpoint, connect_timeout_ms=wait_ms))

    def server_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        session, options = self._session, self._source.options
        return {
            "version": lambda: version.findings(session.server_info),
            "binlog": lambda: binlog.findings(session, str(session.endpoint)),
            "retention": lambda: retention.findings(session),
            "privileges": lambda: privileges.server_findings(session),
            "server id": lambda: replica_id.findings(session, options.server_id),
        }

    def table_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        session, source = self._session, self._source
        return {
            "privileges": lambda: privileges.table_findings(session, self._tables()),
            "schema": lambda: schema.findings(source, self._tables()),
            "time zone": lambda: time_zone.findings(session, source, self._tables()),
        }

    def tables(self) -> Sequence[OutsideTable]:
        return [schema.outside(table) for table in self._tables()]

    def _tables(self) -> list[PhysicalTable]:
        if self._found is None:
            source = self._source
            endpoint = str(source.endpoint)
            key = source.schema.primary_key
            self._found = discover(self._session, source.options, key, endpoint)
        return self._found

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
