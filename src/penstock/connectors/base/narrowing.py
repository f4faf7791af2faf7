"""Reading less: what a query wants of a source, and what the source can leave out at its server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from penstock.connectors.base.source import Source
    from penstock.expressions import Expr


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the plan wants of a source. The plan filters again, so a server may let too much pass.

    Args:
        columns: Positions of the wanted columns in the source's schema, ascending.
        conditions: What rows must satisfy, over the source's schema; all of them.
        limit: Most rows wanted of those that satisfy the conditions; None for all.
    """

    columns: tuple[int, ...]
    conditions: tuple[Expr, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a source makes of it.

    Args:
        source: Reads the wanted columns only, in their order; no row that satisfies the
            conditions is missing.
        limited: Whether it keeps the limit: it emits no row that breaks a condition, and no more
            rows than wanted.
    """

    source: Source
    limited: bool = False


@runtime_checkable
class NarrowableSource(Protocol):
    """What a source also has where it can leave rows and columns out."""

    def narrow(self, wanted: Narrowing) -> Narrowed:
        """The same table, read no further than wanted; touches no network."""
