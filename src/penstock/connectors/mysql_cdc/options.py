"""Options of the connector 'mysql-cdc', upstream's keys and defaults."""

# ruff: noqa: FBT003

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlencode

from penstock.clients.jdbc_url import parse_jdbc_url
from penstock.config import REQUIRED, Option, Secret, parse_duration_ms
from penstock.config.option import at_least, boolean, integer, one_of
from penstock.connectors.mysql_cdc.debezium import SNAPSHOT_MODE, DebeziumOptions
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from penstock.clients.jdbc_url import JdbcUrl

MODES = (
    "initial",
    "snapshot",
    "earliest-offset",
    "latest-offset",
    "specific-offset",
    "timestamp",
)
_JDBC = "jdbc.properties."
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.S)
_FLAGS = re.compile(r"^\(\?([a-zA-Z]+)\)")


def number(text: str) -> float:
    """A decimal number."""
    try:
        return float(text.strip())
    except ValueError as error:
        message = "expected a number"
        raise ValueError(message) from error


def between(low: float, high: float) -> Callable[[float], None]:
    """A check: the value lies in [low, high]."""

    def check(value: float) -> None:
        if not low <= value <= high:
            message = f"expected a number from {low} to {high}"
            raise ValueError(message)

    return check


def java_pattern(text: str) -> str:
    r"""A Java regular expression as Python's; refuses what does not translate.

    Examples:
        >>> java_pattern(r"\Qa.b\E_[0-9]+")
        'a\\.b_[0-9]+'
    """
    found = _QUOTED.sub(lambda m: re.escape(m.group(1)), text)
    if re.search(r"\\[pP]\{|&&|\\[RXhHvVGzZ]", found):
        message = r"expected a regular expression without \p{..}, && and \R \X \h \v \G \z \Z"
        raise ValueError(message)
    flags = _FLAGS.match(found)
    if flags and set(flags.group(1)) - set("imsx"):
        message = "expected only the flags i, m, s, x"
        raise ValueError(message)
    try:
        re.compile(found)
    except re.error as error:
        message = f"expected a regular expression: {error}"
        raise ValueError(message) from error
    return found


