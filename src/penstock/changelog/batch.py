"""Rows and their kinds, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penstock.changelog.row_kind import RowKind

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ChangelogBatch:
    """An Arrow record batch and one row kind per row. Immutable.

    Args:
        rows: The rows, usually 1 to 16 k of them.
        kinds: int8, one per row, values of `RowKind`; None means all rows are +I.
    """

    rows: pa.RecordBatch
    kinds: NDArray[np.int8] | None = None

    @property
    def num_rows(self) -> int:
        return int(self.rows.num_rows)

    @property
    def is_insert_only(self) -> bool:
        return self.kinds is None or not self.kinds.any()

    def kinds_or_inserts(self) -> NDArray[np.int8]:
        """The kinds as an array, all +I where none are kept."""
        if self.kinds is None:
            return np.full(self.num_rows, RowKind.INSERT, np.int8)
        return self.kinds

    def with_rows(self, rows: pa.RecordBatch) -> ChangelogBatch:
        """Other columns, the same rows and kinds."""
        return ChangelogBatch(rows, self.kinds)

    def filter(self, mask: NDArray[np.bool_]) -> ChangelogBatch:
        """The rows where `mask` is true."""
        import pyarrow as pa

        kinds = None if self.kinds is None else self.kinds[mask]
        return ChangelogBatch(self.rows.filter(pa.array(mask)), kinds)

    def slice(self, start: int, end: int) -> ChangelogBatch:
        """The rows from `start` to before `end`."""
        kinds = None if self.kinds is None else self.kinds[start:end]
        return ChangelogBatch(self.rows.slice(start, end - start), kinds)
