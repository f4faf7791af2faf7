"""What names mean in an expression: the columns in scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import Span, ValidationError, nearest
from penstock.expressions import Expr, InputRef
from penstock.functions.resolve import resolve_field

if TYPE_CHECKING:
    from penstock.sql.tree import Expression
    from penstock.types import DataType


@dataclass(frozen=True, slots=True)
class ScopeColumn:
    """A column in scope, with the parts of the name of its table (or its alias alone)."""

    name: str
    type: DataType
    qualifier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Columns in scope, in row order.

    Args:
        columns: By position.
        database: The session's, which a function gives.
        refused: Names of columns that have no type here, and why.
    """

    columns: tuple[ScopeColumn, ...] = ()
    database: str = ""
    refused: tuple[tuple[str, str], ...] = ()

    def intercept(self, node: Expression) -> Expr | None:  # noqa: ARG002
        """What an expression stands for as a whole, where it means more than its parts."""
        return None

    def resolve(self, parts: tuple[str, ...], span: Span) -> Expr:
        """The column, or field of a column, of that name.

        Raises:
            ValidationError: None or several match.
        """
        for width in range(len(parts), 0, -1):
            found = self._matches(parts[:width])
            if len(found) > 1:
                raise ValidationError(
                    f"Column '{parts[width - 1]}' is ambiguous", span, code="ambiguous-column"
                )
            if found:
                column = self.columns[found[0]]
                expr: Expr = InputRef(index=found[0], name=column.name, type=column.type)
                for name in parts[width:]:
                    expr = resolve_field(expr, name, span)
                return expr
        raise self._unknown(parts, span)

    def _matches(self, parts: tuple[str, ...]) -> list[int]:
        *qualifier, name = parts
        return [
            index
            for index, column in enumerate(self.columns)
            if column.name == name
            and (not qualifier or column.qualifier[-len(qualifier) :] == tuple(qualifier))
        ]

    def star(self, qualifier: tuple[str, ...], span: Span) -> list[int]:
        """Positions of the columns `*` or `t.*` stands for."""
        found = [
            index
            for index, column in enumerate(self.columns)
            if not qualifier or column.qualifier[-len(qualifier) :] == qualifier
        ]
        if not found and qualifier:
            raise ValidationError(f"Table '{'.'.join(qualifier)}' not found", span)
        for name, reason in self.refused:
            raise refused_column(name, reason, span)
        return found

    def _unknown(self, parts: tuple[str, ...], span: Span) -> ValidationError:
        tables = {column.qualifier[-1] for column in self.columns if column.qualifier}
        if len(parts) > 1 and parts[-2] not in tables and not self._matches(parts[:1]):
            near = nearest(parts[-2], tables)
            return ValidationError(
                f"Table '{parts[-2]}' not found",
                span,
                code="unknown-table",
                hint=f"Did you mean '{near}'?" if near else "",
            )
        for name, reason in self.refused:
            if name == parts[-1]:
                return refused_column(name, reason, span)
        near = nearest(parts[-1], [column.name for column in self.columns])
        return ValidationError(
            f"Column '{parts[-1]}' not found in any table",
            span,
            code="unknown-column",
            hint=f"Did you mean '{near}'?" if near else "",
        )


def refused_column(name: str, reason: str, span: Span | None) -> ValidationError:
    """A server's column that no Flink type can carry."""
    return ValidationError(
        f"column '{name}' has no type in Flink SQL",
        span,
        code="unsupported-type",
        detail=f"{reason}.",
        hint="Leave it out: name the other columns.",
    )
