"""What a look-up join asks of a table outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from penstock.clock import Clock
    from penstock.expressions import Expr
    from penstock.state.row_cache import CachePolicy


class KeyedRows(Protocol):
    """Rows of a table by some of its columns, the keys. Blocks; any thread, several at once."""

    def fetch(self, keys: pa.RecordBatch) -> pa.RecordBatch:
        """All rows whose keys are among `keys`.

        Args:
            keys: Distinct keys without NULLs, a column per key, as the table's declared types.

        Returns:
            The key columns, then the wanted ones; each row once, in any order.

        Raises:
            ConnectorError: The server failed, also when asked again.
        """

    def close(self) -> None:
        """Release connections. May be called twice."""


class KeyedTable(Protocol):
    """A table that can be looked up. Built while planning: touches no network."""

    @property
    def cache(self) -> CachePolicy | None:
        """How looked-up rows are kept; None for not at all."""

    def can_be_key(self, column: int) -> bool:
        """Whether rows can be found by equality with a column, as Flink sees equality."""

    def rows_by(
        self, keys: Sequence[int], columns: Sequence[int], conditions: Sequence[Expr], clock: Clock
    ) -> KeyedRows:
        """Look-ups by these columns.

        Args:
            keys: Positions of the key columns in the table's schema.
            columns: Positions of the wanted columns.
            conditions: Over the table's schema; rows that break one need not come.
            clock: The door to time.
        """
