"""The columns of a table or stream, in order, with its primary key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.types.data_type import DataType


@dataclass(frozen=True, slots=True)
class Column:
    """A named, typed column of a row layout."""

    name: str
    type: DataType


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns in row order; `primary_key` names columns, empty where there is none."""

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def index_of(self, name: str) -> int | None:
        """Position of a column, or None."""
        for index, column in enumerate(self.columns):
            if column.name == name:
                return index
        return None

    def arrow(self) -> pa.Schema:
        """The Arrow schema of a batch with these columns."""
        import pyarrow as pa

        return pa.schema(
            [pa.field(c.name, c.type.arrow(), nullable=c.type.nullable) for c in self.columns]
        )
