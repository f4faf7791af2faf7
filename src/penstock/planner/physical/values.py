"""Rows written in the statement itself, as a bounded source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.changelog import ChangelogBatch
from penstock.connectors.base import Source, SourceContext, TableProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import pyarrow as pa

    from penstock.connectors.base import SourceState
    from penstock.types import Schema


class ValuesSource:
    """Emits a batch once."""

    def __init__(self, schema: Schema, rows: pa.RecordBatch) -> None:
        self.schema = schema
        self.rows = rows

    @property
    def share_key(self) -> Hashable:
        return None

    @property
    def bounded(self) -> bool:
        return True

    def create_reader(self, context: SourceContext) -> ValuesReader:  # noqa: ARG002
        return ValuesReader()


class ValuesReader:
    """Emits the rows of the attached sources; state says whether it has."""

    def __init__(self) -> None:
        self._sources: dict[str, ValuesSource] = {}
        self._done: dict[str, bool] = {}

    def attach(self, source_id: str, source: Source, state: SourceState | None) -> None:
        assert isinstance(source, ValuesSource)
        self._sources[source_id] = source
        self._done[source_id] = bool(state and state["done"])

    def poll(
        self,
        emit: Callable[[str, ChangelogBatch], None],
        budget_ms: float,  # noqa: ARG002
    ) -> float | None:
        for source_id, source in self._sources.items():
            if not self._done[source_id]:
                self._done[source_id] = True
                if source.rows.num_rows:
                    emit(source_id, ChangelogBatch(source.rows))
        return None

    def at_boundary(self) -> bool:
        return True

    def request_boundary(self) -> None:
        """Every moment between two polls is one."""

    def snapshot(self) -> dict[str, SourceState]:
        return {key: {"done": done} for key, done in self._done.items()}

    def acknowledge(self, epoch: int) -> None:
        """Nothing is kept for past epochs."""

    def finished(self, source_id: str) -> bool:
        return self._done[source_id]

    def progress(self) -> list[TableProgress]:
        return [
            TableProgress(
                table="VALUES",
                phase="finished" if self._done[key] else "running",
                rows_done=source.rows.num_rows if self._done[key] else 0,
                rows_total=source.rows.num_rows,
            )
            for key, source in self._sources.items()
        ]

    def close(self) -> None:
        """Nothing to release."""
