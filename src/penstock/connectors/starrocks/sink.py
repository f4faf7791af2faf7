"""The sink: options and schema; builds the writer and the committer, and what they share."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING

from penstock.clients.http import HttpClient
from penstock.connectors.starrocks.changes import ChangeRules
from penstock.connectors.starrocks.committer import StarRocksCommitter
from penstock.connectors.starrocks.load_api import LoadApi
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import (
    TargetConnection,
    VersionProbe,
    check_target,
    read_columns,
)
from penstock.connectors.starrocks.transaction import Transactions
from penstock.connectors.starrocks.writer import Progress, StarRocksWriter
from penstock.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.connectors.base import SinkContext, TableDescriptor
    from penstock.types import Schema


class StarRocksSink:
    """A StarRocks table to write; touches no network before the writer opens."""

    def __init__(self, path: str, schema: Schema, options: StarRocksOptions) -> None:
        self.path = path
        self.schema = schema
        self.options = options
        self.progress = Progress()
        self._http: HttpClient | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_descriptor(cls, table: TableDescriptor) -> StarRocksSink:
        """The sink of a table.

        Raises:
            OptionError: An option is wrong.
        """
        return cls(table.path, table.schema, StarRocksOptions(table.options))

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
            self.options.publish_timeout_ms,
        )

    def connect(self, schema: Schema, context: SinkContext) -> tuple[Transactions, VersionProbe]:
        """Check the target and build what a writer needs; blocks, on the pool."""
        options = self.options
        connection = TargetConnection(options)
        columns = read_columns(connection, options.database, options.table)
        user_columns = options.properties.get("columns")
        names, keys = check_target(self.path, schema, columns, check_columns=user_columns is None)
        places = {name.lower(): place for place, name in enumerate(names)}
        absent = [key for key in keys if key.lower() not in places]
        if absent:
            raise ValidationError(
                f'sink table "{self.path}" lacks key column "{absent[0]}" of its target',
                code="missing-key-column",
            )
        rules = ChangeRules(
            keys=tuple(places[key.lower()] for key in keys),
            drop_update_before=options.is_set(StarRocksOptions.ignore_update_before)
            and options.ignore_update_before,
            keep_all="merge_condition" in options.properties,
            with_op=user_columns is None or "__op" in user_columns,
        )
        api = self._api(context, options.database, options.table)
        transactions = Transactions(
            api,
            options,
            context,
            self.path,
            names,
            rules,
            self.committer(context),
            supported=self.wants_transactions and api.supports_transactions(),
        )
        return transactions, VersionProbe(connection, options.database, options.table)

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
                socket_ms = options.socket_timeout_ms
                self._http = HttpClient(
                    options.load_url,
                    options.username,
                    options.password,
                    connect_timeout=options.connect_timeout_ms / 1000,
                    socket_timeout=None if socket_ms == 0 else max(socket_ms / 1000, 0) or 660.0,
                    continue_timeout=options.continue_timeout_ms / 1000,
                )
            http = self._http
        return LoadApi(http, database, table, context.clock, sanitize=options.sanitize_error_log)
