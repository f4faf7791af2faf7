"""AND, OR, NOT, IS TRUE and its kin, CASE, IF, COALESCE: what decides which rows are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.expressions import InputRef, Literal, arrow_type, broadcast, true_mask
from penstock.functions.cast import cast_array
from penstock.functions.registry import scalar
from penstock.types import BOOLEAN, coercion

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame
    from penstock.types import DataType


@scalar("AND OR", "b b*", BOOLEAN, lazy=True, operator=True)
def and_or(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Three-valued; a side that may fail runs only on rows the left side leaves open."""
    is_and = call.function.name == "AND"
    join = pc.and_kleene if is_and else pc.or_kleene
    result = frame.value(call.args[0])
    for arg in call.args[1:]:
        if arg.may_fail:
            settled = pc.invert(result) if is_and else result
            open_rows = pc.invert(true_mask(settled, frame.rows))
            result = join(broadcast(result, frame.rows), _masked(arg, arg.type, open_rows, frame))
        else:
            result = join(result, frame.value(arg))
    return result


@scalar("NOT", "b", BOOLEAN, operator=True)
def negate(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Of NULL is NULL."""
    return pc.invert(args[0])


@scalar(
    "IS_TRUE IS_FALSE IS_UNKNOWN IS_NOT_TRUE IS_NOT_FALSE IS_NOT_UNKNOWN",
    "b",
    BOOLEAN,
    nullable="never",
    operator=True,
)
def truth(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Never NULL."""
    name, value = call.function.name, args[0]
    if "UNKNOWN" in name:
        found = pc.is_null(value)
    elif "TRUE" in name:
        found = pc.fill_null(value, False)  # noqa: FBT003
    else:
        found = pc.invert(pc.fill_null(value, True))  # noqa: FBT003
    return pc.invert(found) if "NOT" in name else found


def _masked(expr: Expr, target: DataType, mask: Any, frame: Frame) -> Any:
    """The values of `expr` as `target` where `mask`, NULL elsewhere, where nothing is evaluated."""
    wanted = arrow_type(target)
    chosen = mask.true_count
    if not chosen:
        return pa.nulls(frame.rows, wanted)
    part = frame if chosen == frame.rows else frame.filter(mask)
    values = cast_array(part.array(expr), expr.type, target, frame.context)
    if part is frame:
        return values
    positions = pc.subtract(pc.cumulative_sum(mask.cast(pa.int64())), 1)
    return values.take(pc.if_else(mask, positions, pa.scalar(None, pa.int64())))


def _branch(expr: Expr, target: DataType, mask: Any, frame: Frame) -> Any:
    if not isinstance(expr, Literal | InputRef) or not expr.type.same_but_nullability(target):
        return _masked(expr, target, mask, frame)
    return frame.value(expr)


def _choose(call: Call, pairs: list[tuple[Expr, Expr]], otherwise: Expr, frame: Frame) -> Any:
    open_rows = pa.repeat(pa.scalar(True), frame.rows)  # noqa: FBT003
    masks, values = [], []
    for condition, result in pairs:
        if condition.may_fail:
            taken = true_mask(_masked(condition, BOOLEAN, open_rows, frame), frame.rows)
        else:
            taken = true_mask(frame.value(condition), frame.rows)
        taken = pc.and_(taken, open_rows)
        open_rows = pc.and_(open_rows, pc.invert(taken))
        masks.append(taken)
        values.append(_branch(result, call.type, taken, frame))
    result = broadcast(_branch(otherwise, call.type, open_rows, frame), frame.rows)
    for mask, value in zip(masks, values, strict=True):
        result = pc.if_else(mask, value, result)
    return result


def _case_type(args: list[Expr]) -> DataType | None:
    results = [*args[1:-1:2], args[-1]]
    return coercion.common_type([arg.type for arg in results])


@scalar("CASE", "x x x*", _case_type, nullable="rule", lazy=True, operator=True)
def case(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Arguments: condition, result, .., else. Branches run only on the rows that take them."""
    pairs = list(zip(call.args[0:-1:2], call.args[1:-1:2], strict=True))
    return _choose(call, pairs, call.args[-1], frame)


def _if_type(args: list[Expr]) -> DataType | None:
    found = coercion.common_type([args[1].type, args[2].type])
    return found and found.with_nullable(any(arg.type.nullable for arg in args))


@scalar("IF", "b x x", _if_type, nullable="rule", lazy=True)
def if_(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """A condition of NULL takes the last argument."""
    return _choose(call, [(call.args[0], call.args[1])], call.args[2], frame)


def _coalesce_type(args: list[Expr]) -> DataType | None:
    found = coercion.common_type([arg.type for arg in args])
    return found and found.with_nullable(all(arg.type.nullable for arg in args))


def _ifnull_type(args: list[Expr]) -> DataType | None:
    texts = args[0].type.root in coercion.STRINGS
    return args[0].type if texts and not args[0].type.nullable else _coalesce_type(args)


@scalar("COALESCE", "x x*", _coalesce_type, nullable="rule", lazy=True)
@scalar("IFNULL", "x x", _ifnull_type, nullable="rule", lazy=True)
def coalesce(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The first argument that is not NULL; later ones run only on rows still NULL."""
    open_rows = pa.repeat(pa.scalar(True), frame.rows)  # noqa: FBT003
    result = pa.nulls(frame.rows, arrow_type(call.type))
    for arg in call.args:
        result = pc.coalesce(result, _branch(arg, call.type, open_rows, frame))
        if not result.null_count:
            break
        open_rows = pc.is_null(result)
    return result
