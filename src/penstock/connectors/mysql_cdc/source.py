"""The source: one declared table over one server, before anything is connected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from penstock.clients.mysql import MySqlEndpoint
from penstock.clock import session_zone, zone_name
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.connectors.mysql_cdc.reader import MySqlCdcReader
from penstock.connectors.mysql_cdc.tables import SNAPSHOT_MODES
from penstock.connectors.mysql_cdc.types import METADATA, Shown
from penstock.errors import OptionError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.connectors.base import SourceContext, TableDescriptor


_ANY_ID = (5400, 6400)
_SILENCE_MS, _FOREVER_MS = 60_000, 86_400_000


class MySqlCdcSource:
    """Built while planning: checks options and declaration, touches no network.

    Args:
        table: The declared table.

    Raises:
        OptionError: An option is wrong.
        ValidationError: The declaration cannot be read as a change stream.
    """

    def __init__(self, table: TableDescriptor) -> None:
        self.path = table.path
        self.schema = table.schema
        self.metadata = dict(table.metadata)
        self.options = options = MySqlCdcOptions(table.options)
        options.validate()
        for name, key in self.metadata.items():
            if key not in METADATA:
                raise ValidationError(
                    f"unknown metadata key '{key}' of column '{name}'",
                    code="unknown-metadata",
                    hint=f"Keys: {', '.join(METADATA)}.",
                )
        if not self.schema.primary_key and not options.chunk_key and self.snapshots:
            raise ValidationError(
                f"table '{table.path}' declares no primary key",
                code="no-primary-key",
                detail="The incremental snapshot splits a table by its key.",
                hint="Declare PRIMARY KEY (...) NOT ENFORCED, or set"
                " 'scan.incremental.snapshot.chunk.key-column'.",
            )
        zone = options.zone or session_zone(table.settings.get("table.local-time-zone", ""))
        self.skipped = np.array([int(kind) for kind in options.skipped], np.int8)
        self.shown = Shown(_zone(zone), options.binary_mode, options.adjusts_years)
        wanted = table.settings.get("parallelism.default", "")
        parallelism = int(wanted) if wanted.isdigit() else 2
        self.parallelism = max(2, min(parallelism, options.pool_size)) if options.incremental else 1

    @property
    def snapshots(self) -> bool:
        """Whether the tables' rows are read before their changes."""
        return self.options.startup_mode in SNAPSHOT_MODES

    @property
    def zone(self) -> str:
        """In which TIMESTAMP is shown where a wall clock is declared."""
        return self.shown.zone

    @property
    def share_key(self) -> Hashable:
        """One reader, one binlog stream for tables that connect in the same way."""
        endpoint = replace(self.endpoint, connect_timeout_ms=0)
        return ("mysql-cdc", endpoint, self.options.server_id)

    @property
    def bounded(self) -> bool:
        return self.options.startup_mode == "snapshot"

    @property
    def endpoint(self) -> MySqlEndpoint:
        """Where to connect."""
        return endpoint_of(self.options)

    @property
    def server_ids(self) -> tuple[int, int]:
        """Ids this replica may take: the user's, else upstream's range."""
        return self.options.server_id or _ANY_ID

    def create_reader(self, context: SourceContext) -> MySqlCdcReader:
        """A reader of this server; tables are attached to it."""
        return MySqlCdcReader(self.endpoint, context)


def endpoint_of(options: MySqlCdcOptions) -> MySqlEndpoint:
    """Where options say to connect."""
    driver = options.driver
    chosen = options.is_set(MySqlCdcOptions.connect_timeout)
    waits = None if chosen else driver.connect_timeout_ms
    silence = driver.socket_timeout_ms
    return MySqlEndpoint(
        options.hostname,
        options.port,
        options.username,
        options.password,
        waits or options.connect_timeout,
        options.ssl_mode_of_debezium or driver.tls_mode,
        driver.ca_file,
        read_timeout_ms=_SILENCE_MS if silence is None else silence or _FOREVER_MS,
        session_variables=driver.session_variables.replace(";", ","),
    )


def _zone(given: str) -> str:
    name = zone_name(given)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise OptionError(
            f"unknown time zone '{given}'",
            key="server-time-zone",
            hint="Use a name like 'Asia/Shanghai' or 'UTC'.",
        ) from error
    return name
