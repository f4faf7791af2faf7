"""TUMBLE, HOP and CUMULATE: as table functions, and as keys of GROUP BY."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from penstock.errors import Span, UnsupportedFeatureError, ValidationError
from penstock.expressions import InputRef, Literal
from penstock.operators.window import Windows, WindowSpec
from penstock.plan import TransformNode
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.from_joins import calcite_name
from penstock.planner.bind.names import unique
from penstock.planner.bind.scope import Scope
from penstock.planner.relation import Relation, node_schema
from penstock.planner.time_attributes import is_rowtime
from penstock.sql import tree as ast
from penstock.types import TypeRoot

if TYPE_CHECKING:
    pass

KINDS = {"TUMBLE", "HOP", "CUMULATE"}
_SESSION_HINT = "Of windows only TUMBLE, HOP and CUMULATE are built."
_PARAMETERS = {
    "TUMBLE": ("DATA", "TIMECOL", "SIZE", "OFFSET"),
    "HOP": ("DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"),
    "CUMULATE": ("DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"),
}
_STEPS = {"HOP": "SLIDE", "CUMULATE": "STEP"}
_FORMS = {
    "TUMBLE": "TUMBLE(TABLE table_name, DESCRIPTOR(timecol), datetime interval"
    "[, datetime interval])",
    "HOP": "HOP(TABLE table_name, DESCRIPTOR(timecol), datetime interval, datetime interval"
    "[, datetime interval])",
    "CUMULATE": "CUMULATE(TABLE table_name, DESCRIPTOR(timecol), datetime interval, datetime"
    " interval[, datetime interval])",
    "SESSION": "SESSION(TABLE table_name, DESCRIPTOR(timecol), datetime interval)",
}


@dataclass(frozen=True, slots=True)
class WindowCall:
    """A window table function as it is written.

    Args:
        data: The rows.
        time: The time attribute.
        windows: What windows there are.
    """

    data: ast.Query
    time: ast.Identifier
    windows: Windows


def window_call(node: ast.FunctionCall) -> WindowCall:
    """The arguments of TUMBLE, HOP or CUMULATE.

    Raises:
        ValidationError: They do not fit.
    """
    kind = node.simple_name
    names = _PARAMETERS[kind]
    given: dict[str, ast.Expression] = {}
    for name, argument in zip(names, node.arguments, strict=False):
        if isinstance(argument, ast.NamedArgument):
            given[argument.name.upper()] = argument.value
        else:
            given[name] = argument
    least = names[:-1]
    if len(node.arguments) > len(names) or not set(least) <= set(given) <= set(names):
        raise ValidationError(
            f"Invalid number of arguments to function '{kind}'. Was expecting {len(least)}"
            " arguments",
            node.span,
        )
    data, time = given["DATA"], given["TIMECOL"]
    if isinstance(data, ast.TableArgument) and not data.partition_by:
        query: ast.Query = data.query
    elif isinstance(data, ast.ScalarSubquery):
        query = data.query
    else:
        raise _wrong(kind, node.span)
    if not (isinstance(time, ast.FunctionCall) and time.simple_name == "DESCRIPTOR"):
        raise _wrong(kind, node.span)
    column = time.arguments[0] if len(time.arguments) == 1 else None
    if not isinstance(column, ast.Identifier):
        raise _wrong(kind, node.span)
    size = _millis(given["SIZE"], kind)
    step = _millis(given[_STEPS[kind]], kind) if kind in _STEPS else size
    offset = _millis(given["OFFSET"], kind) if "OFFSET" in given else 0
    return WindowCall(query, column, Windows(kind, size, step, offset))


def windowed(relation: Relation, time: ast.Identifier, windows: Windows, name: str) -> Relation:
    """The rows of a relation with their windows.

    Args:
        relation: The rows.
        time: Their time attribute.
        windows: What windows there are.
        name: How messages call the function.

    Raises:
        ValidationError: It is no time attribute.
    """
    names = [column.name for column in relation.columns]
    if time.parts[-1] not in names:
        raise ValidationError(
            f"Unknown identifier '{time.parts[-1]}'", time.span, code="unknown-column"
        )
    bound = Scope(relation.columns).resolve(time.parts, time.span)
    node = relation.place()
    if not isinstance(bound, InputRef) or not is_rowtime(node, bound.index):
        kind = bound.type.with_nullable(nullable=True)
        if kind.root in {TypeRoot.TIMESTAMP, TypeRoot.TIMESTAMP_LTZ}:
            raise ValidationError(
                "The window function requires the timecol is a time attribute type, but is"
                f" {kind.sql()}.",
                time.span,
                code="no-rowtime",
                hint="Declare WATERMARK FOR it in the table.",
            )
        raise ValidationError(
            f"The window function {_FORMS[name]} requires the timecol to be TIMESTAMP or"
            f" TIMESTAMP_LTZ, but is {calcite_name(kind)}.\nBesides, the timecol must be a time"
            " attribute type in streaming mode.",
            time.span,
        )
    spec = WindowSpec(node_schema(node), bound.index, windows)
    added = spec.schema.names[len(names) :]
    keys = relation.row_keys
    if windows.kind != "TUMBLE":
        keys = tuple(key | {len(names) + 1, len(names)} for key in keys)
    return Relation.over(TransformNode(spec, node), unique([*names, *added]), keys)


def _millis(node: ast.Expression, kind: str) -> int:
    found = bind(node, Scope())
    if not isinstance(found, Literal) or not isinstance(found.value, dt.timedelta):
        raise _wrong(kind, node.span)
    return int(found.value / dt.timedelta(milliseconds=1))


def _wrong(kind: str, span: Span) -> ValidationError:
    return ValidationError(
        f"Cannot apply '{kind}' to these arguments. Supported form(s): {_FORMS[kind]}",
        span,
        code="argument-types",
    )


# Windows as keys of GROUP BY

_START, _END, _TIME = "$window_start", "$window_end", "$window_time"
_AUXILIARY = {"_START": _START, "_END": _END, "_ROWTIME": _TIME}


def with_group_window(node: ast.Select, relation: Relation) -> tuple[ast.Select, Relation] | None:
    """A query whose GROUP BY has a window, as one over a window table function.

    Raises:
        SqlError: The window is wrong, or of a kind that is not run.
    """
    calls = [part for part in node.group_by or () if _is_window(part)]
    if not calls:
        return None
    call = calls[0]
    assert isinstance(call, ast.FunctionCall)
    if len(calls) > 1:
        raise ValidationError("Only a single window function in GROUP BY supported", calls[1].span)
    kind = call.simple_name
    if kind == "SESSION":
        raise unsupported("SESSION windows", call, _SESSION_HINT)
    time, *spans = call.arguments
    if not isinstance(time, ast.Identifier):
        raise ValidationError("Window can only be defined over a time attribute column.", time.span)
    sizes = [_millis(part, kind) for part in spans]
    if len(sizes) != (2 if kind == "HOP" else 1):
        raise unsupported(f"{kind} with an alignment", call)
    windows = Windows(kind, sizes[-1], sizes[0])
    bound = Scope(relation.columns).resolve(time.parts, time.span)
    if not isinstance(bound, InputRef) or not is_rowtime(relation.place(), bound.index):
        raise ValidationError(
            "Window aggregate can only be defined over a time attribute column, but"
            f" {bound.type.with_nullable(nullable=True).sql()} encountered.",
            time.span,
            code="no-rowtime",
            hint="Declare WATERMARK FOR it in the table.",
        )
    found = windowed(relation, time, windows, kind)
    named = [*relation.columns]
    for column, name in zip(found.columns[len(named) :], (_START, _END, _TIME), strict=True):
        nullable = column.type.with_nullable(nullable=name == _TIME)
        named.append(replace(column, name=name, type=nullable))
    found = replace(found, columns=tuple(named))
    keys = tuple(ast.Identifier((name,), span=call.span) for name in (_START, _END, _TIME))
    group_by = tuple(part for part in node.group_by or () if part is not call)
    items = tuple(_named(item, place, call) for place, item in enumerate(node.items))
    having = None if node.having is None else _rewritten(node.having, call)
    return replace(node, items=items, group_by=(*keys, *group_by), having=having), found


def _is_window(node: ast.Expression) -> bool:
    return isinstance(node, ast.FunctionCall) and node.simple_name in {"TUMBLE", "HOP", "SESSION"}


def _named(item: ast.SelectItem, place: int, call: ast.FunctionCall) -> ast.SelectItem:
    expression = _rewritten(item.expression, call)
    renamed = isinstance(expression, ast.Identifier) and expression is not item.expression
    alias = item.alias or (f"EXPR${place}" if renamed else None)
    return replace(item, expression=expression, alias=alias)


def _rewritten(node: Any, call: ast.FunctionCall) -> Any:
    """An expression in which functions of the group's window are its columns."""
    if isinstance(node, ast.FunctionCall):
        kind = call.simple_name
        suffix = node.simple_name.removeprefix(kind)
        if suffix != node.simple_name and suffix in _AUXILIARY:
            if node.arguments != call.arguments:
                raise ValidationError(
                    f"Call to auxiliary group function '{node.simple_name}' must have matching call"
                    f" to group function '${kind}' in GROUP BY clause",
                    node.span,
                )
            return ast.Identifier((_AUXILIARY[suffix],), span=node.span)
    if isinstance(node, tuple):
        found = tuple(_rewritten(part, call) for part in node)
        return found if any(a is not b for a, b in zip(found, node, strict=True)) else node
    if is_dataclass(node) and not isinstance(node, type | ast.Query | Span):
        parts = {
            part.name: _rewritten(getattr(node, part.name), call)
            for part in fields(node)
            if part.init
        }
        same = all(parts[name] is getattr(node, name) for name in parts)
        return node if same else replace(node, **parts)
    return node


def no_window(node: ast.TableFunctionRef) -> UnsupportedFeatureError:
    """The error for a table function that is not one of `KINDS`."""
    name = node.call.simple_name
    return unsupported(f"table function {name}", node, _SESSION_HINT if name == "SESSION" else "")
