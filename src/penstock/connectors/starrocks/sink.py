"""The sink: options and schema; builds the writer and the committer, and what they share."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.changes import ChangeRules
from penstock.connectors.starrocks.committer import StarRocksCommitter
from penstock.connectors.starrocks.gate import FlushGate, GateSettings
from penstock.connectors.starrocks.layout import check_properties, condition_of, make_layout
from penstock.connectors.starrocks.load_api import LoadApi, load_client
from penstock.connectors.starrocks.observer import ClusterObserver
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import TargetConnection, check_target, read_columns
from penstock.connectors.starrocks.transaction import Transactions
from penstock.connectors.starrocks.writer import Progress, StarRocksWriter
from penstock.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.clients.http import HttpClient
    from penstock.connectors.base import SinkContext, TableDescriptor
    from penstock.types import Schema


class StarRocksSink:
    """A StarRocks table to write; touches no network before the writer opens."""

    def __init__(
        self, path: str, schema: Schema, options: StarRocksOptions, zone: str = "UTC"
    ) -> None:
        self.path = path
        self.schema = schema
        self.options = options
        self.zone = zone
        self.progress = Progress()
        self._gate: FlushGate | None = None
        self._http: HttpClient | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_descriptor(cls, table: TableDescriptor) -> StarRocksSink:
        """The sink of a table.

        Raises:
            OptionError: An option is wrong.
        """
        options = StarRocksOptions(table.options)
        return cls(table.path, table.schema, options, options.zone_of(table.settings))

    @property
    def share_key(self) -> Hashable:
        raw = json.dumps(self.options.raw, sort_keys=True)
        digest = hashlib.blake2s(raw.encode()).hexdigest()
        return ("starrocks", self.options.database, self.options.table, self.schema, digest)

    def writer_for(self, table: str, schema: Schema, context: SinkContext) -> StarRocksWriter:  # noqa: ARG002
        """A writer for rows of that schema."""
        return StarRocksWriter(self, schema, context)

    def committer(self, context: SinkContext) -> StarRocksCommitter:
        """The committer."""
        return StarRocksCommitter(
            lambda database, table: self._api(context, database, table),
            context,
            self.progress,
            self.gate(context),
            self.options.publish_timeout_ms,
        )

    def gate(self, context: SinkContext) -> FlushGate:
        """The gate of the table; it outlives its writers, so that a restart forgets nothing."""
        with self._lock:
            if self._gate is None:
                options = self.options
                by_user = options.is_set(StarRocksOptions.interval_ms) and not options.adaptive
                target_ms = float(options.interval_ms) if by_user else None
                self._gate = FlushGate(GateSettings(target_ms), context.clock)
            return self._gate

    def observer(self, context: SinkContext) -> ClusterObserver:
        """The cluster's observer, which now tells the gate; shared in the job group."""
        observer = context.shared.acquire(
            self._cluster,
            lambda: ClusterObserver(
                TargetConnection(self.options), context.io or context.executor, context.clock
            ),
        )
        observer.watch(self.options.database, self.options.table, self.gate(context))
        return observer

    def release_observer(self, context: SinkContext, observer: ClusterObserver) -> None:
        """The other end of `observer`."""
        observer.forget(self.gate(context))
        context.shared.release(self._cluster)

    @property
    def _cluster(self) -> Hashable:
        options = self.options
        return ("starrocks-versions", tuple(options.jdbc_url.hosts), options.username)

    def connect(self, schema: Schema, context: SinkContext) -> Transactions:
        """Check the target and build what a writer needs; blocks, on the pool."""
        options = self.options
        connection = TargetConnection(options)
        try:
            columns = read_columns(connection, options.database, options.table)
        finally:
            connection.close()
        check_properties(self.path, options, columns)
        user_columns = str(options.load_columns)
        names, keys = check_target(self.path, schema, columns, check_columns=not user_columns)
        places = {name.lower(): place for place, name in enumerate(names)}
        absent = [key for key in keys if key.lower() not in places]
        if absent:
            raise ValidationError(
                f'sink table "{self.path}" lacks key column "{absent[0]}" of its target',
                code="missing-key-column",
            )
        layout = make_layout(
            schema,
            {column.name: column.type for column in columns},
            keyed=bool(keys),
            given=user_columns,
            by_name=options.format == "json",
        )
        rules = ChangeRules(
            keys=tuple(places[key.lower()] for key in keys),
            drop_update_before=options.is_set(StarRocksOptions.ignore_update_before)
            and options.ignore_update_before,
            keep_all=bool(options.merge_condition),
            condition=condition_of(options, names),
            with_op=layout.with_op,
            ignore_delete=options.ignore_delete,
            forms=layout.forms,
            zone=self.zone,
        )
        api = self._api(context, options.database, options.table)
        return Transactions(
            api,
            options,
            context,
            self.path,
            layout,
            rules,
            self.committer(context),
            gate=self.gate(context),
            supported=self.wants_transactions and api.supports_transactions(),
        )

    def disconnect(self) -> None:
        """Close kept connections; later calls open new ones."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    @property
    def wants_transactions(self) -> bool:
        """Whether loads go in transactions where the server has them."""
        options = self.options
        if options.version == "v1":
            return False
        return options.semantic == "exactly-once" or options.use_transactions

    def _api(self, context: SinkContext, database: str, table: str) -> LoadApi:
        options = self.options
        with self._lock:
            if self._http is None:
                self._http = load_client(options, context.clock)
            http = self._http
        return LoadApi(http, database, table, context.clock, sanitize=options.sanitize_error_log)
