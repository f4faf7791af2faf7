"""The sink's options: upstream's names, defaults and bounds.

Source: flink-connector-starrocks, StarRocksSinkOptions.
"""

# ruff: noqa: FBT003 - defaults of boolean options are plain booleans
from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.clock import session_zone, zone_name
from penstock.config import REQUIRED, Option, Secret
from penstock.config.option import at_least, boolean, integer
from penstock.connectors.starrocks.addresses import (
    HostMapping,
    host_mapping,
    jdbc_url,
    load_url,
)
from penstock.connectors.starrocks.checks import (
    SupportedRange,
    Word,
    header_text,
    label_prefix,
    table_path,
)
from penstock.connectors.starrocks.merge_options import MergeCommitOptions
from penstock.connectors.starrocks.properties import PREFIX
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping


class StarRocksOptions(MergeCommitOptions):
    """Options of the `starrocks` connector as a sink."""

    connector = "starrocks"
    prefixes: ClassVar[tuple[str, ...]] = (PREFIX,)

    jdbc_url = Option(
        "jdbc-url", jdbc_url, REQUIRED, "Query addresses of frontends, `jdbc:mysql://h1:9030,h2`."
    )
    load_url = Option(
        "load-url", load_url, REQUIRED, "HTTP addresses of frontends, `;` between them."
    )
    database = Option("database-name", header_text, REQUIRED, "Target database.")
    table = Option("table-name", header_text, REQUIRED, "Target table.")
    username = Option("username", str, REQUIRED, "User with SELECT and INSERT.")
    password = Option("password", Secret, REQUIRED, "Its password, may be empty.")
    version = Option(
        "sink.version",
        Word(("auto", "v1", "v2"), "Unsupported sink type {}"),
        "auto",
        "`V1` means plain Stream Load, `V2` and `AUTO` transactions where the server has them.",
    )
    label_prefix = Option(
        "sink.label-prefix", label_prefix, "", "Start of load labels; the job's name if not set."
    )
    semantic = Option(
        "sink.semantic",
        Word(
            ("at-least-once", "exactly-once"),
            "Unsupported value '{}' for 'sink.semantic'."
            " Supported values are ['at-least-once', 'exactly-once']",
        ),
        "exactly-once",
        "Delivery guarantee; exactly-once where the server has transactions.",
    )
    max_bytes = Option(
        "sink.buffer-flush.max-bytes",
        integer,
        94_371_840,
        "Bytes waiting that end an epoch.",
        SupportedRange("sink.buffer-flush.max-bytes", 64 << 20, 10 << 30),
    )
    max_rows = Option(
        "sink.buffer-flush.max-rows",
        integer,
        500_000,
        "Rows waiting that end an epoch, where set.",
        SupportedRange("sink.buffer-flush.max-rows", 64_000, 5_000_000),
    )
    interval_ms = Option(
        "sink.buffer-flush.interval-ms",
        integer,
        300_000,
        "Wanted milliseconds between commits; the gate chooses where not set.",
        SupportedRange("sink.buffer-flush.interval-ms", 1, 3_600_000, "(0, 3600000]"),
    )
    adaptive = Option(
        "sink.buffer-flush.adaptive",
        boolean,
        False,
        "The gate chooses the interval even where one is set.",
    )
    spool_bytes = Option(
        "sink.spool.max-bytes",
        integer,
        2 << 30,
        "Bytes of rows on disk that StarRocks has not acknowledged; from there the source waits.",
        at_least(64 << 20),
    )
    enqueue_timeout_ms = Option(
        "sink.buffer-flush.enqueue-timeout-ms",
        integer,
        600_000,
        "Wait for the flush queue.",
        at_least(300_000),
        no_effect="writing never waits for a queue; a slow StarRocks slows the sources down",
    )
    max_retries = Option(
        "sink.max-retries",
        integer,
        3,
        "Attempts after transport errors; bad rows are never tried again.",
        SupportedRange("sink.max-retries", 0, 1000),
    )
    retry_interval_ms = Option(
        "sink.retry.interval-ms",
        integer,
        10_000,
        "Longest wait between attempts, in milliseconds.",
        at_least(0),
    )
    connect_timeout_ms = Option(
        "sink.connect.timeout-ms",
        integer,
        30_000,
        "Wait for a connection, in milliseconds.",
        clamp=(100, 60_000),
    )
    socket_timeout_ms = Option(
        "sink.socket.timeout-ms",
        integer,
        -1,
        "Wait for the next byte of an answer; 0 for ever, -1 for 660000.",
        at_least(-1),
    )
    continue_timeout_ms = Option(
        "sink.wait-for-continue.timeout-ms",
        integer,
        30_000,
        "Wait for `100 Continue` or the redirect before a body is sent.",
        clamp=(3_000, 600_000),
    )
    io_threads = Option(
        "sink.io.thread-count",
        integer,
        2,
        "Threads that load.",
        at_least(1),
        no_effect="a table is loaded by one thread at a time, as upstream; the tables of a job"
        " share a pool of up to 16",
    )
    chunk_limit = Option(
        "sink.chunk-limit", integer, 3 << 30, "Largest body of one load in bytes.", at_least(1)
    )
    scan_frequency_ms = Option(
        "sink.scan-frequency.ms",
        integer,
        50,
        "Tick of the manager thread.",
        at_least(1),
        no_effect="no thread scans buffers; the engine knows when an epoch is due",
    )
    histogram_window = Option(
        "sink.metric.histogram-window-size",
        integer,
        100,
        "Values that the quantiles of a histogram metric are of.",
        at_least(1),
    )
    ignore_update_before = Option(
        "sink.ignore.update-before",
        boolean,
        True,
        "Drop -U. Where not set, a -U whose key does not come back is a delete.",
    )
    ignore_delete = Option(
        "sink.ignore-delete",
        boolean,
        False,
        "Drop deletes; needed where a table without primary key gets any.",
    )
    parallelism = Option(
        "sink.parallelism",
        integer,
        1,
        "Writers of the table.",
        at_least(1),
        no_effect="one writer per table keeps the order of the changes of each key",
    )
    use_transactions = Option(
        "sink.at-least-once.use-transaction-stream-load",
        boolean,
        True,
        "Use transactions in at-least-once too.",
    )
    label_gen = Option(
        "sink.exactly-once.enable-label-gen",
        boolean,
        True,
        "Deterministic labels.",
        no_effect="labels are always deterministic; recovery needs them",
    )
    abort_lingering = Option(
        "sink.exactly-once.enable-abort-lingering-txn",
        boolean,
        True,
        "Abort the transactions a dead run left open.",
    )
    check_lingering = Option(
        "sink.exactly-once.check-num-lingering-txn",
        integer,
        -1,
        "How many labels to probe.",
        no_effect="every begun transaction is logged, so none need be guessed",
    )
    new_sink_api = Option(
        "sink.use.new-sink-api",
        boolean,
        False,
        "Another implementation.",
        no_effect="there is one implementation",
    )
    wrap_json = Option(
        "sink.wrap-json-as-array",
        boolean,
        False,
        "Join JSON rows without brackets.",
        no_effect="JSON bodies are always one array of rows",
    )
    sanitize_error_log = Option(
        "sink.sanitize-error-log", boolean, False, "Leave row data out of error logs."
    )
    json_columns = Option(
        "sink.json.columns-from-flink-schema",
        boolean,
        True,
        "Name the columns of JSON bodies.",
        no_effect="columns are always named, so that no absent column is overwritten",
    )
    publish_timeout_ms = Option(
        "sink.publish-timeout.ms",
        integer,
        -1,
        "Wait for a commit to become visible; then it counts as done. -1: wait on; 10000 with"
        " merge commit where not set.",
    )
    ltz_zone = Option(
        "sink.timestamp-ltz.zone",
        str,
        "UTC",
        "Zone in which TIMESTAMP_LTZ is written; `session` for `table.local-time-zone`.",
    )
    host_mapping = Option(
        "sink.load.host-mapping",
        host_mapping,
        HostMapping(),
        "Reach an address StarRocks names elsewhere: `127.0.0.1:8040=starrocks:8040; ...`.",
    )
    ca_file = Option(
        "sink.ssl.ca-file", str, "", "PEM file of authorities, for https and sslMode=VERIFY_*."
    )
    dead_letter_path = Option(
        "sink.dead-letter.path",
        str,
        "",
        "File to which rows go that StarRocks refuses, as JSON lines; the rest is loaded.",
    )
    dead_letter_table: Option[tuple[str, ...]] = Option(
        "sink.dead-letter.table",
        table_path,
        (),
        "Table of StarRocks, `table` or `database.table`, to which such rows go instead of a file;"
        " made where it is missing.",
    )
    dead_letter_rows = Option(
        "sink.dead-letter.max-rows",
        integer,
        100,
        "Refused rows of one load beyond which the job fails.",
        at_least(1),
    )
    blackhole = Option(
        "sink.blackhole",
        boolean,
        False,
        "Count and drop.",
        refused="it drops all rows; use connector 'blackhole'",
    )
    multi_table = Option(
        "sink.transaction.multi-table.enabled",
        boolean,
        False,
        "The tables of a database for which it is set become visible together, in one transaction"
        " (StarRocks 4.0 and later).",
    )
    multi_table_bytes = Option(
        "sink.transaction.multi-table.buffer-size",
        integer,
        134_217_728,
        "Bytes waiting for all tables of such a transaction that end an epoch.",
        at_least(1),
    )

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        for note in self.jdbc_url.notes:
            self._tell(note)
        if self.enable_merge_commit:
            self._check_delivery("merge commit")
        if self.dead_letter_path and self.dead_letter_table:
            raise OptionError(
                f"'{StarRocksOptions.dead_letter_table.key}' does not go with"
                f" '{StarRocksOptions.dead_letter_path.key}'",
                key=StarRocksOptions.dead_letter_table.key,
                code="invalid-option",
                detail="Refused rows go to one place.",
                hint="Remove one of the two options.",
            )
        if self.multi_table:
            self._check_multi_table()
        elif self.multi_table_bytes != StarRocksOptions.multi_table_bytes.default:
            key = StarRocksOptions.multi_table_bytes.key
            self._tell(f"option '{key}' has no effect here: tables become visible one by one")

    @property
    def wants_dead_letters(self) -> bool:
        """Whether refused rows are put aside."""
        return bool(self.dead_letter_path or self.dead_letter_table)

    @property
    def dead_letter_key(self) -> str:
        """The option that asks for it."""
        asked = StarRocksOptions.dead_letter_table
        return (asked if self.is_set(asked) else StarRocksOptions.dead_letter_path).key

    def _check_multi_table(self) -> None:
        """Refuse what transactions over several tables cannot have."""
        key = StarRocksOptions.multi_table.key
        others = (
            (self.version == "v1", "'sink.version' = 'V1'", "V1 knows no transactions."),
            (
                self.enable_merge_commit,
                f"'{StarRocksOptions.enable_merge_commit.key}'",
                "Merged loads are no transactions of ours.",
            ),
            (
                self.semantic == "at-least-once" and not self.use_transactions,
                f"'{StarRocksOptions.use_transactions.key}' = 'false'",
                "Tables become visible together in a transaction only.",
            ),
            (
                self.wants_dead_letters,
                f"'{self.dead_letter_key}'",
                "StarRocks prepares no transaction over several tables, so refused rows are known"
                " only when it is too late to leave them out.",
            ),
        )
        for given, what, why in others:
            if given:
                raise OptionError(
                    f"'{key}' does not go with {what}",
                    key=key,
                    code="invalid-option",
                    detail=why,
                    hint="Remove one of the two options.",
                )

    def _check_delivery(self, what: str) -> None:
        """Refuse guarantees the user demands and `what` cannot give."""
        key = StarRocksOptions.semantic.key
        if self.is_set(StarRocksOptions.semantic) and self.semantic == "exactly-once":
            raise OptionError(
                f"{what} cannot give '{key}' = 'exactly-once'",
                key=key,
                code="invalid-option",
                detail="StarRocks merges the loads of several writers under a label of its own,"
                " which nobody can ask for after a crash.",
                hint=f"Set '{key}' = 'at-least-once', or leave merge commit out.",
            )

    def zone_of(self, settings: Mapping[str, str]) -> str:
        """The zone in which TIMESTAMP_LTZ is written.

        Raises:
            OptionError: There is no zone of that name.
        """
        return ltz_zone(self.ltz_zone, settings)


def ltz_zone(text: str, settings: Mapping[str, str]) -> str:
    """The zone of an option's value; `session` is `table.local-time-zone`.

    Raises:
        OptionError: There is no zone of that name.
    """
    zone = zone_name(text)
    if zone.lower() == "session":
        zone = session_zone(settings.get("table.local-time-zone", ""))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        key = StarRocksOptions.ltz_zone.key
        raise OptionError(
            f"invalid value '{zone}' of option '{key}'",
            key=key,
            code="invalid-option",
            hint="Use 'session', or a name like 'Asia/Shanghai' or 'UTC'.",
        ) from error
    return zone
