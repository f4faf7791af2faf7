"""SHOW statements of an administrator: nodes, and what SHOW PROC lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.embedded.starrocks.dialect.failure import QueryError
from penstock.embedded.starrocks.query_port.results import text_rows
from penstock.embedded.starrocks.query_port.show_loads import show_transactions
from penstock.embedded.starrocks.query_port.show_tablets import show_dbs_proc
from penstock.embedded.starrocks.query_port.variables import CURRENT_VERSION

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.query_port.queries import Queries
    from penstock.embedded.starrocks.query_port.results import Rows


def show_backends(queries: Queries, _cursor: Cursor) -> Rows:
    """SHOW BACKENDS."""
    names = [
        "BackendId", "IP", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "LastStartTime",
        "LastHeartbeat", "Alive", "SystemDecommissioned", "ClusterDecommissioned", "TabletNum",
        "DataUsedCapacity", "AvailCapacity", "TotalCapacity", "UsedPct", "MaxDiskUsedPct",
        "ErrMsg", "Version", "Status",
    ]  # fmt: skip
    replicas = [r for part in queries.store.versions.all_partitions() for r in part.replicas]
    rows = [
        [
            backend, "127.0.0.1", 9050, 9060, 8040, 8060, None, None, "true", "false", "false",
            sum(replica.backend_id == backend for replica in replicas), "0.000 ", "1.000 TB",
            "1.000 TB", "0.00 %", "0.00 %", "", CURRENT_VERSION, "OK",
        ]
        for backend in queries.store.backend_ids()
    ]  # fmt: skip
    return text_rows(names, rows)


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


def show_proc(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW PROC: '/transactions/<db>/running|finished', '/dbs/...', '/backends', '/statistic'."""
    path = cursor.string()
    parts = [part for part in path.split("/") if part]
    store = queries.store
    found: Rows | None = None
    match parts[:1]:
        case ["backends"]:
            found = show_backends(queries, cursor)
        case ["frontends"]:
            found = show_frontends(queries, cursor)
        case ["dbs"]:
            found = show_dbs_proc(queries, parts[1:])
        case ["transactions"]:
            found = show_transactions(queries, parts[1:])
        case ["statistic"]:
            rows = [
                [
                    db.db_id, db.name, len(tables), sum(len(t.partitions) for t in tables),
                    sum(len(t.tablet_ids) for t in tables),
                ]
                for db in store.databases()
                for tables in [store.tables(db.name)]
            ]  # fmt: skip
            names = ["DbId", "DbName", "TableNum", "PartitionNum", "TabletNum"]
            found = text_rows(names, rows)
    if found is None:
        raise QueryError(f"Proc path '{path}' doesn't exist", 1105)
    return found
