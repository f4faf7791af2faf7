"""Rows as tuples of Python values, to be kept and found again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.types import DataType

Row = tuple[Any, ...]

NAN = math.nan
"""The only NaN in rows: containers find it again, by identity, as no other NaN is found."""


class RowCodec:
    """Rows of some types as tuples, and as Arrow saves them; a NaN is equal to a NaN.

    Args:
        types: Of the columns.
    """

    def __init__(self, types: Sequence[DataType]) -> None:
        kinds = [kind.arrow() for kind in types]
        self.arrow = pa.struct([(f"c{i}", kind) for i, kind in enumerate(kinds)])
        self._may_be_nan = [
            i
            for i, kind in enumerate(kinds)
            if pa.types.is_floating(kind) or pa.types.is_nested(kind)
        ]

    def rows(self, columns: Sequence[Any]) -> list[Row]:
        """The rows of some Arrow arrays, one per column."""
        values = [column.to_pylist() for column in columns]
        for index in self._may_be_nan:
            values[index] = [_one_nan(value) for value in values[index]]
        return list(zip(*values, strict=True))

    def plain(self, row: Row) -> dict[str, Any]:
        """A row as a value of the Arrow type."""
        return {f"c{i}": value for i, value in enumerate(row)}

    def made(self, found: dict[str, Any]) -> Row:
        """The reverse of `plain`."""
        row = list(found.values())
        for index in self._may_be_nan:
            row[index] = _one_nan(row[index])
        return tuple(row)


def _one_nan(value: Any) -> Any:
    """The value with the one NaN for every NaN in it.

    Examples:
        >>> _one_nan([1.0, float("nan")])[1] is NAN
        True
    """
    match value:
        case float():
            return NAN if math.isnan(value) else value
        case list():
            return [_one_nan(part) for part in value]
        case tuple():
            return tuple(_one_nan(part) for part in value)
        case dict():
            return {name: _one_nan(part) for name, part in value.items()}
    return value
