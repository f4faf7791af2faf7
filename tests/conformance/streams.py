"""Runs statements over scripted changes through planner and operators, in several ways of feeding.

No thread and no disk: operators are chained as the runtime chains them, batches are cut as the way
says, and a restore hands the operators' saved changes to new ones.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.clock import SystemClock
from penstock.connectors.base import Connector, ImmediateWriter, TableDescriptor, find_connector
from penstock.connectors.blackhole import BlackholeOptions
from penstock.operators import OperatorContext
from penstock.plan import PhysicalPlan
from penstock.planner.bind import tables
from penstock.planner.physical.values import ValuesSource
from penstock.runtime.job import Job
from penstock.runtime.pipeline import Pipeline, RunningSink
from penstock.session import Session
from penstock.sql import parse_script, tree
from penstock.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.clock import Clock
    from penstock.types import Schema

Change = tuple[str, tuple[Any, ...]]
"""A row kind such as `+U`, and the values of a row."""

_KINDS = {kind.short: kind for kind in RowKind}
MODES = {
    "I": ChangelogMode.insert_only(),
    "I,UA,D": ChangelogMode.upsert(),
    "I,UB,UA,D": ChangelogMode.all(),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of changes.

    Args:
        name: Its name.
        columns: The declarations between its parentheses.
        changes: What it delivers, in turn, in parts that a restore stands between.
        mode: Kinds of changes, a key of `MODES`; the narrowest that fits where empty.
    """

    name: str
    columns: str
    changes: tuple[tuple[Change, ...], ...] = ()
    mode: str = ""

    @property
    def kinds(self) -> str:
        """Its mode."""
        if self.mode:
            return self.mode
        kinds = {kind for part in self.changes for kind, _ in part}
        return "I" if kinds <= {"+I"} else "I,UB,UA,D"


@dataclass(slots=True)
class _Source:
    schema: Schema
    table: str
    share_key: None = None
    bounded: bool = True

    def create_reader(self, context: Any) -> Any:
        raise NotImplementedError


@dataclass(slots=True)
class _Sink:
    schema: Schema
    share_key: None = None

    def writer_for(self, *_: Any) -> Any:
        raise NotImplementedError


class _Writer(ImmediateWriter):
    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def write(self, batch: ChangelogBatch) -> None:
        columns = [column.to_pylist() for column in batch.rows.columns]
        rows = zip(*columns, strict=True)
        kinds = batch.kinds_or_inserts().tolist()
        self.changes += [(RowKind(k).short, row) for k, row in zip(kinds, rows, strict=True)]


def _sink_mode(table: TableDescriptor) -> ChangelogMode:
    return ChangelogMode.upsert() if table.schema.primary_key else ChangelogMode.all()


@contextlib.contextmanager
def scripted(given: Sequence[Table]) -> Iterator[None]:
    """While this lasts, the connector 'scripted' knows these tables, by the end of their paths.

    The sink 'scripted-appends' takes +I alone.
    """
    modes = {table.name: MODES[table.kinds] for table in given}
    connector = Connector(
        "scripted",
        BlackholeOptions,
        source=lambda table: _Source(table.schema, table.path.rpartition(".")[2]),
        sink=lambda table: _Sink(table.schema),
        source_mode=lambda table: modes[table.path.rpartition(".")[2]],
        sink_mode=_sink_mode,
    )

    appends = Connector(
        "scripted-appends", BlackholeOptions, sink=lambda table: _Sink(table.schema)
    )
    known = {made.name: made for made in (connector, appends)}

    def find(name: str) -> Connector:
        return known.get(name) or find_connector(name)

    before = tables.find_connector  # type: ignore[attr-defined]
    tables.find_connector = find  # type: ignore[attr-defined]
    try:
        yield
    finally:
        tables.find_connector = before  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Running:
    """A plan's operators and what its sinks got."""

    plan: PhysicalPlan
    clock: Clock
    saved: dict[tuple[str, str], list[pa.RecordBatch]] = field(
        default_factory=lambda: defaultdict(list)
    )
    writers: dict[int, _Writer] = field(default_factory=dict)
    pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """New operators, from what those before saved."""
        self.pipeline = Pipeline(Job(self.plan), "")
        self.pipeline.build(self.plan, self._sink, OperatorContext(self.plan.settings, self.clock))
        for place, (_, operator) in self.pipeline.stateful.items():
            for name, table in operator.tables().items():
                if self.saved[place, name]:
                    table.load(self.saved[place, name])

    def _sink(self, index: int) -> RunningSink:
        writer = self.writers.setdefault(index, _Writer())
        sink = self.plan.sinks[index]
        return RunningSink(f"{index}", sink.table, writer)

    def save(self) -> None:
        """Let the operators save what changed."""
        for place, (_, operator) in self.pipeline.stateful.items():
            for name, table in operator.tables().items():
                batch = table.changes()
                if batch is not None:
                    self.saved[place, name].append(batch)

    def feed(self, source_id: str, changes: Sequence[Change]) -> None:
        """Emit some changes as one batch."""
        node = self.pipeline.sources[source_id]
        rows = [row for _, row in changes]
        fields = [pa.field(c.name, c.type.arrow()) for c in node.schema.columns]
        columns = [pa.array([r[i] for r in rows], f.type) for i, f in enumerate(fields)]
        kinds = np.array([_KINDS[kind] for kind, _ in changes], np.int8)
        batch = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
        self.pipeline.emit(source_id, ChangelogBatch(batch, kinds if kinds.any() else None))

    def finish(self) -> None:
        """All input has ended."""
        self.pipeline.finish()


