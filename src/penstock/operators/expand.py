"""Repeats rows for several grouping sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.types import BIGINT, Column, Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBER = "$e"


@dataclass(frozen=True, slots=True)
class ExpandSpec(OperatorSpec):
    """Plan form.

    Args:
        output: The input's columns, those left out somewhere nullable; last the set's number.
        sets: Of every set the columns it leaves out, and its number.
    """

    output: Schema
    sets: tuple[tuple[tuple[int, ...], int], ...]

    @classmethod
    def of(cls, given: Schema, sets: tuple[tuple[tuple[int, ...], int], ...]) -> ExpandSpec:
        """The spec over rows of a schema."""
        dropped = {index for left_out, _ in sets for index in left_out}
        columns = [
            Column(c.name, c.type.with_nullable(nullable=c.type.nullable or i in dropped))
            for i, c in enumerate(given.columns)
        ]
        number = Column(NUMBER, BIGINT.with_nullable(nullable=False))
        return cls(Schema((*columns, number)), sets)

    @property
    def schema(self) -> Schema:
        return self.output

    def passed(self, index: int) -> int | None:
        return index if index < len(self.output.columns) - 1 else None

    @property
    def forwards(self) -> bool:
        return True

    def create(self, context: OperatorContext) -> Operator:  # noqa: ARG002
        return ExpandOperator(self)

    def explain(self) -> str:
        names = self.output.names[:-1]
        projects = [
            ", ".join(
                [f"null AS {n}" if i in dropped else n for i, n in enumerate(names)]
                + [f"{number} AS {NUMBER}"]
            )
            for dropped, number in self.sets
        ]
        return f"Expand(projects=[{', '.join('{' + text + '}' for text in projects)}])"


class ExpandOperator(Operator):
    """Each row once per grouping set, NULL in the columns that set leaves out.

    Changelog: as the input.  State: none.  Order: the rows of one input row stand together, those
    of a -U/+U pair as pair by pair.
    Source: Flink 2.2, StreamExecExpand.
    """

    def __init__(self, spec: ExpandSpec) -> None:
        self._spec = spec
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        sets = self._spec.sets
        count = batch.num_rows
        numbers = np.array([number for _, number in sets])
        order = pa.array(np.arange(count * len(sets)).reshape(len(sets), count).T.ravel())
        columns = []
        for index in range(len(self._spec.output.columns) - 1):
            column = batch.rows.column(index)
            empty = pa.nulls(count, column.type)
            parts = [empty if index in dropped else column for dropped, _ in sets]
            columns.append(pa.concat_arrays(parts).take(order))
        columns.append(pa.array(np.tile(numbers, count)))
        kinds: NDArray[np.int8] | None = None
        if batch.kinds is not None:
            kinds = np.repeat(batch.kinds, len(sets))
        out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow), kinds))
