"""What a subject is given: the script as read, and what was seen outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.catalog.store import DEFAULT_CATALOG, DEFAULT_DATABASE
from penstock.plan import SinkNode, SourceNode
from penstock.planner.lineage import origins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.base import OutsideColumn
    from penstock.errors import Span
    from penstock.planner.lineage import Origin
    from penstock.preflight.outside import Look
    from penstock.preflight.script import ReadScript
    from penstock.types import Column


DEFAULT_PLACE = f"{DEFAULT_CATALOG}.{DEFAULT_DATABASE}."


def short_name(path: str) -> str:
    """A table's path without the catalog and database that are there by default.

    Examples:
        >>> short_name("default_catalog.default_database.orders"), short_name("a.b.orders")
        ('orders', 'a.b.orders')
    """
    return path.removeprefix(DEFAULT_PLACE)


@dataclass(frozen=True, slots=True)
class Case:
    """A script under check.

    Args:
        script: As read.
        looks: What was seen behind its tables.
    """

    script: ReadScript
    looks: Sequence[Look]

    def sinks(self) -> Iterator[SinkNode]:
        """All sinks of all jobs."""
        for plan in self.script.plans:
            yield from plan.sinks

    def look_at(self, node: SourceNode | SinkNode) -> Look | None:
        """What was seen behind a table; None where its connector shows nothing."""
        kind = SourceNode if isinstance(node, SourceNode) else SinkNode
        return next(
            (a for a in self.looks if isinstance(a.node, kind) and a.node.table == node.table), None
        )

    def outside(self, node: SourceNode | SinkNode, column: str) -> OutsideColumn | None:
        """The server's column behind a declared one, of the first table that has it."""
        seen = self.look_at(node)
        for table in seen.tables if seen is not None else ():
            found = table.column(column)
            if found is not None:
                return found
        return None

    def origins(self, sink: SinkNode) -> Iterator[tuple[Column, list[Origin]]]:
        """Each column of a sink with where it comes from."""
        for index, column in enumerate(sink.schema.columns):
            yield column, list(origins(sink.input, index))

    def span(self, table: str, column: str = "") -> Span | None:
        """Where the script declares a table or its column."""
        declared = self.script.tables.get(table)
        if declared is None:
            return None
        return declared.column_span(column) if column else declared.span
