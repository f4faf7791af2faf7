"""The data of the embedded StarRocks: databases, tables and rows over DuckDB.

Publishing is `DELETE ... USING batch` and `INSERT` in one DuckDB transaction under one writer lock
per table; readers take a cursor and see one version, whatever is being published. With a data
directory everything published is durable, and a transaction id is published at most once.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import duckdb

from penstock.clock import SystemClock
from penstock.embedded.starrocks.catalog import Catalog
from penstock.embedded.starrocks.model import (
    DatabaseDef,
    LoadRecord,
    ServerError,
    TableDef,
    TabletRow,
)
from penstock.embedded.starrocks.profile import INSTANT, Profile
from penstock.embedded.starrocks.publish import Batch, apply_batch, physical, quoted
from penstock.embedded.starrocks.versions import BackendConfig, CompactionThread, Versions

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.clock import Clock

BE_ID = 10001


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
        self._catalog = Catalog(self._connection)
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
            self._catalog.save("database", name, "", database.db_id, database.created_ms)
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
            self._catalog.forget("database", name, "")
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
                cursor.execute(f"CREATE TABLE {physical(table)} ({columns})")
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
                self._execute(f"DROP TABLE {physical(table)}")
                self._catalog.forget("table", db, name)
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
            self._execute(f"DELETE FROM {physical(table)}")
            self.versions.add(table)

    def physical(self, db: str, table: str) -> str:
        """The quoted DuckDB name of a table, to be used in SQL text."""
        return physical(self.table(db, table))

    def writer(self, table: TableDef) -> threading.RLock:
        """The lock that whoever changes rows of `table` must hold."""
        with self._lock:
            return self._writers.setdefault(table.table_id, threading.RLock())

    # -------------------------------------------------------------------------------- publish

    def publish(
        self, db: str, table: str, batch: Batch, *, txn_id: int = 0, check: bool = False
    ) -> int:
        """Make rows visible as one version.

        Args:
            db: Database.
            table: Table.
            batch: The rows.
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
                apply_batch(cursor, target, batch)
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

    # ----------------------------------------------------------------------------- accounting

    def row_count(self, table: TableDef) -> int:
        """How many rows a table has."""
        cursor = self.cursor()
        try:
            found = cursor.execute(f"SELECT count(*) FROM {physical(table)}").fetchone()
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

    def _save_table(self, table: TableDef) -> None:
        self._catalog.save("table", table.db, table.name, table.table_id, table.to_json())

    def _save_rowsets(self) -> None:
        if self.data_dir is None:
            return
        with self._lock:
            for table in self.all_tables():
                tablets = self.versions.tablets(table.table_id)
                facts = [max(t.rowsets for t in tablets), self.versions.version(table.table_id)]
                self._catalog.save("rowsets", table.db, table.name, table.table_id, facts)

    def _recover(self) -> None:
        found = self._catalog.objects()
        published = self._catalog.versions()
        rowsets = {number: data for kind, _, _, number, data in found if kind == "rowsets"}
        for kind, db, name, number, data in found:
            if kind == "database":
                self._databases[db] = DatabaseDef(db, number, data)
                self._next_id = max(self._next_id, number)
            elif kind == "table":
                table = TableDef.from_json(data)
                self._tables[db, name] = table
                self._next_id = max(self._next_id, *table.tablet_ids)
                version = published.get(number, 1)
                count, at = rowsets.get(number, (1, 1))
                self.versions.add(table, version, count + max(0, version - at))
