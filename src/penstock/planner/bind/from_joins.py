"""JOIN as it is written: ON, USING, NATURAL, comma."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.errors import Span, ValidationError
from penstock.expressions import Expr, InputRef
from penstock.functions.resolve import implicit_cast, resolve_function, resolve_operator
from penstock.operators.join import JoinKind
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.join_tree import Joined, JoinTree
from penstock.planner.bind.scope import Scope
from penstock.planner.relation import joined
from penstock.sql import tree as ast
from penstock.types import BOOLEAN, DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator

R = TypeRoot
_TEXTS = {R.CHAR, R.VARCHAR}
_NAMES = {"INT": "INTEGER", "STRING": "VARCHAR(2147483647)"}
KINDS = {
    "INNER": JoinKind.INNER,
    "CROSS": JoinKind.INNER,
    "LEFT": JoinKind.LEFT,
    "RIGHT": JoinKind.RIGHT,
    "FULL": JoinKind.FULL,
}


@dataclass(frozen=True, slots=True)
class MergedScope(Scope):
    """Columns in scope of a select list, and those that USING or NATURAL made one.

    Args:
        merged: What `*` stands for in their place, by name.
        named: Their bare names mean them; after NATURAL they stay ambiguous, as in Flink.
    """

    merged: tuple[tuple[str, Expr], ...] = field(kw_only=True)
    named: bool = field(kw_only=True)

    def intercept(self, node: ast.Expression) -> Expr | None:
        if self.named and isinstance(node, ast.Identifier) and len(node.parts) == 1:
            return dict(self.merged).get(node.parts[0])
        return None


def tree_of(node: ast.Join, left: Joined, right: Joined, database: str) -> JoinTree:
    """The tree of a join.

    Raises:
        ValidationError: Its condition is wrong, or a name stands for two tables.
    """
    _check_names(node)
    kind = KINDS[node.kind]
    common = _common(node, left, right)
    if common is not None:
        return _merging(node, kind, left, right, common)
    if node.condition is None:
        if node.kind != "CROSS":
            raise ValidationError(
                "INNER, LEFT, RIGHT or FULL join requires a condition (NATURAL keyword or ON or"
                " USING clause)",
                node.span,
            )
        return JoinTree.of(kind, left, right, None)
    # Within the condition no side lacks a match yet.
    scope = Scope((*left.columns, *right.columns), database, (*left.refused, *right.refused))
    _check_types(node.condition, scope)
    condition = bind(node.condition, scope)
    if condition.type.root not in {R.BOOLEAN, R.NULL}:
        raise ValidationError("ON clause must be a condition", node.condition.span)
    condition = implicit_cast(condition, BOOLEAN, node.condition.span)
    return JoinTree.of(kind, left, right, condition)


def _common(node: ast.Join, left: Joined, right: Joined) -> list[str] | None:
    """The columns USING names, or NATURAL finds; None where the join is neither."""
    names = [column.name for column in right.columns]
    if node.natural:
        return list(dict.fromkeys(c.name for c in left.columns if c.name in names))
    return list(node.using) or None


def _merging(
    node: ast.Join, kind: JoinKind, left: Joined, right: Joined, common: list[str]
) -> JoinTree:
    pairs = [(_only(left, name, node.span), _only(right, name, node.span)) for name in common]
    width = len(left.columns)
    parts = []
    for name, (a, b) in zip(common, pairs, strict=True):
        kinds = left.columns[a].type, right.columns[b].type
        refs = InputRef(a, name, kinds[0]), InputRef(width + b, name, kinds[1])
        parts.append(resolve_operator("=", list(refs), node.span))
    tree = JoinTree.of(kind, left, right, joined(parts) if parts else None)
    merged = []
    for name, (a, b) in zip(common, pairs, strict=True):
        columns = tree.columns
        one: Expr = InputRef(a, name, columns[a].type)
        other: Expr = InputRef(width + b, name, columns[width + b].type)
        if kind is JoinKind.FULL:
            one = resolve_function("COALESCE", [one, other], node.span)
        merged.append((name, other if kind is JoinKind.RIGHT else one))
    return replace(tree, merged=tuple(merged), named=bool(node.using))


def _only(side: Joined, name: str, span: Span) -> int:
    places = [i for i, column in enumerate(side.columns) if column.name == name]
    if not places:
        raise ValidationError(
            f"Column '{name}' not found in any table", span, code="unknown-column"
        )
    if len(places) > 1:
        raise ValidationError(
            f"Column name '{name}' in NATURAL join or USING clause is not unique on one side of"
            " join",
            span,
        )
    return places[0]


def _check_types(node: ast.Expression, scope: Scope) -> None:
    """Flink converts no texts to numbers, or the like, in the condition of a join."""
    if not isinstance(node, ast.Binary):
        return
    if node.operator == "AND":
        _check_types(node.left, scope)
        _check_types(node.right, scope)
    elif node.operator == "=":
        kinds = [bind(part, scope).type for part in (node.left, node.right)]
        if sum(kind.root in _TEXTS for kind in kinds) == 1 and R.NULL not in {
            k.root for k in kinds
        }:
            names = " and ".join(calcite_name(kind) for kind in kinds)
            raise ValidationError(
                f"implicit type conversion between {names} is not supported on join's condition"
                " now",
                node.span,
                hint="CAST one side.",
            )


def calcite_name(kind: DataType) -> str:
    """A type as messages of Flink's validator name it."""
    text = kind.with_nullable(nullable=True).sql()
    return _NAMES.get(text, text)


def _check_names(node: ast.Join) -> None:
    taken: set[str] = set()
    for name, relation in _named(node):
        if name in taken:
            raise ValidationError(f"Duplicate relation name '{name}' in FROM clause", relation.span)
        taken.add(name)


def _named(node: ast.Relation) -> Iterator[tuple[str, ast.Relation]]:
    match node:
        case ast.Join():
            yield from _named(node.left)
            yield from _named(node.right)
        case ast.TableRef():
            yield node.alias or node.name[-1], node
        case ast.SubqueryRef() | ast.UnnestRef() | ast.TableFunctionRef() if node.alias:
            yield node.alias, node
