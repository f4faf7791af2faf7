"""MAP_* functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import DataError
from penstock.functions.registry import rowwise, same, scalar
from penstock.functions.scalar.collection import unique_pairs
from penstock.types import ARRAY, MAP, ROW, DataType
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Expr


def _map_from_arrays(keys: list[Any], values: list[Any]) -> list[tuple[Any, Any]]:
    if len(keys) != len(values):
        raise DataError("arrays of MAP_FROM_ARRAYS differ in length")
    return unique_pairs(list(zip(keys, values, strict=True)))


def _entries_type(args: list[Expr]) -> DataType:
    key, value = args[0].type.children
    return ARRAY(ROW(("key", key), ("value", value)))


def _as_one(types: list[DataType]) -> list[DataType] | None:
    found = co.common_type(types)
    return None if found is None else [found.with_nullable(kind.nullable) for kind in types]


scalar("MAP_KEYS", "m", lambda args: ARRAY(args[0].type.children[0]))(
    rowwise(lambda pairs: [key for key, _ in pairs])
)
scalar("MAP_VALUES", "m", lambda args: ARRAY(args[0].type.children[1]))(
    rowwise(lambda pairs: [value for _, value in pairs])
)
scalar("MAP_ENTRIES", "m", _entries_type)(
    rowwise(lambda pairs: [{"key": key, "value": value} for key, value in pairs])
)
scalar(
    "MAP_FROM_ARRAYS",
    "a a",
    lambda args: MAP(args[0].type.children[0], args[1].type.children[0]),
)(rowwise(_map_from_arrays))
scalar("MAP_UNION", "m m*", same(), coerce=_as_one)(
    rowwise(lambda *maps: unique_pairs([pair for pairs in maps for pair in pairs]))
)
