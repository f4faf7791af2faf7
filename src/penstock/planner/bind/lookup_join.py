"""`JOIN d FOR SYSTEM_TIME AS OF o.proctime AS d ON ...`: the look-up join.

Source: Flink 2.2, CommonPhysicalLookupJoin and its rules; the messages are Flink's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.errors import UnsupportedFeatureError, ValidationError
from penstock.expressions import Call, Expr, InputRef, Literal
from penstock.functions.resolve import implicit_cast, resolve_case, resolve_cast, resolve_operator
from penstock.operators.lookup import LookupJoinSpec
from penstock.operators.lookup.join import DEFAULT_TIMEOUT_MS
from penstock.plan import TransformNode
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.names import unique
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.planner.relation import Relation, conjuncts, is_proctime, substitute
from penstock.sql import tree as ast
from penstock.types import BOOLEAN, Column, Schema, TypeRoot, keeps_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.errors import Span
    from penstock.operators.lookup import KeyedTable
    from penstock.planner.bind.lookup_hint import LookupHint
    from penstock.types import DataType

R = TypeRoot
_INTEGERS = {R.TINYINT: 8, R.SMALLINT: 16, R.INT: 32, R.BIGINT: 64}
_TEXTS = {R.CHAR, R.VARCHAR}


@dataclass(frozen=True, slots=True)
class Dimension:
    """A table that is looked up.

    Args:
        path: Its name in full.
        table: What look-ups ask.
        schema: The columns it delivers.
        columns: The declared columns under the names of the query.
        exprs: The declared columns over `schema`.
    """

    path: str
    table: KeyedTable
    schema: Schema
    columns: tuple[ScopeColumn, ...]
    exprs: tuple[Expr, ...]


def bind_lookup_join(
    node: ast.Join,
    left: Relation,
    dimension: Dimension,
    hint: LookupHint | None,
    database: str,
) -> Relation:
    """The rows of the left side beside those looked up for them.

    Raises:
        ValidationError, UnsupportedFeatureError: The join is none Flink runs.
    """
    _check_kind(node)
    _check_time(node, left)
    scope = Scope((*left.columns, *dimension.columns), database)
    condition = _condition(node, scope, len(left.columns))
    # The processing time is no column of the rows: it is read where it is used.
    stored = [i for i, expr in enumerate(left.projections) if not is_proctime(expr)]
    place = {index: position for position, index in enumerate(stored)}
    sources: list[Expr] = [
        InputRef(place[i], c.name, c.type) if i in place else left.projections[i]
        for i, c in enumerate(left.columns)
    ]
    kept = left.project(
        [left.ref(i) for i in stored], unique([left.columns[i].name for i in stored])
    )
    parts = _Parts(len(left.columns), sources, len(stored), dimension)
    parts.take_all(condition, node.condition.span if node.condition is not None else node.span)
    if not parts.keys:
        raise ValidationError(
            f"Temporal table join requires an equality condition on fields of table"
            f" [{dimension.path}].",
            node.condition.span if node.condition is not None else node.span,
            code="lookup-key",
            hint="Compare a column of the table, as it is, with one of the rows: ON o.id = d.id.",
        )
    outer = node.kind == "LEFT"
    spec = _spec(parts, kept, dimension, hint, outer=outer)
    return _relation(spec, left, kept, sources, parts, dimension)


def _check_kind(node: ast.Join) -> None:
    if node.kind not in {"INNER", "LEFT", "CROSS"}:
        raise ValidationError(
            "Temporal table join currently only support INNER JOIN and LEFT JOIN, but was"
            f" {node.kind} JOIN.",
            node.span,
            code="lookup-kind",
        )


def _check_time(node: ast.Join, left: Relation) -> None:
    right = node.right
    assert isinstance(right, ast.TableRef)
    as_of = right.as_of
    assert as_of is not None
    found = bind(as_of, left.scope) if isinstance(as_of, ast.Identifier) else None
    if not (isinstance(found, InputRef) and is_proctime(left.projections[found.index])):
        raise ValidationError(
            "Temporal table join currently only supports 'FOR SYSTEM_TIME AS OF' left table's time"
            " attribute field",
            as_of.span,
            code="lookup-time",
            hint="Declare a column `proctime AS PROCTIME()` in the left table and name it here.",
        )


def _condition(node: ast.Join, scope: Scope, width: int) -> Expr | None:
    if node.natural:
        raise UnsupportedFeatureError("unsupported: NATURAL look-up join", node.span)
    if node.using:
        left, right = Scope(scope.columns[:width]), Scope(scope.columns[width:])
        found: Expr | None = None
        for name in node.using:
            there = right.resolve((name,), node.span)
            assert isinstance(there, InputRef)
            pair = [left.resolve((name,), node.span), replace(there, index=there.index + width)]
            equal = resolve_operator("=", pair, node.span)
            found = equal if found is None else resolve_operator("AND", [found, equal])
        return found
    if node.condition is None:
        return None
    bound = bind(node.condition, scope)
    return implicit_cast(bound, BOOLEAN, node.condition.span)


@dataclass(slots=True)
class _Parts:
    """The parts of the condition, by what they are about.

    Args:
        width: Columns of the left side in the scope of the condition.
        sources: The left side's columns over the rows that are kept of it.
        stored: How many columns these have.
        dimension: The right side.
    """

    width: int
    sources: Sequence[Expr]
    stored: int
    dimension: Dimension
    keys: dict[int, Expr] = field(default_factory=dict)
    before: list[Expr] = field(default_factory=list)
    server: list[Expr] = field(default_factory=list)
    after: list[Expr] = field(default_factory=list)

    def take_all(self, condition: Expr | None, span: Span) -> None:
        """Put every part where it belongs.

        Raises:
            UnsupportedFeatureError: One compares as IS NOT DISTINCT FROM.
        """
        constant: list[tuple[int, Expr, Expr]] = []
        for part in conjuncts(condition):
            if isinstance(part, Call) and part.function.name == "IS NOT DISTINCT FROM":
                raise UnsupportedFeatureError(
                    "LookupJoin doesn't support join condition contains 'a IS NOT DISTINCT FROM b'"
                    " (or alternative '(a = b) or (a IS NULL AND b IS NULL)')",
                    span,
                )
            key = self._key(part)
            if key is None:
                self._take_other(part)
            elif key[0] in self.keys:
                self.after.append(self._over_output(part))
            elif any(isinstance(node, InputRef) for node in key[1].walk()):
                self.keys[key[0]] = key[1]
            else:
                constant.append((*key, part))
        # A constant is only a key where nothing else is: as a condition it is sent once.
        for column, key_expr, part in constant:
            if self.keys:
                self._take_other(part)
            else:
                self.keys[column] = key_expr

    def _key(self, part: Expr) -> tuple[int, Expr] | None:
        """The column and its value where the part is an equality rows can be found by."""
        if not (isinstance(part, Call) and part.function.name == "="):
            return None
        for one, other in (part.args, part.args[::-1]):
            column = self._column(one)
            if column is None or not self._is_left(other):
                continue
            key = _as_key(self._over_left(other), self.dimension.schema.columns[column].type)
            if key is not None:
                return column, key
        return None

    def _take_other(self, part: Expr) -> None:
        if self._is_left(part):
            self.before.append(self._over_left(part))
            return
        if part.deterministic and all(
            ref.index >= self.width for ref in part.walk() if isinstance(ref, InputRef)
        ):
            self.server.append(self._over_table(part))
        self.after.append(self._over_output(part))

    def _is_left(self, expr: Expr) -> bool:
        return all(ref.index < self.width for ref in expr.walk() if isinstance(ref, InputRef))

    def _column(self, expr: Expr) -> int | None:
        """The delivered column an expression is, where rows can be found by it.

        A cast that changes no value of the column is left out.
        """
        if isinstance(expr, Call) and expr.function.name == "CAST":
            (inner,) = expr.args
            expr = inner if keeps_values(inner.type, expr.type) else expr
        if not isinstance(expr, InputRef) or expr.index < self.width:
            return None
        found = self.dimension.exprs[expr.index - self.width]
        if isinstance(found, InputRef) and self.dimension.table.can_be_key(found.index):
            return found.index
        return None

    def _over_left(self, expr: Expr) -> Expr:
        return substitute(expr, self.sources)

    def _over_table(self, expr: Expr) -> Expr:
        return substitute(expr, [*self.sources, *self.dimension.exprs])

    def _over_output(self, expr: Expr) -> Expr:
        right = [
            InputRef(self.stored + i, c.name, c.type) for i, c in enumerate(self.dimension.columns)
        ]
        return substitute(expr, [*self.sources, *right])


def _as_key(expr: Expr, wanted: DataType) -> Expr | None:
    """The left side of an equality in the column's type, NULL where it can equal no value of it.

    None where the comparison is not one of values of that type.
    """
    given = expr.type
    if isinstance(expr, Call) and expr.function.name == "CAST" and given.root in _INTEGERS:
        (inner,) = expr.args
        # The cast that made both sides one type: the value is compared as it is.
        if keeps_values(inner.type, given):
            expr, given = inner, inner.type
    if given.root in _TEXTS and wanted.root in _TEXTS:
        return expr
    if given.root in _INTEGERS and wanted.root in _INTEGERS:
        if _INTEGERS[given.root] <= _INTEGERS[wanted.root]:
            return implicit_cast(expr, wanted)
        return _within(expr, wanted)
    if given.same_but_nullability(wanted):
        return expr
    return implicit_cast(expr, wanted) if keeps_values(given, wanted) else None


def _within(expr: Expr, wanted: DataType) -> Expr:
    """A wider integer as a narrower one, NULL where it is out of range."""
    most = 2 ** (_INTEGERS[wanted.root] - 1)
    low, high = (
        Literal(value, expr.type.with_nullable(nullable=False)) for value in (-most, most - 1)
    )
    inside = resolve_operator("BETWEEN", [expr, low, high])
    nullable = wanted.with_nullable(nullable=True)
    return resolve_case([(inside, resolve_cast(expr, nullable))], Literal(None, nullable))


def _spec(
    parts: _Parts, kept: Relation, dimension: Dimension, hint: LookupHint | None, *, outer: bool
) -> LookupJoinSpec:
    names = unique([*(c.name for c in kept.columns), *(c.name for c in dimension.columns)])
    right = [c.type.with_nullable(nullable=c.type.nullable or outer) for c in dimension.columns]
    types = [*(c.type for c in kept.columns), *right]
    used = sorted(
        {ref.index for e in dimension.exprs for ref in e.walk() if isinstance(ref, InputRef)}
    )
    position = {index: place for place, index in enumerate(used)}
    moved = [
        InputRef(position.get(i, 0), c.name, c.type) for i, c in enumerate(dimension.schema.columns)
    ]
    output = Schema(tuple(Column(n, t) for n, t in zip(names, types, strict=True)))
    return LookupJoinSpec(
        output,
        dimension.path,
        dimension.table,
        outer,
        tuple(parts.keys),
        tuple(parts.keys.values()),
        tuple(used),
        tuple(substitute(expr, moved) for expr in dimension.exprs),
        _all(parts.before),
        tuple(parts.server),
        _all(parts.after),
        hint.retry if hint is not None else None,
        (hint.timeout_ms if hint is not None else None) or DEFAULT_TIMEOUT_MS,
        tuple(dimension.schema.columns[index].name for index in parts.keys),
    )


def _all(conditions: Sequence[Expr]) -> Expr | None:
    found: Expr | None = None
    for condition in conditions:
        found = condition if found is None else resolve_operator("AND", [found, condition])
    return found


def _relation(
    spec: LookupJoinSpec,
    left: Relation,
    kept: Relation,
    sources: Sequence[Expr],
    parts: _Parts,
    dimension: Dimension,
) -> Relation:
    right = [
        InputRef(len(kept.columns) + i, c.name, c.type)
        for i, c in enumerate(spec.output.columns[len(kept.columns) :])
    ]
    columns = (
        *left.columns,
        *(replace(c, type=ref.type) for c, ref in zip(dimension.columns, right, strict=True)),
    )
    # With its whole key given, the table has at most one row: rows keep what identifies them.
    key = {dimension.schema.names.index(name) for name in dimension.schema.primary_key}
    single = bool(key) and key <= parts.keys.keys()
    return Relation(
        TransformNode(spec, kept.place()),
        columns,
        (*sources, *right),
        keys=left.row_keys if single else (),
    )
