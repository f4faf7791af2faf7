"""Runs statements of a session in this process."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from penstock.backends.local.collect import CollectSink
from penstock.backends.local.result import (
    JobHandle,
    JobSubmitter,
    ResultKind,
    ResumingSubmitter,
    StatementResult,
    ok,
    strings,
)
from penstock.backends.local.settings import admit, current_name
from penstock.backends.local.statements import catalogs, ddl
from penstock.backends.local.statements.client import client_command, refused
from penstock.backends.local.statements.create_as import create_as
from penstock.backends.local.statements.show import describe, show, show_create
from penstock.backends.local.targets import ENDED, Targets
from penstock.catalog import CatalogStore
from penstock.changelog import ChangelogBatch, RowKind
from penstock.clock import Clock, SystemClock
from penstock.config import shown_value
from penstock.errors import (
    JobError,
    PenstockError,
    UnsupportedFeatureError,
    ValidationError,
)
from penstock.planner import Planner, explain_plan
from penstock.sql import tree as ast
from penstock.sql.secrets import mask_secrets
from penstock.types import STRING, Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.plan import PhysicalPlan

TAKE_TIMEOUT_S = 0.05


@dataclass(slots=True)
class LocalExecutor:
    """Executes statements one by one; holds catalog and settings of the session.

    Args:
        settings: Initial settings; changed by SET and RESET.
        notes: What the user should know about the initial settings.
        submitter: Starts jobs; without one, INSERT and SELECT are refused.
        clock: The door to time.

    Raises:
        OptionError: An initial setting is refused, or its value is not one it can have.
    """

    settings: dict[str, str] = field(default_factory=dict)
    submitter: JobSubmitter | None = None
    clock: Clock = field(default_factory=SystemClock)
    catalog: CatalogStore = field(default_factory=CatalogStore)
    notes: tuple[str, ...] = field(init=False)
    _initial: dict[str, str] = field(init=False)
    _jars: list[str] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set)
    _targets: Targets = field(default_factory=Targets)

    def __post_init__(self) -> None:
        found = {key: admit(key, value) for key, value in self.settings.items()}
        self.notes = tuple(message for message in found.values() if message)
        self._noted |= found.keys()
        self.settings = {current_name(key): value for key, value in self.settings.items()}
        self._initial = dict(self.settings)

    @property
    def planner(self) -> Planner:
        """A planner over the current catalog and settings."""
        return Planner(self.catalog, self.settings, self.clock)

    def execute(self, node: ast.Statement) -> StatementResult:  # noqa: PLR0911, PLR0912
        """Run a statement.

        Raises:
            PenstockError: It is wrong, not supported, or what it asks for failed.
        """
        catalog = self.catalog
        match node:
            case ast.Set():
                return self._set(node)
            case ast.Reset():
                return self._reset(node)
            case ast.CreateTable() if node.query is not None:
                return self._create_as(node)
            case ast.CreateTable():
                return ddl.create_table(node, catalog, self.planner)
            case ast.CreateView():
                return ddl.create_view(node, catalog, self.planner)
            case ast.CreateDatabase():
                return catalogs.create_database(node, catalog)
            case ast.CreateCatalog():
                return catalogs.create_catalog(node, catalog)
            case ast.DropTable() | ast.DropView():
                return ddl.drop(node, catalog)
            case ast.DropDatabase():
                return catalogs.drop_database(node, catalog)
            case ast.DropCatalog():
                return catalogs.drop_catalog(node, catalog)
            case ast.AlterTable():
                return ddl.alter_table(node, catalog)
            case ast.AlterView():
                return ddl.alter_view(node, catalog, self.planner)
            case ast.AlterDatabase():
                return catalogs.alter_database(node, catalog)
            case ast.AlterCatalog():
                return catalogs.alter_catalog(node, catalog)
            case ast.UseCatalog():
                catalog.use_catalog(node.name, node.span)
                return ok()
            case ast.UseDatabase():
                return catalogs.use_database(node, catalog)
            case ast.Show():
                return show(node, catalog, self.planner, self._jars)
            case ast.ShowCreate(what="CATALOG"):
                return catalogs.show_create_catalog(node, catalog)
            case ast.ShowCreate():
                return show_create(node, catalog)
            case ast.Describe(what="CATALOG"):
                return catalogs.describe_catalog(node, catalog)
            case ast.Describe():
                return describe(node, catalog, self.planner)
            case ast.Explain():
                return strings("result", [self._explain(node)])
            case ast.Insert() | ast.StatementSet():
                return self._job(self._planned(node))
            case ast.QueryStatement():
                return self._query(node)
            case ast.AddJar():
                return self._jar(node)
            case ast.ClientCommand():
                return client_command(node)
        raise refused(node)

    def _set(self, node: ast.Set) -> StatementResult:
        if node.key is None:
            columns = (Column("key", STRING), Column("value", STRING))
            shown = {k: shown_value(k, v) for k, v in self.settings.items()}
            return StatementResult(ResultKind.ROWS, columns, sorted(shown.items()))
        value = node.value or ""
        message = admit(node.key, value)
        self.settings[current_name(node.key)] = value
        if message is None or node.key in self._noted:
            return ok()
        self._noted.add(node.key)
        return ok(message)

    def _reset(self, node: ast.Reset) -> StatementResult:
        if node.key is None:
            self.settings.clear()
            self.settings.update(self._initial)
            return ok()
        key = current_name(node.key)
        self.settings.pop(key, None)
        if key in self._initial:
            self.settings[key] = self._initial[key]
        return ok()

    def _jar(self, node: ast.AddJar) -> StatementResult:
        if node.remove:
            self._jars = [jar for jar in self._jars if jar != node.path]
            return ok()
        self._jars.append(node.path)
        return ok(f"ADD JAR '{node.path}' has no effect here: connectors are built in")

    def plan(self, node: ast.Statement) -> PhysicalPlan | None:
        """The job a statement would start; None where it starts none.

        Of the network it touches what catalogs' servers tell of their tables.

        Raises:
            SqlError, OptionError: The statement is wrong or not supported.
        """
        match node:
            case ast.Insert():
                return self._targets.admit(self.planner.inserts([node]))
            case ast.StatementSet():
                return self._targets.admit(self.planner.inserts(node.inserts))
            case ast.QueryStatement():
                return self.planner.collect(node.query, CollectSink())
            case ast.CreateTable() if node.query is not None:
                return self._targets.admit(create_as(node, self.catalog, self.planner).plan)
            case ast.Explain():
                plan = self.plan(node.statement)
                if plan is not None:
                    self._targets.forget(plan)
                return plan
        return None

    def rehearse(self, node: ast.Statement) -> PhysicalPlan | None:
        """The job a statement would start, where it starts one; else its effect, servers apart.

        Only in a rehearsal of the catalog; later statements see what this one would make.

        Raises:
            PenstockError: The statement is wrong, or a catalog's server could not be asked.
        """
        assert self.catalog.rehearsing
        if isinstance(node, ast.CreateTable) and node.query is not None:
            return create_as(node, self.catalog, self.planner).rehearse(self.catalog)
        plan = self.plan(node)
        if plan is None:
            self.execute(node)
        return plan

    def _create_as(self, node: ast.CreateTable) -> StatementResult:
        made = create_as(node, self.catalog, self.planner)
        self._targets.admit(made.plan)
        try:
            submitter = self._submitter()
            resumes = isinstance(submitter, ResumingSubmitter) and submitter.resumes(self.settings)
            messages = made.create(self.catalog, resumes=resumes)
        except PenstockError:
            self._targets.forget(made.plan)
            raise
        result = self._job(made.plan)
        return replace(result, messages=(*messages, *result.messages))

    def _planned(self, node: ast.Statement) -> PhysicalPlan:
        plan = self.plan(node)
        assert plan is not None
        return plan

    def _explain(self, node: ast.Explain) -> str:
        inner = node.statement
        if isinstance(inner, ast.QueryStatement):
            plan: PhysicalPlan | None = self.planner.collect(
                inner.query, CollectSink(), explained=True
            )
        else:
            plan = self.plan(node)
        if plan is None:
            raise ValidationError("EXPLAIN takes a query, an INSERT or a statement set", inner.span)
        for detail in node.details:
            if detail != "CHANGELOG_MODE":
                raise UnsupportedFeatureError(f"unsupported: EXPLAIN {detail}", node.span)
        return explain_plan(plan, mask_secrets(inner.text), changes=bool(node.details))

    def _job(self, plan: PhysicalPlan) -> StatementResult:
        job = self._submit(plan)
        if self.settings.get("table.dml-sync", "false").lower() == "true":
            job.wait()
            _raise_failure(job)
        columns = (Column("job id", STRING),)
        notes = self._new_notes(plan)
        return StatementResult(ResultKind.JOB, columns, [(job.job_id,)], job, notes)

    def _query(self, node: ast.QueryStatement) -> StatementResult:
        plan = self._planned(node)
        sink = plan.sinks[0].sink
        assert isinstance(sink, CollectSink)
        columns = (Column("op", STRING), *plan.sinks[0].schema.columns)
        job = self._submit(plan)
        return StatementResult(
            ResultKind.QUERY, columns, _rows(sink, job), job, self._new_notes(plan)
        )

    def _new_notes(self, plan: PhysicalPlan) -> tuple[str, ...]:
        """The plan's notes that this session has not told yet."""
        new = tuple(note for note in dict.fromkeys(plan.notes) if note not in self._noted)
        self._noted.update(new)
        return tuple(f"[INFO] {note}" for note in new)

    def _submit(self, plan: PhysicalPlan) -> JobHandle:
        try:
            job = self._submitter().submit(plan)
        except PenstockError:
            self._targets.forget(plan)
            raise
        self._targets.started(plan, job)
        return job

    def _submitter(self) -> JobSubmitter:
        if self.submitter is None:
            raise JobError(
                "this session cannot start jobs", hint="Give it a submitter, or use `penstock run`."
            )
        return self.submitter


def _rows(sink: CollectSink, job: JobHandle) -> Iterator[tuple[Any, ...]]:
    """A query's rows as they come, each with its kind; ends with the job."""
    while True:
        ended = job.status() in ENDED
        batch = sink.take(None if ended else TAKE_TIMEOUT_S)
        if batch is not None:
            yield from _tuples(batch)
        elif ended:
            _raise_failure(job)
            return


def _tuples(batch: ChangelogBatch) -> Iterator[tuple[Any, ...]]:
    columns = [column.to_pylist() for column in batch.rows.columns]
    for kind, *values in zip(batch.kinds_or_inserts().tolist(), *columns, strict=True):
        yield (RowKind(kind).short, *values)


def _raise_failure(job: JobHandle) -> None:
    error = getattr(job, "error", None)
    if isinstance(error, PenstockError):
        raise error
    if job.status() == "FAILED":
        raise JobError(f"job {job.job_id} failed")
