"""The cluster under test, and a database of our own in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import pymysql


@dataclass
class Cluster:
    """How a StarRocks cluster is reached.

    Args:
        load_url: `host:http_port` of a frontend.
        query: Host and MySQL port of a frontend.
        user: With CREATE DATABASE.
        password: The user's.
        mapping: As 'sink.load.host-mapping', for backends known under other addresses.
    """

    load_url: str
    query: tuple[str, int]
    user: str
    password: str
    mapping: str = ""
    replicas: int = 1
    database: str = field(default_factory=lambda: f"penstock_accept_{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        host, port = self.query
        self.client: Any = pymysql.connect(
            host=host, port=port, user=self.user, password=self.password, autocommit=True
        )
        self.version = str(self.sql("SELECT current_version()")[0][0])

    def __enter__(self) -> Cluster:
        self.sql(f"CREATE DATABASE `{self.database}`")
        return self

    def __exit__(self, *_: object) -> None:
        self.sql(f"DROP DATABASE IF EXISTS `{self.database}` FORCE")
        self.client.close()

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with self.client.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def create(self, table: str, columns: str, model: str) -> None:
        """A table with `id` as its key."""
        self.sql(
            f"CREATE TABLE `{self.database}`.`{table}` ({columns}) {model} KEY(`id`)"
            f" DISTRIBUTED BY HASH(`id`) BUCKETS 2"
            f" PROPERTIES ('replication_num' = '{self.replicas}')"
        )

    def options(self, table: str, **more: str) -> dict[str, str]:
        """WITH options of a sink."""
        host, port = self.query
        given = {
            "connector": "starrocks",
            "jdbc-url": f"jdbc:mysql://{host}:{port}",
            "load-url": self.load_url,
            "database-name": self.database,
            "table-name": table,
            "username": self.user,
            "password": self.password,
            **more,
        }
        return {**given, "sink.load.host-mapping": self.mapping} if self.mapping else given
