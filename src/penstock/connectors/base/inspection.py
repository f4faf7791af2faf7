"""What `penstock check` may ask of a connector: read-only facts and findings about the outside.

A connector that can be looked into declares `inspection` in its `CONNECTOR`. The room `preflight`
opens one inspection per table of a script and knows no connector by name. Nothing here writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from penstock.errors import PenstockError, Span


MISSING_TABLE = "missing-table"
"""Code of the error that says that a table is not there."""


class Severity(Enum):
    """How bad a finding is: an error stops the job, a warning surprises, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found.

    Args:
        severity: How bad it is.
        code: Stable name of the kind of finding, in kebab case; errors share it with the run.
        message: What is so, short.
        cause: Why it matters, in sentences.
        remedy: What to do, in a sentence; empty where nothing has to be done.
        place: Where outside: a server, a table.
        column: The declared column it is about.
        span: Where in the script; set by the room.
        subject: Which check found it; set by the room.
    """

    severity: Severity
    code: str
    message: str
    cause: str = ""
    remedy: str = ""
    place: str = ""
    column: str = ""
    span: Span | None = None
    subject: str = ""

    @classmethod
    def of(cls, error: PenstockError, *, place: str = "", column: str = "") -> Self:
        """The finding that an error foretells: the run would end with it."""
        lines = error.detail.splitlines()
        endpoint = f"endpoint {getattr(error, 'endpoint', '')}"
        cause = "\n".join(line for line in lines if not place or line != endpoint)
        return cls(
            Severity.ERROR, error.code, error.message, cause, error.hint, place, column, error.span
        )


class TimeMeaning(Enum):
    """What a temporal column holds."""

    INSTANT = "instant"
    WALL = "wall clock"


class KeyModel(Enum):
    """What a target does with rows of equal key.

    `UPSERT` replaces and deletes by key; `REPLACE` replaces but cannot delete; `MERGE` folds values
    into the row; `APPEND` keeps all rows.
    """

    UPSERT = "upsert"
    REPLACE = "replace"
    MERGE = "merge"
    APPEND = "append"


@dataclass(frozen=True, slots=True)
class OutsideColumn:
    """A column as the server has it.

    Args:
        name: Its name there.
        type: Its type, as the server writes it.
        required: It takes no NULL and has no default: a writer must fill it.
        meaning: What it holds, for temporal types.
        bytes_max: Most bytes of UTF-8 it can hold, for texts with a limit.
    """

    name: str
    type: str
    required: bool = False
    meaning: TimeMeaning | None = None
    bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class OutsideTable:
    """A table as the server has it.

    Args:
        name: `database.table`.
        columns: By position.
        key: Columns of its key.
        model: What a target does with rows of equal key; None for sources.
        model_name: The server's word for that.
        deletes_refused: Whether a delete fails the job rather than being dropped or applied.
    """

    name: str
    columns: tuple[OutsideColumn, ...]
    key: tuple[str, ...] = ()
    model: KeyModel | None = None
    model_name: str = ""
    deletes_refused: bool = False

    def column(self, name: str) -> OutsideColumn | None:
        """The column of that name; servers here compare names without case."""
        lowered = name.lower()
        return next((c for c in self.columns if c.name.lower() == lowered), None)


class Inspection(Protocol):
    """A look at one table's outside. One thread at a time; blocks; writes nothing.

    `connect` comes first; where it fails nothing else is called but `close`.
    """

    @property
    def place(self) -> str:
        """The server and who asks, without credentials."""

    @property
    def server_key(self) -> Hashable:
        """Inspections with equal keys see the same server: its checks run once."""

    @property
    def exclusive(self) -> Sequence[str]:
        """Names of things only one reader or writer may use at a time."""

    @property
    def zone(self) -> str:
        """The time zone in which instants and wall clocks are turned into one another."""

    @property
    def zone_option(self) -> str:
        """The option that sets `zone`."""

    def connect(self) -> None:
        """Log in everywhere the job will.

        Raises:
            ConnectorError: A server cannot be reached, or refuses.
        """

    def server_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        """Checks of the server by subject; each may raise ConnectorError."""

    def table_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        """Checks of this table by subject; each may raise ConnectorError."""

    def tables(self) -> Sequence[OutsideTable]:
        """The tables behind the declared one.

        Raises:
            ConnectorError: They cannot be read.
            ValidationError: There is none.
        """

    def close(self) -> None:
        """Release connections. May be called twice."""
