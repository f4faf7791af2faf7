"""Options of the `jdbc` connector: upstream's names and defaults.

Source: flink-connector-jdbc, JdbcConnectorOptions and JdbcDynamicTableFactory.
"""

# ruff: noqa: FBT003 - defaults of boolean options are plain booleans
from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.clients.jdbc_url import JdbcUrl, parse_jdbc_url
from penstock.config import REQUIRED, Option, Options, Secret, parse_duration_ms
from penstock.config.option import OneOf, at_least, boolean, integer
from penstock.errors import OptionError
from penstock.state.row_cache import CachePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CACHE_ROWS = 100_000
_WRITES = "it tunes writing, and the table is only read"
_PARTITION = (
    "scan.partition.column",
    "scan.partition.num",
    "scan.partition.lower-bound",
    "scan.partition.upper-bound",
)


def mysql_url(text: str) -> JdbcUrl:
    """A JDBC URL of MySQL or MariaDB with a database.

    Raises:
        ValueError: It is of another server, has no database, or cannot be honoured.

    Examples:
        >>> mysql_url("jdbc:mysql://db/shop?useSSL=false").hosts
        (('db', 3306),)
    """
    server = text.strip().removeprefix("jdbc:").partition(":")[0]
    if text.strip().startswith("jdbc:") and server not in {"mysql", "mariadb"}:
        message = f"tables of '{server}' are not read here; MySQL and MariaDB are"
        raise ValueError(message)
    url = parse_jdbc_url(text, default_port=3306, option="url", with_times=True)
    if not url.database:
        message = "expected a database: 'jdbc:mysql://host:3306/database'"
        raise ValueError(message)
    return url


class JdbcOptions(Options):
    """Options of the `jdbc` connector as a source and as a lookup table."""

    connector = "jdbc"

    url = Option("url", mysql_url, REQUIRED, "`jdbc:mysql://host:3306/database?key=value`.")
    table = Option("table-name", str, REQUIRED, "Table.")
    username = Option("username", str, "", "User with SELECT.")
    password = Option("password", Secret, Secret(""), "Its password.")
    driver = Option(
        "driver", str, "", "Class of the Java driver.", no_effect="there is no Java driver"
    )
    max_retry_timeout_ms = Option(
        "connection.max-retry-timeout",
        parse_duration_ms,
        60_000,
        "Longest wait for an answer or a connection.",
        at_least(1000),
    )
    compatible_mode = Option(
        "compatible-mode", str, "", "Mode of a dialect.", no_effect="MySQL has one dialect"
    )
    partition_column = Option(
        _PARTITION[0], str, "", "Column that cuts the table into parts read side by side."
    )
    partition_num = Option(_PARTITION[1], integer, 0, "How many parts.", at_least(1))
    partition_low = Option(_PARTITION[2], integer, 0, "Smallest value read.")
    partition_high = Option(_PARTITION[3], integer, 0, "Largest value read.")
    fetch_size = Option(
        "scan.fetch-size",
        integer,
        0,
        "Rows the driver fetches at a time.",
        at_least(0),
        no_effect="rows come as one stream, cut by bytes",
    )
    auto_commit = Option(
        "scan.auto-commit",
        boolean,
        True,
        "Auto-commit of the connection.",
        no_effect="a scan is one statement",
    )
    filter_policy = Option(
        "filter.handling.policy",
        OneOf(("always", "never")),
        "always",
        "Whether conditions are sent to the server.",
    )
    lookup_cache = Option(
        "lookup.cache", OneOf(("none", "partial")), "none", "Whether looked-up rows are kept."
    )
    lookup_max_rows = Option(
        "lookup.partial-cache.max-rows",
        integer,
        DEFAULT_CACHE_ROWS,
        "Most rows kept, the least lately used go first.",
        at_least(1),
    )
    lookup_after_write_ms = Option(
        "lookup.partial-cache.expire-after-write",
        parse_duration_ms,
        None,
        "Age at which a row is looked up again.",
    )
    lookup_after_access_ms = Option(
        "lookup.partial-cache.expire-after-access",
        parse_duration_ms,
        None,
        "Time without use after which a row goes.",
    )
    lookup_keep_missing = Option(
        "lookup.partial-cache.cache-missing-key",
        boolean,
        True,
        "Whether it is kept too that a key has no row.",
        aliases=("lookup.cache.caching-missing-key",),
    )
    old_max_rows = Option(
        "lookup.cache.max-rows", integer, -1, "Older name; needs lookup.cache.ttl.", at_least(-1)
    )
    old_ttl_ms = Option(
        "lookup.cache.ttl", parse_duration_ms, None, "Older name; needs lookup.cache.max-rows."
    )
    lookup_max_retries = Option(
        "lookup.max-retries", integer, 3, "Further attempts of a look-up that broke.", at_least(0)
    )
    sink_max_rows = Option(
        "sink.buffer-flush.max-rows", integer, 100, "Rows of a write.", no_effect=_WRITES
    )
    sink_interval = Option(
        "sink.buffer-flush.interval",
        parse_duration_ms,
        1000,
        "Time between writes.",
        no_effect=_WRITES,
    )
    sink_retries = Option("sink.max-retries", integer, 3, "Attempts of a write.", no_effect=_WRITES)
    sink_parallelism = Option("sink.parallelism", integer, 1, "Writers.", no_effect=_WRITES)

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        for note in self.url.notes:
            self._tell(note)
        if self.is_set(JdbcOptions.password) and not self.is_set(JdbcOptions.username):
            raise _group(("username", "password"), "password")
        given = [key for key in _PARTITION if key in self.values]
        if given and len(given) < len(_PARTITION):
            raise _group(_PARTITION, given[0])
        if self.partition_low > self.partition_high:
            raise OptionError(
                f"'scan.partition.lower-bound'='{self.partition_low}' must not be larger than"
                f" 'scan.partition.upper-bound'='{self.partition_high}'.",
                key="scan.partition.lower-bound",
                code="invalid-option",
            )

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Smallest and largest value of each part, empty where the table is read whole."""
        if not self.partition_column:
            return ()
        return split(self.partition_low, self.partition_high, self.partition_num)

    @property
    def cache(self) -> CachePolicy | None:
        """How looked-up rows are kept; None for not at all."""
        if self.lookup_cache == "partial":
            return CachePolicy(
                self.lookup_max_rows,
                self.lookup_after_write_ms,
                self.lookup_after_access_ms,
                self.lookup_keep_missing,
            )
        if self.old_max_rows > 0 and self.old_ttl_ms:
            return CachePolicy(self.old_max_rows, self.old_ttl_ms, None, self.lookup_keep_missing)
        return None


def split(low: int, high: int, parts: int) -> tuple[tuple[int, int], ...]:
    """Ranges that cover `low` to `high`, the first ones one value longer where it does not divide.

    Examples:
        >>> split(1, 10, 3)
        ((1, 4), (5, 7), (8, 10))
        >>> split(1, 2, 5)
        ((1, 1), (2, 2))
    """
    count = high - low + 1
    parts = min(parts, count)
    size, longer = divmod(count, parts)
    found, start = [], low
    for index in range(parts):
        end = start + size - 1 + (index < longer)
        found.append((start, end))
        start = end + 1
    return tuple(found)


def _group(keys: tuple[str, ...], given: str) -> OptionError:
    return OptionError(
        "Either all or none of the following options should be provided:\n" + "\n".join(keys),
        key=given,
        code="invalid-option",
    )
