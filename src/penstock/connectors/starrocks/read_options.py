"""Options of a StarRocks table that is read: upstream's names and defaults.

Source: flink-connector-starrocks, StarRocksSourceOptions. What tunes the Thrift scan of backends
has no effect: rows come over the MySQL protocol (docs/adr/0004).
"""

# ruff: noqa: FBT003 - defaults of boolean options are plain booleans
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from penstock.config import REQUIRED, Option, Options, Secret, parse_duration_ms
from penstock.config.option import OneOf, at_least, boolean, integer
from penstock.connectors.starrocks.addresses import jdbc_url
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.state.row_cache import CachePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_BACKENDS = "rows come from a frontend over the MySQL protocol, no backend is asked"
_IN_SQL = "name columns and conditions in the query; both are pushed down"

DEFAULT_CACHE_ROWS = 100_000


def cache_time(text: str) -> int:
    """A duration, or milliseconds.

    Examples:
        >>> cache_time("5000"), cache_time("10 s")
        (5000, 10000)
    """
    return int(text) if text.strip().isdigit() else parse_duration_ms(text)


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
    lookup_cache = Option(
        "lookup.cache",
        OneOf(("none", "partial")),
        "partial",
        "Whether looked-up rows are kept.",
    )
    lookup_max_rows = Option(
        "lookup.partial-cache.max-rows",
        integer,
        -1,
        "Most rows kept, the least lately used go first; -1 for 100000.",
        at_least(-1),
        aliases=("lookup.cache.max-rows",),
    )
    lookup_after_write_ms = Option(
        "lookup.partial-cache.expire-after-write",
        cache_time,
        5000,
        "Age at which a row is looked up again; upstream's old name counts milliseconds.",
        at_least(0),
        aliases=("lookup.cache.ttl-ms",),
    )
    lookup_after_access_ms = Option(
        "lookup.partial-cache.expire-after-access",
        cache_time,
        None,
        "Time without use after which a row goes.",
    )
    lookup_keep_missing = Option(
        "lookup.partial-cache.cache-missing-key",
        boolean,
        True,
        "Whether it is kept too that a key has no row.",
    )
    lookup_max_retries = Option(
        "lookup.max-retries",
        integer,
        1,
        "Further attempts of a look-up that broke.",
        at_least(0),
    )
    also: ClassVar[tuple[type[Options], ...]] = (StarRocksOptions,)

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        for note in self.jdbc_url.notes:
            self._tell(note)

    @property
    def cache(self) -> CachePolicy | None:
        """How looked-up rows are kept; None for not at all."""
        if self.lookup_cache == "none" or not self.lookup_max_rows:
            return None
        return CachePolicy(
            DEFAULT_CACHE_ROWS if self.lookup_max_rows < 0 else self.lookup_max_rows,
            self.lookup_after_write_ms,
            self.lookup_after_access_ms,
            self.lookup_keep_missing,
        )


StarRocksOptions.also = (StarRocksReadOptions,)
