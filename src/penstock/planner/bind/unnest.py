"""CROSS JOIN UNNEST(..), LEFT JOIN UNNEST(..) ON TRUE."""

from __future__ import annotations

from dataclasses import replace

from penstock.errors import ValidationError
from penstock.operators.unnest import UnnestSpec
from penstock.plan import TransformNode
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.from_joins import calcite_name
from penstock.planner.bind.names import unique
from penstock.planner.bind.ranking import identity
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.planner.relation import Relation, node_schema
from penstock.sql import tree as ast
from penstock.types import INT, Column, DataType, Schema, TypeRoot

R = TypeRoot
_ORDINALITY = "ORDINALITY"


def unnested(node: ast.Join, right: ast.UnnestRef, left: Relation, database: str) -> Relation:
    """The rows of the left side, once per element of a collection in them.

    Raises:
        SqlError: It is no collection, or the join is of a kind Flink does not run.
    """
    if node.kind not in {"CROSS", "INNER", "LEFT"} or node.using or node.natural:
        raise unsupported(f"{node.kind} JOIN UNNEST", node)
    outer = node.kind == "LEFT"
    plain = node.condition is None or (
        isinstance(node.condition, ast.Literal) and node.condition.value is True
    )
    if not plain and outer:
        raise unsupported("LEFT JOIN UNNEST with a condition", node.condition or node)
    if len(right.arguments) != 1:
        raise unsupported("UNNEST of several collections", right)
    scope = Scope(left.columns, database, left.refused)
    collection = bind(right.arguments[0], scope)
    elements = _element_columns(collection.type, right)
    if right.ordinality:
        elements.append(Column(_ORDINALITY, INT if outer else INT.with_nullable(nullable=False)))
    if right.columns and len(right.columns) != len(elements):
        raise ValidationError(
            "List of column aliases must have same degree as table; table has"
            f" {len(elements)} columns, whereas alias list has {len(right.columns)}",
            right.span,
        )
    columns, names = identity(left)
    below = left.project([*columns, collection], unique([*names, "$f0"])).place()
    given = node_schema(below)
    made = [
        Column(name, c.type.with_nullable(nullable=c.type.nullable or outer))
        for name, c in zip(right.columns or [c.name for c in elements], elements, strict=True)
    ]
    everything = [*given.columns[:-1], *made]
    output = Schema(
        tuple(
            Column(name, c.type)
            for name, c in zip(unique([c.name for c in everything]), everything, strict=True)
        )
    )
    spec = UnnestSpec(given, output, right.ordinality, outer)
    found = Relation.over(TransformNode(spec, below), output.names)
    qualifier = (right.alias,) if right.alias else ()
    named = (*left.columns, *(ScopeColumn(c.name, c.type, qualifier) for c in made))
    found = replace(found, columns=named)
    if plain or node.condition is None:
        return found
    return found.filter(bind(node.condition, Scope(found.columns, database)))


def _element_columns(kind: DataType, node: ast.UnnestRef) -> list[Column]:
    if kind.root is R.MAP:
        return [Column("KEY", kind.children[0]), Column("VALUE", kind.children[1])]
    if kind.root not in {R.ARRAY, R.MULTISET}:
        raise ValidationError(
            f"Cannot apply 'UNNEST' to arguments of type 'UNNEST(<{calcite_name(kind)}>)'."
            " Supported form(s): 'UNNEST(<MULTISET>)'\n'UNNEST(<ARRAY>)'\n'UNNEST(<MAP>)'",
            node.span,
            code="argument-types",
        )
    element = kind.children[0]
    if element.root is not R.ROW:
        return [Column(node.alias or "EXPR$0", element)]
    nullable = element.nullable
    return [
        Column(f.name, f.type.with_nullable(nullable=f.type.nullable or nullable))
        for f in element.fields
    ]
