"""Keeps NULLs out of the NOT NULL columns of a sink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penstock.errors import DataError
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output

if TYPE_CHECKING:
    from penstock.changelog import ChangelogBatch
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class NotNullSpec(OperatorSpec):
    """Plan form.

    Args:
        output: The schema, the input's with these columns NOT NULL.
        columns: Positions of the columns to look at.
        table: The sink, for messages.
        drop: Drop such rows silently rather than fail.
    """

    output: Schema
    columns: tuple[int, ...]
    table: str
    drop: bool = False

    @property
    def schema(self) -> Schema:
        return self.output

    @property
    def forwards(self) -> bool:
        return True

    def create(self, context: OperatorContext) -> Operator:  # noqa: ARG002
        return NotNullOperator(self)

    def explain(self) -> str:
        names = ", ".join(self.output.names[index] for index in self.columns)
        return f"NotNullEnforcer(fields=[{names}], mode=[{'DROP' if self.drop else 'ERROR'}])"


class NotNullOperator(Operator):
    """Fail at, or drop, rows with a NULL in a NOT NULL column.

    Changelog: as the input.  State: none.  Order: kept.
    Source: Flink 2.2, `table.exec.sink.not-null-enforcer`.
    """

    def __init__(self, spec: NotNullSpec) -> None:
        self._spec = spec

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        for index in self._spec.columns:
            column = batch.rows.column(index)
            if not column.null_count:
                continue
            name = self._spec.output.names[index]
            if not self._spec.drop:
                raise DataError(
                    f"Column '{name}' is NOT NULL, however, a null value is being written into it."
                    " You can set job configuration 'table.exec.sink.not-null-enforcer'='DROP'"
                    " to suppress this exception and drop such records silently.",
                    table=self._spec.table,
                    column=name,
                    code="not-null",
                    hint="Start again with -D table.exec.sink.not-null-enforcer=DROP; a SET"
                    " added to the script makes another job of it, which needs --fresh.",
                )
            keep = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)
            batch = batch.filter(keep)
        if batch.num_rows:
            out.emit(batch)
