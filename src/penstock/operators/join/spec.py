"""Plan form of a regular join."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from penstock.changelog import ChangelogMode, RowKind
from penstock.expressions import InputRef
from penstock.operators.base import OperatorContext, PairOperator, PairSpec
from penstock.operators.join.operator import JoinOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.expressions import Expr
    from penstock.types import Schema


class JoinKind(Enum):
    """What becomes of rows with and without a match, under Flink's names."""

    INNER = "InnerJoin"
    LEFT = "LeftOuterJoin"
    RIGHT = "RightOuterJoin"
    FULL = "FullOuterJoin"
    SEMI = "LeftSemiJoin"
    ANTI = "LeftAntiJoin"

    @property
    def keeps_left(self) -> bool:
        """Whether a left row without a match comes out, beside NULLs."""
        return self in {JoinKind.LEFT, JoinKind.FULL}

    @property
    def keeps_right(self) -> bool:
        """Whether a right row without a match comes out, beside NULLs."""
        return self in {JoinKind.RIGHT, JoinKind.FULL}

    @property
    def only_left(self) -> bool:
        """Whether only left columns come out."""
        return self in {JoinKind.SEMI, JoinKind.ANTI}


@dataclass(frozen=True, slots=True)
class JoinSpec(PairSpec):
    """Plan form.

    Args:
        kind: Of the join.
        left: Schema of the left input.
        right: Schema of the right input.
        output: Left columns, then right ones; left ones alone where only they come out.
        keys: Pairs of columns that must be equal, left and right, of the same type.
        null_safe: The pairs in which NULL equals NULL; in others it equals nothing.
        condition: What else must hold, over left and right columns; None for nothing.
        unique: Columns that identify a row of the left and of the right input; None for none.
        ttl_ms: How long rows of the left and of the right input are kept; 0 for ever.
        update_before: Whether -U is sent.
        final: Bounded input in batch mode: rows without a match come out at its end.
    """

    kind: JoinKind
    left: Schema
    right: Schema
    output: Schema
    keys: tuple[tuple[int, int], ...] = ()
    null_safe: frozenset[int] = frozenset()
    condition: Expr | None = None
    unique: tuple[tuple[int, ...] | None, tuple[int, ...] | None] = (None, None)
    ttl_ms: tuple[int, int] = (0, 0)
    update_before: bool = True
    final: bool = False

    @property
    def schema(self) -> Schema:
        return self.output

    def changes(self, left: ChangelogMode, right: ChangelogMode) -> ChangelogMode:
        if self.final:
            return ChangelogMode.insert_only()
        if self.kind in {JoinKind.INNER, JoinKind.SEMI}:
            kinds = left.kinds | right.kinds
            return ChangelogMode(kinds if self.update_before else kinds - {RowKind.UPDATE_BEFORE})
        return ChangelogMode.all() if self.update_before else ChangelogMode.upsert()

    def needs_before(
        self, left: ChangelogMode, right: ChangelogMode, *, wanted: bool
    ) -> tuple[bool, bool] | None:
        if wanted:
            return True, True
        for side, mode in enumerate((left, right)):
            if RowKind.UPDATE_AFTER in mode.kinds and not self._replaces(side):
                return None
        return False, False

    def _replaces(self, side: int) -> bool:
        """Whether an update without its -U has the matches of the row it replaces."""
        unique = self.unique[side]
        keys = {pair[side] for pair in self.keys}
        return unique is not None and keys <= set(unique) and self.condition is None

    def sending_before(self, *, wanted: bool) -> JoinSpec:
        return replace(self, update_before=wanted)

    def create(self, context: OperatorContext) -> PairOperator:
        return JoinOperator(self, context)

    def explain(self) -> str:
        shown = list(self.output.names)
        if self.kind.only_left:
            taken = set(shown)
            for name in self.right.names:
                count, unique = 0, name
                while unique in taken:
                    unique, count = f"{name}{count}", count + 1
                taken.add(unique)
                shown.append(unique)
        width = len(self.left.columns)
        parts = [
            f"({shown[a]} IS NOT DISTINCT FROM {shown[width + b]})"
            if place in self.null_safe
            else f"({shown[a]} = {shown[width + b]})"
            for place, (a, b) in enumerate(self.keys)
        ]
        if self.condition is not None:
            parts.append(_named(self.condition, shown).sql())
        where = parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})" if parts else "true"
        select = ", ".join(self.output.names)
        return (
            f"Join(joinType=[{self.kind.value}], where=[{where}], select=[{select}],"
            f" leftInputSpec=[{self._key_text(0)}], rightInputSpec=[{self._key_text(1)}])"
        )

    def _key_text(self, side: int) -> str:
        unique = self.unique[side]
        if unique is None:
            return "NoUniqueKey"
        within = set(unique) <= {pair[side] for pair in self.keys}
        return "JoinKeyContainsUniqueKey" if within else "HasUniqueKey"

    def origin(self, index: int) -> tuple[int, int]:
        width = len(self.left.columns)
        return (0, index) if index < width else (1, index - width)


def _named(expr: Expr, names: Sequence[str]) -> Expr:
    """The expression with its columns under the names they have side by side."""
    if isinstance(expr, InputRef):
        return replace(expr, name=names[expr.index])
    if not expr.children:
        return expr
    return expr.with_children([_named(child, names) for child in expr.children])
