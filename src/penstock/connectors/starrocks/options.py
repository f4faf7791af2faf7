"""The sink's options: upstream's names, defaults and bounds.

Source: flink-connector-starrocks, StarRocksSinkOptions.
"""

# ruff: noqa: FBT003 - defaults of boolean options are plain booleans
from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from penstock.clients.http import Endpoint
from penstock.config import REQUIRED, Option, Options, Secret
from penstock.config.option import at_least, boolean, integer, one_of
from penstock.errors import OptionError
from penstock.formats.csv import parse_separator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LABEL_PREFIX = re.compile(r"[-_A-Za-z0-9]*")
_TXN_HEADERS = ("timeout", "idle_transaction_timeout", "prepared_timeout", "warehouse")


def _between(low: int, high: int, shown: str) -> Callable[[int], None]:
    def check(value: int) -> None:
        if not low <= value <= high:
            message = f"Supported value range: {shown}"
            raise ValueError(message)

    return check


def _clamped(low: int, high: int) -> Callable[[str], int]:
    return lambda text: max(low, min(high, integer(text)))


def _label_prefix(text: str) -> str:
    if not _LABEL_PREFIX.fullmatch(text):
        message = "expected only letters, digits, '-' and '_'"
        raise ValueError(message)
    return text


def _load_url(text: str) -> tuple[Endpoint, ...]:
    found = []
    for raw in text.split(";"):
        item = raw.strip()
        if not item:
            continue
        bare = re.sub(r"^https?://", "", item).rstrip("/")
        host, _, port = bare.rpartition(":")
        if not host or not port.isdigit():
            message = (
                f"Could not parse host '{item}' in option 'load-url'. "
                "It should follow the format 'host_name:port'"
            )
            raise ValueError(message)
        found.append(Endpoint(host.strip("[]"), int(port), item.startswith("https://")))
    if not found:
        message = "expected 'host_name:port', several separated by ';'"
        raise ValueError(message)
    return tuple(found)


class JdbcUrl:
    """Addresses and parameters of `jdbc:mysql://h1:9030,h2:9030/db?key=value`."""

    def __init__(self, text: str) -> None:
        match = re.fullmatch(r"jdbc:(?:mysql|mariadb)://([^/?]+)(?:/([^?]*))?(?:\?(.*))?", text)
        if not match:
            message = "expected 'jdbc:mysql://host:9030', several hosts separated by ','"
            raise ValueError(message)
        self.hosts: list[tuple[str, int]] = []
        for item in match[1].split(","):
            host, _, port = item.strip().rpartition(":")
            if not host:
                host, port = port, "9030"
            if not port.isdigit():
                message = f"could not read the port of '{item}'"
                raise ValueError(message)
            self.hosts.append((host.strip("[]"), int(port)))
        self.parameters = dict(parse_qsl(match[3] or "", keep_blank_values=True))

    @property
    def tls(self) -> bool:
        """Whether the parameters demand TLS."""
        mode = self.parameters.get("sslMode", "").upper()
        wanted = self.parameters.get("useSSL", "").lower() == "true"
        return mode in {"REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"} or (wanted and not mode)


