"""ARRAY, MAP and ROW: constructors and access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import Literal, arrow_type, broadcast
from penstock.functions.cast import cast_array
from penstock.functions.registry import map_rows, scalar
from penstock.types import ARRAY, INT, MAP, ROW, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame

R = TypeRoot


def _array_type(args: list[Expr]) -> DataType | None:
    found = co.common_type([arg.type for arg in args])
    return found and ARRAY(found).with_nullable(nullable=False)


def _cast_all(args: list[Any], exprs: tuple[Expr, ...], target: DataType, frame: Frame) -> Any:
    return [
        cast_array(broadcast(arg, frame.rows), expr.type, target, frame.context)
        for arg, expr in zip(args, exprs, strict=True)
    ]


@scalar("ARRAY", "x x*", _array_type, nullable="rule", operator=True)
def array_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """`ARRAY[..]` of one type family: the arguments' arrays interleaved."""
    items = _cast_all(args, call.args, call.type.children[0], frame)
    count, rows = len(items), frame.rows
    order = np.arange(count * rows).reshape(count, rows).T.reshape(-1)
    values = pa.concat_arrays(items).take(pa.array(order))
    offsets = pa.array(np.arange(0, count * rows + 1, count, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)


def _map_type(args: list[Expr]) -> DataType | None:
    key = co.common_type([arg.type for arg in args[0::2]])
    value = co.common_type([arg.type for arg in args[1::2]])
    if key is None or value is None or len(args) % 2:
        return None
    return MAP(key, value).with_nullable(nullable=False)


@scalar("MAP", "x x x*", _map_type, nullable="rule", operator=True)
def map_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """`MAP[k, v, ..]`; the last of equal keys wins."""
    keys = _cast_all(args[0::2], call.args[0::2], call.type.children[0], frame)
    values = _cast_all(args[1::2], call.args[1::2], call.type.children[1], frame)

    def build(*row: Any) -> list[tuple[Any, Any]]:
        half = len(row) // 2
        return unique_pairs(list(zip(row[:half], row[half:], strict=True)))

    return map_rows(build, keys + values, frame, arrow_type(call.type), strict=False)


def unique_pairs(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Key and value pairs with the last of equal keys.

    Raises:
        DataError: A key is NULL, which Arrow's maps cannot hold.
    """
    if any(key is None for key, _ in pairs):
        raise DataError("NULL as a key of a MAP is unsupported", code="map-key")
    if any(isinstance(key, list | dict) for key, _ in pairs):
        return [
            pair for i, pair in enumerate(pairs) if pair[0] not in [k for k, _ in pairs[i + 1 :]]
        ]
    return list(dict(pairs).items())


def _row_type(args: list[Expr]) -> DataType:
    fields = [(f"EXPR${i}", arg.type) for i, arg in enumerate(args)]
    return ROW(*fields).with_nullable(nullable=False)


@scalar("ROW", "x x*", _row_type, nullable="rule", operator=True)
def row_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """`ROW(..)` or `(a, b)`."""
    arrays = [broadcast(arg, frame.rows) for arg in args]
    return pa.StructArray.from_arrays(arrays, fields=list(arrow_type(call.type)))


def _field_type(args: list[Expr]) -> DataType | None:
    name = args[1]
    assert isinstance(name, Literal)
    for field in args[0].type.fields:
        if field.name == name.value:
            return field.type.with_nullable(field.type.nullable or args[0].type.nullable)
    return None


@scalar(".", "r s", _field_type, nullable="rule", operator=True)
def field_of(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """A field of a ROW; NULL where the ROW is."""
    name = call.args[1]
    assert isinstance(name, Literal)
    index = [field.name for field in call.args[0].type.fields].index(name.value)
    return pc.struct_field(args[0], [index])


def _item_type(args: list[Expr]) -> DataType | None:
    holder, index = args[0].type, args[1]
    if holder.root is R.ARRAY:
        zero = isinstance(index, Literal) and index.value is not None and index.value < 1
        return None if zero else holder.children[0].with_nullable(nullable=True)
    return holder.children[1].with_nullable(nullable=True) if holder.root is R.MAP else None


@scalar("[]", "a i", _item_type, nullable="rule", operator=True)
def array_item(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """`array[i]`, from 1; NULL where there is none."""
    array = broadcast(args[0], frame.rows)
    index = broadcast(args[1], frame.rows).cast(pa.int64())
    inside = pc.and_(pc.greater_equal(index, 1), pc.less_equal(index, pc.list_value_length(array)))
    places = pc.subtract(pc.add(array.offsets[:-1].cast(pa.int64()), index), 1)
    return array.values.take(pc.if_else(inside, places, pa.scalar(None, pa.int64())))


@scalar("[]", "m x", _item_type, nullable="rule", operator=True)
def map_item(call: Call, args: list[Any], frame: Frame) -> Any:
    """`map[key]`; NULL where there is none."""
    kind = call.args[0].type.children[0]
    key = cast_array(broadcast(args[1], frame.rows), call.args[1].type, kind, frame.context)

    def find(pairs: list[tuple[Any, Any]], wanted: Any) -> Any:
        return next((value for found, value in pairs if found == wanted), None)

    return map_rows(find, [args[0], key], frame, arrow_type(call.type))


@scalar("CARDINALITY", "a", INT)
def cardinality(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Elements of an array."""
    return pc.list_value_length(broadcast(args[0], frame.rows))


@scalar("CARDINALITY", "m", INT)
def map_cardinality(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Pairs of a map."""
    return map_rows(len, args, frame, pa.int32())


def _only_type(args: list[Expr]) -> DataType | None:
    kind = args[0].type
    if not kind.children:
        return None
    return kind.children[0].with_nullable(kind.nullable or kind.children[0].nullable)


@scalar("ELEMENT", "a", _only_type, nullable="rule", may_fail=True)
def element(call: Call, args: list[Any], frame: Frame) -> Any:
    """The only element; NULL of an empty array."""

    def only(found: list[Any]) -> Any:
        if len(found) > 1:
            raise DataError("array of ELEMENT has more than one element")
        return found[0] if found else None

    return map_rows(only, args, frame, arrow_type(call.type))
