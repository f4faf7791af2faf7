"""SHOW statements about where rows are: tablets, partitions, sizes, and their SHOW PROC paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from penstock.embedded.starrocks.model import ROW_BYTES
from penstock.embedded.starrocks.partitions import range_text
from penstock.embedded.starrocks.query_port.definition import partition_named
from penstock.embedded.starrocks.query_port.results import text_rows
from penstock.embedded.starrocks.query_port.show_loads import seconds_text

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.model import TableDef, TabletRow
    from penstock.embedded.starrocks.partitions import PartitionDef
    from penstock.embedded.starrocks.query_port.queries import Queries
    from penstock.embedded.starrocks.query_port.results import Rows

_TABLET: Final = [
    "TabletId", "ReplicaId", "BackendId", "SchemaHash", "Version", "VersionHash",
    "LstSuccessVersion", "LstSuccessVersionHash", "LstFailedVersion", "LstFailedVersionHash",
    "LstFailedTime", "DataSize", "RowCount", "State", "LstConsistencyCheckTime", "CheckVersion",
    "CheckVersionHash", "VersionCount", "PathHash", "MetaUrl", "CompactionStatus", "DiskRootPath",
]  # fmt: skip


_PARTITION: Final = [
    "PartitionId", "PartitionName", "VisibleVersion", "VisibleVersionTime", "VisibleVersionHash",
    "State", "PartitionKey", "Range", "DistributionKey", "Buckets", "ReplicationNum",
    "StorageMedium", "CooldownTime", "LastConsistencyCheckTime", "DataSize", "StorageSize",
    "IsInMemory", "RowCount",
]  # fmt: skip


def _tablet_row(tablet: TabletRow) -> list[Any]:
    version = tablet.max_version
    return [
        tablet.tablet_id, tablet.replica_id, tablet.be_id, 0, version, 0, version, 0, -1, 0, None,
        f"{tablet.data_size}B", tablet.num_row, "NORMAL", None, -1, -1, tablet.num_version, 0, "",
        "", "",
    ]  # fmt: skip


def show_tablet(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW TABLET FROM table [PARTITION (p, ...)], SHOW TABLET id."""
    if not cursor.accept("FROM"):
        return _one_tablet(queries, cursor.integer())
    table = queries.table(*cursor.qualified())
    chosen = [partition.name for partition in table.partitions]
    if cursor.accept("PARTITION") or cursor.accept("PARTITIONS"):
        chosen = list(cursor.names())
        for name in chosen:
            partition_named(table, name)
    rows = [
        _tablet_row(tablet)
        for tablet in queries.store.tablets.rows(table)
        if tablet.partition.name in chosen
    ]
    return text_rows(_TABLET, rows)


def _one_tablet(queries: Queries, tablet_id: int) -> Rows:
    names = [
        "DbName", "TableName", "PartitionName", "IndexName", "DbId", "TableId", "PartitionId",
        "IndexId", "IsSync", "DetailCmd",
    ]  # fmt: skip
    rows = []
    for table in queries.store.all_tables():
        number = queries.store.database(table.db).db_id
        for partition in table.partitions:
            if tablet_id in partition.tablet_ids:
                path = f"/dbs/{number}/{table.table_id}/partitions/{partition.partition_id}"
                rows.append(
                    [
                        table.db, table.name, partition.name, table.name, number, table.table_id,
                        partition.partition_id, table.table_id, "true",
                        f"SHOW PROC '{path}/{table.table_id}/{tablet_id}';",
                    ]
                )  # fmt: skip
    return text_rows(names, rows)


def _partition_row(queries: Queries, table: TableDef, partition: PartitionDef) -> list[Any]:
    state = queries.store.versions.partition(table.table_id, partition.partition_id)
    count = queries.store.tablets.partition_rows(table, partition)
    size = f"{count * ROW_BYTES * len(table.columns)}B"
    return [
        partition.partition_id, partition.name, state.version, seconds_text(state.visible_ms), 0,
        "NORMAL", ", ".join(table.partition_columns),
        range_text(partition) if table.partition_by else "",
        ", ".join(table.distribution_columns), table.buckets,
        table.replication, "HDD", "9999-12-31 23:59:59", None, size, size, "false", count,
    ]  # fmt: skip


def show_partitions(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW [TEMPORARY] PARTITIONS FROM table."""
    cursor.expect("FROM")
    table = queries.table(*cursor.qualified())
    rows = [_partition_row(queries, table, partition) for partition in table.partitions]
    return text_rows(_PARTITION, rows)


def show_data(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW DATA [FROM table]."""
    if cursor.accept("FROM"):
        tables = [queries.table(*cursor.qualified())]
    else:
        tables = queries.store.tables(queries.database_or_current(""))
    rows = [
        [
            table.name,
            f"{queries.store.row_count(table) * ROW_BYTES * len(table.columns)}B",
            len(table.tablet_ids) * table.replication,
        ]
        for table in tables
    ]
    return text_rows(["TableName", "Size", "ReplicaCount"], rows)


def show_dbs_proc(queries: Queries, parts: list[str]) -> Rows | None:
    """SHOW PROC '/dbs[/db[/table[/partitions[/partition[/index[/tablet]]]]]]'; none if unknown."""
    store = queries.store
    if not parts:
        rows = [[db.db_id, db.name, len(store.tables(db.name))] for db in store.databases()]
        return text_rows(["DbId", "DbName", "TableNum"], rows)
    database = next((d for d in store.databases() if parts[0] in {str(d.db_id), d.name}), None)
    if database is None:
        return None
    tables = store.tables(database.name)
    if len(parts) == 1:
        rows = [
            [t.table_id, t.name, 1, len(t.columns), len(t.partitions), "NORMAL", "OLAP"]
            for t in tables
        ]
        names = ["TableId", "TableName", "IndexNum", "PartitionColumnName", "PartitionNum"]
        return text_rows([*names, "State", "Type"], rows)
    table = next((t for t in tables if parts[1] in {str(t.table_id), t.name}), None)
    if table is None or parts[2:3] not in ([], ["partitions"]):
        return None
    if len(parts) <= 3:
        rows = [_partition_row(queries, table, partition) for partition in table.partitions]
        return text_rows(_PARTITION, rows)
    tablets = [
        tablet
        for tablet in store.tablets.rows(table)
        if str(tablet.partition.partition_id) == parts[3]
    ]
    if len(parts) == 4:
        return text_rows(
            ["IndexId", "IndexName", "State"], [[table.table_id, table.name, "NORMAL"]]
        )
    if len(parts) > 5:
        tablets = [tablet for tablet in tablets if str(tablet.tablet_id) == parts[5]]
    return text_rows(_TABLET, [_tablet_row(tablet) for tablet in tablets])
