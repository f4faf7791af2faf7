"""ARRAY_* functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.functions.registry import map_rows, rowwise, same, scalar
from penstock.functions.text import value_text
from penstock.types import ARRAY, BOOLEAN, INT, STRING, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Expr, Frame

R = TypeRoot


def _element_of(types: list[DataType]) -> list[DataType] | None:
    """The second argument is cast to the array's element, where that happens unasked."""
    kind, needle = types
    if not kind.children or not co.is_implicitly_castable(needle, kind.children[0]):
        return None
    nullable = needle.nullable or needle.root is R.NULL
    return [kind, kind.children[0].with_nullable(nullable)]


def _as_one(types: list[DataType]) -> list[DataType] | None:
    """All arrays are cast to their common type."""
    found = co.common_type(types)
    return None if found is None else [found.with_nullable(kind.nullable) for kind in types]


def _by_array(result: DataType) -> Callable[[list[Expr]], DataType]:
    return lambda args: result.with_nullable(args[0].type.nullable)


def _widened(args: list[Expr]) -> DataType:
    array, item = args[0].type, args[1].type
    kind = array.children[0]
    return ARRAY(kind.with_nullable(kind.nullable or item.nullable))


def _unique(items: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(items))
    except TypeError:
        return [entry for i, entry in enumerate(items) if entry not in items[:i]]


def _loose(function: Callable[..., Any]) -> Callable[..., Any]:
    """NULL only where the first argument is."""
    return rowwise(
        lambda first, *rest: None if first is None else function(first, *rest), strict=False
    )


scalar("ARRAY_DISTINCT", "a", same())(rowwise(_unique))
scalar("ARRAY_REVERSE", "a", same())(rowwise(lambda items: items[::-1]))
scalar("ARRAY_CONTAINS", "a x", _by_array(BOOLEAN), nullable="rule", coerce=_element_of)(
    _loose(lambda items, entry: entry in items)
)
scalar("ARRAY_POSITION", "a x", INT, coerce=_element_of)(
    rowwise(lambda items, entry: items.index(entry) + 1 if entry in items else 0)
)
scalar("ARRAY_APPEND", "a x", _widened, coerce=_element_of)(
    _loose(lambda items, entry: [*items, entry])
)
scalar("ARRAY_PREPEND", "a x", _widened, coerce=_element_of)(
    _loose(lambda items, entry: [entry, *items])
)
scalar("ARRAY_REMOVE", "a x", same(), nullable="rule", coerce=_element_of)(
    _loose(lambda items, gone: [entry for entry in items if entry != gone])
)
scalar("ARRAY_CONCAT", "a a*", same(), coerce=_as_one)(
    rowwise(lambda *lists: [e for found in lists for e in found])
)
scalar("ARRAY_UNION", "a a", same(), coerce=_as_one)(rowwise(lambda a, b: _unique(a + b)))
scalar("ARRAY_INTERSECT", "a a", same(), coerce=_as_one)(
    rowwise(lambda a, b: [entry for entry in _unique(a) if entry in b])
)
scalar("ARRAY_EXCEPT", "a a", same(), coerce=_as_one)(
    rowwise(lambda a, b: [entry for entry in _unique(a) if entry not in b])
)


def _slice(items: list[Any], start: int, end: int | None = None) -> list[Any]:
    size = len(items)
    begin = start + size + 1 if start < 0 else max(start, 1)
    stop = size if end is None else (end + size + 1 if end < 0 else (end or 1))
    return items[max(begin, 1) - 1 : max(stop, 0)] if begin <= size else []


def _sort(items: list[Any], ascending: bool = True, nulls_first: bool | None = None) -> list[Any]:  # noqa: FBT001, FBT002
    known = sorted((entry for entry in items if entry is not None), reverse=not ascending)
    nulls = [None] * (len(items) - len(known))
    first = ascending if nulls_first is None else nulls_first
    return nulls + known if first else known + nulls


def _comparable(args: list[Expr]) -> DataType | None:
    found = args[0].type
    return None if found.children and found.children[0].root in co.CONSTRUCTED else found


def _element(args: list[Expr]) -> DataType | None:
    found = _comparable(args)
    return found and found.children[0]


scalar("ARRAY_SLICE", "a i i?", same())(rowwise(_slice))
scalar("ARRAY_SORT", "a b? b?", _comparable)(rowwise(_sort))
scalar("ARRAY_MAX", "a", _element, nullable="always")(
    rowwise(lambda items: max((e for e in items if e is not None), default=None))
)
scalar("ARRAY_MIN", "a", _element, nullable="always")(
    rowwise(lambda items: min((e for e in items if e is not None), default=None))
)


def _join_type(args: list[Expr]) -> DataType | None:
    kind = args[0].type
    return STRING if kind.children and kind.children[0].root in co.STRINGS else None


@scalar("ARRAY_JOIN", "a s s?", _join_type)
def array_join(call: Call, args: list[Any], frame: Frame) -> Any:
    """Skips NULL elements unless a text for them is given."""
    kind = call.args[0].type.children[0]

    def join(items: list[Any], separator: str, null: str | None = None) -> str:
        texts = [null if entry is None else value_text(entry, kind) for entry in items]
        return separator.join(text for text in texts if text is not None)

    return map_rows(join, args, frame, pa.string())
