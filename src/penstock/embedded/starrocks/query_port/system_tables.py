"""The tables of information_schema, built from the store when a query names them."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from penstock.embedded.starrocks.model import ROW_BYTES, TABLE_MODELS
from penstock.embedded.starrocks.partitions import range_text
from penstock.embedded.starrocks.query_port.empty_tables import EMPTY_TABLES
from penstock.embedded.starrocks.query_port.type_names import (
    column_size,
    data_type,
    decimal_digits,
    printed_type,
)
from penstock.embedded.starrocks.sql_names import ticked_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from penstock.embedded.starrocks.model import TableDef
    from penstock.embedded.starrocks.store import Store

_TEXT: Final = pa.string()
_LONG: Final = pa.int64()
_TIME: Final = pa.timestamp("us")
Columns = dict[str, pa.DataType]

LOAD_STATES: Final = {
    "PREPARE": "LOADING",
    "PREPARED": "PREPARED",
    "COMMITTED": "COMMITED",
    "VISIBLE": "FINISHED",
    "ABORTED": "CANCELLED",
}


_TABLET_TYPES: Final = {
    "PRIMARY": "PRIMARY_KEYS",
    "DUPLICATE": "DUP_KEYS",
    "UNIQUE": "UNIQUE_KEYS",
    "AGGREGATE": "AGG_KEYS",
}


def moment(milliseconds: int) -> dt.datetime | None:
    """A time in milliseconds as a date and time without zone; none for 0."""
    if not milliseconds:
        return None
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).replace(tzinfo=None)


def _build(columns: Columns, rows: Iterable[Sequence[Any]]) -> pa.Table:
    listed = list(rows)
    arrays = [
        pa.array([row[index] for row in listed], kind)
        for index, kind in enumerate(columns.values())
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


def key_mark(table: TableDef, *, is_key: bool) -> str:
    """COLUMN_KEY: the first three letters of the keys type, for key columns."""
    marks = {"PRIMARY": "PRI", "DUPLICATE": "DUP", "UNIQUE": "UNI", "AGGREGATE": "AGG"}
    return marks[table.keys_type] if is_key else ""


def _schemata(store: Store) -> pa.Table:
    columns = dict.fromkeys(
        (
            "CATALOG_NAME", "SCHEMA_NAME", "DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME",
            "SQL_PATH",
        ),
        _TEXT,
    )  # fmt: skip
    names = ["information_schema", *(database.name for database in store.databases())]
    return _build(columns, [("def", name, "utf8", "utf8_general_ci", None) for name in names])


def _tables(store: Store) -> pa.Table:
    columns: Columns = {
        "TABLE_CATALOG": _TEXT, "TABLE_SCHEMA": _TEXT, "TABLE_NAME": _TEXT, "TABLE_TYPE": _TEXT,
        "ENGINE": _TEXT, "VERSION": _LONG, "ROW_FORMAT": _TEXT, "TABLE_ROWS": _LONG,
        "AVG_ROW_LENGTH": _LONG, "DATA_LENGTH": _LONG, "MAX_DATA_LENGTH": _LONG,
        "INDEX_LENGTH": _LONG, "DATA_FREE": _LONG, "AUTO_INCREMENT": _LONG, "CREATE_TIME": _TIME,
        "UPDATE_TIME": _TIME, "CHECK_TIME": _TIME, "TABLE_COLLATION": _TEXT, "CHECKSUM": _LONG,
        "CREATE_OPTIONS": _TEXT, "TABLE_COMMENT": _TEXT,
    }  # fmt: skip
    rows: list[Sequence[Any]] = []
    for table in store.all_tables():
        count = store.row_count(table)
        width = ROW_BYTES * len(table.columns)
        rows.append(
            (
                "def", table.db, table.name, "BASE TABLE", "StarRocks", None, "", count, width,
                count * width, None, None, None, None, moment(table.created_ms), None, None,
                "utf8_general_ci", None, "", table.comment,
            )
        )  # fmt: skip
    rows.extend(
        ("def", view.db, view.name, "VIEW", None, *[None] * 9, moment(view.created_ms),
         *[None] * 5, view.comment)
        for view in store.views.all()
    )  # fmt: skip
    rows.extend(
        ("def", "information_schema", name, "SYSTEM VIEW", "MEMORY", *[None] * 15, "")
        for name in sorted(_BUILDERS)
    )
    return _build(columns, rows)


def _columns(store: Store) -> pa.Table:
    columns: Columns = {
        "TABLE_CATALOG": _TEXT, "TABLE_SCHEMA": _TEXT, "TABLE_NAME": _TEXT, "COLUMN_NAME": _TEXT,
        "ORDINAL_POSITION": _LONG, "COLUMN_DEFAULT": _TEXT, "IS_NULLABLE": _TEXT,
        "DATA_TYPE": _TEXT, "CHARACTER_MAXIMUM_LENGTH": _LONG, "CHARACTER_OCTET_LENGTH": _LONG,
        "NUMERIC_PRECISION": _LONG, "NUMERIC_SCALE": _LONG, "DATETIME_PRECISION": _LONG,
        "CHARACTER_SET_NAME": _TEXT, "COLLATION_NAME": _TEXT, "COLUMN_TYPE": _TEXT,
        "COLUMN_KEY": _TEXT, "EXTRA": _TEXT, "PRIVILEGES": _TEXT, "COLUMN_COMMENT": _TEXT,
        "COLUMN_SIZE": _LONG, "DECIMAL_DIGITS": _LONG, "GENERATION_EXPRESSION": _TEXT,
        "SRS_ID": _LONG,
    }  # fmt: skip
    rows: list[Sequence[Any]] = []
    for table in store.all_tables():
        for place, column in enumerate(table.columns, start=1):
            info = column.info
            size, digits = column_size(info), decimal_digits(info)
            is_text = info.base in {"CHAR", "VARCHAR"}
            rows.append(
                (
                    "def", table.db, table.name, column.name, place, column.default,
                    "YES" if column.nullable else "NO", data_type(info),
                    info.length if is_text else None, info.length if is_text else None,
                    None if is_text else size, digits, None,
                    "utf8" if is_text else None, "utf8_general_ci" if is_text else None,
                    printed_type(info), key_mark(table, is_key=column.key),
                    "auto_increment" if column.auto_increment else "", "", column.comment,
                    size, digits, column.generated or None, None,
                )
            )  # fmt: skip
    for name, builder in sorted(_BUILDERS.items()):
        if name == "columns":
            continue
        for place, field in enumerate(builder(store).schema, start=1):
            kind = {_LONG: "bigint", _TIME: "datetime"}.get(field.type, "varchar")
            rows.append(
                (
                    "def", "information_schema", name, field.name, place, None, "YES", kind,
                    *[None] * 7, kind, "", "", "", "", None, None, None, None,
                )
            )  # fmt: skip
    return _build(columns, rows)


def _tables_config(store: Store) -> pa.Table:
    columns: Columns = {
        "TABLE_SCHEMA": _TEXT, "TABLE_NAME": _TEXT, "TABLE_ENGINE": _TEXT, "TABLE_MODEL": _TEXT,
        "PRIMARY_KEY": _TEXT, "PARTITION_KEY": _TEXT, "DISTRIBUTE_KEY": _TEXT,
        "DISTRIBUTE_TYPE": _TEXT, "DISTRIBUTE_BUCKET": _LONG, "SORT_KEY": _TEXT,
        "PROPERTIES": _TEXT, "TABLE_ID": _LONG,
    }  # fmt: skip

    rows = [
        (
            table.db, table.name, "OLAP", TABLE_MODELS[table.keys_type],
            ticked_list(table.key_columns) if table.keys_type in {"PRIMARY", "UNIQUE"} else "",
            ticked_list(table.partition_columns), ticked_list(table.distribution_columns),
            "HASH" if table.distribution_columns else "RANDOM", table.buckets,
            ticked_list(table.order_by or table.key_columns), json.dumps(table.properties),
            table.table_id,
        )
        for table in store.all_tables()
    ]  # fmt: skip
    return _build(columns, rows)


def _be_tablets(store: Store, *, counted: bool = True) -> pa.Table:
    columns: Columns = {
        "BE_ID": _LONG, "TABLE_ID": _LONG, "PARTITION_ID": _LONG, "TABLET_ID": _LONG,
        "NUM_VERSION": _LONG, "MAX_VERSION": _LONG, "MIN_VERSION": _LONG, "NUM_ROWSET": _LONG,
        "NUM_ROW": _LONG, "DATA_SIZE": _LONG, "INDEX_MEM": _LONG, "CREATE_TIME": _LONG,
        "STATE": _TEXT, "TYPE": _TEXT, "DATA_DIR": _TEXT, "SHARD_ID": _LONG,
        "SCHEMA_HASH": _LONG, "INDEX_DISK": _LONG, "MEDIUM_TYPE": _TEXT, "NUM_SEGMENT": _LONG,
    }  # fmt: skip
    where = "" if store.data_dir is None else str(store.data_dir)
    rows = [
        (
            tablet.be_id, table.table_id, tablet.partition.partition_id, tablet.tablet_id,
            tablet.num_version, tablet.max_version, 0, tablet.num_version, tablet.num_row,
            tablet.data_size, 0, table.created_ms // 1000, "RUNNING",
            _TABLET_TYPES[table.keys_type], where, 0, 0, 0, "HDD", tablet.num_version,
        )
        for table in store.all_tables()
        for tablet in store.tablets.rows(table, counted=counted)
    ]  # fmt: skip
    return _build(columns, rows)


def _be_compactions(store: Store) -> pa.Table:
    names = (
        "BE_ID", "CANDIDATES_NUM", "BASE_COMPACTION_CONCURRENCY",
        "CUMULATIVE_COMPACTION_CONCURRENCY", "LATEST_COMPACTION_SCORE", "CANDIDATE_MAX_SCORE",
        "MANUAL_COMPACTION_CONCURRENCY", "MANUAL_COMPACTION_CANDIDATES_NUM",
    )  # fmt: skip
    replicas = [replica for part in store.versions.all_partitions() for replica in part.replicas]
    rows = []
    for backend in store.backend_ids():
        scores = [replica.rowsets for replica in replicas if replica.backend_id == backend]
        waiting = [score for score in scores if score > 1]
        running = sum(replica.busy_until > 0 for replica in replicas)
        rows.append(
            (
                backend, len(waiting), 0, running, max(scores, default=0),
                max(waiting, default=0), 0, 0,
            )
        )  # fmt: skip
    return _build(dict.fromkeys(names, _LONG), rows)


def _be_configs(store: Store) -> pa.Table:
    columns: Columns = {
        "BE_ID": _LONG, "NAME": _TEXT, "VALUE": _TEXT, "TYPE": _TEXT, "DEFAULT": _TEXT,
        "MUTABLE": pa.bool_(),
    }  # fmt: skip
    rows = [
        (backend, entry.name, value, entry.kind, entry.default, entry.is_mutable)
        for backend in store.backend_ids()
        for entry, value in store.config.items()
    ]
    return _build(columns, rows)


def _loads(store: Store) -> pa.Table:
    columns: Columns = {
        "ID": _LONG, "LABEL": _TEXT, "PROFILE_ID": _TEXT, "DB_NAME": _TEXT, "TABLE_NAME": _TEXT,
        "USER": _TEXT, "WAREHOUSE": _TEXT, "STATE": _TEXT, "PROGRESS": _TEXT, "TYPE": _TEXT,
        "PRIORITY": _TEXT, "SCAN_ROWS": _LONG, "SCAN_BYTES": _LONG, "FILTERED_ROWS": _LONG,
        "UNSELECTED_ROWS": _LONG, "SINK_ROWS": _LONG, "RUNTIME_DETAILS": _TEXT,
        "CREATE_TIME": _TIME, "LOAD_START_TIME": _TIME, "LOAD_COMMIT_TIME": _TIME,
        "LOAD_FINISH_TIME": _TIME, "PROPERTIES": _TEXT, "ERROR_MSG": _TEXT,
        "TRACKING_SQL": _TEXT, "REJECTED_RECORD_PATH": _TEXT, "JOB_ID": _LONG,
    }  # fmt: skip
    rows: list[Sequence[Any]] = []
    for load in list(store.load_history):
        tracking = (
            "select tracking_log from information_schema.load_tracking_logs "
            f"where job_id={load.txn_id}"
            if load.error_rows
            else None
        )
        done = load.state in {"VISIBLE", "COMMITTED"}
        rows.append(
            (
                load.txn_id, load.label, None, load.db, load.table, load.user, "",
                LOAD_STATES.get(load.state, load.state), "100%" if done else "0%", load.kind,
                "NORMAL", load.total_rows, load.load_bytes, load.filtered_rows,
                load.unselected_rows, load.loaded_rows, "", moment(load.begin_ms),
                moment(load.begin_ms), moment(load.commit_ms), moment(load.finish_ms), "",
                load.reason or None, tracking, None, load.txn_id,
            )
        )  # fmt: skip
    return _build(columns, rows)


def _load_tracking_logs(store: Store) -> pa.Table:
    columns: Columns = {
        "JOB_ID": _LONG, "LABEL": _TEXT, "DATABASE_NAME": _TEXT, "TRACKING_LOG": _TEXT,
        "TYPE": _TEXT,
    }  # fmt: skip
    rows = [
        (load.txn_id, load.label, load.db, "\n".join(load.error_rows), load.kind)
        for load in list(store.load_history)
        if load.error_rows
    ]
    return _build(columns, rows)


def _partitions_meta(store: Store) -> pa.Table:
    columns: Columns = {
        "DB_NAME": _TEXT, "TABLE_NAME": _TEXT, "PARTITION_NAME": _TEXT, "PARTITION_ID": _LONG,
        "COMPACT_VERSION": _LONG, "VISIBLE_VERSION": _LONG, "VISIBLE_VERSION_TIME": _TIME,
        "NEXT_VERSION": _LONG, "DATA_VERSION": _LONG, "PARTITION_KEY": _TEXT,
        "PARTITION_VALUE": _TEXT, "DISTRIBUTION_KEY": _TEXT, "BUCKETS": _LONG,
        "REPLICATION_NUM": _LONG, "STORAGE_MEDIUM": _TEXT, "COOLDOWN_TIME": _TIME,
        "LAST_CONSISTENCY_CHECK_TIME": _TIME, "IS_IN_MEMORY": pa.bool_(), "IS_TEMP": pa.bool_(),
        "DATA_SIZE": _TEXT, "ROW_COUNT": _LONG, "ENABLE_DATACACHE": pa.bool_(),
        "AVG_CS": pa.float64(), "P50_CS": pa.float64(), "MAX_CS": pa.float64(),
    }  # fmt: skip
    rows: list[Sequence[Any]] = []
    for table in store.all_tables():
        for partition in table.partitions:
            state = store.versions.partition(table.table_id, partition.partition_id)
            count = store.tablets.partition_rows(table, partition)
            scores = sorted(replica.rowsets for replica in state.replicas)
            rows.append(
                (
                    table.db, table.name, partition.name, partition.partition_id, state.version,
                    state.version, moment(state.visible_ms), state.version + state.pending + 1,
                    state.version, ", ".join(table.partition_columns),
                    range_text(partition) if table.partition_by else "",
                    ", ".join(table.distribution_columns), table.buckets, table.replication,
                    "HDD", None, None, False, False,
                    f"{count * ROW_BYTES * len(table.columns)}B", count, False,
                    sum(scores) / len(scores), float(scores[len(scores) // 2]),
                    float(scores[-1]),
                )
            )  # fmt: skip
    return _build(columns, rows)


def _engines(_store: Store) -> pa.Table:
    names = ("ENGINE", "SUPPORT", "COMMENT", "TRANSACTIONS", "XA", "SAVEPOINTS")
    row = ("OLAP", "DEFAULT", "Default storage engine of StarRocks", "NO", "NO", "NO")
    return _build(dict.fromkeys(names, _TEXT), [row])


def _views(store: Store) -> pa.Table:
    names = (
        "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "VIEW_DEFINITION", "CHECK_OPTION",
        "IS_UPDATABLE", "DEFINER", "SECURITY_TYPE", "CHARACTER_SET_CLIENT",
        "COLLATION_CONNECTION",
    )  # fmt: skip
    rows = [
        ("def", view.db, view.name, view.text, "NONE", "NO", "", "NONE", "utf8", "utf8_general_ci")
        for view in store.views.all()
    ]
    return _build(dict.fromkeys(names, _TEXT), rows)


def _empty(columns: Mapping[str, str]) -> Callable[[Store], pa.Table]:
    kinds = {"text": _TEXT, "long": _LONG, "time": _TIME}
    table = _build({name: kinds[kind] for name, kind in columns.items()}, [])
    return lambda _store: table


_BUILDERS: Final[dict[str, Callable[[Store], pa.Table]]] = {
    "schemata": _schemata,
    "tables": _tables,
    "columns": _columns,
    "tables_config": _tables_config,
    "be_tablets": _be_tablets,
    "be_compactions": _be_compactions,
    "be_configs": _be_configs,
    "loads": _loads,
    "load_tracking_logs": _load_tracking_logs,
    "partitions_meta": _partitions_meta,
    "engines": _engines,
    "views": _views,
    **{name: _empty(columns) for name, columns in EMPTY_TABLES.items()},
}


def system_tables() -> list[str]:
    """Names of all tables of information_schema."""
    return sorted(_BUILDERS)


def system_table(store: Store, name: str, *, counted: bool = True) -> pa.Table | None:
    """A table of information_schema as it is now; none if there is none of this name.

    Args:
        store: What it is about.
        name: Its name.
        counted: Whether the rows of each tablet are wanted, which reads a changed table.
    """
    if name.lower() == "be_tablets":
        return _be_tablets(store, counted=counted)
    builder = _BUILDERS.get(name.lower())
    return None if builder is None else builder(store)
