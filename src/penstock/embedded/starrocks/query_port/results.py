"""What a statement answers: rows, or a count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Rows:
    """A result set. `table` may have equal column names."""

    table: pa.Table
    database: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """A statement without rows.

    Args:
        affected: What drivers call the update count.
        info: The text that clients show with it.
        warnings: How many warnings SHOW WARNINGS has.
    """

    affected: int = 0
    info: str = field(default="")
    warnings: int = 0


Answer = Rows | Done


def text_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Rows:
    """Rows whose columns are all text, as SHOW statements have them."""
    listed = list(rows)
    columns = [
        pa.array([None if row[i] is None else str(row[i]) for row in listed], pa.string())
        for i in range(len(names))
    ]
    return Rows(pa.Table.from_arrays(columns, names=list(names)))
