"""Tables and views as the catalog keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from penstock.types import Column, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.connectors.base import TableDesign
    from penstock.errors import Span
    from penstock.sql import tree as ast
    from penstock.types import DataType


class ColumnKind(Enum):
    """Where the values of a column come from."""

    PHYSICAL = "physical"
    METADATA = "metadata"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column of a table.

    Args:
        name: Its name.
        kind: Where its values come from.
        type: Its type; None for a computed column, whose expression has one.
        metadata_key: The connector's key, for metadata columns.
        virtual: Metadata that is only read.
        expression: The expression, for computed columns.
        text: The expression as written.
        comment: What the user wrote about it.
        refusal: Why a server's column has no type here; naming it is an error.
        generated: Whether a server computes it: it is read and never written.
        text_bytes: Most bytes of UTF-8 a text in it has; None where that is not known.
    """

    name: str
    kind: ColumnKind = ColumnKind.PHYSICAL
    type: DataType | None = None
    metadata_key: str = ""
    virtual: bool = False
    expression: ast.Expression | None = None
    text: str = ""
    comment: str | None = None
    refusal: str = ""
    generated: bool = False
    text_bytes: int | None = None

    @property
    def written(self) -> bool:
        """Whether INSERT gives it a value."""
        if self.generated or self.refusal:
            return False
        return self.kind is ColumnKind.PHYSICAL or (
            self.kind is ColumnKind.METADATA and not self.virtual
        )


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table: columns, key, options. Options are text; connectors read them when it is used.

    `declared` is the statement that made it, so that messages can point there; `design` says how it
    is created at its server before rows are written, and is None where it is there.
    """

    columns: tuple[CatalogColumn, ...]
    primary_key: tuple[str, ...] = ()
    primary_key_name: str = ""
    watermarks: tuple[ast.Watermark, ...] = ()
    partitioned_by: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    temporary: bool = False
    declared: ast.CreateTable | None = field(default=None, compare=False, repr=False)
    design: TableDesign | None = field(default=None, compare=False, repr=False)

    @property
    def span(self) -> Span | None:
        """Where the script declares the table."""
        return self.declared.span if self.declared is not None else None

    def option_span(self, key: str) -> Span | None:
        """Where the declaration gives an option; its whole span where it does not."""
        node = self.declared
        found = re.search(rf"'{re.escape(key)}'\s*=", node.text) if node is not None else None
        if node is None or found is None:
            return self.span
        start = node.span.start + found.start()
        before = node.text[: found.start()]
        line = node.span.line + before.count("\n")
        column = len(before) - before.rfind("\n") if "\n" in before else len(before)
        column += 0 if "\n" in before else node.span.column
        return type(node.span)(start, start + len(key) + 2, line, column)

    def column_span(self, name: str) -> Span | None:
        """Where the declaration gives a column; its whole span where it does not."""
        columns = self.declared.columns if self.declared is not None else ()
        return next((c.span for c in columns if c.name == name), self.span)

    def column(self, name: str) -> CatalogColumn | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def refused(self) -> tuple[tuple[str, str], ...]:
        """Names of the columns that have no type here, and why."""
        return tuple((c.name, c.refusal) for c in self.columns if c.refusal)

    def physical_schema(self) -> Schema:
        """Physical columns with the key."""
        return Schema(
            tuple(
                Column(c.name, c.type)
                for c in self.columns
                if c.kind is ColumnKind.PHYSICAL and c.type is not None
            ),
            self.primary_key,
        )

    def sink_schema(self) -> Schema:
        """Columns INSERT writes, in declared order, with the key."""
        return Schema(
            tuple(Column(c.name, c.type) for c in self.columns if c.written and c.type is not None),
            self.primary_key,
        )


@dataclass(frozen=True, slots=True)
class CatalogView:
    """A view: its query, to be planned where it is used, in the place where it was made."""

    query: ast.Query
    text: str
    schema: Schema
    catalog: str
    database: str
    comment: str | None = None
    temporary: bool = False
