"""A query while it is planned: a node with a projection and a filter not yet placed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penstock.expressions import Call, Expr, InputRef
from penstock.functions.resolve import resolve_operator
from penstock.operators.calc import CalcSpec
from penstock.operators.rank import RankSpec
from penstock.plan import PairNode, SourceNode, TransformNode, UnionNode
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.types import Column, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.plan.physical import PlanNode


def node_schema(node: PlanNode) -> Schema:
    """The schema of the rows a node emits."""
    match node:
        case SourceNode():
            return node.schema
        case TransformNode() | PairNode():
            return node.spec.schema
        case UnionNode():
            return node_schema(node.inputs[0])


def node_name(node: PlanNode) -> str:
    """How Flink's messages name a node."""
    match node:
        case SourceNode():
            fields = ", ".join(node.schema.names)
            table = ", ".join(node.table.split("."))
            return f"TableSourceScan(table=[[{table}]], fields=[{fields}])"
        case TransformNode() if node.spec.forwards:
            return node_name(node.input)
        case TransformNode() | PairNode():
            return node.spec.explain()
        case UnionNode():
            return "Union(all=[true])"


def substitute(expr: Expr, columns: Sequence[Expr]) -> Expr:
    """The expression with every input column replaced."""
    if isinstance(expr, InputRef):
        return columns[expr.index]
    if not expr.children:
        return expr
    return expr.with_children([substitute(child, columns) for child in expr.children])


def conjuncts(condition: Expr | None) -> list[Expr]:
    """The parts of a condition that must all hold.

    Examples:
        >>> conjuncts(None)
        []
    """
    if condition is None:
        return []
    if isinstance(condition, Call) and condition.function.name == "AND":
        return [part for arg in condition.args for part in conjuncts(arg)]
    return [condition]


def joined(parts: Sequence[Expr]) -> Expr:
    """The condition that all parts hold; the reverse of `conjuncts`."""
    found = parts[0]
    for part in parts[1:]:
        found = resolve_operator("AND", [found, part])
    return found


def is_proctime(expr: Expr) -> bool:
    """Whether it is the processing time: it is read where it is used, whenever that is."""
    return isinstance(expr, Call) and expr.function.name == "PROCTIME"


def _without_number(node: PlanNode, used: set[int]) -> PlanNode:
    """The node without numbers of rows that nobody looks at: fewer changes."""
    if not isinstance(node, TransformNode) or not isinstance(node.spec, RankSpec):
        return node
    if node.spec.numbered is None or len(node.spec.given.columns) in used:
        return node
    return TransformNode(replace(node.spec, numbered=None), node.input)


def _moved(keys: tuple[frozenset[int], ...], at: Mapping[int, int]) -> tuple[frozenset[int], ...]:
    """Keys under other positions; those that are not there as a whole are none any more."""
    return tuple(frozenset(at[index] for index in key) for key in keys if key <= at.keys())


@dataclass(frozen=True, slots=True)
class Relation:
    """A query's rows.

    Args:
        node: Where rows come from.
        columns: Names, types and qualifiers of the output.
        projections: One expression over the node's columns per output column.
        condition: A filter over the node's columns.
        keys: Sets of output columns that identify a row, where changes apply by them.
        unnumbered: Those that do so only where the numbers of the node's rows are not sent.
        refused: Names of columns of a server's table that have no type here, and why.
    """

    node: PlanNode
    columns: tuple[ScopeColumn, ...]
    projections: tuple[Expr, ...]
    condition: Expr | None = None
    keys: tuple[frozenset[int], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    unnumbered: tuple[frozenset[int], ...] = ()

    @classmethod
    def over(
        cls, node: PlanNode, names: Sequence[str], keys: tuple[frozenset[int], ...] = ()
    ) -> Relation:
        """The rows of a node as they are, under some names."""
        types = [column.type for column in node_schema(node).columns]
        columns = tuple(ScopeColumn(n, t) for n, t in zip(names, types, strict=True))
        refs = tuple(InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(columns))
        return cls(node, columns, refs, keys=keys)

    @property
    def scope(self) -> Scope:
        return Scope(self.columns, refused=self.refused)

    def ref(self, index: int) -> InputRef:
        """One of the output columns."""
        column = self.columns[index]
        return InputRef(index=index, name=column.name, type=column.type)

    def filter(self, condition: Expr) -> Relation:
        """The rows that satisfy a condition over the output columns."""
        base = self if self._movable(condition) else self.settled()
        moved = substitute(condition, base.projections)
        if base.condition is not None:
            moved = resolve_operator("AND", [base.condition, moved])
        return replace(base, condition=moved)

    def project(self, exprs: Sequence[Expr], names: Sequence[str]) -> Relation:
        """Other columns over the output columns."""
        base = self if all(self._movable(expr) for expr in exprs) else self.settled()
        at = {e.index: i for i, e in reversed(list(enumerate(exprs))) if isinstance(e, InputRef)}
        columns = tuple(
            ScopeColumn(name, expr.type) for name, expr in zip(names, exprs, strict=True)
        )
        moved = tuple(substitute(expr, base.projections) for expr in exprs)
        return replace(
            base,
            columns=columns,
            projections=moved,
            keys=_moved(base.keys, at),
            unnumbered=_moved(base.unnumbered, at),
            refused=(),
        )

    def qualified(self, qualifier: tuple[str, ...], names: Sequence[str] = ()) -> Relation:
        """The same rows under a table's name, with other column names where given."""
        columns = tuple(
            ScopeColumn(names[i] if names else c.name, c.type, qualifier)
            for i, c in enumerate(self.columns)
        )
        return replace(self, columns=columns)

    def settled(self) -> Relation:
        """The same rows with projection and filter placed in a node."""
        node = self.place()
        refs = tuple(
            InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(self.columns)
        )
        return replace(
            self, node=node, projections=refs, condition=None, keys=self.row_keys, unnumbered=()
        )

    def place(self) -> PlanNode:
        """The node of these rows, a Calc on top where something is to be done."""
        node = _without_number(self.node, self._used())
        below = node_schema(node)
        identity = len(below.columns) == len(self.projections) and all(
            isinstance(expr, InputRef) and expr.index == i
            for i, expr in enumerate(self.projections)
        )
        if identity and self.condition is None:
            return node
        schema = Schema(
            tuple(
                Column(c.name, expr.type)
                for c, expr in zip(self.columns, self.projections, strict=True)
            )
        )
        return TransformNode(CalcSpec(schema, self.projections, self.condition), node)

    @property
    def row_keys(self) -> tuple[frozenset[int], ...]:
        """What identifies a row as `place` sends it, where changes apply by it."""
        if not self.unnumbered or _without_number(self.node, self._used()) is self.node:
            return self.keys
        return (*self.keys, *self.unnumbered)

    def _used(self) -> set[int]:
        """The node's columns that somebody looks at."""
        exprs = self.projections if self.condition is None else (*self.projections, self.condition)
        return {r.index for e in exprs for r in e.walk() if isinstance(r, InputRef)}

    def _movable(self, expr: Expr) -> bool:
        """Whether what it refers to may be evaluated in its place, perhaps more than once."""
        return all(
            self.projections[ref.index].deterministic or is_proctime(self.projections[ref.index])
            for ref in expr.walk()
            if isinstance(ref, InputRef)
        )
