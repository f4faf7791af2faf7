"""Drops -U for sinks that upsert by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.changelog import ChangelogMode, RowKind
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output

if TYPE_CHECKING:
    from penstock.changelog import ChangelogBatch
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class DropUpdateBeforeSpec(OperatorSpec):
    """Plan form; the schema is the input's."""

    output: Schema

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def forwards(self) -> bool:
        return True

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: FBT001
        return None if wanted else True

    def changes(self, given: ChangelogMode) -> ChangelogMode:
        return ChangelogMode(given.kinds - {RowKind.UPDATE_BEFORE})

    def create(self, context: OperatorContext) -> Operator:  # noqa: ARG002
        return DropUpdateBeforeOperator()

    def explain(self) -> str:
        return "DropUpdateBefore"


class DropUpdateBeforeOperator(Operator):
    """Drop -U rows for sinks which upsert by key.

    Changelog: all -> {+I, +U, -D}.  State: none.  Order: kept.
    Source: Flink 2.2, StreamExecDropUpdateBefore.
    """

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        if batch.kinds is not None:
            keep = batch.kinds != RowKind.UPDATE_BEFORE
            if not keep.all():
                batch = batch.filter(keep)
        if batch.num_rows:
            out.emit(batch)
