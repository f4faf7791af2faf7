"""Which rows are in which tablet, and what each replica of it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.embedded.starrocks.model import ROW_BYTES, TabletRow
from penstock.embedded.starrocks.partitions import partition_sql
from penstock.embedded.starrocks.publish import physical
from penstock.embedded.starrocks.sql_names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.embedded.starrocks.model import TableDef
    from penstock.embedded.starrocks.partitions import PartitionDef
    from penstock.embedded.starrocks.store import Store

Counts = dict[tuple[int, int], int]


class Tablets:
    """Row counts per partition and bucket, counted again only after the table changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[int, tuple[int, Counts]] = {}

    def rows(self, table: TableDef, *, counted: bool = True) -> Iterator[TabletRow]:
        """Every replica of every tablet of a table; without row counts unless `counted`."""
        counts = self.counts(table) if counted else {}
        versions = {
            part.partition_id: part for part in self._store.versions.partitions(table.table_id)
        }
        for partition in table.partitions:
            state = versions.get(partition.partition_id)
            if state is None:
                continue
            for place, replica in enumerate(state.replicas):
                bucket = partition.tablet_ids.index(replica.tablet_id)
                yield TabletRow(
                    table,
                    partition,
                    bucket,
                    replica.backend_id,
                    replica.tablet_id,
                    replica.tablet_id * 10 + place % table.replication,
                    replica.rowsets,
                    state.version,
                    counts.get((partition.partition_id, bucket), 0),
                )

    def partition_rows(self, table: TableDef, partition: PartitionDef) -> int:
        """How many rows a partition has."""
        counts = self.counts(table)
        return sum(
            count for (number, _), count in counts.items() if number == partition.partition_id
        )

    def counts(self, table: TableDef) -> Counts:
        """Rows by partition id and bucket."""
        version = self._store.publisher.changes(table)
        known = self._counted.get(table.table_id)
        if known is not None and known[0] == version:
            return known[1]
        counts = self._count(table)
        self._counted[table.table_id] = version, counts
        return counts

    def _count(self, table: TableDef) -> Counts:
        ids = {partition.name: partition.partition_id for partition in table.partitions}
        bucket = "0"
        if table.buckets > 1:
            keys = ", ".join(quoted(name) for name in table.distribution_columns) or "rowid"
            bucket = f"hash({keys}) % {table.buckets}"
        elif len(ids) == 1:
            return {(table.partitions[0].partition_id, 0): self._store.row_count(table)}
        found = self._store.query(
            f"SELECT {partition_sql(table)}, {bucket}, count(*) FROM {physical(table)} GROUP BY ALL"
        )
        return {(ids[name], int(place)): int(count) for name, place, count in found if name in ids}

    def compaction_seconds(self, table_id: int) -> float:
        """How long one tablet's compaction takes, by the settings and the table's size."""
        store = self._store
        fixed = store.config.number("penstock_compaction_ms") / 1000
        found = next((t for t in store.all_tables() if t.table_id == table_id), None)
        if found is None or not store.config.number("penstock_disk_mb_per_second"):
            return fixed
        width = ROW_BYTES * len(found.columns)
        size = store.row_count(found) * width // max(1, len(found.tablet_ids))
        return fixed + store.delays.disk_seconds(2 * size)  # read and written
