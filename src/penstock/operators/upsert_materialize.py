"""What a sink's key holds, where rows of several keys of the query share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.state import KeyedTable, RowCodec, Saved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.state import Row, StateTable
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class UpsertMaterializeSpec(OperatorSpec):
    """Plan form.

    Args:
        output: The sink's schema; its primary key is the key.
        ttl_ms: How long a key is kept after its last row; 0 for ever.
    """

    output: Schema
    ttl_ms: int = 0

    @property
    def schema(self) -> Schema:
        return self.output

    def changes(self, given: ChangelogMode) -> ChangelogMode:  # noqa: ARG002
        return ChangelogMode.upsert()

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: ARG002, FBT001
        return True

    def create(self, context: OperatorContext) -> Operator:
        return UpsertMaterializeOperator(self, context)

    def explain(self) -> str:
        return f"SinkUpsertMaterializer(key=[{', '.join(self.output.primary_key)}])"


class UpsertMaterializeOperator(Operator):
    """Keep the rows of each key of the sink in order of arrival; send the last one.

    When the last row is taken back the one before it is what the key holds again.

    Changelog: all -> +I, +U, -D by the sink's key.  State: all rows of each key, until they are
    taken back or the key's time is up.  Order: keys in order of their first row in the batch.
    Row by row.
    Source: Flink 2.2, SinkUpsertMaterializer.
    """

    def __init__(self, spec: UpsertMaterializeSpec, context: OperatorContext) -> None:
        self._clock = context.clock
        columns = spec.output.columns
        self._key = [spec.output.names.index(name) for name in spec.output.primary_key]
        # NULLs in the sink's key are refused behind this operator.
        types = [columns[index].type.with_nullable(nullable=True) for index in self._key]
        self._table = KeyedTable(types, spec.ttl_ms)
        self._codec = codec = RowCodec([column.type for column in columns])
        saved = Saved(
            pa.list_(codec.arrow),
            lambda rows: [codec.plain(row) for row in rows],
            lambda rows: [codec.made(row) for row in rows],
        )
        self._rows = self._table.column("rows", object, None, saved)
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        keys = [batch.rows.column(index) for index in self._key]
        slots = self._table.slots(keys, batch.num_rows, self._clock.now_ms()).tolist()
        rows = self._codec.rows(batch.rows.columns)
        kept = self._rows.data
        before: dict[int, Row | None] = {}
        for slot, kind, row in zip(slots, batch.kinds_or_inserts().tolist(), rows, strict=True):
            there = kept[slot]
            if there is None:
                there = kept[slot] = []
            if slot not in before:
                before[slot] = there[-1] if there else None
            if kind in {RowKind.INSERT, RowKind.UPDATE_AFTER}:
                there.append(row)
            elif row in there:
                there.remove(row)
        self._emit([c for slot, old in before.items() for c in _said(old, kept[slot])], out)
        empty = [slot for slot in before if not kept[slot]]
        self._table.remove(np.array(empty, np.int64))

    def tables(self) -> Mapping[str, StateTable]:
        return {"rows": self._table}

    def _emit(self, changes: list[tuple[RowKind, Row]], out: Output) -> None:
        if not changes:
            return
        columns = [
            pa.array([row[i] for _, row in changes], kind)
            for i, kind in enumerate(self._arrow.types)
        ]
        kinds = np.array([kind for kind, _ in changes], np.int8)
        out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow), kinds))


def _said(old: Row | None, rows: list[Row]) -> list[tuple[RowKind, Row]]:
    if not rows:
        return [] if old is None else [(RowKind.DELETE, old)]
    if old is None:
        return [(RowKind.INSERT, rows[-1])]
    return [] if old == rows[-1] else [(RowKind.UPDATE_AFTER, rows[-1])]
