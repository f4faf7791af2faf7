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
from penstock.embedded.starrocks.compaction import CompactionThread, Compactor
from penstock.embedded.starrocks.config import BACKEND, FRONTEND, Configuration
from penstock.embedded.starrocks.duck import open_duckdb, open_store
from penstock.embedded.starrocks.model import (
    BE_ID,
    DatabaseDef,
    LoadRecord,
    ServerError,
    TableDef,
)
from penstock.embedded.starrocks.partitions import PartitionDef
from penstock.embedded.starrocks.profile import INSTANT, Delays, Profile
from penstock.embedded.starrocks.publish import physical, sequence
from penstock.embedded.starrocks.publisher import Publisher
from penstock.embedded.starrocks.sql_names import quoted
from penstock.embedded.starrocks.tablets import Tablets
from penstock.embedded.starrocks.versions import Versions
from penstock.embedded.starrocks.views import Views

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.clock import Clock


class Store:
    """Databases, tables and rows; safe for use from many threads.

    Args:
        data_dir: Where to keep everything; None keeps it in memory.
        profile: How long operations take at the start.
        clock: The time.
        backends: How many backends the tablets have their replicas on.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        profile: Profile = INSTANT,
        clock: Clock | None = None,
        backends: int = 1,
    ) -> None:
        self.data_dir = data_dir
        self.clock: Clock = clock or SystemClock()
        self.backends = backends
        self.config = Configuration(BACKEND)
        self.frontend_config = Configuration(FRONTEND)
        profile.apply(self.config)
        self.delays = Delays(self.config, self.clock)
        self.versions = Versions(self.config, self.clock)
        self.publisher = Publisher(self)
        self.tablets = Tablets(self)
        self.compactor = Compactor(
            self.versions, self.config, self.clock, self.tablets.compaction_seconds
        )
        self.load_history: deque[LoadRecord] = deque(maxlen=10_000)
        self.lock = threading.RLock()
        self._writers: dict[int, threading.RLock] = {}
        self._databases: dict[str, DatabaseDef] = {}
        self._tables: dict[tuple[str, str], TableDef] = {}
        self._next_id = 10_100
        self._next_txn_id = 1000
        self._connection = open_duckdb(":memory:") if data_dir is None else open_store(data_dir)
        self.catalog = Catalog(self._connection)
        self._recover()
        self.views = Views(self)
        self._next_id = max([self._next_id, *(view.view_id for view in self.views.all())])
        self._compaction = CompactionThread(self.compactor, self._save_rowsets)
        self._compaction.start()

    def close(self) -> None:
        """Stop compaction and close the files."""
        self._compaction.stop()
        self._save_rowsets()
        self._connection.close()

    def configure(self, name: str, value: str | float) -> None:
        """Change a setting of the backends or the frontend, whoever knows it.

        Raises:
            ServerError: There is no such setting, or the value does not fit.
        """
        (self.config if name in self.config else self.frontend_config).set(name, value)

    def backend_ids(self) -> list[int]:
        """The ids of the backends."""
        return [BE_ID + place for place in range(self.backends)]

    def cursor(self) -> Any:
        """A DuckDB connection of its own; one statement of it sees one version."""
        return self._connection.cursor()

    # ------------------------------------------------------------------------------- databases

    def databases(self) -> list[DatabaseDef]:
        """All databases by name."""
        with self.lock:
            return sorted(self._databases.values(), key=lambda database: database.name)

    def has_database(self, name: str) -> bool:
        """Whether there is a database `name`."""
        return name in self._databases

    def database(self, name: str) -> DatabaseDef:
        """A database.

        Raises:
            ServerError: There is none of this name.
        """
        found = self._databases.get(name)
        if found is None:
            raise ServerError(f"Unknown database '{name}'", errno=1049)
        return found

    def create_database(self, name: str, *, if_not_exists: bool = False) -> None:
        """Create a database."""
        with self.lock:
            if name in self._databases:
                if if_not_exists:
                    return
                raise ServerError(f"Can't create database '{name}'; database exists", errno=1007)
            database = DatabaseDef(name, self.new_object_id(), self.clock.now_ms())
            self.catalog.save("database", name, "", database.db_id, database.created_ms)
            self._databases[name] = database

    def drop_database(self, name: str, *, if_exists: bool = False) -> None:
        """Drop a database with all its tables."""
        with self.lock:
            if name not in self._databases:
                if if_exists:
                    return
                raise ServerError(
                    f"Can't drop database '{name}'; database doesn't exist", errno=1008
                )
            self.views.drop_all(name)
        # Not under the lock: a writer's lock comes before it.
        for table in self.tables(name):
            self.drop_table(name, table.name, if_exists=True)
        with self.lock:
            self.catalog.forget("database", name, "")
            del self._databases[name]

    # ---------------------------------------------------------------------------------- tables

    def create_table(self, table: TableDef, *, if_not_exists: bool = False) -> None:
        """Create a table; fills its ids."""
        with self.lock:
            if table.db not in self._databases:
                raise ServerError(f"Unknown database '{table.db}'", errno=1049)
            if self.views.get(table.db, table.name) is not None:
                raise ServerError(f"Table '{table.name}' already exists", errno=1050)
            if (table.db, table.name) in self._tables:
                if if_not_exists:
                    return
                raise ServerError(f"Table '{table.name}' already exists", errno=1050)
            table.table_id = self.new_object_id()
            table.buckets = max(1, table.buckets)
            wanted = table.properties.get("replication_num", "")
            table.replication = max(1, min(self.backends, int(wanted) if wanted.isdigit() else 1))
            if table.partition_by is None:
                table.partitions = [PartitionDef(table.name)]
            table.created_ms = self.clock.now_ms()
            if not table.key_columns:
                table.key_columns = [column.name for column in table.columns if column.key]
            for column in table.columns:
                column.key = column.name in table.key_columns
                column.nullable = column.nullable and not (column.key and table.primary)
            columns = ", ".join(
                f"{quoted(column.name)} {column.duckdb_type}" for column in table.columns
            )
            self.execute(f"CREATE TABLE {physical(table)} ({columns})")
            if any(column.auto_increment for column in table.columns):
                self.execute(f"CREATE SEQUENCE {quoted(sequence(table))}")
            self._tables[table.db, table.name] = table
            for partition in table.partitions:
                self.open_partition(table, partition)
            self.save_table(table)

    def drop_table(self, db: str, name: str, *, if_exists: bool = False) -> None:
        """Drop a table."""
        if if_exists and not self.has_table(db, name):
            return
        # The writer's lock first, as publishing takes them.
        with self.writer(self.table(db, name)), self.lock:
            table = self.table(db, name)
            self.execute(f"DROP TABLE {physical(table)}")
            self.execute(f"DROP SEQUENCE IF EXISTS {quoted(sequence(table))}")
            self.catalog.forget("table", db, name)
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

    def rename_table(self, table: TableDef, name: str) -> None:
        """Give a table another name.

        Raises:
            ServerError: The name is taken.
        """
        with self.lock:
            if (table.db, name) in self._tables:
                raise ServerError(f"Table name[{name}] is already used", errno=1050)
            self._rename({(table.db, table.name): name})

    def swap_tables(self, first: TableDef, second: TableDef) -> None:
        """Let two tables of a database change their names."""
        with self.lock:
            self._rename(
                {(first.db, first.name): second.name, (second.db, second.name): first.name}
            )

    def _rename(self, names: dict[tuple[str, str], str]) -> None:
        tables = [(self._tables.pop(key), name) for key, name in names.items()]
        for table, _ in tables:
            self.catalog.forget("table", table.db, table.name)
        for table, name in tables:
            if table.partition_by is None:
                table.partitions[0].name = name
            table.name = name
            self._tables[table.db, name] = table
            self.save_table(table)

    def has_table(self, db: str, name: str) -> bool:
        """Whether there is such a table."""
        return (db, name) in self._tables

    def tables(self, db: str) -> list[TableDef]:
        """The tables of a database by name."""
        with self.lock:
            return sorted((t for t in self._tables.values() if t.db == db), key=lambda t: t.name)

    def all_tables(self) -> list[TableDef]:
        """The tables of all databases."""
        with self.lock:
            return list(self._tables.values())

    def alter_table(self, table: TableDef, statements: list[str]) -> None:
        """Replace a definition after running DuckDB `statements` that change the columns."""
        with self.writer(table), self.lock:
            for statement in statements:
                self.execute(statement)
            self._tables[table.db, table.name] = table
            self.save_table(table)

    def truncate(self, db: str, name: str) -> None:
        """Remove all rows; the table starts with fresh versions."""
        table = self.table(db, name)
        with self.writer(table):
            self.execute(f"DELETE FROM {physical(table)}")
            for partition in table.partitions:
                self.open_partition(table, partition)
            self.save_table(table)
            self.publisher.changed(table)

    def open_partition(self, table: TableDef, partition: PartitionDef) -> None:
        """Give a partition new ids and begin to count its versions."""
        if partition.partition_id:
            self.versions.drop(table.table_id, partition.partition_id)
        partition.partition_id = self.new_object_id()
        partition.tablet_ids = [self.new_object_id() for _ in range(table.buckets)]
        self.versions.add(
            table.table_id,
            partition.partition_id,
            partition.tablet_ids,
            primary=table.primary,
            replication=table.replication,
        )

    def physical(self, db: str, table: str) -> str:
        """The quoted DuckDB name of a table, to be used in SQL text."""
        return physical(self.table(db, table))

    def writer(self, table: TableDef) -> threading.RLock:
        """The lock that whoever changes rows of `table` must hold."""
        with self.lock:
            return self._writers.setdefault(table.table_id, threading.RLock())

    # ----------------------------------------------------------------------------- accounting

    def row_count(self, table: TableDef) -> int:
        """How many rows a table has."""
        return int(self.query(f"SELECT count(*) FROM {physical(table)}")[0][0])

    def query(self, statement: str) -> list[Any]:
        """The rows of a statement of DuckDB's."""
        cursor = self.cursor()
        try:
            return list(cursor.execute(statement).fetchall())
        finally:
            cursor.close()

    # ------------------------------------------------------------------------------- metadata

    def new_txn_id(self, after: int = 0) -> int:
        """The id of the next transaction, greater than `after`."""
        with self.lock:
            self._next_txn_id = max(self._next_txn_id, after) + 1
            return self._next_txn_id

    def new_object_id(self) -> int:
        """An id that no other object has."""
        with self.lock:
            self._next_id += 1
            return self._next_id

    def execute(self, statement: str, values: list[Any] | None = None) -> None:
        """Run a statement of DuckDB's.

        Raises:
            ServerError: It failed.
        """
        cursor = self.cursor()
        try:
            cursor.execute(statement, values or [])
        except duckdb.Error as error:
            raise ServerError(f"statement failed in the store: {error}") from error
        finally:
            cursor.close()

    def save_table(self, table: TableDef) -> None:
        """Make the definition of a table durable."""
        self.catalog.save("table", table.db, table.name, table.table_id, table.to_json())

    def _save_rowsets(self) -> None:
        if self.data_dir is None:
            return
        facts = {
            part.partition_id: [max(r.rowsets for r in part.replicas), part.version]
            for part in self.versions.all_partitions()
        }
        self.catalog.save("rowsets", "", "", 0, facts)

    def _recover(self) -> None:
        found = self.catalog.objects()
        versions = self.catalog.versions()
        self.publisher.known = self.catalog.transactions()
        self._next_txn_id = max(self._next_txn_id, *self.publisher.known, 0)
        rowsets: dict[str, list[int]] = {}
        for kind, _, _, _, data in found:
            if kind == "rowsets":
                rowsets = data
        for kind, db, name, number, data in found:
            if kind == "database":
                self._databases[db] = DatabaseDef(db, number, data)
                self._next_id = max(self._next_id, number)
            elif kind == "table":
                table = self._tables[db, name] = TableDef.from_json(data)
                self.publisher.resume_numbers(table)
                self._next_id = max(self._next_id, table.table_id, *table.tablet_ids)
                for partition in table.partitions:
                    saved = rowsets.get(str(partition.partition_id), [1, 1])
                    self._resume(table, partition, versions, *saved)

    def _resume(
        self,
        table: TableDef,
        partition: PartitionDef,
        versions: dict[int, int],
        count: int,
        counted_at: int,
    ) -> None:
        """Go on counting: `count` rowsets at version `counted_at`, one more per later publish."""
        version = max(versions.get(partition.partition_id, 1), counted_at)
        self.versions.add(
            table.table_id,
            partition.partition_id,
            partition.tablet_ids,
            primary=table.primary,
            replication=table.replication,
            version=version,
            rowsets=count + version - counted_at,
        )
