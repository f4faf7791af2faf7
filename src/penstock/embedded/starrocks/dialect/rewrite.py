"""What of StarRocks' expressions becomes another expression for DuckDB."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from penstock.embedded.starrocks.dialect.failure import analysis_error, syntax_error
from penstock.embedded.starrocks.dialect.formats import has_time, strftime_format
from penstock.embedded.starrocks.dialect.functions import respelled

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMATTED: Final = frozenset(
    {"sr_date_format", "sr_from_unixtime", "sr_unix_timestamp", "sr_str_to_date", "sr_str2date"}
)
_MATCHES: Final = {"all_match": "sr_all_true", "any_match": "sr_any_true"}
_INTEGERS: Final = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT", "INT128"})
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)


@lru_cache(maxsize=2048)
def parsed(text: str) -> exp.Expression:
    """The statement's tree with functions respelled; callers copy it before they change it.

    Raises:
        QueryError: The text is not understood, or calls a function that is not known here.
    """
    try:
        return sqlglot.parse_one(respelled(text), read="starrocks")
    except (SqlglotError, RecursionError) as error:
        plain = re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()[0]
        raise syntax_error(plain.rstrip(".")) from error


def rewrite(tree: exp.Expression) -> exp.Expression:
    """Change, in place, what DuckDB would read otherwise; the tree."""
    for node in list(tree.walk()):
        change = _CHANGES.get(type(node))
        if change is None:
            continue
        changed = change(node)
        if changed is not node:
            if node is tree:
                tree = changed
            else:
                node.replace(changed)
    return tree


def expression_sql(text: str, is_text: Callable[[str], bool]) -> str:
    """An expression of a load for DuckDB.

    Args:
        text: The expression.
        is_text: Whether a source field is text: in arithmetic and beside a number it is a number.

    Raises:
        QueryError: It is not understood.
    """
    tree = parsed(f"SELECT {text}").copy()
    for node in list(tree.find_all(*_ARITHMETIC, exp.Predicate)):
        for side in (node.args.get("this"), node.args.get("expression")):
            other = node.expression if side is node.this else node.this
            beside_number = isinstance(node, _ARITHMETIC) or (
                isinstance(other, exp.Literal) and not other.is_string
            )
            if isinstance(side, exp.Column) and beside_number and is_text(side.name):
                side.replace(_try_cast(side.copy(), "DOUBLE"))
    selected: Any = rewrite(tree)
    return str(selected.expressions[0].sql(dialect="duckdb"))


def _try_cast(node: exp.Expression, kind: str) -> exp.Expression:
    return exp.TryCast(this=node, to=exp.DataType.build(kind, dialect="duckdb"))


def _call(name: str, *arguments: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _cast(node: Any) -> exp.Expression:
    """A cast that fails is NULL, and one to an integer cuts the fraction off."""
    if isinstance(node, exp.TryCast):
        return node
    kind = node.to.this.name if isinstance(node.to.this, exp.DataType.Type) else ""
    value = node.this
    if kind in _INTEGERS:
        value = _call("sr_to_integer", value.copy())
    return exp.TryCast(this=value.copy(), to=node.to.copy())


def _arithmetic(node: Any) -> exp.Expression:
    """Text literals are numbers in arithmetic."""
    for key in ("this", "expression"):
        side = node.args.get(key)
        if isinstance(side, exp.Literal) and side.is_string and not _has_interval(node):
            side.replace(_try_cast(side.copy(), "DOUBLE"))
    return node


def _has_interval(node: Any) -> bool:
    return isinstance(node.this, exp.Interval) or isinstance(node.expression, exp.Interval)


def _anonymous(node: Any) -> exp.Expression:
    name = node.name.lower()
    if name in _FORMATTED and len(node.expressions) == 2:
        return _formatted(node, name)
    if name == "array_map" and node.expressions:
        return _call("list_transform", *(e.copy() for e in node.expressions[::-1]))
    if name in _MATCHES and node.expressions:
        *condition, values = node.expressions
        if condition:
            values = _call("list_transform", values.copy(), condition[0].copy())
        return _call(_MATCHES[name], values.copy())
    if name in ("multi_distinct_count", "ndv") and node.expressions:
        return exp.Count(this=exp.Distinct(expressions=[e.copy() for e in node.expressions]))
    if name == "multi_distinct_sum" and node.expressions:
        return exp.Sum(this=exp.Distinct(expressions=[e.copy() for e in node.expressions]))
    return node


def _formatted(node: Any, name: str) -> exp.Expression:
    given = node.expressions[1]
    if not isinstance(given, exp.Literal) or not given.is_string:
        raise analysis_error("the format of a date must be a text literal here")
    if name == "sr_str_to_date" and not has_time(given.name):
        name = "sr_str2date"
    form = exp.Literal.string(strftime_format(given.name))
    return _call(name, node.expressions[0].copy(), form)


def _having(node: Any) -> exp.Expression:
    """HAVING without groups is a filter of rows, which may use the names of the selected."""
    having = node.args.get("having")
    if having is None or node.args.get("group") is not None or node.find(exp.AggFunc) is not None:
        return node
    named = {item.alias.lower(): item.this for item in node.expressions if item.alias}
    condition = having.this.copy()

    def unnamed(part: Any) -> Any:
        if isinstance(part, exp.Column) and not part.table and part.name.lower() in named:
            return exp.paren(named[part.name.lower()].copy())
        return part

    node.set("having", None)
    node.where(condition.transform(unnamed), copy=False)
    return node


def _array_filter(node: Any) -> exp.Expression:
    if isinstance(node.this, exp.Lambda):
        return _call("list_filter", node.expression.copy(), node.this.copy())
    return node


def _of_time(node: Any) -> exp.Expression:
    """A text is a time where one is wanted."""
    key = "expression" if isinstance(node, exp.Extract) else "this"
    value = node.args[key]
    if isinstance(value, exp.Literal):
        value.replace(_try_cast(value.copy(), "TIMESTAMP"))
    return node


def _timestamp_diff(node: Any) -> exp.Expression:
    """Whole units between two times."""
    unit = exp.Literal.string(node.text("unit").lower() or "day")
    early, late = node.expression.copy(), node.this.copy()
    return _call("date_sub", unit, _try_cast(early, "TIMESTAMP"), _try_cast(late, "TIMESTAMP"))


def _approximate(node: Any) -> exp.Expression:
    """The exact number is as good as an approximate one, and the same each time."""
    return exp.Count(this=exp.Distinct(expressions=[node.this.copy()]))


_CHANGES: Final[dict[type, Callable[[Any], exp.Expression]]] = {
    exp.Cast: _cast,
    exp.Anonymous: _anonymous,
    exp.ArrayFilter: _array_filter,
    exp.Select: _having,
    exp.TimestampTrunc: _of_time,
    exp.DateTrunc: _of_time,
    exp.TimeSlice: _of_time,
    exp.Extract: _of_time,
    exp.TimestampDiff: _timestamp_diff,
    exp.ApproxDistinct: _approximate,
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
}
