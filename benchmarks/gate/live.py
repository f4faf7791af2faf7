"""The gate against the embedded StarRocks, in real time.

`python -m benchmarks.gate.live` takes about six minutes: compaction every 20 s, another writer for
a minute, no compaction for a minute. It prints a line per phase and fails where a load was refused,
an interval was more than 1.5 times the floor, or rows were late.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql

from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.runtime import JobGroup
from penstock.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = """
CREATE TABLE source (id INT, note STRING) WITH ('connector' = 'datagen',
 'rows-per-second' = '200', 'fields.id.min' = '1', 'fields.id.max' = '1000');
CREATE TABLE {table} (id INT, note STRING, made TIMESTAMP(3), PRIMARY KEY (id) NOT ENFORCED) WITH (
 'connector' = 'starrocks', 'jdbc-url' = '{jdbc}', 'load-url' = '{load}',
 'database-name' = 'shop', 'table-name' = '{table}', 'username' = 'root', 'password' = ''{options});
INSERT INTO {table} SELECT id, note, LOCALTIMESTAMP FROM source;
"""


class LiveRun:
    """A job that writes all the time into a server whose settings can be changed.

    Args:
        server: Where to; a started one.
        directory: Of the job.
        limit: `tablet_max_versions`.
        period_s: Least time between compactions of a tablet.
        options: More options of the sink of its table `ticks`, each after a comma.
    """

    def __init__(
        self,
        server: EmbeddedStarRocks,
        directory: Path,
        *,
        limit: int,
        period_s: float,
        options: str = "",
    ) -> None:
        self._server = server
        self._client = self.connect()
        self.sql("CREATE DATABASE shop")
        self.set("tablet_max_versions", limit)
        self.set("update_compaction_check_interval_seconds", 0.25)
        self.set("update_compaction_per_tablet_min_interval_seconds", period_s)
        self.set("update_compaction_num_threads_per_disk", 4)
        self.group = JobGroup(directory, {"table.local-time-zone": "UTC"})
        self.submit("ticks", options)

    def submit(self, table: str, options: str = "") -> None:
        """Create a table and write to it from now on."""
        self.sql(
            f"CREATE TABLE shop.{table} (id INT NOT NULL, note VARCHAR(200), made DATETIME) "
            "PRIMARY KEY (id) DISTRIBUTED BY HASH (id) BUCKETS 4 "
            "PROPERTIES ('replication_num' = '1')"
        )
        server = self._server
        script = SCRIPT.format(
            jdbc=server.jdbc_url, load=server.load_url, table=table, options=options
        )
        for _ in Session(self.group.settings, submitter=self.group).execute_script(script):
            pass

    def connect(self) -> Any:
        """A connection to the server."""
        return pymysql.connect(
            host="127.0.0.1", port=self._server.query_port, user="root", autocommit=True
        )

    def sql(self, text: str) -> list[Any]:
        """The rows of a query."""
        with self._client.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def set(self, name: str, value: float) -> None:
        """Change a setting of the backend."""
        self.sql(
            f"UPDATE information_schema.be_configs SET value = '{value}' WHERE name = '{name}'"
        )

    @property
    def versions(self) -> int:
        """The most versions a tablet has."""
        return int(self.sql("SELECT MAX(NUM_VERSION) FROM information_schema.be_tablets")[0][0])

    def visible(self, table: str) -> int:
        """The number of the table's newest version."""
        sql = "SELECT MAX(VISIBLE_VERSION) FROM information_schema.partitions_meta WHERE TABLE_NAME"
        return int(self.sql(f"{sql} = '{table}'")[0][0])

    @property
    def sink(self) -> dict[str, Any]:
        """The sink's status, empty before there is one."""
        return dict(next(iter(self.group.status()["sinks"].values()), {}))

    def until(self, true: Callable[[dict[str, Any]], bool], within_s: float) -> dict[str, Any]:
        """Wait until the sink's status is as wanted."""
        deadline = time.monotonic() + within_s
        while True:
            sink = self.sink
            if sink and true(sink):
                return sink
            assert time.monotonic() < deadline, sink
            time.sleep(0.05)

    def close(self) -> None:
        """Stop the job."""
        self.group.stop()
        assert self.group.join(30)
        self._client.close()


