"""The data of the embedded StarRocks: databases, tables and rows over DuckDB.

Publishing is `DELETE ... USING batch` and `INSERT` in one DuckDB transaction under one writer lock
per table; readers take a cursor and see one version, whatever is being published. With a data
directory everything published is durable, and a transaction id is published at most once.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.clock import SystemClock
from penstock.embedded.starrocks.model import (
    DatabaseDef,
    LoadRecord,
    ServerError,
    TableDef,
    TabletRow,
)
from penstock.embedded.starrocks.profile import INSTANT, Profile
from penstock.embedded.starrocks.versions import BackendConfig, CompactionThread, Versions

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.clock import Clock

BE_ID = 10001
_AGGREGATES = {
    "SUM": "sum({0})",
    "MIN": "min({0})",
    "MAX": "max({0})",
    "REPLACE": "arg_max_null({0}, __seq)",
    "REPLACE_IF_NOT_NULL": "arg_max({0}, __seq)",
    "": "arg_max_null({0}, __seq)",
}


def quoted(name: str) -> str:
    """`name` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


class Store:
    """Databases, tables and rows; safe for use from many threads.

    Args:
        data_dir: Where to keep everything; None keeps it in memory.
        profile: How long publishing takes.
        clock: The time.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        profile: Profile = INSTANT,
        clock: Clock | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.profile = profile
        self.clock: Clock = clock or SystemClock()
        self.config = BackendConfig()
        self.versions = Versions(self.config, self.clock)
        self.load_history: deque[LoadRecord] = deque(maxlen=10_000)
        self._lock = threading.RLock()
        self._writers: dict[int, threading.RLock] = {}
        self._databases: dict[str, DatabaseDef] = {}
        self._tables: dict[tuple[str, str], TableDef] = {}
        self._next_id = 10_100
        if data_dir is not None:
            data_dir.mkdir(parents=True, exist_ok=True)
        path = ":memory:" if data_dir is None else str(data_dir / "store.duckdb")
        self._connection = duckdb.connect(path)
        self._recover()
        self._compaction = CompactionThread(self.versions, self.config, self._save_rowsets)
        self._compaction.start()

    def close(self) -> None:
        """Stop compaction and close the files."""
        self._compaction.stop()
        self._save_rowsets()
        self._connection.close()

    def cursor(self) -> Any:
        """A DuckDB connection of its own; one statement of it sees one version."""
        return self._connection.cursor()

    # ------------------------------------------------------------------------------- databases

    def databases(self) -> list[DatabaseDef]:
        """All databases by name."""
        with self._lock:
            return sorted(self._databases.values(), key=lambda database: database.name)

    def has_database(self, name: str) -> bool:
        """Whether there is a database `name`."""
        return name in self._databases

    def create_database(self, name: str, *, if_not_exists: bool = False) -> None:
        """Create a database."""
        with self._lock:
            if name in self._databases:
                if if_not_exists:
                    return
                raise ServerError(f"Can't create database '{name}'; database exists", errno=1007)
            database = DatabaseDef(name, self._new_id(), self.clock.now_ms())
            self._save("database", name, "", database.db_id, database.created_ms)
            self._databases[name] = database

    def drop_database(self, name: str, *, if_exists: bool = False) -> None:
        """Drop a database with all its tables."""
        with self._lock:
            if name not in self._databases:
                if if_exists:
                    return
                raise ServerError(
                    f"Can't drop database '{name}'; database doesn't exist", errno=1008
                )
            for table in self.tables(name):
                self.drop_table(name, table.name)
            self._forget("database", name, "")
            del self._databases[name]

    # ---------------------------------------------------------------------------------- tables

    def create_table(self, table: TableDef, *, if_not_exists: bool = False) -> None:
        """Create a table; fills its ids."""
        with self._lock:
            if table.db not in self._databases:
                raise ServerError(f"Unknown database '{table.db}'", errno=1049)
            if (table.db, table.name) in self._tables:
                if if_not_exists:
                    return
                raise ServerError(f"Table '{table.name}' already exists", errno=1050)
            table.table_id, table.partition_id = self._new_id(), self._new_id()
            table.tablet_ids = [self._new_id() for _ in range(max(1, table.buckets))]
            table.created_ms = self.clock.now_ms()
            if not table.key_columns:
                table.key_columns = [column.name for column in table.columns if column.key]
            for column in table.columns:
                column.key = column.name in table.key_columns
                column.nullable = column.nullable and not (column.key and table.primary)
            columns = ", ".join(
                f"{quoted(column.name)} {column.duckdb_type}" for column in table.columns
            )
            cursor = self.cursor()
            try:
                cursor.execute(f"CREATE TABLE {self._place(table)} ({columns})")
            except duckdb.Error as error:
                raise ServerError(f"cannot create table '{table.name}': {error}") from error
            finally:
                cursor.close()
            self._tables[table.db, table.name] = table
            self._save_table(table)
            self.versions.add(table)

    def drop_table(self, db: str, name: str, *, if_exists: bool = False) -> None:
        """Drop a table."""
        with self._lock:
            if if_exists and (db, name) not in self._tables:
                return
            table = self.table(db, name)
            with self.writer(table):
                self._execute(f"DROP TABLE {self._place(table)}")
                self._forget("table", db, name)
                del self._tables[db, name]
                self.versions.drop(table.table_id)

    def table(self, db: str, name: str) -> TableDef:
        """A table, or an error that names it."""
        found = self._tables.get((db, name))
        if found is None:
            if db not in self._databases:
                raise ServerError(f"Unknown database '{db}'", errno=1049)
            raise ServerError(f"Unknown table '{db}.{name}'", errno=5502)
        return found

    def tables(self, db: str) -> list[TableDef]:
        """The tables of a database by name."""
        with self._lock:
            return sorted((t for t in self._tables.values() if t.db == db), key=lambda t: t.name)

    def all_tables(self) -> list[TableDef]:
        """The tables of all databases."""
        with self._lock:
            return list(self._tables.values())

    def alter_table(self, table: TableDef, statements: list[str]) -> None:
        """Replace a definition after running DuckDB `statements` that change the columns."""
        with self._lock, self.writer(table):
            for statement in statements:
                self._execute(statement)
            self._tables[table.db, table.name] = table
            self._save_table(table)

    def truncate(self, db: str, name: str) -> None:
        """Remove all rows; the table starts with fresh versions."""
        table = self.table(db, name)
        with self.writer(table):
            self._execute(f"DELETE FROM {self._place(table)}")
            self.versions.add(table)

    def physical(self, db: str, table: str) -> str:
        """The quoted DuckDB name of a table, to be used in SQL text."""
        return self._place(self.table(db, table))

    def writer(self, table: TableDef) -> threading.RLock:
        """The lock that whoever changes rows of `table` must hold."""
        with self._lock:
            return self._writers.setdefault(table.table_id, threading.RLock())

    # -------------------------------------------------------------------------------- publish

    def publish(
        self,
        db: str,
        table: str,
        rows: pa.Table,
        ops: pa.Array | None = None,
        *,
        partial: bool = False,
        merge_condition: str = "",
        txn_id: int = 0,
        check: bool = False,
    ) -> int:
        """Make rows visible as one version.

        Args:
            db: Database.
            table: Table.
            rows: Columns by the table's names; all of them, or with `partial` some.
            ops: Per row 0 for upsert, 1 for delete; None is all upserts.
            partial: Keep the columns of existing rows that `rows` does not have.
            merge_condition: A column whose new value must not be less than the present one.
            txn_id: The transaction; published at most once if not 0.
            check: Refuse if a tablet already has too many versions.

        Returns:
            The new version.
        """
        target = self.table(db, table)
        with self.writer(target):
            if check:
                self.versions.check(target.table_id)
            cursor = self.cursor()
            try:
                cursor.execute("BEGIN")
                if txn_id:
                    seen = cursor.execute(
                        "SELECT 1 FROM _meta.published WHERE txn_id = ?", [txn_id]
                    )
                    if seen.fetchone():
                        cursor.execute("ROLLBACK")
                        return self.versions.version(target.table_id)
                version = self.versions.version(target.table_id) + 1
                self._apply(cursor, target, rows, ops, partial=partial, condition=merge_condition)
                if self.data_dir is not None:
                    cursor.execute(
                        "INSERT INTO _meta.published VALUES (?, ?, ?)",
                        [txn_id, target.table_id, version],
                    )
                cursor.execute("COMMIT")
            except duckdb.Error as error:
                raise ServerError(f"publish into '{target.full_name}' failed: {error}") from error
            finally:
                cursor.close()
            return self.versions.published(target.table_id)

    def written(self, db: str, table: str) -> int:
        """Count one version after the caller, holding `writer`, changed rows by SQL."""
        target = self.table(db, table)
        if self.data_dir is not None:
            version = self.versions.version(target.table_id) + 1
            self._execute(
                "INSERT INTO _meta.published VALUES (?, ?, ?)", [0, target.table_id, version]
            )
        return self.versions.published(target.table_id)

    def _apply(
        self,
        cursor: Any,
        table: TableDef,
        rows: pa.Table,
        ops: pa.Array | None,
        *,
        partial: bool,
        condition: str,
    ) -> None:
        if not rows.num_rows:
            return
        place = self._place(table)
        names = [column.name for column in table.columns]
        if table.keys_type == "DUPLICATE":
            cursor.register("_batch", rows)
            cursor.execute(self._insert(table, rows, "_batch"))
            return
        keys = [quoted(name) for name in table.key_columns]
        matches = " AND ".join(f"t.{key} = b.{key}" for key in keys)
        if table.keys_type == "AGGREGATE":
            for absent in table.columns:
                if absent.name not in rows.column_names:
                    empty = pa.nulls(rows.num_rows, absent.info.arrow)
                    rows = rows.append_column(absent.name, empty)
            cursor.register("_batch", self._numbered(rows))
            self._merge(cursor, table, matches)
            return
        rows, ops = last_of_each_key(rows, ops, table.key_columns)
        if ops is not None:
            rows = rows.append_column("__op", ops)
        cursor.register("_batch", rows)
        source = "_batch"
        if condition:
            column = quoted(condition)
            upsert = "" if ops is None else "b.__op = 1 OR "
            cursor.execute(
                f"CREATE TEMP TABLE _kept AS SELECT b.* FROM {source} b LEFT JOIN {place} t"
                f" ON {matches} WHERE {upsert}t.{column} IS NULL OR b.{column} >= t.{column}"
            )
            source = "_kept"
        if partial and any(name not in rows.column_names for name in names):
            have = set(rows.column_names)
            picks = ", ".join(
                f"b.{quoted(column.name)}"
                if column.name in have
                else f"CASE WHEN t.{keys[0]} IS NULL THEN {default_sql(column)}"
                f" ELSE t.{quoted(column.name)} END AS {quoted(column.name)}"
                for column in table.columns
            )
            picks += "" if ops is None else ", b.__op"
            cursor.execute(
                f"CREATE TEMP TABLE _full AS SELECT {picks} FROM {source} b LEFT JOIN {place} t"
                f" ON {matches}"
            )
            cursor.execute(f"DELETE FROM {place} t USING {source} b WHERE {matches}")
            listed = ", ".join(map(quoted, names))
            where = "" if ops is None else " WHERE __op = 0"
            cursor.execute(f"INSERT INTO {place} ({listed}) SELECT {listed} FROM _full{where}")
            cursor.execute("DROP TABLE _full")
        else:
            cursor.execute(f"DELETE FROM {place} t USING {source} b WHERE {matches}")
            where = "" if ops is None else " WHERE __op = 0"
            cursor.execute(self._insert(table, rows, source) + where)
        if condition:
            cursor.execute("DROP TABLE _kept")

    def _insert(self, table: TableDef, rows: pa.Table, source: str) -> str:
        have = set(rows.column_names)
        picks = []
        for column in table.columns:
            name = quoted(column.name)
            if column.name not in have:
                picks.append(default_sql(column))
            elif column.info.nested and pa.types.is_string(rows.schema.field(column.name).type):
                picks.append(f"TRY_CAST(TRY_CAST({name} AS JSON) AS {column.duckdb_type})")
            else:
                picks.append(name)
        names = ", ".join(quoted(column.name) for column in table.columns)
        return f"INSERT INTO {self._place(table)} ({names}) SELECT {', '.join(picks)} FROM {source}"

    @staticmethod
    def _numbered(rows: pa.Table) -> pa.Table:
        return rows.append_column("__seq", pa.array(np.arange(1, rows.num_rows + 1)))

    def _merge(self, cursor: Any, table: TableDef, matches: str) -> None:
        place = self._place(table)
        names = [quoted(column.name) for column in table.columns]
        listed = ", ".join(names)
        picks = ", ".join(
            quoted(column.name)
            if column.key
            else _AGGREGATES.get(column.aggregate.upper(), _AGGREGATES[""]).format(
                quoted(column.name)
            )
            + f"::{column.duckdb_type} AS {quoted(column.name)}"
            for column in table.columns
        )
        keys = ", ".join(quoted(name) for name in table.key_columns)
        cursor.execute(
            f"CREATE TEMP TABLE _merged AS SELECT {picks} FROM (SELECT 0 AS __seq, {listed} FROM"
            f" {place} t WHERE EXISTS (SELECT 1 FROM _batch b WHERE {matches})"
            f" UNION ALL SELECT __seq, {listed} FROM _batch) GROUP BY {keys}"
        )
        cursor.execute(f"DELETE FROM {place} t USING _merged b WHERE {matches}")
        cursor.execute(f"INSERT INTO {place} ({listed}) SELECT {listed} FROM _merged")
        cursor.execute("DROP TABLE _merged")

    # ----------------------------------------------------------------------------- accounting

    def row_count(self, table: TableDef) -> int:
        """How many rows a table has."""
        cursor = self.cursor()
        try:
            found = cursor.execute(f"SELECT count(*) FROM {self._place(table)}").fetchone()
            return int(found[0])
        finally:
            cursor.close()

    def tablet_rows(self) -> list[TabletRow]:
        """What `information_schema.be_tablets` shows."""
        result = []
        for table in self.all_tables():
            count = self.row_count(table)
            tablets = self.versions.tablets(table.table_id)
            for place, tablet in enumerate(tablets):
                share = (count + place) // len(tablets)
                result.append(
                    TabletRow(
                        table.db,
                        table.name,
                        BE_ID,
                        table.table_id,
                        table.partition_id,
                        tablet.tablet_id,
                        tablet.rowsets,
                        tablet.version,
                        0,
                        tablet.rowsets,
                        share,
                        share * 16 * len(table.columns),
                        table.created_ms // 1000,
                    )
                )
        return result

    # ------------------------------------------------------------------------------- metadata

    def _place(self, table: TableDef) -> str:
        return f"main.{quoted(f't{table.table_id}')}"

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _execute(self, statement: str, values: list[Any] | None = None) -> None:
        cursor = self.cursor()
        try:
            cursor.execute(statement, values or [])
        except duckdb.Error as error:
            raise ServerError(f"statement failed in the store: {error}") from error
        finally:
            cursor.close()

    def _save(self, kind: str, db: str, name: str, number: int, data: Any) -> None:
        self._forget(kind, db, name)
        self._execute(
            "INSERT INTO _meta.objects VALUES (?, ?, ?, ?, ?)",
            [kind, db, name, number, json.dumps(data)],
        )

    def _save_table(self, table: TableDef) -> None:
        self._save("table", table.db, table.name, table.table_id, table.to_json())

    def _forget(self, kind: str, db: str, name: str) -> None:
        self._execute(
            "DELETE FROM _meta.objects WHERE kind = ? AND db = ? AND name = ?", [kind, db, name]
        )

    def _save_rowsets(self) -> None:
        if self.data_dir is None:
            return
        with self._lock:
            for table in self.all_tables():
                tablets = self.versions.tablets(table.table_id)
                facts = [max(t.rowsets for t in tablets), self.versions.version(table.table_id)]
                self._save("rowsets", table.db, table.name, table.table_id, facts)

    def _recover(self) -> None:
        run = self._connection.execute
        run("CREATE SCHEMA IF NOT EXISTS _meta")
        run(
            "CREATE TABLE IF NOT EXISTS _meta.objects"
            " (kind VARCHAR, db VARCHAR, name VARCHAR, number BIGINT, data VARCHAR)"
        )
        run(
            "CREATE TABLE IF NOT EXISTS _meta.published"
            " (txn_id BIGINT, table_id BIGINT, version BIGINT)"
        )
        found = run("SELECT kind, db, name, number, data FROM _meta.objects").fetchall()
        published = dict(
            run("SELECT table_id, max(version) FROM _meta.published GROUP BY 1").fetchall()
        )
        rowsets = {
            number: json.loads(data) for kind, _, _, number, data in found if kind == "rowsets"
        }
        for kind, db, name, number, data in found:
            if kind == "database":
                self._databases[db] = DatabaseDef(db, number, json.loads(data))
                self._next_id = max(self._next_id, number)
            elif kind == "table":
                table = TableDef.from_json(json.loads(data))
                self._tables[db, name] = table
                self._next_id = max(self._next_id, *table.tablet_ids)
                version = published.get(number, 1)
                count, at = rowsets.get(number, (1, 1))
                self.versions.add(table, version, count + max(0, version - at))


def default_sql(column: Any) -> str:
    """The DuckDB expression of a column's default."""
    if column.default is None:
        return f"CAST(NULL AS {column.duckdb_type})"
    if column.default.upper().startswith(("CURRENT_TIMESTAMP", "NOW(")):
        return "CAST(now() AS TIMESTAMP)"
    if column.default.lower().strip("()") == "uuid":
        return "CAST(uuid() AS VARCHAR)"
    text = column.default.replace("'", "''")
    return f"CAST('{text}' AS {column.duckdb_type})"


def last_of_each_key(
    rows: pa.Table, ops: pa.Array | None, keys: list[str]
) -> tuple[pa.Table, pa.Array | None]:
    """Only the last row of each key, in the order of the rows."""
    numbered = rows.select(keys).append_column("__row", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(keys).aggregate([("__row", "max")]).column("__row_max")
    if len(last) == rows.num_rows:
        return rows, ops
    places = pc.take(last, pc.sort_indices(last)).combine_chunks()
    return rows.take(places), None if ops is None else ops.take(places)
