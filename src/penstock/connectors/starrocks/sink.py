"""The sink: options and schema; builds a writer, and what it works with."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.attempt import Part
from penstock.connectors.starrocks.bodies import Bodies
from penstock.connectors.starrocks.budget import TransactionSlots
from penstock.connectors.starrocks.changes import ChangeRules
from penstock.connectors.starrocks.committer import Committer
from penstock.connectors.starrocks.dead_letter_table import DeadLetterTable, make_table
from penstock.connectors.starrocks.dead_letters import Aside, DeadLetters
from penstock.connectors.starrocks.delivery import transactions_at, wants_transactions
from penstock.connectors.starrocks.gate import FlushGate, GateSettings
from penstock.connectors.starrocks.labels import Labels
from penstock.connectors.starrocks.layout import (
    Layout,
    check_properties,
    condition_of,
    make_layout,
)
from penstock.connectors.starrocks.leftovers import Leftovers, SinkNote
from penstock.connectors.starrocks.load_api import LoadApi, load_client
from penstock.connectors.starrocks.loader import Loader
from penstock.connectors.starrocks.merge_commit import MergeCommit, Routes
from penstock.connectors.starrocks.observer import ClusterObserver
from penstock.connectors.starrocks.one_target import clash, share_key
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.recovery import CHOICES, ON_UNKNOWN_KEY, Recovery
from penstock.connectors.starrocks.server_version import MERGE_COMMIT, MULTI_TABLE, demand
from penstock.connectors.starrocks.sink_metrics import SinkMetrics
from penstock.connectors.starrocks.target import TargetConnection, check_target, read_columns
from penstock.connectors.starrocks.together import Together
from penstock.connectors.starrocks.writer import StarRocksWriter
from penstock.errors import ConnectorError, OptionError, PenstockError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from penstock.connectors.base import Clash, SinkContext, TableDescriptor
    from penstock.connectors.starrocks.committer import Progress
    from penstock.connectors.starrocks.dead_letters import Letters
    from penstock.connectors.starrocks.lane import Lane
    from penstock.connectors.starrocks.outbox import Outbox
    from penstock.types import Schema

# Columns: Key, AliasNames, Value, ... (StarRocks docs, ADMIN SHOW FRONTEND CONFIG)
_RUNNING_MAX = "ADMIN SHOW FRONTEND CONFIG LIKE 'max_running_txn_num_per_db'"


@dataclass(frozen=True, slots=True)
class Link:
    """A writer's way to its table, once the table was checked.

    Args:
        transactions: The server has them and the user wants them.
        api: Calls for the table.
        rules: How changes become rows.
        bodies: Encodes loads.
        labels: Names labels.
        loader: Fills transactions.
        aside: Rows put aside because StarRocks refuses them.
        committer: Commits them.
        recovery: Settles what an earlier start left.
        slots: Caps the open transactions of the database.
        part: What the loader loads.
        close: Ends kept connections.
    """

    transactions: bool
    api: LoadApi
    rules: ChangeRules
    bodies: Bodies
    labels: Labels
    loader: Loader
    aside: Aside
    committer: Committer
    recovery: Recovery
    slots: TransactionSlots
    part: Part
    close: Callable[[], None]


class StarRocksSink:
    """A StarRocks table to write; touches no network before the writer opens."""

    def __init__(
        self,
        path: str,
        schema: Schema,
        options: StarRocksOptions,
        zone: str = "UTC",
        on_unknown: str = "fail",
    ) -> None:
        self.path = path
        self.schema = schema
        self.options = options
        self.zone = zone
        self._on_unknown = on_unknown
        self._gate: FlushGate | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_descriptor(cls, table: TableDescriptor) -> StarRocksSink:
        """The sink of a table.

        Raises:
            OptionError: An option is wrong.
        """
        options = StarRocksOptions(table.options)
        on_unknown = table.settings.get(ON_UNKNOWN_KEY, "fail").lower()
        if on_unknown not in CHOICES:
            raise OptionError(
                f"invalid value '{on_unknown}' of setting '{ON_UNKNOWN_KEY}'",
                key=ON_UNKNOWN_KEY,
                code="invalid-option",
                detail=f"Known: {', '.join(CHOICES)}.",
            )
        zone = options.zone_of(table.settings)
        return cls(table.path, table.schema, options, zone, on_unknown)

    @property
    def share_key(self) -> Hashable:
        return share_key(self.options, self.schema, self.zone)

    def clash(self, other: object) -> Clash | None:
        """What keeps this sink and another from sharing one writer, where both write one table."""
        if not isinstance(other, StarRocksSink):
            return None
        return clash(
            (self.options, self.schema, self.zone), (other.options, other.schema, other.zone)
        )

    def writer_for(self, table: str, schema: Schema, context: SinkContext) -> StarRocksWriter:  # noqa: ARG002
        """A writer for rows of that schema."""
        return StarRocksWriter(self, schema, context)

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

    def connect(
        self,
        schema: Schema,
        context: SinkContext,
        outbox: Outbox,
        progress: Progress,
        lane: Lane,
        together: Together | None,
        open_epoch: Callable[[], int],
    ) -> Link:
        """Check the target and build what a writer needs; blocks, on the pool.

        Args:
            schema: Of the rows.
            context: Of the writer.
            outbox: Where the loader takes rows from.
            progress: What the committer tells.
            lane: Where the loader works.
            together: The tables it becomes visible with.
            open_epoch: The epoch that is open, when asked.

        Raises:
            ValidationError: The target's columns or keys do not fit.
            ConnectorError: StarRocks cannot be reached, or refuses the user.
        """
        options = self.options
        layout, rules = self.shape(schema)
        http = load_client(options, context.clock)
        metrics = SinkMetrics(context.metrics, options.histogram_window)
        api = LoadApi(
            http,
            options.database,
            options.table,
            context.clock,
            sanitize=options.sanitize_error_log,
            answered=metrics.answered,
        )
        try:
            transactions = transactions_at(api, options)
            labels = Labels(options, context, self.path)
            self._sweep(api, labels, context)
            letters = self._dead_letters(api, layout, context)
            if together is not None:
                together.settle(api)
        except PenstockError:
            http.close()
            raise
        bodies = Bodies(options, layout, api.name)
        gate = self.gate(context)
        merge, routes = self._merge_commit(api, bodies, rules, context, metrics, progress)
        committer = Committer(api, bodies, options, context.clock, gate, progress, metrics, merge)

        def close() -> None:
            context.shared.release(self._leftovers_key(context))
            http.close()
            routes.close()

        slots = context.shared.acquire(self.slots_key, TransactionSlots)
        if slots.first_to_ask() and (limit := self._running_max()) is not None:
            slots.cap(limit)
        aside = Aside(letters, api, bodies, options)
        part = Part(api, outbox, bodies, aside, gate, metrics, committer)
        if together is not None:
            part = replace(part, api=api.together())
            loader = together.loader
        else:
            loader = Loader([part], lane, labels, options, context, slots, open_epoch)
        recovery = Recovery(
            api, committer, options, keyed=bool(rules.keys), on_unknown=self._on_unknown
        )
        return Link(
            transactions=transactions,
            api=api,
            rules=rules,
            bodies=bodies,
            labels=labels,
            loader=loader,
            aside=aside,
            committer=committer,
            recovery=recovery,
            slots=slots,
            part=part,
            close=close,
        )

    def _merge_commit(
        self,
        api: LoadApi,
        bodies: Bodies,
        rules: ChangeRules,
        context: SinkContext,
        metrics: SinkMetrics,
        progress: Progress,
    ) -> tuple[MergeCommit | None, Routes]:
        """Merge commit where the user wants it, and its own ways to the backends."""
        options = self.options
        routes = Routes(api, options, context.clock, api.through)
        if not options.enable_merge_commit:
            return None, routes
        gate = self.gate(context)
        clock = context.clock
        return MergeCommit(
            api, routes, bodies, options, rules, clock, gate, metrics, progress
        ), routes

    def spool_folder(self, context: SinkContext) -> Path:
        """Where the rows of a sink wait."""
        return context.directory / "spool" / context.sink_id.replace("/", "_")

    def _sweep(self, api: LoadApi, labels: Labels, context: SinkContext) -> None:
        """Remove what sinks of earlier scripts left, and note what this one may leave."""
        options = self.options
        folder = self.spool_folder(context)
        addresses = ";".join(str(endpoint) for endpoint in options.load_url)
        place = (addresses, options.database, options.table)
        note = SinkNote(context.sink_id, labels.prefix, *place, context.incarnation)
        note.keep(folder)
        leftovers = context.shared.acquire(self._leftovers_key(context), Leftovers)
        if options.abort_lingering:
            leftovers.sweep(
                folder.parent, note, context.incarnation, context.recovered, api.of_table
            )

    def _leftovers_key(self, context: SinkContext) -> Hashable:
        return ("starrocks-leftovers", self.options.load_url, context.incarnation)

    def _running_max(self) -> int | None:
        """How many transactions of a database may run; None where the user may not ask."""
        connection = TargetConnection(self.options)
        try:
            rows = connection.query(_RUNNING_MAX)
            return int(rows[0][2]) if rows else None
        except (ConnectorError, ValueError, IndexError):
            return None
        finally:
            connection.close()

    def _dead_letters(self, api: LoadApi, layout: Layout, context: SinkContext) -> Letters | None:
        options = self.options
        if options.dead_letter_path:
            return DeadLetters(Path(options.dead_letter_path), api.name, layout, context.clock)
        if not options.dead_letter_table:
            return None
        database, table = (options.database, *options.dead_letter_table)[-2:]
        connection = TargetConnection(options)
        try:
            make_table(connection, database, table)
        finally:
            connection.close()
        target = api.of_table(database, table)
        return DeadLetterTable(target, api.name, layout, context.clock)

    @property
    def slots_key(self) -> Hashable:
        """Under which the writers of a database share `TransactionSlots`."""
        options = self.options
        return ("starrocks-transactions", options.load_url, options.database)

    def together(self, context: SinkContext, open_epoch: Callable[[], int]) -> Together | None:
        """The tables this one becomes visible with, where the user wants that; to be released."""
        options = self.options
        if not options.multi_table:
            return None
        slots = context.shared.acquire(self.slots_key, TransactionSlots)
        return context.shared.acquire(
            self._together_key(context), lambda: Together(options, context, slots, open_epoch)
        )

    def release_together(self, context: SinkContext) -> None:
        """The other end of `together`."""
        context.shared.release(self._together_key(context))
        context.shared.release(self.slots_key)

    def _together_key(self, context: SinkContext) -> Hashable:
        options = self.options
        place = (options.load_url, options.database, options.username)
        return ("starrocks-together", place, context.incarnation)

    def shape(self, schema: Schema) -> tuple[Layout, ChangeRules]:
        """What is sent to the target as it is now; blocks.

        Raises:
            ValidationError, OptionError: The target's columns, keys or model do not fit.
            ConnectorError: StarRocks cannot be reached, or refuses the user.
        """
        options = self.options
        connection = TargetConnection(options)
        try:
            if options.enable_merge_commit:
                demand(connection, StarRocksOptions.enable_merge_commit.key, MERGE_COMMIT)
            if options.multi_table:
                demand(connection, StarRocksOptions.multi_table.key, MULTI_TABLE)
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
        return layout, rules

    @property
    def wants_transactions(self) -> bool:
        """Whether loads go in transactions where the server has them."""
        return wants_transactions(self.options)
