"""Joined relations before they have a node: conditions move to where they belong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.operators.join import JoinKind
from penstock.planner.bind.join import join, shifted, side_of
from penstock.planner.bind.ranking import filtered
from penstock.planner.bind.scope import ScopeColumn
from penstock.planner.relation import Relation, conjuncts, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from penstock.expressions import Expr


@dataclass(frozen=True, slots=True)
class JoinState:
    """How joins keep rows.

    Args:
        ttl_ms: How long; 0 for ever.
        by_table: How long, for tables that a STATE_TTL hint names, in lower case.
        final: Batch mode.
    """

    ttl_ms: int = 0
    by_table: Mapping[str, int] = field(default_factory=dict)
    final: bool = False

    def ttl_of(self, columns: Sequence[ScopeColumn]) -> int:
        """For a side with these columns; hints are about single tables."""
        names = {column.qualifier[-1].lower() for column in columns if column.qualifier}
        return self.by_table.get(names.pop(), self.ttl_ms) if len(names) == 1 else self.ttl_ms


@dataclass(frozen=True, slots=True)
class JoinTree:
    """Two relations side by side.

    Args:
        kind: Of the join.
        left: What stands left.
        right: What stands right.
        conditions: What must hold for a match, over the columns of both.
        above: What must hold for a row that comes out.
        merged: Columns that USING or NATURAL made one, with their names.
        named: USING made them.
    """

    kind: JoinKind
    left: Joined
    right: Joined
    conditions: tuple[Expr, ...] = ()
    above: tuple[Expr, ...] = ()
    merged: tuple[tuple[str, Expr], ...] = ()
    named: bool = False

    @classmethod
    def of(cls, kind: JoinKind, left: Joined, right: Joined, condition: Expr | None) -> JoinTree:
        """The tree of a join; a condition on one side alone moves there where it may."""
        width = len(left.columns)
        sides: tuple[list[Expr], list[Expr]] = ([], [])
        kept: list[Expr] = []
        for part in conjuncts(condition):
            side = side_of(part, width)
            if side is None or (kind.keeps_left, kind.keeps_right)[side]:
                kept.append(part)
            else:
                sides[side].append(part)
        return cls(
            kind,
            kept_rows(left, sides[0]),
            kept_rows(right, [shifted(part, -width) for part in sides[1]]),
            tuple(kept),
        )

    @property
    def columns(self) -> tuple[ScopeColumn, ...]:
        """Left columns, then right ones; those that may lack a match are nullable."""
        found = []
        padded = (self.kind.keeps_right, self.kind.keeps_left)
        for side, lacks in zip((self.left, self.right), padded, strict=True):
            for column in side.columns:
                kind = column.type.with_nullable(nullable=column.type.nullable or lacks)
                found.append(ScopeColumn(column.name, kind, column.qualifier))
        return tuple(found)

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """Names of columns of servers' tables that have no type here, and why."""
        return (*self.left.refused, *self.right.refused)

    def filter(self, conditions: Iterable[Expr]) -> JoinTree:
        """The rows that satisfy conditions over the columns."""
        width = len(self.left.columns)
        sides: tuple[list[Expr], list[Expr]] = ([], [])
        here: list[Expr] = []
        above: list[Expr] = []
        for part in conditions:
            side = side_of(part, width)
            # Where this side's rows come out beside NULLs the condition may not see the NULLs.
            if side is not None and not (self.kind.keeps_right, self.kind.keeps_left)[side]:
                sides[side].append(part)
            elif self.kind is JoinKind.INNER and part.deterministic:
                here.append(part)
            else:
                above.append(part)
        return replace(
            self,
            left=kept_rows(self.left, sides[0]),
            right=kept_rows(self.right, [shifted(part, -width) for part in sides[1]]),
            conditions=(*self.conditions, *here),
            above=(*self.above, *above),
        )

    def relation(self, state: JoinState) -> Relation:
        """The rows, once nothing moves any more."""
        sides = [rows_of(side, state) for side in (self.left, self.right)]
        ttl_ms = state.ttl_of(sides[0].columns), state.ttl_of(sides[1].columns)
        found = join(self.kind, sides[0], sides[1], self.conditions, ttl_ms, final=state.final)
        return found.filter(joined(self.above)) if self.above else found


Joined = Relation | JoinTree


def kept_rows(tree: Joined, conditions: Sequence[Expr]) -> Joined:
    """The rows of either form that satisfy conditions over its columns."""
    if not conditions:
        return tree
    if isinstance(tree, JoinTree):
        return tree.filter(conditions)
    return filtered(tree, joined(conditions))


def rows_of(tree: Joined, state: JoinState) -> Relation:
    """The rows of either form."""
    return tree.relation(state) if isinstance(tree, JoinTree) else tree
