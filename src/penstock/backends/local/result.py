"""What a statement gives back, and who starts its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from penstock.types import STRING, Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from penstock.plan import PhysicalPlan


class ResultKind(Enum):
    """What kind of result it is."""

    OK = "ok"
    ROWS = "rows"
    JOB = "job"
    QUERY = "query"


class JobHandle(Protocol):
    """A job that was submitted."""

    job_id: str

    def wait(self, timeout_s: float | None = None) -> Any:
        """Wait for its end; the state then, an enum with Flink's names as values."""

    def status(self) -> str:
        """The state's name."""


class JobSubmitter(Protocol):
    """Starts jobs."""

    def submit(self, plan: PhysicalPlan) -> JobHandle:
        """Start the plan; returns at once."""


@runtime_checkable
class ResumingSubmitter(JobSubmitter, Protocol):
    """Starts jobs that may go on from where an earlier run has stopped."""

    def resumes(self, settings: Mapping[str, str]) -> bool:
        """Whether the jobs of these settings do."""


@dataclass(frozen=True, slots=True)
class StatementResult:
    """The result of a statement.

    Args:
        kind: OK, rows of a utility statement, a submitted job, or a query's rows.
        columns: The columns of `rows`.
        rows: Tuples; for a query (op, values...), as they come, to be read once.
        job: The submitted job.
        messages: Lines for the user.
    """

    kind: ResultKind
    columns: tuple[Column, ...] = ()
    rows: Iterable[tuple[Any, ...]] = ()
    job: JobHandle | None = None
    messages: tuple[str, ...] = ()


def ok(*messages: str) -> StatementResult:
    """The result of DDL: one row `OK`."""
    columns = (Column("result", STRING),)
    return StatementResult(ResultKind.OK, columns, [("OK",)], messages=messages)


def strings(name: str, values: Iterable[str]) -> StatementResult:
    """A column of strings."""
    rows = [(value,) for value in values]
    return StatementResult(ResultKind.ROWS, (Column(name, STRING),), rows)