class StarRocksOptions(Options):
    """Options of the `starrocks` connector as a sink."""

    connector = "starrocks"
    prefixes = ("sink.properties.", "scan.params.")

    jdbc_url = Option("jdbc-url", JdbcUrl, REQUIRED, "FE MySQL addresses.")
    load_url = Option("load-url", _load_url, REQUIRED, "FE HTTP addresses, separated by ';'.")
    database = Option("database-name", str, REQUIRED, "Target database.")
    table = Option("table-name", str, REQUIRED, "Target table.")
    username = Option("username", str, REQUIRED, "User with SELECT and INSERT.")
    password = Option("password", Secret, REQUIRED, "Its password, may be empty.")
    version = Option(
        "sink.version", one_of("auto", "v1", "v2"), "auto", "V1 means plain Stream Load."
    )
    label_prefix = Option("sink.label-prefix", _label_prefix, "", "Start of load labels.")
    semantic = Option(
        "sink.semantic",
        one_of("at-least-once", "exactly-once"),
        "exactly-once",
        "Delivery guarantee; exactly-once where the server has transactions.",
    )
    max_bytes = Option(
        "sink.buffer-flush.max-bytes",
        integer,
        94_371_840,
        "Bytes waiting that end an epoch.",
        _between(64 << 20, 10 << 30, "[67108864, 10737418240]"),
    )
    max_rows = Option(
        "sink.buffer-flush.max-rows",
        integer,
        500_000,
        "Rows waiting that end an epoch, where set.",
        _between(64_000, 5_000_000, "[64000, 5000000]"),
    )
    interval_ms = Option(
        "sink.buffer-flush.interval-ms",
        integer,
        300_000,
        "Target interval of commits; the gate chooses where not set.",
        _between(1, 3_600_000, "(0, 3600000]"),
    )
    adaptive = Option(
        "sink.buffer-flush.adaptive", boolean, False, "Let the gate override a set interval."
    )
    enqueue_timeout_ms = Option(
        "sink.buffer-flush.enqueue-timeout-ms",
        integer,
        600_000,
        "No effect: writing never blocks.",
        at_least(300_000),
    )
    max_retries = Option(
        "sink.max-retries",
        integer,
        3,
        "Retries after transport errors.",
        _between(0, 1000, "[0, 1000]"),
    )
    retry_interval_ms = Option(
        "sink.retry.interval-ms", integer, 10_000, "Longest wait between retries."
    )
    connect_timeout_ms = Option(
        "sink.connect.timeout-ms", _clamped(100, 60_000), 30_000, "Connect timeout."
    )
    socket_timeout_ms = Option("sink.socket.timeout-ms", integer, -1, "Read timeout; 0 for ever.")
    continue_timeout_ms = Option(
        "sink.wait-for-continue.timeout-ms",
        _clamped(3_000, 600_000),
        30_000,
        "Wait for 100 Continue.",
    )
    io_threads = Option("sink.io.thread-count", integer, 2, "Threads of the sink I/O pool.")
    chunk_limit = Option(
        "sink.chunk-limit", integer, 3 << 30, "Largest body of one load.", at_least(1)
    )
    scan_frequency_ms = Option("sink.scan-frequency.ms", integer, 50, "No effect: nothing scans.")
    histogram_window = Option("sink.metric.histogram-window-size", integer, 100, "Metric window.")
    ignore_update_before = Option(
        "sink.ignore.update-before",
        boolean,
        True,
        "Drop -U; where not set, a -U whose key does not come back is a delete.",
    )
    parallelism = Option("sink.parallelism", integer, 1, "Writers; order per key is kept by one.")
    use_transactions = Option(
        "sink.at-least-once.use-transaction-stream-load",
        boolean,
        True,
        "Transactions in at-least-once.",
    )
    label_gen = Option("sink.exactly-once.enable-label-gen", boolean, True, "No effect: always on.")
    abort_lingering = Option(
        "sink.exactly-once.enable-abort-lingering-txn", boolean, True, "Abort what a dead run left."
    )
    check_lingering = Option(
        "sink.exactly-once.check-num-lingering-txn", integer, -1, "No effect: intents are logged."
    )
    new_sink_api = Option("sink.use.new-sink-api", boolean, False, "No effect.")
    wrap_json = Option("sink.wrap-json-as-array", boolean, False, "No effect: always an array.")
    sanitize_error_log = Option(
        "sink.sanitize-error-log", boolean, False, "Leave row data out of error logs."
    )
    json_columns = Option(
        "sink.json.columns-from-flink-schema", boolean, True, "No effect: columns are always sent."
    )
    publish_timeout_ms = Option(
        "sink.publish-timeout.ms", integer, -1, "How long COMMITTED may take to become VISIBLE."
    )

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        self.properties = {
            key.lower(): value for key, value in self.with_prefix("sink.properties.").items()
        }
        self._check_properties()

    @property
    def format(self) -> str | None:
        """Csv or json where the user chose, else None."""
        return self.properties.get("format", "").lower() or None

    @property
    def separators(self) -> tuple[str, str] | None:
        """The user's CSV separators, None where he set none."""
        if not {"column_separator", "row_delimiter"} & set(self.properties):
            return None
        column = parse_separator(self.properties.get("column_separator", "\t"))
        return column, parse_separator(self.properties.get("row_delimiter", "\n"))

    @property
    def load_headers(self) -> dict[str, str]:
        """Headers of loads out of `sink.properties.*`, without what the body decides."""
        ours = {"format", "column_separator", "row_delimiter", "columns", "compression", "label"}
        kept = {k: v for k, v in self.properties.items() if k not in ours}
        kept.pop("prepared_timeout", None)
        return {"strict_mode": "true", "timeout": "600", **kept}

    @property
    def transaction_headers(self) -> dict[str, str]:
        """Headers of begin."""
        headers = {k: v for k, v in self.properties.items() if k in _TXN_HEADERS}
        headers.pop("prepared_timeout", None)
        return {"timeout": "600", **headers}

    def _check_properties(self) -> None:
        if self.format not in {None, "csv", "json"}:
            raise self._wrong("format", "expected csv or json")
        try:
            _ = self.separators
        except ValueError as error:
            raise self._wrong("column_separator", str(error)) from error
        if self.properties.get("enable_merge_commit", "").lower() == "true":
            raise self._wrong("enable_merge_commit", "merge commit is unsupported")
        for key in ("enclose", "escape", "skip_header", "jsonpaths", "json_root"):
            if key in self.properties:
                raise self._wrong(key, "the sink writes its own bodies, which do not need it")
        if self.properties.get("compression", "lz4_frame").lower() != "lz4_frame":
            raise self._wrong("compression", "only lz4_frame is supported")

    def _wrong(self, name: str, why: str) -> OptionError:
        key = f"sink.properties.{name}"
        return OptionError(
            f"invalid value '{self.properties.get(name, '')}' of option '{key}'",
            key=key,
            code="invalid-option",
            detail=f"{why}.",
        )
