"""Ten tables over one binlog, one of them refused by StarRocks for minutes: do the others wait?

`python -m benchmarks.refused --minutes 10` prints the lag of the nine others and the memory, then
lifts the refusal and compares all ten tables.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Penstock
from benchmarks.servers import Source, StarRocks, mariadb

TABLES = 10
COLUMNS = "id INT, v INT, stamp BIGINT"
_REFUSAL = (
    "too many versions, current/limit: 1001/1000. You can reduce the loading job concurrency, or "
    "increase loading data batch size."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen.

    Args:
        lag_ms_p50: From the writer's stamp to visibility, in the nine tables.
        lag_ms_p99: Likewise.
        pss_mb: Most memory of the job.
        refused_rows: Rows of the refused table visible before the refusal was lifted.
        equal: Whether all ten tables are equal at the end.
        catch_up_s: From the lifting to that.
    """

    lag_ms_p50: float
    lag_ms_p99: float
    pss_mb: float
    refused_rows: int
    equal: bool
    catch_up_s: float


class Writer:
    """Inserts and updates rows of all tables until stopped, each stamped with its time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.1):
            number += 1
            for table in range(TABLES):
                stamp = time.time_ns() // 1000
                self._source.execute(
                    f"INSERT INTO t{table} VALUES ({number}, 0, {stamp}), "
                    f"({max(1, number // 2)}, 1, {stamp}) "
                    "ON DUPLICATE KEY UPDATE v = v + 1, stamp = VALUES(stamp)"
                )

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def fault(server: StarRocks, method: str) -> None:
    """Begin or end the refusal of the loads of table t0."""
    body = [
        {
            "operation": "load",
            "kind": "status",
            "status": "SERVICE_UNAVAILABLE",
            "message": _REFUSAL,
            "table": "t0",
            "times": 0,
        }
    ]
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.http}/api/_penstock/faults",
        data=json.dumps(body).encode() if method == "POST" else None,
        method=method,
        headers={"Authorization": "Basic " + base64.b64encode(b"root:").decode()},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def lags(server: StarRocks, seconds: float) -> list[float]:
    """Milliseconds from stamp to first sight of every new stamp of the nine tables."""
    client = server.connect()
    seen = dict.fromkeys(range(1, TABLES), time.time_ns() // 1000)
    found: list[float] = []
    end = time.monotonic() + seconds
    with client.cursor() as cursor:
        while time.monotonic() < end:
            for table, last in seen.items():
                cursor.execute(f"SELECT DISTINCT stamp FROM bench.t{table} WHERE stamp > {last}")
                stamps = [int(row[0]) for row in cursor.fetchall()]
                now = time.time_ns() // 1000
                found += [(now - stamp) / 1000 for stamp in stamps]
                seen[table] = max([last, *stamps])
            time.sleep(0.02)
    client.close()
    return sorted(found)


def rows_of(execute: Any, database: str, table: int) -> list[tuple[Any, ...]]:
    return sorted(execute(f"SELECT id, v, stamp FROM {database}t{table}"))


def run(folder: Path, seconds: float) -> Outcome:
    """The whole scenario."""
    with mariadb(folder) as source, StarRocks("realistic") as server:
        script = []
        for table in range(TABLES):
            source.execute(f"CREATE TABLE t{table} (id INT PRIMARY KEY, v INT, stamp BIGINT)")
            server.create(f"t{table}", "id INT NOT NULL, v INT, stamp BIGINT")
            script += [
                source.source(f"s{table}", f"t{table}", COLUMNS),
                server.sink(f"t{table}", COLUMNS),
            ]
        inserts = "".join(f"INSERT INTO t{n} SELECT * FROM s{n};\n" for n in range(TABLES))
        text = "".join(script) + f"EXECUTE STATEMENT SET BEGIN\n{inserts}END;"
        fault(server, "POST")
        with Penstock(text, folder) as job:
            writer = Writer(source)
            job.wait(lambda: server.one("SELECT COUNT(*) FROM bench.t9") > 0)
            measured = lags(server, seconds)
            refused = server.one("SELECT COUNT(*) FROM bench.t0")
            writer.stop()
            fault(server, "DELETE")
            began = time.monotonic()

            def equal() -> bool:
                return all(
                    rows_of(source.query, "", n) == rows_of(server.execute, "bench.", n)
                    for n in range(TABLES)
                )

            job.wait(equal, seconds=90)
            took = time.monotonic() - began
            peak = job.usage.peak_mb
        middle, late = measured[len(measured) // 2], measured[int(len(measured) * 0.99)]
        return Outcome(round(middle, 1), round(late, 1), round(peak), refused, equal(), took)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refused", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), arguments.minutes * 60)
    print(outcome)
    good = outcome.equal and outcome.lag_ms_p99 <= 3000 and outcome.pss_mb <= 300
    sys.exit(0 if good and outcome.refused_rows == 0 else 1)


if __name__ == "__main__":
    main()
