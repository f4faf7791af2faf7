"""Comparison: = <> < <= > >=, IS [NOT] NULL, IS [NOT] DISTINCT FROM, IN, GREATEST, LEAST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.expressions import Literal, arrow_type, broadcast
from penstock.functions.cast import cast_array
from penstock.functions.registry import common, scalar
from penstock.types import BOOLEAN, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame

_COMPARE: dict[str, Any] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


@scalar("= <> < <= > >=", "x x", BOOLEAN, operator=True)
def compare(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL if a side is NULL; constructed values compare as a whole."""
    left, right = args
    if call.args[0].type.root in co.CONSTRUCTED:
        return _compare_nested(call.function.name, left, right, frame)
    return _COMPARE[call.function.name](left, right)


def _compare_nested(name: str, left: Any, right: Any, frame: Frame) -> Any:
    a, b = broadcast(left, frame.rows).to_pylist(), broadcast(right, frame.rows).to_pylist()
    values = [
        None if x is None or y is None else _plain(x) == _plain(y)
        for x, y in zip(a, b, strict=True)
    ]
    found = pa.array(values, pa.bool_())
    return pc.invert(found) if name == "<>" else found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_plain(item) for item in value.values())
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return frozenset((k, str(v)) for k, v in value)
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    return value


@scalar("IS_NULL IS_NOT_NULL", "x", BOOLEAN, nullable="never", operator=True)
def is_null(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Never NULL itself."""
    return pc.is_null(args[0]) if call.function.name == "IS NULL" else pc.is_valid(args[0])


@scalar("IS_DISTINCT_FROM IS_NOT_DISTINCT_FROM", "x x", BOOLEAN, nullable="never", operator=True)
def is_distinct(call: Call, args: list[Any], frame: Frame) -> Any:
    """Comparison in which NULL equals NULL."""
    left, right = args
    if call.args[0].type.root in co.CONSTRUCTED:
        same = _compare_nested("=", left, right, frame)
    else:
        same = pc.equal(left, right)
    both = pc.and_(pc.is_null(left), pc.is_null(right))
    same = pc.coalesce(same, both)
    return same if "NOT" in call.function.name else pc.invert(same)


@scalar("IN", "x x*", BOOLEAN, operator=True)
def in_list(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL if the value is NULL, or nothing equals and the list has a NULL."""
    value, *items = args
    if all(isinstance(item, Literal) for item in call.args[1:]) and (
        call.args[0].type.root not in co.CONSTRUCTED
    ):
        known = [item for item in items if item.is_valid]
        members = pa.array([item.as_py() for item in known], value.type)
        found = pc.is_in(value, value_set=members)
        if len(known) < len(items):
            found = pc.if_else(found, found, pa.scalar(None, pa.bool_()))
        return pc.if_else(pc.is_valid(value), found, pa.scalar(None, pa.bool_()))
    result: Any = pa.scalar(False)  # noqa: FBT003
    for item in items:
        if call.args[0].type.root in co.CONSTRUCTED:
            equal = _compare_nested("=", value, item, frame)
        else:
            equal = pc.equal(value, item)
        result = pc.or_kleene(result, equal)
    return result


@scalar("GREATEST LEAST", "x x*", common())
def greatest(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL if any argument is NULL."""
    arrays = [
        cast_array(broadcast(value, frame.rows), arg.type, call.type, frame.context)
        for value, arg in zip(args, call.args, strict=True)
    ]
    take = pc.greater if call.function.name == "GREATEST" else pc.less
    best = arrays[0]
    for array in arrays[1:]:
        best = pc.if_else(take(best, array), best, array)
    return best


@scalar("NULLIF", "x x", lambda args: args[0].type, nullable="always")
def nullif(call: Call, args: list[Any], frame: Frame) -> Any:
    """The first argument, NULL where it equals the second."""
    left, right = args
    a, b = call.args[0].type, call.args[1].type
    shared = co.common_type([a, b])
    if shared is not None and shared.root not in co.STRINGS and TypeRoot.NULL is not b.root:
        one = cast_array(broadcast(left, frame.rows), a, shared, frame.context)
        two = cast_array(broadcast(right, frame.rows), b, shared, frame.context)
        equal = pc.equal(one, two)
    elif b.root is TypeRoot.NULL:
        return left
    else:
        equal = pc.equal(left, right)
    return pc.if_else(pc.fill_null(equal, False), pa.scalar(None, arrow_type(call.type)), left)  # noqa: FBT003
