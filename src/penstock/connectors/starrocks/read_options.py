"""Options of a StarRocks table that is read: upstream's names and defaults.

Source: flink-connector-starrocks, StarRocksSourceOptions. What tunes the Thrift scan of backends
has no effect: rows come over the MySQL protocol (docs/adr/0010).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from penstock.config import REQUIRED, Option, Options, Secret
from penstock.config.option import at_least, integer
from penstock.connectors.starrocks.addresses import jdbc_url
from penstock.connectors.starrocks.options import StarRocksOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_BACKENDS = "rows come from a frontend over the MySQL protocol, no backend is asked"
_IN_SQL = "name columns and conditions in the query; both are pushed down"


class StarRocksReadOptions(Options):
    """Options of the `starrocks` connector as a source and as a lookup table."""

    connector = "starrocks"

    jdbc_url = Option(
        "jdbc-url", jdbc_url, REQUIRED, "Query addresses of frontends, `jdbc:mysql://h1:9030,h2`."
    )
    database = Option("database-name", str, REQUIRED, "Database.")
    table = Option("table-name", str, REQUIRED, "Table.")
    username = Option("username", str, REQUIRED, "User with SELECT.")
    password = Option("password", Secret, REQUIRED, "Its password, may be empty.")
    scan_url = Option("scan-url", str, "", "HTTP addresses of frontends.", no_effect=_NO_BACKENDS)
    connect_timeout_ms = Option(
        "scan.connect.timeout-ms",
        integer,
        1000,
        "Wait for a connection, in milliseconds.",
        at_least(1),
    )
    batch_rows = Option(
        "scan.params.batch-rows",
        integer,
        1000,
        "Rows a backend sends at a time.",
        at_least(1),
        no_effect="rows come as one stream, cut by bytes",
    )
    keep_alive_min = Option(
        "scan.params.keep-alive-min",
        integer,
        10,
        "Minutes an idle scanner of a backend lives.",
        at_least(1),
        no_effect=_NO_BACKENDS,
    )
    query_timeout_s = Option(
        "scan.params.query-timeout-s",
        integer,
        600,
        "Longest time of the query, in seconds.",
        at_least(1),
    )
    mem_limit_bytes = Option(
        "scan.params.mem-limit-byte",
        integer,
        1 << 30,
        "Memory of the query on a backend, where set.",
        at_least(1),
    )
    warehouse = Option("scan.params.warehouse", str, "", "Warehouse that runs the query.")
    max_retries = Option(
        "scan.max-retries",
        integer,
        1,
        "Attempts of a read, the first included; nothing is emitted before one succeeds.",
        at_least(0),
    )
    properties = Option(
        "scan.params.properties",
        str,
        "",
        "Properties of backend scanners.",
        refused="they belong to the Thrift scan, which is not used; set session variables by"
        " `sessionVariables=...` in 'jdbc-url'",
    )
    limit = Option("scan.params.limit", str, "", "Most rows.", refused="write LIMIT in the query")
    columns = Option("scan.columns", str, "", "Columns to read.", refused=_IN_SQL)
    filter = Option("scan.filter", str, "", "Condition.", refused=_IN_SQL)
    host_mapping = Option(
        "scan.be-host-mapping-list",
        str,
        "",
        "Where backends are reached, `ext:port,int:port;...`.",
        no_effect=_NO_BACKENDS,
    )
    ca_file = StarRocksOptions.ca_file
    ltz_zone = StarRocksOptions.ltz_zone
    refused_prefixes: ClassVar[Mapping[str, str]] = {"lookup.": "look-up joins are not built"}
    also: ClassVar[tuple[type[Options], ...]] = (StarRocksOptions,)

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        for note in self.jdbc_url.notes:
            self._tell(note)


StarRocksOptions.also = (StarRocksReadOptions,)
