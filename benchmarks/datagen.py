"""Benchmarks without MySQL: start of a job, and what the engine and the sink can take."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Penstock, Result
from benchmarks.servers import StarRocks

_COLUMNS = "id INT, name STRING, score INT"
_SOURCE = """
CREATE TABLE src ({columns}) WITH ('connector' = 'datagen', 'rows-per-second' = '{rate}',
 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{rows}',
 'fields.name.length' = '10', 'fields.score.min' = '1', 'fields.score.max' = '100');
"""
_FAST = 1_000_000_000


def _source(rows: int, rate: int = _FAST) -> str:
    return _SOURCE.format(columns=_COLUMNS, rows=rows, rate=rate)


def start(folder: Path, scale: float) -> list[Result]:
    """From the start of `penstock run` to its first row seen by a client of StarRocks."""
    del scale
    with StarRocks() as server:
        server.create("first", _COLUMNS.replace("id INT", "id INT NOT NULL"))
        script = _source(_FAST, 10) + server.sink("first", _COLUMNS)
        with Penstock(script + "INSERT INTO first SELECT * FROM src;", folder) as job:
            seconds = job.wait(lambda: server.one("SELECT COUNT(*) FROM bench.first") > 0)
            return [job.usage.result("start to first row visible", seconds, "s", "<= 1")]


def blackhole(folder: Path, scale: float) -> list[Result]:
    """datagen to blackhole."""
    rows = int(30_000_000 * scale)
    script = _source(rows) + f"CREATE TABLE b ({_COLUMNS}) WITH ('connector' = 'blackhole');"
    job = Penstock(script + "INSERT INTO b SELECT * FROM src;", folder)
    seconds = job.finish()
    name = "datagen to blackhole, start included"
    return [job.usage.result(name, rows / seconds / 1e6, "M rows/s", ">= 5", wall_s=seconds)]


def starrocks(folder: Path, scale: float) -> list[Result]:
    """datagen to the embedded StarRocks."""
    rows = int(5_000_000 * scale)
    with StarRocks() as server:
        server.create("gen", _COLUMNS.replace("id INT", "id INT NOT NULL"))
        script = _source(rows) + server.sink("gen", _COLUMNS)
        job = Penstock(script + "INSERT INTO gen SELECT * FROM src;", folder)
        seconds = job.finish()
        assert server.one("SELECT COUNT(*) FROM bench.gen") == rows
        name = "datagen to embedded StarRocks, start included"
        return [job.usage.result(name, rows / seconds / 1e6, "M rows/s", ">= 1", wall_s=seconds)]
