"""The node that joins two relations: its keys, what else must hold, what identifies its rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.expressions import Call, Expr, InputRef
from penstock.operators.join import JoinKind, JoinSpec
from penstock.operators.window import WindowJoinSpec
from penstock.operators.window.assign import END, START
from penstock.plan import PairNode, node_changes
from penstock.planner.bind.names import unique
from penstock.planner.bind.ranking import identity
from penstock.planner.bind.scope import ScopeColumn
from penstock.planner.relation import Relation, joined, node_schema
from penstock.planner.time_attributes import window_bound
from penstock.types import Column, Schema, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.plan.physical import PlanNode
    from penstock.planner.time_attributes import Bound

_EQUAL, _SAME = "=", "IS NOT DISTINCT FROM"


def side_of(expr: Expr, width: int) -> int | None:
    """The side, 0 left or 1 right, an expression over both is about; None for both or none."""
    found = {int(ref.index >= width) for ref in expr.walk() if isinstance(ref, InputRef)}
    return found.pop() if len(found) == 1 and expr.deterministic else None


def shifted(expr: Expr, places: int) -> Expr:
    """The same expression over columns that stand elsewhere."""
    if isinstance(expr, InputRef):
        return replace(expr, index=expr.index + places)
    if not expr.children:
        return expr
    return expr.with_children([shifted(child, places) for child in expr.children])


@dataclass(slots=True)
class _Side:
    """One input while its keys are found.

    Args:
        relation: Its rows.
        exprs: Its columns, then those computed for keys.
        names: Their names.
    """

    relation: Relation
    exprs: list[Expr] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.exprs, self.names = identity(self.relation)

    def place(self, expr: Expr) -> int:
        """The column an expression is, computed where it is none yet."""
        if expr not in self.exprs:
            self.exprs.append(expr)
            self.names.append(f"$f{len(self.names)}")
        return self.exprs.index(expr)

    def settled(self) -> Relation:
        """The rows with all columns."""
        return self.relation.project(self.exprs, unique(self.names))


def join(
    kind: JoinKind,
    left: Relation,
    right: Relation,
    conditions: Sequence[Expr],
    ttl_ms: tuple[int, int] = (0, 0),
    *,
    final: bool = False,
) -> Relation:
    """The joined rows.

    Args:
        kind: Of the join.
        left: Left rows.
        right: Right rows.
        conditions: What must hold for a match, over the columns of both.
        ttl_ms: How long rows of each are kept; 0 for ever.
        final: Batch mode.
    """
    width = len(left.columns)
    sides = (_Side(left), _Side(right))
    keys: list[tuple[int, int]] = []
    null_safe: set[int] = set()
    rest: list[Expr] = []
    for part in conditions:
        pair = _equal_pair(part, width)
        if pair is None:
            rest.append(part)
            continue
        places = (sides[0].place(pair[0]), sides[1].place(pair[1]))
        if places in keys:
            continue
        if isinstance(part, Call) and part.function.name == _SAME:
            null_safe.add(len(keys))
        keys.append(places)
    rows = sides[0].settled(), sides[1].settled()
    nodes = rows[0].place(), rows[1].place()
    schemas = node_schema(nodes[0]), node_schema(nodes[1])
    extra = len(schemas[0].columns) - width
    spec = JoinSpec(
        kind,
        *schemas,
        _output(kind, *schemas),
        tuple(keys),
        frozenset(null_safe),
        joined([_widened(part, width, extra) for part in rest]) if rest else None,
        (_identity(rows[0], [a for a, _ in keys]), _identity(rows[1], [b for _, b in keys])),
        ttl_ms,
        final=final,
    )
    names = spec.output.names
    node = PairNode(_by_window(spec, *nodes) or spec, *nodes)
    found = Relation.over(node, names, _keys(spec, *rows))
    return _declared(found, kind, left, right, extra)


def _equal_pair(part: Expr, width: int) -> tuple[Expr, Expr] | None:
    """The left and the right expression that must be equal."""
    if not isinstance(part, Call) or part.function.name not in {_EQUAL, _SAME}:
        return None
    one, other = part.args
    if side_of(one, width) == 1 and side_of(other, width) == 0:
        one, other = other, one
    if side_of(one, width) != 0 or side_of(other, width) != 1:
        return None
    return one, shifted(other, -width)


def _widened(expr: Expr, width: int, extra: int) -> Expr:
    """The expression where the left side has more columns."""
    if isinstance(expr, InputRef):
        return replace(expr, index=expr.index + extra) if expr.index >= width else expr
    if not expr.children:
        return expr
    return expr.with_children([_widened(child, width, extra) for child in expr.children])


def _by_window(spec: JoinSpec, left: PlanNode, right: PlanNode) -> WindowJoinSpec | None:
    """The join of rows in the same window, where the keys are bounds of windows of one kind."""
    pairs: dict[str, tuple[int, int]] = {}
    found: Bound | None = None
    for a, b in spec.keys:
        one, other = window_bound(left, a), window_bound(right, b)
        if one is None or other is None or one.name != other.name:
            continue
        if one.spec.windows == other.spec.windows:
            pairs[one.name], found = (a, b), one
    if found is None or not {START, END} <= pairs.keys():
        return None
    if not (node_changes(left).is_insert_only and node_changes(right).is_insert_only):
        return None
    zoned = found.spec.time_type.root is TypeRoot.TIMESTAMP_LTZ
    return WindowJoinSpec(spec, pairs[END], found.spec.windows, zoned=zoned)


def _output(kind: JoinKind, left: Schema, right: Schema) -> Schema:
    columns = [_padded(column, lacks=kind.keeps_right) for column in left.columns]
    if not kind.only_left:
        columns += [_padded(column, lacks=kind.keeps_left) for column in right.columns]
    names = unique([column.name for column in columns])
    return Schema(tuple(Column(n, c.type) for n, c in zip(names, columns, strict=True)))


def _padded(column: Column, *, lacks: bool) -> Column:
    kind = column.type
    return Column(column.name, kind.with_nullable(nullable=kind.nullable or lacks))


def _identity(relation: Relation, keys: Iterable[int]) -> tuple[int, ...] | None:
    """The columns that identify a row, best those of the join key."""
    taken = set(keys)
    best = min(relation.keys, key=lambda key: (len(key - taken), len(key)), default=None)
    return None if best is None else tuple(sorted(best))


def _keys(spec: JoinSpec, left: Relation, right: Relation) -> tuple[frozenset[int], ...]:
    """What identifies a joined row."""
    if spec.kind.only_left:
        return left.keys
    width = len(spec.left.columns)
    moved = [frozenset(index + width for index in key) for key in right.keys]
    found = [one | other for one in left.keys for other in moved]
    # A side whose join key identifies its rows adds at most one row to each of the other side.
    if any(key <= {b for _, b in spec.keys} for key in right.keys) and not spec.kind.keeps_right:
        found = [*left.keys, *found]
    if any(key <= {a for a, _ in spec.keys} for key in left.keys) and not spec.kind.keeps_left:
        found = [*moved, *found]
    return tuple(dict.fromkeys(found))


def _declared(
    found: Relation, kind: JoinKind, left: Relation, right: Relation, extra: int
) -> Relation:
    """The joined rows without columns computed for keys, under the names of both sides."""
    width = len(left.columns)
    places = list(range(width))
    columns = list(left.columns)
    if not kind.only_left:
        places += [width + extra + i for i in range(len(right.columns))]
        columns += right.columns
    refs = [found.projections[place] for place in places]
    kept = found.project(refs, unique([column.name for column in columns]))
    named = tuple(
        ScopeColumn(c.name, ref.type, c.qualifier) for c, ref in zip(columns, refs, strict=True)
    )
    return replace(kept, columns=named)
