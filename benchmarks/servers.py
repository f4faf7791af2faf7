"""The servers at both ends: the embedded StarRocks in its own process, and a real MariaDB."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql

from benchmarks.harness import PENSTOCK
from penstock.testing.mysql_servers import MySqlServer, free_port, start_mariadb

if TYPE_CHECKING:
    from collections.abc import Iterator

SINK = """
CREATE TABLE {name} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'starrocks',
 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query}', 'load-url' = '127.0.0.1:{http}',
 'database-name' = 'bench', 'table-name' = '{name}', 'username' = 'root', 'password' = '');
"""
SOURCE = """
CREATE TABLE {name} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'mysql-cdc',
 'hostname' = '127.0.0.1', 'port' = '{port}', 'username' = '{user}', 'password' = '{password}',
 'database-name' = 'bench', 'table-name' = '{table}', 'server-time-zone' = 'UTC'{more});
"""


class StarRocks:
    """The embedded StarRocks; a context object that stops it.

    Args:
        profile: "instant" or "realistic".
    """

    def __init__(self, profile: str = "instant") -> None:
        self.http, backend, self.query = free_port(), free_port(), free_port()
        ports = {"fe-http": self.http, "be-http": backend, "query": self.query}
        options = [part for k, v in ports.items() for part in (f"--{k}-port", str(v))]
        self.process = subprocess.Popen(
            [*PENSTOCK, "starrocks", "--profile", profile, *options], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client = self.connect()
                break
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.execute("CREATE DATABASE bench")

    def connect(self) -> pymysql.connections.Connection[Any]:
        """A client of its own."""
        return pymysql.connect(host="127.0.0.1", port=self.query, user="root", autocommit=True)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        with self.client.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def create(self, name: str, columns: str) -> None:
        """A primary-key table of one bucket with the key `id`."""
        self.execute(
            f"CREATE TABLE bench.{name} ({columns}) PRIMARY KEY (id) DISTRIBUTED BY HASH (id) "
            'BUCKETS 1 PROPERTIES ("replication_num" = "1")'
        )

    def sink(self, name: str, columns: str) -> str:
        """DDL of its sink."""
        return SINK.format(name=name, columns=columns, query=self.query, http=self.http)

    def one(self, sql: str) -> int:
        """The number a query gives."""
        return int(self.execute(sql)[0][0] or 0)

    def versions(self) -> int:
        """Most versions of a tablet."""
        return self.one("SELECT MAX(NUM_VERSION) FROM information_schema.be_tablets")

    def __enter__(self) -> StarRocks:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait()


class Source:
    """A running MariaDB with a database `bench`."""

    def __init__(self, server: MySqlServer) -> None:
        self.server = server
        self.client = self.connect()
        self.execute("CREATE DATABASE bench")
        self.execute("USE bench")

    def connect(self) -> pymysql.connections.Connection[Any]:
        """A client of its own."""
        endpoint = self.server.endpoint
        return pymysql.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.user,
            password=endpoint.password.reveal(),
            autocommit=True,
        )

    def execute(self, sql: str) -> int:
        with self.client.cursor() as cursor:
            return int(cursor.execute(sql))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows, from a client of its own."""
        client = self.connect()
        try:
            with client.cursor() as cursor:
                cursor.execute("USE bench")
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            client.close()

    def source(self, name: str, table: str, columns: str, **options: str) -> str:
        """DDL of its source."""
        endpoint = self.server.endpoint
        return SOURCE.format(
            name=name,
            table=table,
            columns=columns,
            port=endpoint.port,
            user=endpoint.user,
            password=endpoint.password.reveal(),
            more="".join(f", '{k.replace('_', '.')}' = '{v}'" for k, v in options.items()),
        )


@contextmanager
def mariadb(folder: Path) -> Iterator[Source]:
    """A fresh MariaDB below `folder`."""
    folder.chmod(0o755)
    with start_mariadb(folder / "mysql", options=("--max-allowed-packet=64M",)) as server:
        source = Source(server)
        yield source
        source.client.close()
