"""SHOW statements about loads: transactions, labels, insert and stream loads, schema changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from penstock.embedded.starrocks.dialect.failure import analysis_error, unknown_database
from penstock.embedded.starrocks.query_port.results import text_rows
from penstock.embedded.starrocks.query_port.system_tables import LOAD_STATES, moment

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.model import LoadRecord
    from penstock.embedded.starrocks.query_port.queries import Queries
    from penstock.embedded.starrocks.query_port.results import Rows

_TRANSACTION: Final = [
    "TransactionId", "Label", "Coordinator", "TransactionStatus", "LoadJobSourceType",
    "PrepareTime", "PreparedTime", "CommitTime", "PublishTime", "FinishTime", "Reason",
    "ErrorReplicasCount", "ListenerId", "TimeoutMs", "PreparedTimeoutMs", "ErrMsg",
]  # fmt: skip
_FINISHED: Final = frozenset({"VISIBLE", "ABORTED"})


def seconds_text(milliseconds: int) -> str | None:
    """A time in milliseconds as SHOW statements print it; none for 0."""
    found = moment(milliseconds)
    return None if found is None else found.strftime("%Y-%m-%d %H:%M:%S")


def _transaction_row(load: LoadRecord) -> list[Any]:
    kind = {"INSERT": "INSERT_STREAMING"}.get(load.kind, "BACKEND_STREAMING")
    return [
        load.txn_id, load.label, "BE: 127.0.0.1", load.state, kind, seconds_text(load.begin_ms),
        seconds_text(load.prepared_ms), seconds_text(load.commit_ms), seconds_text(load.finish_ms),
        seconds_text(load.finish_ms), load.reason, 0, -1, load.timeout_ms, load.prepared_timeout_ms,
        load.reason if load.state == "ABORTED" else "",
    ]  # fmt: skip


def show_transactions(queries: Queries, parts: list[str]) -> Rows:
    """SHOW PROC '/transactions[/<db>[/running|finished]]'."""
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
    """SHOW TRANSACTION [FROM db] WHERE id = n | label = 'l'."""
    database = _named(queries, cursor)
    cursor.expect("WHERE")
    column = cursor.name().lower()
    if column not in {"id", "label"}:
        raise analysis_error("Where clause should look like: ID = $transaction_id")
    cursor.expect("=")
    wanted = cursor.advance().value
    rows = [
        _transaction_row(load)
        for load in list(queries.store.load_history)
        if load.db == database and (load.label if column == "label" else str(load.txn_id)) == wanted
    ]
    return text_rows(_TRANSACTION, rows)


def _named(queries: Queries, cursor: Cursor) -> str:
    return queries.database_or_current(cursor.qualified()[1] if cursor.accept("FROM") else "")


def show_load(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW LOAD [FROM db]: loads that a statement began."""
    database = _named(queries, cursor)
    names = [
        "JobId", "Label", "State", "Progress", "Type", "Priority", "ScanRows", "FilteredRows",
        "UnselectedRows", "SinkRows", "EtlInfo", "TaskInfo", "ErrorMsg", "CreateTime",
        "EtlStartTime", "EtlFinishTime", "LoadStartTime", "LoadFinishTime", "TrackingSQL",
        "JobDetails",
    ]  # fmt: skip
    rows = [
        [
            load.txn_id, load.label, LOAD_STATES.get(load.state, load.state),
            "ETL:100%; LOAD:100%" if load.state == "VISIBLE" else "ETL:N/A; LOAD:N/A", load.kind,
            "NORMAL", load.total_rows, load.filtered_rows, load.unselected_rows, load.loaded_rows,
            None, "resource:N/A; timeout(s):300; max_filter_ratio:0.0", load.reason or None,
            seconds_text(load.begin_ms), seconds_text(load.begin_ms), seconds_text(load.begin_ms),
            seconds_text(load.begin_ms), seconds_text(load.finish_ms), "", "",
        ]
        for load in list(queries.store.load_history)
        if load.db == database and load.kind == "INSERT"
    ]  # fmt: skip
    return text_rows(names, rows)


def show_stream_load(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW [ALL] STREAM LOAD [FOR label] [FROM db]: loads that came over HTTP."""
    label = cursor.qualified()[1] if cursor.accept("FOR") else ""
    database = _named(queries, cursor)
    names = [
        "Label", "Id", "LoadId", "TxnId", "DbName", "TableName", "State", "ErrorMsg",
        "TrackingURL", "ChannelNum", "PreparedChannelNum", "NumRowsNormal", "NumRowsAbNormal",
        "NumRowsUnselected", "NumLoadBytes", "TimeoutSecond", "CreateTimeMs", "BeforeLoadTimeMs",
        "StartLoadingTimeMs", "StartPreparingTimeMs", "FinishPreparingTimeMs", "EndTimeMs",
        "ChannelState", "Type",
    ]  # fmt: skip
    rows = [
        [
            load.label, load.txn_id, load.txn_id, load.txn_id, load.db, load.table,
            LOAD_STATES.get(load.state, load.state), load.reason, load.error_url, 1, 0,
            load.loaded_rows, load.filtered_rows, load.unselected_rows, load.load_bytes,
            load.timeout_ms // 1000, seconds_text(load.begin_ms), seconds_text(load.begin_ms),
            seconds_text(load.begin_ms), seconds_text(load.begin_ms),
            seconds_text(load.prepared_ms), seconds_text(load.finish_ms), "", load.kind,
        ]
        for load in list(queries.store.load_history)
        if load.db == database and load.kind != "INSERT" and label in {"", load.label}
    ]  # fmt: skip
    return text_rows(names, rows)


def show_alter(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW ALTER TABLE COLUMN | ROLLUP | OPTIMIZE [FROM db]."""
    kind = cursor.name().upper()
    database = _named(queries, cursor)
    names = [
        "JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "IndexId", "OriginIndexId",
        "SchemaVersion", "TransactionId", "State", "Msg", "Progress", "Timeout",
    ]  # fmt: skip
    jobs = queries.settings.alter_jobs(database) if kind == "COLUMN" else []
    rows = [
        [
            place, job.table, seconds_text(job.finished_ms), seconds_text(job.finished_ms),
            job.table, job.table_id, job.table_id, f"{place}:0", 0, "FINISHED", "", None, 86400,
        ]
        for place, job in enumerate(jobs, start=1)
    ]  # fmt: skip
    return text_rows(names, rows)
