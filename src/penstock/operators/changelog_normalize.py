"""The whole changelog of a source that sends only what a row of a key is now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch, ChangelogMode, RowKind
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.operators.changes import before_and_after, differs
from penstock.state import KeyedTable, ValueCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from penstock.state import StateTable
    from penstock.types import Schema

    Slots = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChangelogNormalizeSpec(OperatorSpec):
    """Plan form.

    Args:
        output: The schema, the input's; its primary key is the key.
        update_before: Whether -U is sent.
        ttl_ms: How long a row is kept after it was last sent; 0 for ever.
    """

    output: Schema
    update_before: bool = True
    ttl_ms: int = 0

    @property
    def schema(self) -> Schema:
        return self.output

    def changes(self, given: ChangelogMode) -> ChangelogMode:  # noqa: ARG002
        kinds = ChangelogMode.all().kinds
        return ChangelogMode(kinds if self.update_before else kinds - {RowKind.UPDATE_BEFORE})

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: ARG002, FBT001
        return False

    def sending_before(self, wanted: bool) -> OperatorSpec:  # noqa: FBT001
        return replace(self, update_before=wanted)

    def create(self, context: OperatorContext) -> Operator:
        return ChangelogNormalizeOperator(self, context)

    def explain(self) -> str:
        return f"ChangelogNormalize(key=[{', '.join(self.output.primary_key)}])"


class ChangelogNormalizeOperator(Operator):
    """Keep the last row of each key; say what it was before, drop what changes nothing.

    Changelog: {+I, +U, -D}, by key -> +I, -U (where needed), +U, -D with all columns.  State: the
    last row of each key, until it is deleted or its time is up.  Order: keys in order of their
    first row in the batch.
    Source: Flink 2.2, StreamExecChangelogNormalize.
    """

    def __init__(self, spec: ChangelogNormalizeSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._clock = context.clock
        schema = spec.output
        places = [schema.names.index(name) for name in schema.primary_key]
        self._key = places
        self._table = KeyedTable([schema.columns[i].type for i in places], spec.ttl_ms)
        self._there = self._table.column("there", np.bool_)
        self._codecs = [ValueCodec(column.type) for column in schema.columns]
        self._values = [
            (self._table.values(f"value{i}", codec), self._table.column(f"valid{i}", np.bool_))
            for i, codec in enumerate(self._codecs)
        ]
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in schema.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        rows, kinds = batch.rows, batch.kinds_or_inserts()
        keys = [rows.column(index) for index in self._key]
        slots = self._table.slots(keys, batch.num_rows, self._clock.now_ms())
        groups, _, places = self._table.distinct(slots)
        last = np.empty(len(groups), np.int64)
        last[places] = np.arange(len(slots))
        was = self._there.data[groups]
        old = self._rows(groups[was])
        there = (kinds[last] == RowKind.INSERT) | (kinds[last] == RowKind.UPDATE_AFTER)
        self._keep(groups[there], rows, last[there])
        new = self._rows(groups[there])
        both = was & there
        changed = both.copy()
        if not self._spec.ttl_ms:
            changed[both] = differs(
                [column.filter(pa.array(there[was])) for column in old],
                [column.filter(pa.array(was[there])) for column in new],
                int(np.count_nonzero(both)),
            )
        self._table.remove(groups[~there])
        before = self._spec.update_before
        found = before_and_after([], (old, was), (new, there), changed, update_before=before)
        if found is not None:
            columns, said = found
            out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow), said))

    def tables(self) -> Mapping[str, StateTable]:
        return {"rows": self._table}

    def _keep(self, slots: Slots, rows: Any, places: Slots) -> None:
        self._there.data[slots] = True
        taken = rows.take(pa.array(places))
        for index, (codec, (values, valid)) in enumerate(
            zip(self._codecs, self._values, strict=True)
        ):
            found, there = codec.decode(taken.column(index))
            values.data[slots] = found
            valid.data[slots] = True if there is None else there

    def _rows(self, slots: Slots) -> list[Any]:
        return [
            codec.encode(values.data[slots].astype(codec.dtype, copy=False), valid.data[slots])
            for codec, (values, valid) in zip(self._codecs, self._values, strict=True)
        ]
