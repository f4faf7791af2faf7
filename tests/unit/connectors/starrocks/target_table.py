"""A table of an embedded StarRocks, loaded as the sink loads and read by PyMySQL."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pymysql

from penstock.changelog import ChangelogBatch, RowKind
from penstock.clock import SystemClock
from penstock.connectors.starrocks.bodies import Bodies
from penstock.connectors.starrocks.changes import ChangeRules, Chunk, make_chunk
from penstock.connectors.starrocks.layout import Layout, check_properties, condition_of, make_layout
from penstock.connectors.starrocks.load_api import LoadApi, load_client
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import TargetConnection, check_target, read_columns
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.types import Schema
from penstock.wire.stream_load import LoadAnswer

_LABELS = itertools.count()
KINDS = {"+I": 0, "-U": 1, "+U": 2, "-D": 3}


class TargetTable:
    """Creates `d.t`, loads into it with a schema and options, selects from it."""

    def __init__(self, server: EmbeddedStarRocks, ddl: str) -> None:
        self.server = server
        self.client: Any = pymysql.connect(
            host=server.host, port=server.query_port, user=server.user, autocommit=True
        )
        self.sql("CREATE DATABASE IF NOT EXISTS d")
        self.sql("DROP TABLE IF EXISTS d.t")
        self.sql(f"CREATE TABLE d.t {ddl}")
        self.sent: list[tuple[dict[str, str], bytes]] = []

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with self.client.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def options(self, **given: str) -> StarRocksOptions:
        return StarRocksOptions(
            {
                "connector": "starrocks",
                "jdbc-url": self.server.jdbc_url,
                "load-url": self.server.load_url,
                "database-name": "d",
                "table-name": "t",
                "username": self.server.user,
                "password": "",
                **given,
            }
        )

    def plan(self, schema: Schema, options: StarRocksOptions) -> tuple[Layout, ChangeRules]:
        connection = TargetConnection(options)
        columns = read_columns(connection, "d", "t")
        connection.close()
        check_properties("d.t", options, columns)
        header = str(options.load_columns)
        names, keys = check_target("d.t", schema, columns, check_columns=not header)
        layout = make_layout(
            schema,
            {c.name: c.type for c in columns},
            keyed=bool(keys),
            given=header,
            by_name=options.format == "json",
        )
        rules = ChangeRules(
            tuple(names.index(key) for key in keys),
            keep_all=bool(options.merge_condition),
            condition=condition_of(options, names),
            with_op=layout.with_op,
            ignore_delete=options.ignore_delete,
            forms=layout.forms,
            zone=options.zone_of({"table.local-time-zone": "Asia/Shanghai"}),
        )
        return layout, rules

    def load(
        self,
        schema: Schema,
        rows: list[tuple[Any, ...]],
        options: StarRocksOptions | None = None,
        kinds: list[str] | None = None,
    ) -> LoadAnswer:
        """Load rows as one body."""
        options = options or self.options()
        layout, rules = self.plan(schema, options)
        chunk, _ = make_chunk([batch(schema, rows, kinds)], rules)
        return self.send(chunk, layout, options)

    def send(self, chunk: Chunk, layout: Layout, options: StarRocksOptions) -> LoadAnswer:
        bodies = Bodies(options, layout, "d.t")
        headers, body = bodies.encode(chunk, bodies.choose(chunk))
        self.sent.append((dict(headers), b"".join(body)))
        http = load_client(options, SystemClock())
        try:
            api = LoadApi(http, "d", "t", SystemClock(), sanitize=options.sanitize_error_log)
            return api.stream_load(f"rows-{next(_LABELS)}", headers, body)
        finally:
            http.close()

    @property
    def format(self) -> str:
        """Format of the last body."""
        return self.sent[-1][0]["format"]

    def close(self) -> None:
        self.client.close()


def batch(
    schema: Schema, rows: list[tuple[Any, ...]], kinds: list[str] | None = None
) -> ChangelogBatch:
    """Rows of Python values with kinds such as +I."""
    types = [c.type.arrow() for c in schema.columns]
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(types)]
    made = pa.RecordBatch.from_arrays(columns, schema=schema.arrow())
    if kinds is None:
        return ChangelogBatch(made, None)
    return ChangelogBatch(made, np.array([RowKind(KINDS[kind]) for kind in kinds], np.int8))
