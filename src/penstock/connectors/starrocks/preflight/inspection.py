"""A look at the target of one starrocks sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.starrocks.preflight import loading, privileges, schema, version
from penstock.connectors.starrocks.target import TargetConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from penstock.connectors.base import Finding, OutsideTable
    from penstock.connectors.starrocks.sink import StarRocksSink


class StarRocksInspection:
    """Asks frontends over both ports; writes nothing, opens no transaction.

    Args:
        sink: As planned.
    """

    def __init__(self, sink: StarRocksSink) -> None:
        self._sink = sink
        self._connection = TargetConnection(sink.options)
        self._target: OutsideTable | None = None

    @property
    def place(self) -> str:
        options = self._sink.options
        host, port = options.jdbc_url.hosts[0]
        return f"StarRocks {options.username}@{host}:{port}"

    @property
    def server_key(self) -> Hashable:
        options = self._sink.options
        return ("starrocks", *options.jdbc_url.hosts, *options.load_url, options.username)

    @property
    def exclusive(self) -> Sequence[str]:
        return []

    @property
    def zone(self) -> str:
        return self._sink.zone

    @property
    def zone_option(self) -> str:
        return type(self._sink.options).ltz_zone.key

    def connect(self) -> None:
        self._connection.query("SELECT 1")

    def server_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        options = self._sink.options
        wanted = self._sink.wants_transactions
        return {
            "version": lambda: version.findings(self._connection, options),
            "transactions": lambda: loading.findings(options, wanted=wanted),
        }

    def table_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        options = self._sink.options
        database, table = options.database, options.table
        return {
            "schema": lambda: schema.findings(self._sink, self._read()),
            "privileges": lambda: privileges.findings(
                self._connection, database, table, options.username
            ),
        }

    def tables(self) -> Sequence[OutsideTable]:
        return [self._read()]

    def _read(self) -> OutsideTable:
        if self._target is None:
            self._target = schema.read_target(self._connection, self._sink.options)
        return self._target

    def close(self) -> None:
        self._connection.close()
