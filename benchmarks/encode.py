"""Rows per CPU-second from Arrow batches to the body of a load, CSV and JSON."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.harness import Result
from penstock.changelog import ChangelogBatch
from penstock.connectors.starrocks.bodies import Bodies
from penstock.connectors.starrocks.changes import ChangeRules, make_chunk
from penstock.connectors.starrocks.layout import make_layout
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.types import (
    BIGINT,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    STRING,
    TIMESTAMP,
    Column,
    DataType,
    Schema,
)

_BATCH = 10_000
_OPTIONS = {
    "connector": "starrocks",
    "jdbc-url": "jdbc:mysql://h:9030",
    "load-url": "h:8030",
    "database-name": "d",
    "table-name": "t",
    "username": "root",
    "password": "",
}
_NARROW: dict[str, DataType] = {"id": INT, "name": STRING, "score": INT}
_ORDERS: dict[str, DataType] = {
    "id": BIGINT,
    "customer": STRING,
    "amount": DECIMAL(18, 2),
    "price": DOUBLE,
    "ordered": TIMESTAMP(6),
    "note": STRING,
    "day": DATE,
}


def encode(folder: Path, scale: float) -> list[Result]:
    """Both formats, over a narrow table and one of orders with quotes in a tenth of its texts."""
    del folder
    rows = int(1_000_000 * scale)
    results = []
    for name, columns in (("3 columns", _NARROW), ("7 columns", _ORDERS)):
        schema = Schema(tuple(Column(n, t) for n, t in columns.items()), ("id",))
        batches = _batches(schema, rows)
        results += [
            _measure(f"encode {body}, {name}", schema, batches, body) for body in ("csv", "json")
        ]
    return results


def _measure(name: str, schema: Schema, batches: list[ChangelogBatch], body: str) -> Result:
    options = StarRocksOptions({**_OPTIONS, "sink.properties.format": body})
    layout = make_layout(
        schema, dict.fromkeys(schema.names, ""), keyed=True, given="", by_name=False
    )
    bodies = Bodies(options, layout, "d.t")
    rules = ChangeRules((0,), forms=layout.forms)
    rows = sum(batch.num_rows for batch in batches)
    began, began_cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(batches), 10):
        chunk, _ = make_chunk(batches[start : start + 10], rules)
        bodies.encode(chunk, bodies.choose(chunk))
    cpu = time.process_time() - began_cpu
    wall = time.perf_counter() - began
    return Result(name, rows / cpu / 1e6, "M rows/CPU-s", "", wall, cpu)


def _batches(schema: Schema, rows: int) -> list[ChangelogBatch]:
    random = np.random.default_rng(7)
    made = {name: _values(name, schema, random) for name in schema.names}
    columns = [made[name] for name in schema.names]
    batch = pa.RecordBatch.from_arrays(columns, schema=schema.arrow())
    return [ChangelogBatch(batch, None)] * max(1, rows // _BATCH)


def _values(name: str, schema: Schema, random: Any) -> pa.Array:
    count = np.arange(_BATCH)
    made = {
        "name": [f"name {i % 100:05d}" for i in count],
        "customer": [f"customer number {i % 500}" for i in count],
        "note": [
            f'note "{i}" \\ x' if i % 10 == 0 else f"a longer text about order {i} and its items"
            for i in count
        ],
        "price": random.random(_BATCH) * 1000,
        "score": random.integers(1, 100, _BATCH),
        "ordered": random.integers(16 * 10**14, 17 * 10**14, _BATCH),
        "day": random.integers(10_000, 20_000, _BATCH),
    }
    position = schema.index_of(name)
    assert position is not None
    kind = schema.columns[position].type.arrow()
    if name == "amount":
        return pa.array([f"{n}.25" for n in count]).cast(kind)
    if name == "day":
        return pa.array(made["day"], pa.int32()).cast(kind)
    return pa.array(made.get(name, count), kind)
