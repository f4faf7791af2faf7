"""Collections in rows as rows: UNNEST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.changelog import ChangelogBatch
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class UnnestSpec(OperatorSpec):
    """Plan form.

    Args:
        given: The schema of the rows it takes; its last column holds the collections.
        output: The other columns, those of an element, and its number where that is wanted.
        ordinality: Elements are numbered from 1.
        outer: A row without elements comes out once, beside NULLs.
    """

    given: Schema
    output: Schema
    ordinality: bool = False
    outer: bool = False

    @property
    def schema(self) -> Schema:
        return self.output

    def passed(self, index: int) -> int | None:
        return index if index < len(self.given.columns) - 1 else None

    @property
    def forwards(self) -> bool:
        return True

    def create(self, context: OperatorContext) -> Operator:  # noqa: ARG002
        return UnnestOperator(self)

    def explain(self) -> str:
        name = self.given.names[-1]
        kind = "LEFT" if self.outer else "INNER"
        ordinality = "_WITH_ORDINALITY" if self.ordinality else ""
        call = f"$UNNEST_ROWS{ordinality}$1({name})"
        select = ", ".join(self.output.names)
        return f"Correlate(invocation=[{call}], select=[{select}], joinType=[{kind}])"


class UnnestOperator(Operator):
    """Each row once per element of its collection, with the element.

    Changelog: as the input.  State: none.  Order: the elements of a row stand together, in their
    order.  Watermark: passed on.
    Source: Flink 2.2, StreamPhysicalCorrelate over UnnestRowsFunction.
    """

    def __init__(self, spec: UnnestSpec) -> None:
        self._spec = spec
        self._kind = spec.given.columns[-1].type
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.output.columns])

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        *kept, collections = batch.rows.columns
        rows, ranks, columns = self._elements(collections)
        if self._spec.ordinality:
            columns.append(pa.array((ranks + 1).astype(np.int32)))
        if self._spec.outer:
            rows, columns = _with_empty(rows, columns, batch.num_rows)
        if not len(rows):
            return
        at = pa.array(rows)
        taken = [column.take(at) for column in kept]
        kinds = None if batch.kinds is None else batch.kinds[rows]
        made = pa.RecordBatch.from_arrays([*taken, *columns], schema=self._arrow)
        out.emit(ChangelogBatch(made, kinds))

    def _elements(self, collections: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Any]]:
        """The row of every element, its place among those of the row, and its columns."""
        valid = collections.is_valid().to_numpy(zero_copy_only=False)
        offsets = collections.offsets.to_numpy().astype(np.int64)
        counts = np.where(valid, np.diff(offsets), 0)
        rows = np.repeat(np.arange(len(counts)), counts)
        ranks = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        places = pa.array(offsets[:-1][rows] + ranks)
        match self._kind.root:
            case TypeRoot.MAP:
                parts = [collections.keys, collections.items]
                return rows, ranks, [part.take(places) for part in parts]
            case TypeRoot.MULTISET:
                times = collections.items.take(places).to_numpy()
                found = collections.keys.take(places).take(pa.array(_repeated(times)))
                rows = np.repeat(rows, times)
                return rows, _ranks_of(rows), _columns(found, self._kind.children[0].root)
        found = collections.values.take(places)
        return rows, ranks, _columns(found, self._kind.children[0].root)


def _columns(elements: Any, root: TypeRoot) -> list[Any]:
    """Elements as columns: the fields of rows, else one."""
    if root is not TypeRoot.ROW:
        return [elements]
    return list(elements.flatten())


def _repeated(times: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(times)), times)


def _ranks_of(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each among equal neighbours.

    Examples:
        >>> _ranks_of(np.array([0, 0, 2])).tolist()
        [0, 1, 0]
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))


def _with_empty(
    rows: NDArray[np.int64], columns: list[Any], count: int
) -> tuple[NDArray[np.int64], list[Any]]:
    """The elements, and NULLs for the rows that have none."""
    empty = np.setdiff1d(np.arange(count), rows)
    if not len(empty):
        return rows, columns
    all_rows = np.concatenate([rows, empty])
    order = np.argsort(all_rows, kind="stable")
    at = pa.array(order)
    padded = [pa.concat_arrays([c, pa.nulls(len(empty), c.type)]).take(at) for c in columns]
    return all_rows[order], padded