def run(
    given: Sequence[Table],
    script: str,
    *,
    rows_each: int = 1,
    restore: bool = False,
    settings: dict[str, str] | None = None,
    clock: Clock | None = None,
) -> tuple[PhysicalPlan, list[list[Change]]]:
    """Run the INSERTs, or the query, that a script ends with.

    Args:
        given: The tables it reads and writes.
        script: Statements.
        rows_each: How many changes a batch has; -U and +U stay together.
        restore: New operators after each part of the changes, from what was saved.
        settings: Of the session.
        clock: The door to time; a manual one moves by an hour after each part.

    Returns:
        The plan, and what each sink got.
    """
    with scripted(given):
        plan = planned(given, script, settings or {})
    running = _Running(plan, clock or SystemClock())
    written = {i: n.source for i, n in running.pipeline.sources.items() if n.table == "VALUES"}
    for source_id, source in written.items():
        assert isinstance(source, ValuesSource)
        running.pipeline.emit(source_id, ChangelogBatch(source.rows))
    for part in range(max([len(t.changes) for t in given], default=0)):
        fed = []
        for source_id, node in running.pipeline.sources.items():
            if source_id in written:
                continue
            table = next(t for t in given if node.table.rpartition(".")[2] == t.name)
            changes = table.changes[part] if part < len(table.changes) else ()
            fed.append([(source_id, batch) for batch in batches(changes, rows_each)])
        # The tables take turns, as sources do.
        for turn in zip_longest(*fed):
            for source_id, batch in filter(None, turn):
                running.feed(source_id, batch)
        if restore:
            running.save()
            running.start()
        if isinstance(clock, ManualClock):
            clock.advance(3600)
    running.finish()
    return plan, [running.writers[i].changes for i in range(len(plan.sinks))]


def planned(given: Sequence[Table], script: str, settings: dict[str, str]) -> PhysicalPlan:
    """The plan of the INSERTs, or the query, that a script ends with."""
    session = Session(settings)
    for table in given:
        declared = f"CREATE TABLE {table.name} ({table.columns}) WITH ('connector' = 'scripted')"
        list(session.execute_script(declared))
    statements = parse_script(script).statements
    inserts = [s for s in statements if isinstance(s, tree.Insert)]
    for statement in statements:
        if isinstance(statement, tree.QueryStatement):
            plan = session.plan(statement)
            assert plan is not None
            return plan
        if not isinstance(statement, tree.Insert):
            session.execute(statement)
    return session.planner.inserts(inserts)


def batches(changes: Sequence[Change], rows_each: int) -> Iterator[list[Change]]:
    """Changes in batches; a -U stays with the +U behind it."""
    batch: list[Change] = []
    for change in changes:
        batch.append(change)
        if len(batch) >= rows_each and change[0] != "-U":
            yield batch
            batch = []
    if batch:
        yield batch


def folded(changes: Sequence[Change], key: Sequence[int] = ()) -> Counter[str]:
    """The table that changes make: rows by how often they are there.

    Args:
        changes: In order.
        key: Columns of the primary key, where changes apply by it.
    """
    if key:
        by_key: dict[str, str] = {}
        for kind, row in changes:
            place = repr([row[i] for i in key])
            if kind in {"+I", "+U"}:
                by_key[place] = repr(row)
            else:
                by_key.pop(place, None)
        return Counter(by_key.values())
    found: Counter[str] = Counter()
    for kind, row in changes:
        found[repr(row)] += 1 if kind in {"+I", "+U"} else -1
    return +found


__all__ = ["Change", "Table", "batches", "folded", "planned", "run", "scripted"]
