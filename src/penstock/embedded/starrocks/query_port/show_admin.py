"""SHOW statements of an administrator: nodes, transactions, tablets, loads, schema changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from penstock.embedded.starrocks.query_port.failure import QueryError, unknown_database
from penstock.embedded.starrocks.query_port.results import text_rows
from penstock.embedded.starrocks.query_port.system_tables import LOAD_STATES, moment
from penstock.embedded.starrocks.query_port.variables import CURRENT_VERSION
from penstock.embedded.starrocks.store import BE_ID

if TYPE_CHECKING:
    from penstock.embedded.starrocks.model import LoadRecord, TableDef
    from penstock.embedded.starrocks.query_port.lexer import Cursor
    from penstock.embedded.starrocks.query_port.queries import Queries
    from penstock.embedded.starrocks.query_port.results import Rows

_TRANSACTION: Final = [
    "TransactionId", "Label", "Coordinator", "TransactionStatus", "LoadJobSourceType",
    "PrepareTime", "PreparedTime", "CommitTime", "PublishTime", "FinishTime", "Reason",
    "ErrorReplicasCount", "ListenerId", "TimeoutMs", "PreparedTimeoutMs", "ErrMsg",
]  # fmt: skip
_TABLET: Final = [
    "TabletId", "ReplicaId", "BackendId", "SchemaHash", "Version", "VersionHash",
    "LstSuccessVersion", "LstSuccessVersionHash", "LstFailedVersion", "LstFailedVersionHash",
    "LstFailedTime", "DataSize", "RowCount", "State", "LstConsistencyCheckTime", "CheckVersion",
    "CheckVersionHash", "VersionCount", "PathHash", "MetaUrl", "CompactionStatus", "DiskRootPath",
]  # fmt: skip
_FINISHED: Final = frozenset({"VISIBLE", "ABORTED"})


def _seconds(milliseconds: int) -> str | None:
    found = moment(milliseconds)
    return None if found is None else found.strftime("%Y-%m-%d %H:%M:%S")


def show_backends(queries: Queries, _cursor: Cursor) -> Rows:
    """SHOW BACKENDS: the one there is."""
    names = [
        "BackendId", "IP", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "LastStartTime",
        "LastHeartbeat", "Alive", "SystemDecommissioned", "ClusterDecommissioned", "TabletNum",
        "DataUsedCapacity", "AvailCapacity", "TotalCapacity", "UsedPct", "MaxDiskUsedPct",
        "ErrMsg", "Version", "Status",
    ]  # fmt: skip
    tablets = sum(len(table.tablet_ids) for table in queries.store.all_tables())
    row = [
        BE_ID, "127.0.0.1", 9050, 9060, 8040, 8060, None, None, "true", "false", "false", tablets,
        "0.000 ", "1.000 TB", "1.000 TB", "0.00 %", "0.00 %", "", CURRENT_VERSION, "OK",
    ]  # fmt: skip
    return text_rows(names, [row])


def show_frontends(_queries: Queries, _cursor: Cursor) -> Rows:
    """SHOW FRONTENDS: the one there is."""
    names = [
        "Name", "IP", "EditLogPort", "HttpPort", "QueryPort", "RpcPort", "Role", "IsMaster",
        "ClusterId", "Join", "Alive", "ReplayedJournalId", "LastHeartbeat", "IsHelper", "ErrMsg",
        "StartTime", "Version",
    ]  # fmt: skip
    row = [
        "127.0.0.1_9010", "127.0.0.1", 9010, 8030, 9030, 9020, "LEADER", "true", 1, "true",
        "true", 1, None, "true", "", None, CURRENT_VERSION,
    ]  # fmt: skip
    return text_rows(names, [row])


def _transaction_row(load: LoadRecord) -> list[Any]:
    kind = {"INSERT": "INSERT_STREAMING"}.get(load.kind, "BACKEND_STREAMING")
    return [
        load.txn_id, load.label, "BE: 127.0.0.1", load.state, kind, _seconds(load.begin_ms),
        _seconds(load.prepared_ms), _seconds(load.commit_ms), _seconds(load.finish_ms),
        _seconds(load.finish_ms), load.reason, 0, -1, load.timeout_ms, load.prepared_timeout_ms,
        load.reason if load.state == "ABORTED" else "",
    ]  # fmt: skip


def show_proc(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW PROC: '/transactions/<db>/running|finished', '/dbs', '/backends', '/frontends'."""
    path = cursor.string()
    parts = [part for part in path.split("/") if part]
    store = queries.store
    if parts == ["backends"]:
        return show_backends(queries, cursor)
    if parts == ["frontends"]:
        return show_frontends(queries, cursor)
    if parts == ["dbs"]:
        rows = [[db.db_id, db.name, len(store.tables(db.name))] for db in store.databases()]
        return text_rows(["DbId", "DbName", "TableNum"], rows)
    if parts == ["statistic"]:
        rows = [
            [db.db_id, db.name, len(tables), len(tables), sum(len(t.tablet_ids) for t in tables)]
            for db in store.databases()
            for tables in [store.tables(db.name)]
        ]
        return text_rows(["DbId", "DbName", "TableNum", "PartitionNum", "TabletNum"], rows)
    if parts and parts[0] == "transactions":
        return _transactions(queries, parts[1:])
    raise QueryError(f"Proc path '{path}' doesn't exist", 1105)


