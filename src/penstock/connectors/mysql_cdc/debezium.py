"""Properties passed on to Debezium by 'debezium.*': what each of them means here.

Source: Debezium 1.9, MySQL connector properties.
"""

# ruff: noqa: FBT003

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.changelog import RowKind
from penstock.config import Option, Options
from penstock.config.option import OneOf, boolean, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "debezium."
_DECLARED = "the declared type of a column decides how its values are shown"
_NO_KAFKA = "no Kafka record, topic or schema history is made"
_NO_QUEUE = "received bytes wait in memory and in a bounded file, decoded columns in whole batches"
_NO_LOCKS = "the snapshot takes no locks"
_OWN_DRIVER = "tables are read by an own client"
_COLUMNS = "columns are chosen by declaring them; a query changes their values"
_TABLES = "tables are chosen by 'database-name' and 'table-name'"
_HERE = "the server is named by 'hostname', 'port', 'username' and 'password'"
_LOSSY = "rows that cannot be read stop the job; leaving them out would lose them"
_ONE_WAY = "the server is only read"

_MODES = {
    "initial": "initial",
    "when_needed": "initial",
    "initial_only": "snapshot",
    "schema_only": "latest-offset",
    "never": "earliest-offset",
}
_OPERATIONS = {
    "c": (RowKind.INSERT,),
    "u": (RowKind.UPDATE_BEFORE, RowKind.UPDATE_AFTER),
    "d": (RowKind.DELETE,),
    "t": (),
    "none": (),
}
_NO_EFFECT = {
    _DECLARED: ("decimal.handling.mode", "time.precision.mode", "geometry.handling.mode"),
    _NO_KAFKA: (
        "include.schema.changes",
        "include.schema.comments",
        "include.query",
        "provide.transaction.metadata",
        "transaction.topic",
        "sanitize.field.names",
        "source.struct.version",
        "schema.name.adjustment.mode",
        "database.server.name",
        "database.history",
        "database.history.skip.unparseable.ddl",
        "database.history.store.only.captured.tables.ddl",
        "database.history.store.only.monitored.tables.ddl",
        "database.history.kafka.bootstrap.servers",
        "database.history.kafka.topic",
        "offset.flush.interval.ms",
        "offset.flush.timeout.ms",
        "offset.storage",
        "heartbeat.topics.prefix",
        "tasks.max",
    ),
    _NO_QUEUE: (
        "max.queue.size",
        "max.queue.size.in.bytes",
        "max.batch.size",
        "poll.interval.ms",
        "binlog.buffer.size",
        "min.row.count.to.stream.result",
        "min.row.count.to.stream.results",
        "snapshot.fetch.size",
        "snapshot.max.threads",
        "query.fetch.size",
        "incremental.snapshot.chunk.size",
    ),
    _NO_LOCKS: (
        "snapshot.locking.mode",
        "snapshot.lock.timeout.ms",
        "incremental.snapshot.allow.schema.changes",
    ),
    _OWN_DRIVER: ("database.jdbc.driver", "table.ignore.builtin", "enable.fractional.seconds"),
    "the stream is opened again by itself, from the last transaction read": (
        "connect.keep.alive",
        "connect.keep.alive.interval.ms",
        "connect.backoff.initial.delay.ms",
        "retriable.restart.connector.wait.ms",
        "errors.max.retries",
        "database.tcpKeepAlive",
    ),
    "each epoch stores the position of all tables of a server": ("heartbeat.interval.ms",),
    "tables are read as soon as they are known": ("snapshot.delay.ms", "snapshot.new.tables"),
}
_REFUSED = {
    _COLUMNS: (
        "column.exclude.list",
        "column.include.list",
        "column.blacklist",
        "column.whitelist",
        "column.propagate.source.type",
        "datatype.propagate.source.type",
        "message.key.columns",
        "converters",
        "snapshot.select.statement.overrides",
    ),
    _TABLES: (
        "table.include.list",
        "table.exclude.list",
        "table.whitelist",
        "table.blacklist",
        "database.include.list",
        "database.exclude.list",
        "database.whitelist",
        "database.blacklist",
        "snapshot.include.collection.list",
    ),
    _HERE: ("database.hostname", "database.port", "database.user", "database.password"),
    "the id of this replica is set by 'server-id'": ("database.server.id",),
    "a Java key store cannot be read; name a PEM file of authorities by"
    " 'jdbc.properties.trustCertificateKeyStoreUrl'": (
        "database.ssl.keystore",
        "database.ssl.keystore.password",
        "database.ssl.truststore",
        "database.ssl.truststore.password",
    ),
    _ONE_WAY: ("heartbeat.action.query", "signal.data.collection", "read.only"),
    "session variables are set by 'jdbc.properties.sessionVariables'": (
        "database.initial.statements",
    ),
    "the stream is not filtered by the servers its transactions began on": (
        "gtid.source.includes",
        "gtid.source.excludes",
        "gtid.source.filter.dml.events",
    ),
}


