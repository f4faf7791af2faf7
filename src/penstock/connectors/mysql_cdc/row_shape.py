"""How rows of a physical table become declared rows: columns, metadata, hidden keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, RowKind
from penstock.connectors.mysql_cdc.types import to_declared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from penstock.connectors.mysql_cdc.tables import PhysicalTable
    from penstock.connectors.mysql_cdc.types import Shown
    from penstock.types import Schema

_SHORT = np.array([kind.short for kind in RowKind], dtype=object)


class RowShape:
    """Lays MySQL columns out as the declared row, with hidden key columns behind.

    Args:
        schema: Declared columns, metadata columns among them.
        metadata: Column name to metadata key.
        table: The physical table.
        shown: How values are shown.
    """

    def __init__(
        self, schema: Schema, metadata: dict[str, str], table: PhysicalTable, shown: Shown
    ) -> None:
        self._schema = schema
        self._metadata = metadata
        self._table = table
        self._shown = shown
        self._arrow = schema.arrow()
        self._geometries = {c.name for c in table.columns if c.type_name == "geometry"}
        self._hidden = list(table.key)
        if table.chunk_key is not None:
            self._hidden.append(table.chunk_key.name)

    @property
    def needed(self) -> list[str]:
        """Columns of the table that must be read."""
        wanted = {c.name for c in self._schema.columns if c.name not in self._metadata}
        return [c.name for c in self._table.columns if c.name in wanted | set(self._hidden)]

    def build(
        self, names: Sequence[str], arrays: Sequence[Any], count: int, op_ms: Any
    ) -> pa.RecordBatch:
        """Rows with hidden columns; `row_kind` is filled by `finish`."""
        by_name = dict(zip(names, arrays, strict=True))
        columns = []
        for column in self._schema.columns:
            key = self._metadata.get(column.name)
            if key is not None:
                columns.append(self._meta(key, count, op_ms))
            elif column.name in by_name:
                columns.append(
                    to_declared(
                        by_name[column.name],
                        column.type,
                        self._shown,
                        table=self._table.full_name,
                        column=column.name,
                        is_geometry=column.name in self._geometries,
                    )
                )
            else:
                columns.append(pa.nulls(count, column.type.arrow()))
        fields = list(self._arrow)
        for index, name in enumerate(self._hidden):
            columns.append(by_name[name])
            fields.append(pa.field(f"__key{index}", by_name[name].type))
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))

    def _meta(self, key: str, count: int, op_ms: Any) -> Any:
        if key == "op_ts":
            micros = np.asarray(op_ms, np.int64) * 1000
            return pa.array(micros).cast(pa.timestamp("us", tz="UTC"))
        text = {"database_name": self._table.database, "table_name": self._table.name}
        return pa.repeat(pa.scalar(text.get(key, ""), pa.string()), count)

    def finish(
        self, rows: pa.RecordBatch, kinds: NDArray[np.int8] | None, *, append_only: bool
    ) -> ChangelogBatch:
        """The batch as the engine gets it."""
        rows = rows.select(list(range(len(self._arrow))))
        for index, column in enumerate(self._schema.columns):
            if self._metadata.get(column.name) == "row_kind":
                shown = np.zeros(rows.num_rows, np.int8) if kinds is None else kinds
                text = pa.array(_SHORT[shown], pa.string())
                rows = rows.set_column(index, self._arrow.field(index), text)
        return ChangelogBatch(rows, None if append_only else kinds)

    def keys(self, rows: pa.RecordBatch) -> list[tuple[Any, ...]]:
        """The primary key of each row."""
        start = len(self._arrow)
        columns = [rows.column(start + i).to_pylist() for i in range(len(self._table.key))]
        return list(zip(*columns, strict=True))

    def chunk_values(self, rows: pa.RecordBatch) -> list[Any]:
        """The chunk key of each row."""
        values: list[Any] = rows.column(rows.num_columns - 1).to_pylist()
        return values
