"""ARRAY, MAP, MULTISET and ROW arrays, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.expressions import arrow_type
from penstock.types import DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeRoot


def _plain(array: Any) -> Any:
    """The same values without a slice's offset."""
    return array.take(pa.array(range(len(array)), pa.int64())) if array.offset else array


def rebuild(
    array: Any, source: DataType, target: DataType, part: Callable[[Any, DataType, DataType], Any]
) -> Any:
    """A nested array whose parts went through `part`, which gets part, its type and its target."""
    array = _plain(array)
    mask = array.is_null()
    if target.root is R.ROW:
        fields = [
            part(array.field(i), f.type, g.type)
            for i, (f, g) in enumerate(zip(source.fields, target.fields, strict=True))
        ]
        if not fields:
            return array
        named = [
            pa.field(g.name, found.type) for g, found in zip(target.fields, fields, strict=True)
        ]
        return pa.StructArray.from_arrays(fields, fields=named, mask=mask)
    if target.root is R.ARRAY:
        inner = part(array.values, source.children[0], target.children[0])
        return pa.ListArray.from_arrays(array.offsets, inner, mask=mask)
    keys = part(array.keys, source.children[0], target.children[0])
    if target.root is R.MULTISET:
        return pa.MapArray.from_arrays(array.offsets, keys, array.items, mask=mask)
    items = part(array.items, source.children[1], target.children[1])
    return pa.MapArray.from_arrays(array.offsets, keys, items, mask=mask)


def map_leaves(array: Any, kind: DataType, leaf: Callable[[Any, DataType], Any]) -> Any:
    """A nested array with every array of plain values replaced."""
    if kind.root not in {R.ARRAY, R.MAP, R.MULTISET, R.ROW}:
        return leaf(array, kind)
    return rebuild(array, kind, kind, lambda part, _, inner: map_leaves(part, inner, leaf))


def cast_nested(
    array: Any, source: DataType, target: DataType, cast: Callable[[Any, DataType, DataType], Any]
) -> Any:
    """Element by element; `cast` gets a part, its type and its target."""
    found = rebuild(array, source, target, cast)
    wanted = arrow_type(target)
    return found if found.type == wanted else found.cast(wanted)
