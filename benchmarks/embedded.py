"""What the embedded StarRocks takes: loads of CSV, upserts, many loads at once, and a query's rows.

The clients are threads of this process; bodies are made before the clock runs.
"""

from __future__ import annotations

import http.client
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from pyarrow import csv

from benchmarks.harness import Result, Usage
from penstock.testing import StarRocksServer, starrocks

_COLUMNS = "id BIGINT NOT NULL, name VARCHAR(20), score INT, price DOUBLE, ts DATETIME"
_HEADERS = {"Authorization": "Basic cm9vdDo=", "column_separator": ","}
_BATCH = 100_000
_TABLE_ROWS = 5_000_000


def embedded(folder: Path, scale: float) -> list[Result]:
    """All of it against one server, whose memory is watched over the whole time."""
    results = []
    with starrocks(folder / "data") as server:
        server.execute("CREATE DATABASE bench")
        usage = Usage(psutil.Process(server.pid))
        try:
            results.append(_ingest(server, usage, int(5_000_000 * scale)))
            results.append(_upserts(server, usage, int(2_000_000 * scale)))
            results.append(_concurrent(server, usage))
            results.append(_query(server, usage, int(2_000_000 * scale)))
        finally:
            usage.stop()
    peak = max(result.pss_mb or 0 for result in results)
    return [*results, Result("embedded: memory over all of it", peak, "MB", "<= 1024")]


def _create(server: StarRocksServer, name: str, model: str) -> None:
    server.execute(
        f"CREATE TABLE bench.{name} ({_COLUMNS}) {model} KEY (id) DISTRIBUTED BY HASH (id)"
    )


def _body(keys: np.ndarray[Any, Any]) -> bytes:
    """CSV of five columns for these keys."""
    count = len(keys)
    rows = pa.table(
        {
            "id": keys,
            "name": pa.array(keys % 100_000).cast(pa.string()),
            "score": np.arange(count, dtype=np.int32) % 100,
            "price": (keys % 10_000) / 100,
            "ts": pa.array(keys * 1000, pa.timestamp("ms")).cast(pa.timestamp("s")),
        }
    )
    out = pa.BufferOutputStream()
    csv.write_csv(rows, out, csv.WriteOptions(include_header=False, quoting_style="none"))
    return bytes(out.getvalue())


def _load(server: StarRocksServer, table: str, body: bytes) -> None:
    connection = http.client.HTTPConnection(server.host, server.be_http_port, timeout=300)
    connection.request("PUT", f"/api/bench/{table}/_stream_load", body, _HEADERS)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["Status"] == "Success", answer


def _load_all(server: StarRocksServer, table: str, bodies: list[bytes], clients: int) -> None:
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(_load, server, table, body) for body in bodies]:
            done.result()


def _ingest(server: StarRocksServer, usage: Usage, rows: int) -> Result:
    _create(server, "events", "DUPLICATE")
    batches = max(1, rows // _BATCH)
    bodies = [_body(np.arange(n * _BATCH, (n + 1) * _BATCH)) for n in range(min(batches, 10))]
    _load_all(server, "events", bodies[:2], 2)
    usage.mark()
    _load_all(server, "events", [bodies[n % len(bodies)] for n in range(batches)], 2)
    return _rate(usage, "embedded: CSV loads of 100 k rows, 5 columns", batches * _BATCH, ">= 1")


def _rate(usage: Usage, name: str, rows: int, goal: str) -> Result:
    found = usage.result(name, 0, "M rows/s", goal)
    assert found.wall_s is not None
    return usage.result(name, rows / found.wall_s / 1e6, "M rows/s", goal, wall_s=found.wall_s)


def _upserts(server: StarRocksServer, usage: Usage, rows: int) -> Result:
    _create(server, "users", "PRIMARY")
    bodies = [_body(np.arange(n, n + 500_000)) for n in range(0, _TABLE_ROWS, 500_000)]
    _load_all(server, "users", bodies, 1)
    random = np.random.default_rng(1)
    batches = max(1, rows // _BATCH)
    bodies = [_body(random.integers(0, _TABLE_ROWS, _BATCH)) for _ in range(batches)]
    usage.mark()
    _load_all(server, "users", bodies, 2)
    found = _rate(usage, "embedded: upserts of random keys of 5 M", batches * _BATCH, ">= 0.25")
    assert server.execute("SELECT count(*) FROM bench.users") == [(_TABLE_ROWS,)]
    return found


def _concurrent(server: StarRocksServer, usage: Usage) -> Result:
    clients, each = 64, 10_000
    _create(server, "busy", "PRIMARY")
    bodies = [_body(np.arange(n * each, (n + 1) * each)) for n in range(clients)]
    usage.mark()
    _load_all(server, "busy", bodies, clients)
    found = _rate(usage, "embedded: 64 loads of 10 k rows at once", clients * each, "")
    assert server.execute("SELECT count(*) FROM bench.busy") == [(clients * each,)]
    return found


def _query(server: StarRocksServer, usage: Usage, rows: int) -> Result:
    """Rows of one connection as bytes: a client that decodes them takes longer than the server."""
    with server.connect() as connection:
        wire: Any = connection._sock  # noqa: SLF001 - past the client's decoder
        text = f"SELECT * FROM bench.users LIMIT {rows}".encode()
        usage.mark()
        wire.sendall(struct.pack("<I", len(text) + 1) + b"\x03" + text)
        tail = b""
        while not (tail[-9:-6] == b"\x05\0\0" and tail[-5:-4] == b"\xfe"):  # the end of rows
            tail = (tail + wire.recv(1 << 20))[-9:]
        return _rate(usage, "embedded: rows of a query, one connection", rows, ">= 0.1")