class Foreign:
    """Another writer of the table, in a thread."""

    def __init__(self, run: LiveRun, per_s: float) -> None:
        self._run, self._per_s = run, per_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        connection = self._run.connect()
        with connection, connection.cursor() as cursor:
            while not self._ended.wait(1 / self._per_s):
                cursor.execute("INSERT INTO shop.ticks VALUES (1, 'foreign', '2000-01-01')")

    def end(self) -> None:
        """Stop it."""
        self._ended.set()
        self._thread.join()


@dataclass(slots=True)
class Phase:
    """What was seen in a span of time."""

    name: str
    lags_s: list[float] = field(default_factory=list)
    intervals_s: list[float] = field(default_factory=list)
    versions: int = 0
    period_s: float = 0.0

    @property
    def excess_s(self) -> float:
        """The 99th percentile of the lag, less two of the longest intervals."""
        return statistics.quantiles(self.lags_s, n=100)[98] - 2 * max(self.intervals_s)

    def line(self) -> str:
        """The phase in words."""
        lags = statistics.quantiles(self.lags_s, n=100)
        return (
            f"{self.name}: interval {self.intervals_s[0]:.2f} -> {self.intervals_s[-1]:.2f} s, "
            f"at most {max(self.intervals_s):.2f}; versions <= {self.versions}; "
            f"period {self.period_s:.1f} s; lag p50 {lags[49]:.2f} p99 {lags[98]:.2f} s"
        )


def watch(run: LiveRun, name: str, seconds: float) -> Phase:
    """See what happens for a while: the age of the newest row that can be read, and the gate."""
    phase = Phase(name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        newest = run.sql("SELECT MAX(made) FROM shop.ticks")[0][0]
        now = time.time()
        phase.lags_s.append(now - newest.timestamp())
        sink = run.sink
        phase.intervals_s.append(sink["interval_ms"] / 1000)
        phase.period_s = sink["compaction_period_s"]
        phase.versions = max(phase.versions, run.versions)
        time.sleep(0.1)
    print(phase.line(), flush=True)
    return phase


def main(arguments: list[str] | None = None) -> int:
    """Run the phases; 0 where all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--period", type=float, default=20.0, help="seconds between compactions")
    parser.add_argument("--limit", type=int, default=300, help="tablet_max_versions")
    parsed = parser.parse_args(arguments)
    return run_phases(parsed.period, parsed.limit)


def run_phases(period_s: float, limit: int) -> int:
    """Run them with the server's settings as given; 0 where all held."""
    with (
        EmbeddedStarRocks(profile="realistic") as server,
        tempfile.TemporaryDirectory() as directory,
    ):
        run = LiveRun(server, Path(directory), limit=limit, period_s=period_s)
        try:
            run.until(lambda sink: sink["rows"] > 0 and run.versions > 1, 30)
            learning = watch(run, "learning", 3 * period_s)
            steady = watch(run, "steady", 3 * period_s)
            foreign = Foreign(run, per_s=4)
            crowded = watch(run, "another writer", 3 * period_s)
            foreign.end()
            run.set("max_compaction_concurrency", 0)
            stopped = watch(run, "no compaction", 3 * period_s)
            run.set("max_compaction_concurrency", -1)
            returning = watch(run, "returning", 2 * period_s)
            after = watch(run, "after", 2 * period_s)
            retries = run.sink["retries"]
        finally:
            run.close()
    floor_s = max(period_s / (0.1 * limit), 0.2)
    phases = (learning, steady, crowded, stopped, returning, after)
    held = {
        "no load was refused": retries == 0,
        "interval within 1.5 times the floor": all(
            max(phase.intervals_s) <= 1.5 * floor_s for phase in (steady, crowded, after)
        ),
        "interval grew while compaction stood still": max(stopped.intervals_s) > 1.5 * floor_s,
        "versions stayed below the limit": all(phase.versions <= limit for phase in phases),
        "rows were fresh": all(phase.excess_s <= 1.0 for phase in phases),
    }
    for what, holds in held.items():
        print(f"{what}: {'yes' if holds else 'NO'}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
