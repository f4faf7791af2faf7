"""ARRAY, MAP and ROW: constructors, access and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.errors import DataError
from penstock.expressions import Literal, arrow_type
from penstock.functions.cast import cast_array
from penstock.functions.registry import map_rows, rowwise, same, scalar
from penstock.functions.text import value_text
from penstock.types import ARRAY, BOOLEAN, INT, MAP, ROW, STRING, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Expr, Frame

R = TypeRoot


def _array_type(args: list[Expr]) -> DataType | None:
    found = co.common_type([arg.type for arg in args])
    return found and ARRAY(found).with_nullable(nullable=False)


def _cast_all(args: list[Any], exprs: tuple[Expr, ...], target: DataType, frame: Frame) -> Any:
    from penstock.expressions import broadcast

    return [
        cast_array(broadcast(arg, frame.rows), expr.type, target, frame.context)
        for arg, expr in zip(args, exprs, strict=True)
    ]


@scalar("ARRAY", "x x*", _array_type, nullable="rule", operator=True)
def array_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """`ARRAY[..]` of one type family."""
    items = _cast_all(args, call.args, call.type.children[0], frame)
    return map_rows(lambda *row: list(row), items, frame, arrow_type(call.type), strict=False)


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
        if None in row[:half]:
            raise DataError("NULL as a key of a MAP is unsupported", code="map-key")
        pairs = list(zip(row[:half], row[half:], strict=True))
        if any(isinstance(key, list | dict) for key, _ in pairs):
            return pairs
        return list(dict(pairs).items())

    return map_rows(build, keys + values, frame, arrow_type(call.type), strict=False)


def _row_type(args: list[Expr]) -> DataType:
    fields = [(f"EXPR${i}", arg.type) for i, arg in enumerate(args)]
    return ROW(*fields).with_nullable(nullable=False)


@scalar("ROW", "x x*", _row_type, nullable="rule", operator=True)
def row_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """`ROW(..)` or `(a, b)`."""
    from penstock.expressions import broadcast

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
def field_of(call: Call, args: list[Any], frame: Frame) -> Any:
    """A field of a ROW; NULL where the ROW is."""
    import pyarrow.compute as pc

    del frame
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
@scalar("[]", "m x", _item_type, nullable="rule", operator=True)
def item(call: Call, args: list[Any], frame: Frame) -> Any:
    """`array[i]`, from 1, or `map[key]`; NULL where there is none."""
    if call.args[0].type.root is R.ARRAY:
        pick: Callable[..., Any] = lambda found, i: found[i - 1] if 1 <= i <= len(found) else None  # noqa: E731
    else:
        pick = lambda found, key: dict(found).get(key)  # noqa: E731
    return map_rows(pick, args, frame, arrow_type(call.type))


scalar("CARDINALITY", "am", INT)(rowwise(len))


@scalar("ELEMENT", "a", lambda args: args[0].type.children[0], nullable="always", may_fail=True)
def element(call: Call, args: list[Any], frame: Frame) -> Any:
    """The only element; NULL of an empty array."""

    def only(found: list[Any]) -> Any:
        if len(found) > 1:
            raise DataError("array of ELEMENT has more than one element")
        return found[0] if found else None

    return map_rows(only, args, frame, arrow_type(call.type))


def _element(args: list[Expr]) -> DataType | None:
    found = args[0].type
    if found.root is not R.ARRAY or found.children[0].root in co.CONSTRUCTED:
        return None
    return found.children[0].with_nullable(nullable=True)


def _widened(args: list[Expr]) -> DataType | None:
    if not args[0].type.children:
        return None
    found = co.common_type([args[0].type.children[0], args[1].type])
    return found and ARRAY(found)


def _merged(args: list[Expr]) -> DataType | None:
    return co.common_type([arg.type for arg in args])


def _unique(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for entry in items:
        if entry not in found:
            found.append(entry)
    return found


def _loose(function: Callable[..., Any], strict_count: int = 1) -> Callable[..., Any]:
    """NULL only where one of the first `strict_count` arguments is."""

    def apply(*row: Any) -> Any:
        return None if None in row[:strict_count] else function(*row)

    return rowwise(apply, strict=False)


def _sort(items: list[Any], ascending: bool = True, nulls_first: bool | None = None) -> list[Any]:  # noqa: FBT001, FBT002
    known = sorted((entry for entry in items if entry is not None), reverse=not ascending)
    nulls = [None] * (len(items) - len(known))
    first = ascending if nulls_first is None else nulls_first
    return nulls + known if first else known + nulls


def _slice(items: list[Any], start: int, end: int | None = None) -> list[Any]:
    size = len(items)
    begin = start + size + 1 if start < 0 else max(start, 1)
    stop = size if end is None else (end + size + 1 if end < 0 else (end or 1))
    return items[max(begin, 1) - 1 : max(stop, 0)] if begin <= size else []


_FIRST = {
    "ARRAY_DISTINCT": _unique,
    "ARRAY_REVERSE": lambda items: items[::-1],
}
for _name, _function in _FIRST.items():
    scalar(_name, "a", same())(rowwise(_function))


def _with_element(result: DataType) -> Callable[[list[Expr]], DataType | None]:
    return lambda args: result if _widened(args) is not None else None


scalar("ARRAY_CONTAINS", "a x", _with_element(BOOLEAN))(_loose(lambda items, entry: entry in items))
scalar("ARRAY_POSITION", "a x", _with_element(INT))(
    rowwise(lambda items, entry: items.index(entry) + 1 if entry in items else 0)
)
scalar("ARRAY_APPEND", "a x", _widened)(_loose(lambda items, entry: [*items, entry]))
scalar("ARRAY_PREPEND", "a x", _widened)(_loose(lambda items, entry: [entry, *items]))
scalar("ARRAY_REMOVE", "a x", lambda args: args[0].type)(
    _loose(lambda items, gone: [entry for entry in items if entry != gone])
)
scalar("ARRAY_CONCAT", "a a*", _merged)(
    rowwise(lambda *lists: [e for found in lists for e in found])
)
scalar("ARRAY_UNION", "a a", _merged)(rowwise(lambda a, b: _unique(a + b)))
scalar("ARRAY_INTERSECT", "a a", _merged)(
    rowwise(lambda a, b: [entry for entry in _unique(a) if entry in b])
)


def _except(items: list[Any], gone: list[Any]) -> list[Any]:
    return [entry for entry in _unique(items) if entry not in gone]


scalar("ARRAY_EXCEPT", "a a", _merged)(rowwise(_except))
scalar("ARRAY_SLICE", "a i i?", same())(rowwise(_slice))
scalar("ARRAY_SORT", "a b? b?", same())(rowwise(_sort))
scalar("ARRAY_MAX", "a", _element, nullable="always")(
    rowwise(lambda items: max((e for e in items if e is not None), default=None))
)
scalar("ARRAY_MIN", "a", _element, nullable="always")(
    rowwise(lambda items: min((e for e in items if e is not None), default=None))
)


def _join_type(args: list[Expr]) -> DataType | None:
    kind = args[0].type
    return STRING if kind.children and kind.children[0].root in co.STRINGS else None


@scalar("ARRAY_JOIN", "a s s?", _join_type, nullable="always")
def array_join(call: Call, args: list[Any], frame: Frame) -> Any:
    """Skips NULL elements unless a text for them is given."""
    kind = call.args[0].type.children[0]

    def join(items: list[Any], separator: str, null: str | None = None) -> str:
        texts = [null if entry is None else value_text(entry, kind) for entry in items]
        return separator.join(text for text in texts if text is not None)

    return map_rows(join, args, frame, pa.string())


def _map_from_arrays(keys: list[Any], values: list[Any]) -> list[tuple[Any, Any]]:
    if len(keys) != len(values):
        raise DataError("arrays of MAP_FROM_ARRAYS differ in length")
    return list(dict(zip(keys, values, strict=True)).items())


scalar("MAP_KEYS", "m", lambda args: ARRAY(args[0].type.children[0]))(
    rowwise(lambda pairs: [key for key, _ in pairs])
)
scalar("MAP_VALUES", "m", lambda args: ARRAY(args[0].type.children[1]))(
    rowwise(lambda pairs: [value for _, value in pairs])
)
scalar(
    "MAP_ENTRIES",
    "m",
    lambda args: ARRAY(ROW(("key", args[0].type.children[0]), ("value", args[0].type.children[1]))),
)(rowwise(lambda pairs: [{"key": key, "value": value} for key, value in pairs]))
scalar(
    "MAP_FROM_ARRAYS",
    "a a",
    lambda args: MAP(args[0].type.children[0], args[1].type.children[0]),
)(rowwise(_map_from_arrays))
scalar("MAP_UNION", "m m*", _merged)(
    rowwise(lambda *maps: list({k: v for pairs in maps for k, v in pairs}.items()))
)


@scalar("TYPEOF", "x b?", STRING, nullable="never")
def type_of(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The SQL text of the argument's type."""
    return pa.scalar(call.args[0].type.sql())
