"""From a statement in MySQL to the sight of its rows in StarRocks, under a fixed load.

The embedded StarRocks has its profile `realistic`: begin, load, prepare and publish take their time,
and versions are compacted as slowly as by default. The clock of a row starts before its statement
is sent, and stops when a client that polls every 20 ms has it in an answer.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Penstock, Result
from benchmarks.servers import Source, StarRocks, mariadb

COLUMNS = "id INT, v INT, note STRING, stamp BIGINT"
_KEYS = 100_000
_NOTE = "n" * 40
_TURN_S = 0.01
_POLL_S = 0.02
_SECONDS = 30
_REACH_US = 20_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """A steady load.

    Args:
        name: For the table of results.
        tables: How many tables take turns, a statement each.
        rows_per_s: Rows per second over all of them; half of them new keys at first, then updates.
    """

    name: str
    tables: int
    rows_per_s: int


LOADS = (
    Load("1 table, 1 k rows/s", 1, 1_000),
    Load("1 table, 10 k rows/s", 1, 10_000),
    Load("50 tables in turn, 1 k rows/s", 50, 1_000),
)


class _Writer(threading.Thread):
    """Writes at the rate of a load until stopped; catches up when a statement took long."""

    def __init__(self, source: Source, load: Load) -> None:
        super().__init__(daemon=True)
        self._source, self._load = source, load
        self._stop_asked = threading.Event()
        self.rows = 0

    def run(self) -> None:
        began = time.monotonic()
        turn = 0
        while not self._stop_asked.is_set():
            due = int((time.monotonic() - began) * self._load.rows_per_s) - self.rows
            if due > 0:
                self._write(turn % self._load.tables, min(due, 1000))
                turn += 1
            time.sleep(_TURN_S)

    def _write(self, table: int, count: int) -> None:
        stamp = time.time_ns() // 1000
        values = ",".join(
            f"({number * 7919 % _KEYS},0,'{_NOTE}',{stamp})"
            for number in range(self.rows, self.rows + count)
        )
        self._source.execute(
            f"INSERT INTO t{table} VALUES {values}"
            " ON DUPLICATE KEY UPDATE v = v + 1, stamp = VALUES(stamp)"
        )
        self.rows += count

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()


def _lags(server: StarRocks, load: Load, seconds: float) -> list[float]:
    """Milliseconds from stamp to first sight of each statement's rows, in order of size."""
    client = server.connect()
    seen: set[tuple[int, int]] = set()
    found: list[float] = []
    began = now = time.time_ns() // 1000
    oldest, query = 0, ""
    end = time.monotonic() + seconds
    with client.cursor() as cursor:
        while time.monotonic() < end:
            if now - oldest > _REACH_US:
                # the same text for a while, which the server need not parse again
                oldest = max(now - _REACH_US // 2, began)
                query = " UNION ALL ".join(
                    f"SELECT DISTINCT {table}, stamp FROM bench.t{table} WHERE stamp > {oldest}"
                    for table in range(load.tables)
                )
            cursor.execute(query)
            fresh = set(cursor.fetchall()) - seen
            now = time.time_ns() // 1000
            found += [(now - int(stamp)) / 1000 for _, stamp in fresh]
            seen |= fresh
            time.sleep(_POLL_S)
    client.close()
    return sorted(found)


def _script(source: Source, server: StarRocks, load: Load) -> str:
    parts = []
    for table in range(load.tables):
        name = f"t{table}"
        source.execute(
            f"CREATE TABLE {name} (id INT PRIMARY KEY, v INT, note VARCHAR(40), stamp BIGINT)"
        )
        server.create(name, "id INT NOT NULL, v INT, note VARCHAR(200), stamp BIGINT")
        parts += [source.source(f"s{table}", name, COLUMNS), server.sink(name, COLUMNS)]
    inserts = "".join(f"INSERT INTO t{n} SELECT * FROM s{n};\n" for n in range(load.tables))
    return "".join(parts) + f"EXECUTE STATEMENT SET BEGIN\n{inserts}END;"


def freshness(folder: Path, scale: float) -> list[Result]:
    """Lag p50 and p99 of each load, and the versions it made; `scale` lengthens the runs."""
    results = []
    for number, load in enumerate(LOADS):
        place = folder / str(number)
        place.mkdir()
        folder.chmod(0o755)
        results += _one(place, load, _SECONDS * scale)
    return results


def _one(folder: Path, load: Load, seconds: float) -> list[Result]:
    with mariadb(folder) as source, StarRocks("realistic") as server:
        script = _script(source, server, load)
        source.execute("INSERT INTO t0 VALUES (0, 0, '', 0)")
        with Penstock(script, folder) as job:
            job.wait(lambda: server.one("SELECT COUNT(*) FROM bench.t0") > 0)
            writer = _Writer(source, load)
            writer.start()
            time.sleep(3)
            job.usage.mark()
            lags = _lags(server, load, seconds)
            usage = job.usage
            written, versions = writer.rows / (seconds + 3), server.versions()
            result = [
                usage.result(f"{load.name}: lag p50", _at(lags, 0.5), "ms", "<= 1000"),
                usage.result(f"{load.name}: lag p99", _at(lags, 0.99), "ms", "<= 3000"),
                usage.result(f"{load.name}: versions of 1000", versions, "versions", "<= 150"),
                usage.result(f"{load.name}: rows written", written, "rows/s", ""),
            ]
            writer.stop()
    return result


def _at(ordered: list[float], share: float) -> float:
    return ordered[int(len(ordered) * share)] if ordered else float("inf")
