"""What the store remembers besides rows: objects by kind and name, and what was published."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import duckdb

from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Catalog:
    """Objects as JSON in the schema `_meta` of the store's DuckDB.

    Args:
        connection: The store's DuckDB; the tables are made if there are none.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        connection.execute("CREATE SCHEMA IF NOT EXISTS _meta")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS _meta.objects"
            " (kind VARCHAR, db VARCHAR, name VARCHAR, number BIGINT, data VARCHAR)"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS _meta.published"
            " (txn_id BIGINT, partition_id BIGINT, version BIGINT)"
        )

    def objects(self) -> list[tuple[str, str, str, int, Any]]:
        """Kind, database, name, number and data of every object."""
        query = "SELECT kind, db, name, number, data FROM _meta.objects"
        found = self._connection.execute(query).fetchall()
        return [
            (kind, db, name, number, json.loads(data)) for kind, db, name, number, data in found
        ]

    def save(self, kind: str, db: str, name: str, number: int, data: Any) -> None:
        """Put an object in the place of the one of the same kind and name."""
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.execute("BEGIN")
                cursor.execute(
                    "DELETE FROM _meta.objects WHERE kind = ? AND db = ? AND name = ?",
                    [kind, db, name],
                )
                cursor.execute(
                    "INSERT INTO _meta.objects VALUES (?, ?, ?, ?, ?)",
                    [kind, db, name, number, json.dumps(data)],
                )
                cursor.execute("COMMIT")
            except duckdb.Error as error:
                raise ServerError(f"cannot save the metadata of '{name or db}': {error}") from error
            finally:
                cursor.close()

    def forget(self, kind: str, db: str, name: str) -> None:
        """Remove an object."""
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.execute(
                    "DELETE FROM _meta.objects WHERE kind = ? AND db = ? AND name = ?",
                    [kind, db, name],
                )
            finally:
                cursor.close()

    def published(self, cursor: Any, txn_id: int, versions: Mapping[int, int]) -> None:
        """Note inside the transaction of `cursor` what becomes visible with it.

        Args:
            cursor: A connection that runs the publish.
            txn_id: The load transaction; 0 for a statement.
            versions: The new version of each partition.
        """
        for partition_id, version in versions.items():
            cursor.execute(
                "INSERT INTO _meta.published VALUES (?, ?, ?)", [txn_id, partition_id, version]
            )

    def versions(self) -> dict[int, int]:
        """The last published version of each partition that has one."""
        query = "SELECT partition_id, max(version) FROM _meta.published GROUP BY 1"
        return dict(self._connection.execute(query).fetchall())

    def transactions(self) -> set[int]:
        """The load transactions that were published; forgets all but the newest.

        A transaction is asked for again only while its journal line says COMMITTED, so few of the
        newest suffice.
        """
        self._connection.execute(
            "DELETE FROM _meta.published p WHERE txn_id < (SELECT max(txn_id) - 10000 FROM"
            " _meta.published) AND version < (SELECT max(version) FROM _meta.published o"
            " WHERE o.partition_id = p.partition_id)"
        )
        query = "SELECT DISTINCT txn_id FROM _meta.published WHERE txn_id > 0"
        return {txn_id for (txn_id,) in self._connection.execute(query).fetchall()}
