"""What the store remembers besides rows: objects by kind and name, and what was published."""

from __future__ import annotations

import json
import threading
from typing import Any

import duckdb

from penstock.embedded.starrocks.model import ServerError


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
            " (txn_id BIGINT, table_id BIGINT, version BIGINT)"
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

    def versions(self) -> dict[int, int]:
        """The last published version of each table that has one."""
        query = "SELECT table_id, max(version) FROM _meta.published GROUP BY 1"
        return dict(self._connection.execute(query).fetchall())