def skipped_kinds(text: str) -> frozenset[RowKind]:
    """Operations of `skipped.operations` as the kinds of rows they make.

    Examples:
        >>> sorted(kind.name for kind in skipped_kinds("u, d"))
        ['DELETE', 'UPDATE_AFTER', 'UPDATE_BEFORE']
    """
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    if any(name not in _OPERATIONS for name in names):
        message = "expected operations of c, u, d, t with commas between, or none"
        raise ValueError(message)
    return frozenset(kind for name in names for kind in _OPERATIONS[name])


def only(value: str, reason: str) -> OneOf:
    """A parser that takes the one value which is what happens here."""

    class Only(OneOf):
        def __call__(self, text: str) -> str:
            if text.strip().lower() != value:
                message = f"only '{value}' is done here: {reason}"
                raise ValueError(message)
            return value

    return Only((value,))


def _named(key: str) -> str:
    return PREFIX + key


SNAPSHOT_MODE: Option[str] = Option(
    _named("snapshot.mode"),
    one_of(*_MODES),
    "",
    "Where reading starts, if 'scan.startup.mode' is not set.",
)
SKIPPED: Option[frozenset[RowKind]] = Option(
    _named("skipped.operations"),
    skipped_kinds,
    frozenset(),
    "Changes left out of the stream: c, u, d, t with commas between, or none.",
)
SSL_MODE: Option[str] = Option(
    _named("database.ssl.mode"),
    one_of("disabled", "preferred", "required", "verify_ca", "verify_identity"),
    "",
    "TLS to the server; wins over 'jdbc.properties.sslMode'.",
)
BINARY: Option[str] = Option(
    _named("binary.handling.mode"),
    one_of("none", "bytes", "base64", "base64-url-safe", "hex"),
    "bytes",
    "Text of binary values in columns declared as text.",
)
ADJUSTER: Option[bool] = Option(
    _named("enable.time.adjuster"),
    boolean,
    False,
    "True: years 0 to 69 are 2000 to 2069, 70 to 99 are 1970 to 1999; upstream's default.",
)
NEW_CHANNEL: Option[str] = Option(
    _named("gtid.new.channel.position"),
    one_of("earliest", "latest"),
    "earliest",
    "Where reading goes on in GTIDs of servers that the saved position does not name.",
)


def _options() -> Iterator[Option[Any]]:
    yield from (SNAPSHOT_MODE, SKIPPED, SSL_MODE, BINARY, ADJUSTER, NEW_CHANNEL)
    exact = only("precise", "unsigned values above 2^63 fit no BIGINT")
    yield Option(_named("bigint.unsigned.handling.mode"), exact, "precise", "BIGINT UNSIGNED.")
    none = only("false", "deletes are rows of their own kind")
    yield Option(_named("tombstones.on.delete"), none, "false", "Tombstones behind deletes.")
    for key in (
        "inconsistent.schema.handling.mode",
        "event.processing.failure.handling.mode",
        "event.deserialization.failure.handling.mode",
    ):
        yield Option(_named(key), only("fail", _LOSSY), "fail", "What happens to broken rows.")
    for reason, keys in _NO_EFFECT.items():
        for key in keys:
            yield Option(_named(key), str, None, "Of Debezium.", no_effect=reason)
    for reason, keys in _REFUSED.items():
        for key in keys:
            yield Option(_named(key), str, None, "Of Debezium.", refused=reason)


PASSED_ON: tuple[Option[Any], ...] = tuple(_options())


class DebeziumOptions(Options):
    """Keys of 'debezium.*', declared from the tables of this module."""

    @classmethod
    def declared(cls) -> list[Option[Any]]:
        """Own options, then Debezium's."""
        return [*super().declared(), *PASSED_ON]

    @property
    def mode_of_debezium(self) -> str | None:
        """`scan.startup.mode` for `debezium.snapshot.mode`; None where that is not set."""
        return _MODES.get(self.values.get(SNAPSHOT_MODE.key, ""))

    @property
    def skipped(self) -> frozenset[RowKind]:
        """Kinds of changes that are left out."""
        found: frozenset[RowKind] = self.values.get(SKIPPED.key, SKIPPED.default)
        return found

    @property
    def ssl_mode_of_debezium(self) -> str:
        """`database.ssl.mode` in upper case, "" where not set."""
        return str(self.values.get(SSL_MODE.key, "")).upper()

    @property
    def binary_mode(self) -> str:
        """How binary values become text."""
        return str(self.values.get(BINARY.key, BINARY.default))

    @property
    def adjusts_years(self) -> bool:
        """Whether two-digit years are moved to this and the last century."""
        return bool(self.values.get(ADJUSTER.key, ADJUSTER.default))

    @property
    def new_channels_from_start(self) -> bool:
        """Whether transactions of servers new in the GTID sets are read from their first."""
        return bool(self.values.get(NEW_CHANNEL.key, NEW_CHANNEL.default) == "earliest")
