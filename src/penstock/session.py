"""Sessions: a script in, results out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.backends.local.executor import LocalExecutor
from penstock.backends.local.result import JobHandle, JobSubmitter, ResultKind, StatementResult
from penstock.clock import SystemClock
from penstock.errors import OptionError, ValidationError
from penstock.planner import physical_text, plan_ends, plan_trees
from penstock.sql import parse_script
from penstock.sql import tree as ast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock.catalog import CatalogStore
    from penstock.clock import Clock
    from penstock.plan import PhysicalPlan
    from penstock.planner import Planner

__all__ = ["Explained", "JobHandle", "JobSubmitter", "ResultKind", "Session", "StatementResult"]


@dataclass(frozen=True, slots=True)
class Explained:
    """What a statement would do.

    Args:
        name: The job's name.
        statement: Its text.
        start: Offset of that in the script.
        text: The physical plan, the kinds of changes of every node in it.
        trees: The same as nested dictionaries, one per sink.
        ends: What is read and what is sent where, one per source and sink.
    """

    name: str
    statement: str
    start: int
    text: str
    trees: list[dict[str, Any]]
    ends: list[dict[str, Any]]


class Session:
    """Runs scripts against one catalog with one set of settings.

    Args:
        settings: Initial settings, as by SET.
        source_name: Name of the script in messages.
        submitter: Starts the jobs of INSERT and SELECT.
        clock: The door to time.

    Raises:
        OptionError: An initial setting is refused, or its value is not one it can have.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        source_name: str = "script",
        submitter: JobSubmitter | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.source_name = source_name
        self._executor = LocalExecutor(dict(settings or {}), submitter, clock or SystemClock())
        self._set: list[ast.Insert] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the initial settings."""
        return self._executor.notes

    @property
    def settings(self) -> dict[str, str]:
        """The settings in force."""
        return self._executor.settings

    @property
    def catalog(self) -> CatalogStore:
        """The session's tables and views."""
        return self._executor.catalog

    @property
    def planner(self) -> Planner:
        """A planner over the session's catalog and settings."""
        return self._executor.planner

    def execute_script(self, text: str) -> Iterator[StatementResult]:
        """Run the statements of a script in order, yielding each result.

        The whole text is parsed first; statements run as the iterator is advanced, and the rows
        of a query should be read before advancing it.

        Raises:
            PenstockError: The text does not parse, or a statement fails; those before it stay.
        """
        for statement in parse_script(text).statements:
            yield self.execute(statement)

    def plan(self, statement: ast.Statement) -> PhysicalPlan | None:
        """The job a statement would start; None where it starts none.

        Of the network it touches what catalogs' servers tell of their tables.

        Raises:
            SqlError, OptionError: The statement is wrong or not supported.
        """
        try:
            return self._executor.plan(statement)
        except OptionError as error:
            error.at(statement.span)
            raise

    def explain_script(self, text: str) -> Iterator[Explained]:
        """What the jobs of a script would do; runs its declarations, starts nothing.

        Asks the servers of catalogs for definitions of tables, and changes nothing there.

        Raises:
            PenstockError: The text does not parse, or a statement is wrong.
        """
        with self.catalog.rehearsal():
            for statement in parse_script(text).with_sets_folded():
                plan = self._rehearse(statement)
                if plan is not None:
                    yield _explained(plan, statement)

    def _rehearse(self, statement: ast.Statement) -> PhysicalPlan | None:
        try:
            return self._executor.rehearse(statement)
        except OptionError as error:
            error.at(statement.span)
            raise

    def execute(self, statement: ast.Statement) -> StatementResult:
        """Run one statement; between BEGIN STATEMENT SET and END, INSERTs are gathered.

        Raises:
            PenstockError: The statement fails.
        """
        if isinstance(statement, ast.BeginStatementSet):
            if self._set is not None:
                raise ValidationError("a statement set is already open", statement.span)
            self._set = []
            return StatementResult(ResultKind.OK, messages=("[INFO] Begin a statement set.",))
        if isinstance(statement, ast.EndStatementSet):
            inserts, self._set = self._set, None
            if inserts is None:
                raise ValidationError("no statement set is open", statement.span)
            if not inserts:
                raise ValidationError("statement set is empty", statement.span)
            text = ";\n".join(insert.text for insert in inserts)
            return self._execute(ast.StatementSet(tuple(inserts), span=statement.span, text=text))
        if self._set is not None:
            if not isinstance(statement, ast.Insert):
                raise ValidationError("only INSERT may stand in a statement set", statement.span)
            self._set.append(statement)
            note = "[INFO] Add SQL update statement to the statement set."
            return StatementResult(ResultKind.OK, messages=(note,))
        return self._execute(statement)

    def _execute(self, statement: ast.Statement) -> StatementResult:
        try:
            return self._executor.execute(statement)
        except OptionError as error:
            error.at(statement.span)
            raise


def _explained(plan: PhysicalPlan, statement: ast.Statement) -> Explained:
    return Explained(
        plan.name,
        statement.text,
        statement.span.start,
        physical_text(plan, changes=True),
        plan_trees(plan),
        plan_ends(plan),
    )
