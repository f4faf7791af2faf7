"""`make interop-rate`: rows per CPU-second of the client, real connector and Penstock in turn.

Both run the same script into the same embedded StarRocks, which has a process of its own. What is
measured is the way from a batch to acknowledged loads: the CPU time of the client's process for a
job from datagen to StarRocks less that of the same job with few rows, and less the same
difference to blackhole. So neither starting nor making rows counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Penstock
from benchmarks.servers import StarRocks
from tests.interop.jars import missing_tools, pom_version
from tests.interop.real_flink import RealFlink

PAGE = Path(__file__).parents[2] / "benchmarks" / "results" / "connector.md"
GOAL = 5.0
# Wide enough for the rows to cost more than what starting a job in the JVM varies by.
TABLES = {"5 columns": "id INT, name STRING, price DOUBLE, amount BIGINT, score INT"}
_SOURCE = """CREATE TABLE source ({columns}) WITH (
 'connector' = 'datagen', 'rows-per-second' = '1000000000', 'number-of-rows' = '{rows}',
 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{rows}',
 'fields.name.length' = '10');
"""
_STARROCKS = """CREATE TABLE target ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH (
 'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query}',
 'load-url' = '127.0.0.1:{http}', 'database-name' = 'bench', 'table-name' = 'target',
 'username' = 'root', 'password' = '', 'sink.semantic' = 'at-least-once',
 'sink.buffer-flush.interval-ms' = '300000', 'sink.properties.format' = '{form}');
INSERT INTO target SELECT * FROM source;
"""
_BLACKHOLE = """CREATE TABLE target ({columns}) WITH ('connector' = 'blackhole');
INSERT INTO target SELECT * FROM source;
"""
_FEW = 10_000
CLIENTS = ("real", "penstock")
FORMATS = ("csv", "json")


class Race:
    """Both clients and the server; `measure` runs a job of one client.

    Args:
        folder: For scripts, states and logs.
        flink: The JVM.
        server: The embedded StarRocks.
        rows: Rows of a job.
    """

    def __init__(self, folder: Path, flink: RealFlink, server: StarRocks, rows: int) -> None:
        self._folder = folder
        self._flink = flink
        self._server = server
        self._rows = rows
        self._runs = 0

    def measure(self, client: str, columns: str) -> dict[str, float]:
        """Rows per CPU-second of the sink, by format."""
        source_s = self._slope(client, columns, "")
        found = {}
        for form in FORMATS:
            sink_s = self._slope(client, columns, form) - source_s
            found[form] = (self._rows - _FEW) / max(sink_s, 0.01)
        return found

    def _slope(self, client: str, columns: str, form: str) -> float:
        """CPU-seconds of all rows more than of a few; to blackhole without a format."""
        few = self._cpu_s(client, columns, form, _FEW)
        return self._cpu_s(client, columns, form, self._rows) - few

    def _cpu_s(self, client: str, columns: str, form: str, rows: int) -> float:
        self._runs += 1
        folder = self._folder / str(self._runs)
        folder.mkdir()
        script = self._script(columns, form, rows)
        if client == "real":
            path = folder / "script.sql"
            path.write_text(script)
            before = self._flink.cpu_s
            self._flink.run(path)
            spent = self._flink.cpu_s - before
        else:
            job = Penstock(script, folder)
            job.finish()
            spent = job.usage.cpu_s
        if form and (found := self._server.one("SELECT COUNT(*) FROM bench.target")) != rows:
            raise RuntimeError(f"{client}, {form}: {found} of {rows} rows arrived")
        return spent

    def _script(self, columns: str, form: str, rows: int) -> str:
        """The job's script; its target is empty."""
        script = _SOURCE.format(columns=columns, rows=rows)
        if not form:
            return script + _BLACKHOLE.format(columns=columns)
        self._server.execute("DROP TABLE IF EXISTS bench.target FORCE")
        self._server.create("target", columns.replace("id INT", "id INT NOT NULL"))
        ports = {"query": self._server.query, "http": self._server.http}
        return script + _STARROCKS.format(columns=columns, form=form, **ports)


def main(arguments: list[str]) -> int:
    """Measures and writes the page; 1 if a ratio is below the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.rate", description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    missing = missing_tools()
    if missing:
        sys.exit(f"interop-rate was not run: {missing}")
    rates: dict[tuple[str, str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="penstock-rate-") as text:
        folder = Path(text)
        with StarRocks() as server, RealFlink(folder / "flink.log") as flink:
            race = Race(folder, flink, server, options.rows)
            race.measure("real", TABLES["5 columns"])  # the JVM compiles what is hot
            for name in list(TABLES) * options.repeat:
                for client in CLIENTS:
                    for form, rate in race.measure(client, TABLES[name]).items():
                        rates.setdefault((name, form, client), []).append(rate)
                        sys.stdout.write(f"{name}, {form}, {client}: {rate:,.0f} rows/CPU-s\n")
                        sys.stdout.flush()
    lines, ratios = _lines(rates)
    PAGE.write_text(_page(lines, options.rows, options.repeat))
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if min(ratios) >= GOAL else 1


def _lines(rates: dict[tuple[str, str, str], list[float]]) -> tuple[list[str], list[float]]:
    """The table's lines, and the ratio of each table and format."""
    lines, ratios = [], []
    for name in TABLES:
        for form in FORMATS:
            cells = []
            for client in CLIENTS:
                found = sorted(rate / 1000 for rate in rates[name, form, client])
                middle = statistics.median(found)
                cells.append(f"{middle:,.0f} ({found[0]:,.0f} - {found[-1]:,.0f})")
            real, ours = (statistics.median(rates[name, form, client]) for client in CLIENTS)
            ratios.append(ours / real)
            lines.append(f"| {name} | {form} | {' | '.join(cells)} | {ratios[-1]:.1f} |")
    return lines, ratios


def _page(lines: list[str], rows: int, repeat: int) -> str:
    method = (__doc__ or "").strip().split("\n\n")[1]
    return (
        "# Rows per CPU-second beside the real connector\n\n"
        f"Written by `make interop-rate`: {rows:,} rows into a primary-key table, {repeat} runs in"
        f" turn.\nReal Flink {pom_version('flink')} with flink-connector-starrocks"
        f" {pom_version('connector')}, its JVM warmed up.\n\n{method}\n\n"
        f"In thousands, median (least - most); the goal is {GOAL:g} times.\n\n"
        "| Table | Format | Real connector | Penstock | Ratio |\n|---|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
