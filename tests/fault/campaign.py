"""One campaign: tables, workload, job, kills, and the verdict."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fault import oracle, tables
from tests.fault.job import JobUnderFault
from tests.fault.plan import plan_kills
from tests.fault.workload import Workload

from penstock.testing.mysql_servers import MySqlServer
from penstock.testing.processes import StarRocksProcess

_APPLY_LIMIT_S = 90.0


@dataclass
class Verdict:
    """What a campaign found; `failures` is empty where all held."""

    seed: int
    server: str
    kills: int = 0
    seconds: float = 0.0
    rows: int = 0
    transactions: int = 0
    changes: int = 0
    states: int = 0
    judged: int = 0
    triggers: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Campaign:
    """Kills the job `kills` times under a writer and compares both sides.

    Args:
        server: The MySQL-protocol server; database `fault` is made anew on it.
        name: Its kind, for the verdict.
        starrocks: The target.
        folder: Holds the state and the logs; kept by the caller.
        seed: Chooses workload and kills.
        rows: Rows at the start.
        chunk_rows: Rows of a snapshot chunk.
        say: Told what happens.
    """

    def __init__(
        self,
        server: MySqlServer,
        name: str,
        starrocks: StarRocksProcess,
        folder: Path,
        seed: int,
        *,
        rows: int = 120_000,
        chunk_rows: int = 200,
        say: Callable[[str], None] = print,
    ) -> None:
        self.server = server
        self.starrocks = starrocks
        self.verdict = Verdict(seed, name)
        self._chance = random.Random(seed)
        self._rows = rows
        self._say = say
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / "job.sql"
        text = tables.script(
            server.endpoint.port, starrocks.query_port, starrocks.fe_http_port, chunk_rows
        )
        script.write_text(text, encoding="utf-8")
        self.job = JobUnderFault(script, folder)

    def run(self, kills: int) -> Verdict:
        """Run it to its end."""
        started = time.monotonic()
        source, target = self.open_source(), self.starrocks.connect()
        tables.create_source(source.cursor(), self._rows)
        tables.create_target(target.cursor())
        observer = oracle.Observer(self.starrocks.connect, oracle.ledger_sums(source.cursor()))
        workload = Workload(self.open_source, self.verdict.seed)
        observer.start()
        workload.start()
        try:
            self._kill_again_and_again(kills, observer)
            self.job.process.start()
            workload.stop()
            source.commit()  # or its snapshot would be the one before the workload
            self._judge(source.cursor(), target.cursor())
        except AssertionError as error:
            self.verdict.failures.append(str(error))
        finally:
            self.job.process.kill()
            observer.stop()
            self._note(workload, observer, time.monotonic() - started)
        return self.verdict

    def open_source(self) -> Any:
        """A plain client session on the source."""
        import pymysql

        return pymysql.connect(
            host="127.0.0.1", port=self.server.endpoint.port, user="root", charset="utf8mb4"
        )

    def _kill_again_and_again(self, kills: int, observer: oracle.Observer) -> None:
        for number, kill in enumerate(plan_kills(self._chance, kills), 1):
            hit = self.job.start_and_kill(kill)
            self.verdict.kills += 1
            self._say(f"  kill {number} {hit}")
            if self.job.snapshot_done():
                observer.ledgers_complete()

    def _judge(self, source: Any, target: Any) -> None:
        deadline = time.monotonic() + _APPLY_LIMIT_S
        while lagging := oracle.lagging(source, target):
            code = self.job.process.exit_code
            assert code is None, f"the job ended by itself ({code}):\n{self.job.tail()}"
            if time.monotonic() > deadline:
                self.verdict.failures.append(f"not applied in {_APPLY_LIMIT_S:.0f} s: {lagging}")
                break
            time.sleep(0.2)
        for found in oracle.differences(source, target):
            self.verdict.rows += found.rows
            if not found.equal:
                self.verdict.failures.append(str(found))
        code = self.job.process.stop()
        if code != 0:
            self.verdict.failures.append(f"a clean stop ended with {code}:\n{self.job.tail()}")
        target.execute("SHOW PROC '/transactions/fault/running'")
        open_labels = [row[1] for row in target.fetchall()]
        if open_labels:
            self.verdict.failures.append(f"transactions left open: {open_labels}")

    def _note(self, workload: Workload, observer: oracle.Observer, seconds: float) -> None:
        verdict = self.verdict
        verdict.seconds = seconds
        verdict.transactions, verdict.changes = workload.transactions, workload.changes
        verdict.states, verdict.judged = observer.states, observer.judged
        verdict.failures += observer.violations[:5]
        verdict.triggers, verdict.phases = self.job.points, self.job.phases