def server_ids(text: str) -> tuple[int, int]:
    """`5400` or `5400-5408`, both ends inclusive.

    Examples:
        >>> server_ids("5400"), server_ids("5400-5408")
        ((5400, 5400), (5400, 5408))
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if not match or int(match[1]) < 1 or (match[2] and int(match[2]) <= int(match[1])):
        message = "expected a positive id like 5400 or a range like 5400-5408"
        raise ValueError(message)
    return int(match[1]), int(match[2] or match[1])


class MySqlCdcOptions(DebeziumOptions):
    """The WITH options of a mysql-cdc table."""

    connector: ClassVar[str] = "mysql-cdc"
    prefixes: ClassVar[tuple[str, ...]] = (_JDBC,)
    refused_prefixes: ClassVar[Mapping[str, str]] = {
        "debezium.": "Penstock reads the binlog itself and knows no such property of Debezium"
    }

    hostname = Option("hostname", str, REQUIRED, "Name or address of the MySQL server.")
    port = Option("port", integer, 3306, "TCP port of the server.", between(1, 65535))
    username = Option("username", str, REQUIRED, "Account to read with.")
    password = Option("password", Secret, REQUIRED, "Password of `username`; never printed.")
    database = Option("database-name", java_pattern, REQUIRED, "Java regex of databases.")
    table = Option("table-name", java_pattern, REQUIRED, "Java regex of tables.")
    server_id = Option("server-id", server_ids, None, "Replica id, or range a-b.")
    server_time_zone = Option("server-time-zone", str, "", "Zone in which TIMESTAMP is shown.")
    given_mode = Option("scan.startup.mode", one_of(*MODES), "initial", "Where reading starts.")
    offset_file = Option("scan.startup.specific-offset.file", str, "", "Binlog file to start in.")
    offset_pos = Option("scan.startup.specific-offset.pos", integer, None, "Offset in that file.")
    offset_gtids = Option("scan.startup.specific-offset.gtid-set", str, "", "Start after these.")
    skip_events = Option(
        "scan.startup.specific-offset.skip-events", integer, 0, "Events to skip then."
    )
    skip_rows = Option("scan.startup.specific-offset.skip-rows", integer, 0, "Rows to skip then.")
    timestamp_ms = Option("scan.startup.timestamp-millis", integer, None, "Start at this time.")
    incremental = Option(
        "scan.incremental.snapshot.enabled", boolean, True, "False: one snapshot reader."
    )
    chunk_size = Option(
        "scan.incremental.snapshot.chunk.size", integer, 8096, "Rows per chunk.", at_least(2)
    )
    chunk_key = Option(
        "scan.incremental.snapshot.chunk.key-column", str, "", "Column to split tables by."
    )
    fetch_size = Option(
        "scan.snapshot.fetch.size",
        integer,
        1024,
        "Rows per fetch.",
        at_least(2),
        no_effect="results are streamed",
    )
    factor_upper = Option(
        "chunk-key.even-distribution.factor.upper-bound",
        number,
        1000.0,
        "Sparser keys are split by queries.",
        at_least(1.0),
        ("split-key.even-distribution.factor.upper-bound",),
    )
    factor_lower = Option(
        "chunk-key.even-distribution.factor.lower-bound",
        number,
        0.05,
        "Denser keys are split by queries.",
        between(0, 1),
        ("split-key.even-distribution.factor.lower-bound",),
    )
    group_size = Option(
        "chunk-meta.group.size",
        integer,
        1000,
        "Chunks per message.",
        at_least(2),
        no_effect="chunks are not sent between processes in groups",
    )
    backfill_skip = Option(
        "scan.incremental.snapshot.backfill.skip",
        boolean,
        False,
        "Leave the backfill of chunks out.",
        no_effect="the backfill costs no connection here and is always done",
    )
    last_chunk_first = Option(
        "scan.incremental.snapshot.unbounded-chunk-first.enabled",
        boolean,
        True,
        "Read the open last chunk first.",
    )
    close_idle = Option(
        "scan.incremental.close-idle-reader.enabled",
        boolean,
        False,
        "Close idle readers.",
        no_effect="idle snapshot readers always end",
    )
    newly_added = Option(
        "scan.newly-added-table.enabled", boolean, False, "On restore, snapshot new tables."
    )
    online_schema = Option(
        "scan.parse.online.schema.changes.enabled", boolean, False, "Follow gh-ost and pt-osc."
    )
    append_only = Option(
        "scan.read-changelog-as-append-only.enabled",
        boolean,
        False,
        "Every change becomes an insert.",
    )
    legacy_json = Option(
        "use.legacy.json.format",
        boolean,
        False,
        "True, upstream's default: JSON of the binlog has no spaces.",
        no_effect="JSON has one text form here, MySQL's, in the snapshot and in the binlog",
    )
    connect_timeout = Option(
        "connect.timeout", parse_duration_ms, 30_000, "Wait for a connection.", at_least(251)
    )
    max_retries = Option("connect.max-retries", integer, 3, "Attempts to connect.", at_least(1))
    pool_size = Option(
        "connection.pool.size", integer, 20, "Most connections to the server.", at_least(2)
    )
    heartbeat = Option(
        "heartbeat.interval",
        parse_duration_ms,
        30_000,
        "Advance quiet tables' offsets.",
        no_effect="the server is asked for a heartbeat every second, and each epoch advances all"
        " tables of a server",
    )

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        self._tell(self._mode_note())
        self.driver = self._read_driver()
        for note in self.driver.notes:
            self._tell(note)

    def validate(self) -> None:
        """Rules between options.

        Raises:
            OptionError: Options contradict each other, or a passed-through key is not honoured.
        """
        mode = self.startup_mode
        if mode == "timestamp" and self.timestamp_ms is None:
            _missing("scan.startup.timestamp-millis", mode)
        if mode == "specific-offset":
            if not self.offset_gtids and (not self.offset_file or self.offset_pos is None):
                _missing("scan.startup.specific-offset.file' and '...pos' or '...gtid-set", mode)
            if self.skip_events or self.skip_rows:
                raise OptionError(
                    "unsupported option: events and rows cannot be skipped after an offset",
                    key="scan.startup.specific-offset.skip-events",
                    hint="Start from the position after the events to skip.",
                )

    @property
    def startup_mode(self) -> str:
        """Where reading starts: `scan.startup.mode`, else what `debezium.snapshot.mode` means."""
        if self.is_set(MySqlCdcOptions.given_mode):
            return self.given_mode
        return self.mode_of_debezium or self.given_mode

    @property
    def zone(self) -> str:
        """The zone the user named: `server-time-zone`, or the Java driver's parameter."""
        return self.server_time_zone or self.driver.time_zone

    def _read_driver(self) -> JdbcUrl:
        """Parameters of `jdbc.properties.*`, read as those of a URL of the Java driver.

        Raises:
            OptionError: One is unknown, or asks for what is not done here.
        """
        given = self.with_prefix(_JDBC)
        behavior = given.get("zeroDateTimeBehavior", "")
        if behavior and behavior.replace("_", "").lower() != "converttonull":
            raise self.refusal(f"{_JDBC}zeroDateTimeBehavior", "zero dates are NULL")
        try:
            found = parse_jdbc_url(
                f"jdbc:mysql://server?{urlencode(given)}",
                default_port=3306,
                option=_JDBC.rstrip("."),
                with_times=True,
            )
        except ValueError as error:
            text = str(error).lower()
            key = next((key for key in given if key.lower() in text), "*")
            raise OptionError(
                f"invalid option '{_JDBC}{key}'",
                key=f"{_JDBC}{key}",
                code="invalid-option",
                detail=f"{str(error)[:1].upper()}{str(error)[1:]}.",
            ) from error
        if found.time_zone and self.server_time_zone not in {"", found.time_zone}:
            raise OptionError(
                f"'{_JDBC}serverTimezone' is '{found.time_zone}', 'server-time-zone' is"
                f" '{self.server_time_zone}'",
                key="server-time-zone",
                hint="Set one of them.",
            )
        return found

    def _mode_note(self) -> str:
        asked = self.mode_of_debezium
        if asked is None:
            return ""
        if self.is_set(MySqlCdcOptions.given_mode):
            why = "'scan.startup.mode' decides"
            return f"option '{SNAPSHOT_MODE.key}' has no effect here: {why}"
        return f"option '{SNAPSHOT_MODE.key}' is taken as 'scan.startup.mode' = '{asked}'"


def _missing(key: str, mode: str) -> None:
    raise OptionError(
        f"missing option '{key}' for 'scan.startup.mode' = '{mode}'",
        key=key,
        code="missing-option",
    )
