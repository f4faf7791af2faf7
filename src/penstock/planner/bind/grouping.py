"""GROUP BY: its keys and grouping sets, and the nodes that aggregate."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from penstock.config import parse_duration_ms
from penstock.errors import Span, ValidationError
from penstock.expressions import Expr, InputRef
from penstock.operators.expand import ExpandSpec
from penstock.operators.group_aggregate import GroupAggregateSpec
from penstock.operators.window import WindowAggregateSpec
from penstock.operators.window.assign import END, START
from penstock.plan import TransformNode, node_changes
from penstock.planner.bind.aggregates import GroupCalls, aggregates_in
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.names import unique
from penstock.planner.relation import Relation, node_schema
from penstock.planner.time_attributes import window_bound
from penstock.sql import tree as ast
from penstock.types import Column, Schema, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from penstock.operators.window import Windows, WindowSpec
    from penstock.plan.physical import PlanNode
    from penstock.planner.bind.scope import Scope

_SETS_MAX = 4096


@dataclass(frozen=True, slots=True)
class StateOptions:
    """How operators that keep state run.

    Args:
        ttl_ms: How long state is kept that nobody touches; 0 for ever.
        final: Batch mode: results are sent once, at the end of bounded input.
        by_table: How long joins keep rows of tables that a hint names, in lower case.
    """

    ttl_ms: int = 0
    final: bool = False
    by_table: Mapping[str, int] = field(default_factory=dict)


def state_options(settings: Mapping[str, str], node: ast.Select | None) -> StateOptions:
    """What the session and the hints of a SELECT say about state.

    Raises:
        ValidationError: A hint names no table of the query, or is another hint.
        UnsupportedFeatureError: A hint that is not run.
    """
    ttl_ms = parse_duration_ms(settings.get("table.exec.state.ttl", "0"))
    names = {name.lower() for name in _tables(node.from_)} if node else set()
    by_table: dict[str, int] = {}
    for hint in node.hints if node else ():
        if hint.name.upper() == "LOOKUP":
            continue
        if hint.name.upper() != "STATE_TTL":
            raise unsupported(f"hint {hint.name}", hint)
        for table, duration in hint.options:
            if table.lower() not in names:
                raise ValidationError(
                    "The options of following hints cannot match the name of input tables or"
                    f" views: `{table}` in `STATE_TTL`",
                    hint.span,
                    code="hint",
                )
            by_table[table.lower()] = _duration_ms(duration, hint)
    if by_table and node is not None and not isinstance(node.from_, ast.Join):
        ttl_ms = next(reversed(by_table.values()))
    final = settings.get("execution.runtime-mode", "").upper() == "BATCH"
    return StateOptions(ttl_ms, final, by_table)


def _duration_ms(text: str, hint: ast.Hint) -> int:
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise ValidationError(
            f"invalid duration '{text}' in hint STATE_TTL",
            hint.span,
            code="hint",
            detail=f"{error}.",
            hint="Write it as '1 d', '12 h' or '30 min'.",
        ) from error


def _tables(node: ast.Relation | None) -> Iterator[str]:
    if isinstance(node, ast.TableRef):
        yield node.alias or node.name[-1]
    elif isinstance(node, ast.SubqueryRef) and node.alias:
        yield node.alias
    elif isinstance(node, ast.Join):
        yield from _tables(node.left)
        yield from _tables(node.right)


def group_calls(node: ast.Select, scope: Scope) -> GroupCalls:
    """The keys and sets of a GROUP BY, over the columns below it.

    Raises:
        SqlError: A key is wrong.
    """
    sets = [()] if node.group_by is None else _crossed(node.group_by)
    keys: list[tuple[ast.Expression, Expr]] = []
    members: list[frozenset[int]] = []
    for parts in sets:
        places = []
        for part in parts:
            for call in aggregates_in(part):
                message = "Aggregate expression is illegal in GROUP BY clause"
                raise ValidationError(message, call.span)
            bound = bind(part, scope)
            if bound.type.root is TypeRoot.NULL:
                raise unsupported("GROUP BY NULL", part)
            known = [i for i, (_, expr) in enumerate(keys) if expr == bound]
            if not known:
                keys.append((part, bound))
            places.append(known[0] if known else len(keys) - 1)
        members.append(frozenset(places))
    return GroupCalls(scope, keys, members, grouped=bool(keys))


_Set = tuple[ast.Expression, ...]


def _crossed(elements: Sequence[ast.Expression]) -> list[_Set]:
    found = [sum(parts, ()) for parts in product(*map(_sets_of, elements))]
    if len(found) > _SETS_MAX:
        raise unsupported(f"GROUP BY with {len(found)} grouping sets", elements[0])
    return found


def _sets_of(node: ast.Expression) -> list[_Set]:
    """The grouping sets one element of GROUP BY stands for."""
    if isinstance(node, ast.RowConstructor) and not node.explicit:
        return [node.items]
    if not isinstance(node, ast.GroupingElement):
        return [(node,)]
    alternatives = [_sets_of(item) for item in node.items]
    if node.kind == "GROUPING SETS":
        return [found for sets in alternatives for found in sets]
    parts = [sets[0] for sets in alternatives]
    if node.kind == "ROLLUP":
        return [sum(parts[:count], ()) for count in range(len(parts), -1, -1)]
    chosen = product((True, False), repeat=len(parts))
    return [sum((p for p, keep in zip(parts, c, strict=True) if keep), ()) for c in chosen]


def aggregated(relation: Relation, calls: GroupCalls, state: StateOptions) -> Relation:
    """Keys, then results of the calls."""
    # A batch without columns could not say how many rows it has.
    columns: list[Expr] = list(calls.columns) or [_any_column(relation)]
    node = relation.project(columns, unique(calls.names or ["$f0"])).place()
    keys = tuple(range(len(calls.keys)))
    if calls.expanded:
        node = TransformNode(_expansion(node_schema(node), calls), node)
        keys = (*keys, len(node_schema(node).columns) - 1)
    given = node_schema(node)
    results = zip(calls.call_names, calls.calls, strict=True)
    output = [given.columns[index] for index in keys]
    output += [Column(name, call.type) for name, call in results]
    names = unique([column.name for column in output])
    schema = Schema(tuple(Column(n, c.type) for n, c in zip(names, output, strict=True)))
    window = _window(node, calls)
    if window is not None:
        _check_steps(window[0].windows, calls.keys[0][0].span)
        window_spec = WindowAggregateSpec(
            given,
            schema,
            keys,
            window[1],
            tuple(calls.calls),
            window[0].windows,
            zoned=window[0].time_type.root is TypeRoot.TIMESTAMP_LTZ,
            retract=not node_changes(node).is_insert_only,
        )
        return Relation.over(
            TransformNode(window_spec, node), names, (frozenset(range(len(keys))),)
        )
    spec = GroupAggregateSpec(
        given,
        schema,
        keys,
        tuple(calls.calls),
        retract=not node_changes(node).is_insert_only,
        final=state.final,
        ttl_ms=state.ttl_ms,
    )
    key = frozenset(range(len(keys)))
    return Relation.over(TransformNode(spec, node), names, (key,))


def _check_steps(windows: Windows, span: Span) -> None:
    """Windows can be aggregated only where they end together.

    Raises:
        ValidationError: They do not.
    """
    if windows.size % windows.step == 0:
        return
    names = ("size", "slide") if windows.kind == "HOP" else ("maxSize", "step")
    end = "" if windows.kind == "HOP" else "."
    raise ValidationError(
        f"{windows.kind} table function based aggregate requires {names[0]} must be an integral"
        f" multiple of {names[1]}, but got {names[0]} {windows.size} ms and {names[1]}"
        f" {windows.step} ms{end}",
        span,
    )


def _window(node: PlanNode, calls: GroupCalls) -> tuple[WindowSpec, int] | None:
    """The window whose start and end are both keys of every set, and the place of the end."""
    places: dict[str, tuple[WindowSpec, int]] = {}
    for place in range(len(calls.keys)):
        bound = window_bound(node, place)
        if bound is not None and all(place in members for members in calls.sets):
            places.setdefault(bound.name, (bound.spec, place))
    if START not in places or END not in places:
        return None
    return places[END] if places[START][0] == places[END][0] else None


def distinct(relation: Relation, state: StateOptions) -> Relation:
    """Each row once."""
    keys = [
        (ast.Identifier((c.name,)), InputRef(index=i, name=c.name, type=c.type))
        for i, c in enumerate(relation.columns)
    ]
    calls = GroupCalls(relation.scope, keys, [frozenset(range(len(keys)))], grouped=True)
    return aggregated(relation, calls, state)


def _any_column(relation: Relation) -> InputRef:
    column = relation.columns[0]
    return InputRef(index=0, name=column.name, type=column.type)


def _expansion(schema: Schema, calls: GroupCalls) -> ExpandSpec:
    numbers: list[int] = []
    for members in calls.sets:
        number = calls.set_number(members)
        # A set that is there twice counts twice: bits above the keys' tell them apart.
        while number in numbers:
            number += 1 << len(calls.keys)
        numbers.append(number)
    dropped = [
        tuple(i for i in range(len(calls.keys)) if i not in members) for members in calls.sets
    ]
    return ExpandSpec.of(schema, tuple(zip(dropped, numbers, strict=True)))
