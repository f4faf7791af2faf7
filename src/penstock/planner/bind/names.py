"""Names of a relation's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import Span, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.planner.relation import Relation


def aliased(
    relation: Relation,
    alias: str | None,
    columns: tuple[str, ...],
    span: Span,
    name: tuple[str, ...],
) -> Relation:
    """The same rows under an alias, or a table's name, and other names of columns.

    Raises:
        ValidationError: There are more or fewer names than columns.
    """
    if columns and len(columns) != len(relation.columns):
        raise ValidationError(
            f"List of column aliases must have same degree as table; table has"
            f" {len(relation.columns)} columns, whereas alias list has {len(columns)}",
            span,
        )
    return relation.qualified((alias,) if alias else name, columns)


def unique(names: Sequence[str]) -> list[str]:
    """Names as Flink makes them unique: the second `a` is `a0`."""
    seen: set[str] = set()
    found = []
    for name in names:
        unique, count = name, 0
        while unique in seen:
            unique, count = f"{name}{count}", count + 1
        seen.add(unique)
        found.append(unique)
    return found