def _transactions(queries: Queries, parts: list[str]) -> Rows:
    store = queries.store
    if not parts:
        rows = [[database.db_id, database.name] for database in store.databases()]
        return text_rows(["DbId", "DbName"], rows)
    names = {str(db.db_id): db.name for db in store.databases()}
    database = names.get(parts[0], parts[0])
    if not store.has_database(database):
        raise unknown_database(database)
    loads = [load for load in list(store.load_history) if load.db == database]
    if len(parts) == 1:
        finished = sum(load.state in _FINISHED for load in loads)
        return text_rows(
            ["State", "Number"], [["running", len(loads) - finished], ["finished", finished]]
        )
    wants_finished = parts[1] == "finished"
    rows = [_transaction_row(load) for load in loads if (load.state in _FINISHED) == wants_finished]
    return text_rows(_TRANSACTION, rows[::-1])


def show_transaction(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW TRANSACTION [FROM db] WHERE id = n."""
    database = queries.database_or_current(cursor.qualified()[1] if cursor.accept("FROM") else "")
    cursor.expect("WHERE")
    column = cursor.name().lower()
    cursor.expect("=")
    wanted = cursor.advance().value
    rows = [
        _transaction_row(load)
        for load in list(queries.store.load_history)
        if load.db == database and (load.label if column == "label" else str(load.txn_id)) == wanted
    ]
    return text_rows(_TRANSACTION, rows)


def show_tablet(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW TABLET FROM table, SHOW TABLET id."""
    if not cursor.accept("FROM"):
        return _one_tablet(queries, int(cursor.advance().value))
    table = queries.table(*cursor.qualified())
    if cursor.accept("PARTITION"):
        cursor.names()
    rows = []
    for tablet in queries.store.tablet_rows():
        if tablet.table_id == table.table_id:
            version = tablet.max_version
            rows.append(
                [
                    tablet.tablet_id, tablet.tablet_id + 1, BE_ID, 0, version, 0, version, 0, -1,
                    0, None, f"{tablet.data_size}B", tablet.num_row, "NORMAL", None, -1, -1,
                    tablet.num_version, 0, "", "", "",
                ]
            )  # fmt: skip
    return text_rows(_TABLET, rows)


def _one_tablet(queries: Queries, tablet_id: int) -> Rows:
    names = [
        "DbName", "TableName", "PartitionName", "IndexName", "DbId", "TableId", "PartitionId",
        "IndexId", "IsSync", "DetailCmd",
    ]  # fmt: skip
    ids = {database.name: database.db_id for database in queries.store.databases()}
    rows = [
        [
            table.db, table.name, table.name, table.name, ids[table.db], table.table_id,
            table.partition_id, table.table_id, "true",
            f"SHOW PROC '/dbs/{ids[table.db]}/{table.table_id}/partitions/{table.partition_id}/"
            f"{table.table_id}/{tablet_id}';",
        ]
        for table in queries.store.all_tables()
        if tablet_id in table.tablet_ids
    ]  # fmt: skip
    return text_rows(names, rows)


def show_load(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW LOAD [FROM db]."""
    database = queries.database_or_current(cursor.qualified()[1] if cursor.accept("FROM") else "")
    names = [
        "JobId", "Label", "State", "Progress", "Type", "ErrorMsg", "CreateTime", "LoadStartTime",
        "LoadFinishTime", "TrackingSQL",
    ]  # fmt: skip
    rows = [
        [
            load.txn_id, load.label, LOAD_STATES.get(load.state, load.state), "", load.kind,
            load.reason, _seconds(load.begin_ms), _seconds(load.begin_ms),
            _seconds(load.finish_ms), load.error_url,
        ]
        for load in list(queries.store.load_history)
        if load.db == database
    ]  # fmt: skip
    return text_rows(names, rows)


def show_alter(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW ALTER TABLE COLUMN | ROLLUP | OPTIMIZE [FROM db]."""
    kind = cursor.name().upper()
    database = queries.database_or_current(cursor.qualified()[1] if cursor.accept("FROM") else "")
    names = [
        "JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "IndexId", "OriginIndexId",
        "SchemaVersion", "TransactionId", "State", "Msg", "Progress", "Timeout",
    ]  # fmt: skip
    jobs = queries.settings.alter_jobs(database) if kind == "COLUMN" else []
    rows = [
        [
            place, job.table, _seconds(job.finished_ms), _seconds(job.finished_ms), job.table,
            job.table_id, job.table_id, f"{place}:0", 0, "FINISHED", "", None, 86400,
        ]
        for place, job in enumerate(jobs, start=1)
    ]  # fmt: skip
    return text_rows(names, rows)


def show_partitions(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW PARTITIONS FROM table."""
    cursor.expect("FROM")
    table: TableDef = queries.table(*cursor.qualified())
    names = [
        "PartitionId", "PartitionName", "VisibleVersion", "VisibleVersionTime",
        "VisibleVersionHash", "State", "PartitionKey", "Range", "DistributionKey", "Buckets",
        "ReplicationNum", "StorageMedium", "DataSize", "RowCount",
    ]  # fmt: skip
    count = queries.store.row_count(table)
    row = [
        table.partition_id, table.name, queries.store.versions.version(table.table_id),
        _seconds(table.created_ms), 0, "NORMAL", "", "", ", ".join(table.distribution_columns),
        table.buckets, 1, "HDD", f"{count * 16 * len(table.columns)}B", count,
    ]  # fmt: skip
    return text_rows(names, [row])


def show_data(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW DATA [FROM table]."""
    if cursor.accept("FROM"):
        tables = [queries.table(*cursor.qualified())]
    else:
        tables = queries.store.tables(queries.database_or_current(""))
    rows = [
        [table.name, f"{queries.store.row_count(table) * 16 * len(table.columns)}B", 1]
        for table in tables
    ]
    return text_rows(["TableName", "Size", "ReplicaCount"], rows)
