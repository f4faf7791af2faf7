"""Makes batches visible as versions of the partitions they touch."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import duckdb

from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.partitions import PartitionDef, made_partition, partition_sql
from penstock.embedded.starrocks.publish import Batch, apply_batch, physical, sequence
from penstock.embedded.starrocks.scratch import has_partition_columns, partition_samples
from penstock.embedded.starrocks.sql_names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from penstock.embedded.starrocks.model import TableDef
    from penstock.embedded.starrocks.store import Store


class Publisher:
    """What changes rows, and counts the versions that come of it.

    Args:
        store: Where the rows are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: dict[int, int] = {}
        self.known: set[int] = set()

    def publish(
        self, batches: Sequence[tuple[TableDef, Batch]], *, txn_id: int = 0, check: bool = False
    ) -> int:
        """Make rows of one or more tables visible at once, as one version of each.

        Args:
            batches: The rows by table.
            txn_id: The transaction; published at most once if not 0.
            check: Refuse if a tablet already has too many versions.

        Returns:
            The new version of the first table.

        Raises:
            ServerError: The store refused; nothing is visible then.
        """
        store = self._store
        first = batches[0][0]
        with ExitStack() as locks:
            for table, _ in sorted(batches, key=lambda pair: pair[0].table_id):
                locks.enter_context(store.writer(table))
                if check:
                    store.versions.check(table.table_id)
            if txn_id in self.known:
                return store.versions.version(first.table_id)
            touched = [self.touched(table, batch.rows) for table, batch in batches]
            self._apply(batches, touched, txn_id)
            if txn_id:
                self.known.add(txn_id)
            for (table, _), partitions in zip(batches, touched, strict=True):
                self.changed(table)
                store.versions.published(table.table_id, partitions)
            return store.versions.version(first.table_id)

    def _apply(
        self, batches: Sequence[tuple[TableDef, Batch]], touched: list[list[int]], txn_id: int
    ) -> None:
        cursor = self._store.cursor()
        try:
            cursor.execute("BEGIN")
            for (table, batch), partitions in zip(batches, touched, strict=True):
                apply_batch(cursor, table, batch)
                versions = self._next_versions(table, partitions)
                self._store.catalog.published(cursor, txn_id, versions)
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            names = ", ".join(table.full_name for table, _ in batches)
            raise ServerError(f"publish into '{names}' failed: {error}") from error
        finally:
            cursor.close()

    def touched(self, table: TableDef, rows: pa.Table) -> list[int]:
        """The ids of the partitions the rows go to; makes those that appear by themselves."""
        known = {partition.name: partition for partition in table.partitions}
        if table.partition_by is None or not has_partition_columns(table, rows):
            return [partition.partition_id for partition in known.values()]
        samples = partition_samples(table, rows)
        missing = [name for name in samples if name not in known]
        if missing:
            limit = int(self._store.frontend_config.number("max_automatic_partition_number"))
            if len(known) + len(missing) > limit:
                raise ServerError(
                    f"Automatically created partitions exceeded the maximum limit: {limit}. You "
                    "can modify this restriction on by setting max_automatic_partition_number "
                    "larger."
                )
            made = [made_partition(table, name, samples[name]) for name in missing]
            self.add_partitions(table, made)
            known |= {partition.name: partition for partition in made}
        return [known[name].partition_id for name in samples]

    def resume_numbers(self, table: TableDef) -> None:
        """Let AUTO_INCREMENT go on behind the highest number there is, after a restart."""
        for column in table.columns:
            if column.auto_increment:
                highest = f"SELECT coalesce(max({quoted(column.name)}), 0) FROM {physical(table)}"
                start = max(0, int(self._store.query(highest)[0][0])) + 1
                name = quoted(sequence(table))
                self._store.execute(f"CREATE OR REPLACE SEQUENCE {name} START WITH {start}")

    def add_partitions(self, table: TableDef, partitions: list[PartitionDef]) -> None:
        """Add partitions to a table, empty and at version 1."""
        with self._store.lock:
            for partition in partitions:
                self._store.open_partition(table, partition)
                table.partitions.append(partition)
            self._store.save_table(table)

    def clear_partitions(
        self, table: TableDef, partitions: list[PartitionDef], *, drop: bool
    ) -> None:
        """Remove the rows of partitions, and with `drop` the partitions."""
        names = ", ".join(literal(partition.name) for partition in partitions)
        with self._store.writer(table):
            self._store.execute(
                f"DELETE FROM {physical(table)} WHERE {partition_sql(table)} IN ({names})"
            )
            with self._store.lock:
                for partition in partitions:
                    if drop:
                        self._store.versions.drop(table.table_id, partition.partition_id)
                        table.partitions.remove(partition)
                    else:
                        self._store.open_partition(table, partition)
                self._store.save_table(table)
            self.changed(table)

    def run(self, table: TableDef, cursor: Any, statements: Sequence[str]) -> int:
        """Change rows by statements of DuckDB's, as one version.

        Args:
            table: The table they change.
            cursor: The connection that runs them.
            statements: The statements; none of them ends a transaction.

        Returns:
            How many rows the first one changed.

        Raises:
            ServerError: A tablet has too many versions.
        """
        store = self._store
        with store.writer(table):
            store.versions.check(table.table_id)
            touched = [partition.partition_id for partition in table.partitions]
            cursor.execute("BEGIN")
            try:
                found = [cursor.execute(statement).fetchall() for statement in statements]
                store.catalog.published(cursor, 0, self._next_versions(table, touched))
                cursor.execute("COMMIT")
            except duckdb.Error:
                cursor.execute("ROLLBACK")
                raise
            self.changed(table)
            store.versions.published(table.table_id)
        return int(found[0][0][0]) if found[0] else 0

    def foreign_versions(self, db: str, table: str, count: int = 1) -> int:
        """Count versions as if somebody else had loaded `count` times; the new version."""
        target = self._store.table(db, table)
        with self._store.writer(target):
            return self._store.versions.published(target.table_id, count=count)

    def _next_versions(self, table: TableDef, partition_ids: list[int]) -> dict[int, int]:
        return {
            number: self._store.versions.partition(table.table_id, number).version + 1
            for number in partition_ids
        }

    def changes(self, table: TableDef) -> int:
        """A number that grows with every change of the table's rows."""
        return self._changes.get(table.table_id, 0)

    def changed(self, table: TableDef) -> None:
        """Note that the rows of a table are others now."""
        with self._store.lock:
            self._changes[table.table_id] = self.changes(table) + 1
