"""One campaign: tables, workload, job, faults, and the verdict."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pymysql
from tests.fault import oracle, tables
from tests.fault.job import JobUnderFault
from tests.fault.network import Network
from tests.fault.plan import Disturb, Fault, FillDisk, KillJob, KillServer, plan_faults
from tests.fault.workload import Workload

from penstock.cli.exit_codes import TERMINATED
from penstock.testing.mysql_servers import MySqlServer, start_mariadb, start_mysql
from penstock.testing.processes import StarRocksProcess

SERVERS: dict[str, Callable[..., MySqlServer]] = {"mariadb": start_mariadb, "mysql": start_mysql}
_APPLY_LIMIT_S = 90.0
_PATIENT = ", 'sink.socket.timeout-ms' = '10000', 'sink.connect.timeout-ms' = '2000'"


@dataclass
class Verdict:
    """What a campaign found; `failures` is empty where all held."""

    seed: int
    kind: str
    server: str
    kills: int = 0
    faults: int = 0
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
    """Lets things go wrong under a writer and compares both sides; a context object.

    Args:
        kind: "kills", "servers", "network" or "disk".
        server: "mariadb" or "mysql".
        folder: Holds data, state and logs; kept by the caller.
        seed: Chooses workload and faults.
        rows: Rows at the start.
        chunk_rows: Rows of a snapshot chunk.
    """

    def __init__(
        self,
        kind: str,
        server: str,
        folder: Path,
        seed: int,
        *,
        rows: int = 120_000,
        chunk_rows: int = 200,
    ) -> None:
        self.verdict = Verdict(seed, kind, server)
        self._chance = random.Random(seed)
        self._rows = rows
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self._mysql_data = folder / "mysql"
        self._mysql = SERVERS[server](self._mysql_data)
        self._starrocks = StarRocksProcess(folder / "starrocks", folder / "starrocks.log")
        self._network: Network | None = None
        mysql_port, query_port = self._mysql.endpoint.port, self._starrocks.query_port
        http_port, more = self._starrocks.fe_http_port, ""
        if kind == "network":
            network = self._network = Network(mysql_port, self._starrocks)
            mysql_port, query_port = network.mysql.port, network.query.port
            http_port, more = network.frontend.port, _PATIENT
        script = folder / "job.sql"
        text = tables.script(mysql_port, query_port, http_port, chunk_rows, more)
        script.write_text(text, encoding="utf-8")
        self._job = JobUnderFault(script, folder, servers_fail=kind != "kills")

    def run(self, faults: int) -> Verdict:
        """Run it to its end; all servers are gone afterwards."""
        started = time.monotonic()
        try:
            with self._starrocks:
                self._run(faults)
        finally:
            self._mysql.stop()
            if self._network is not None:
                self._network.close()
            self.verdict.seconds = time.monotonic() - started
        return self.verdict

    def _run(self, faults: int) -> None:
        source, target = self._open_source(), self._starrocks.connect()
        tables.create_source(source.cursor(), self._rows)
        tables.create_target(target.cursor())
        sums = oracle.ledger_sums(source.cursor())
        for connection in (source, target):
            connection.close()
        observer = oracle.Observer(self._starrocks.connect, sums)
        workload = Workload(self._open_source, self.verdict.seed)
        observer.start()
        workload.start()
        try:
            for fault in plan_faults(self._chance, self.verdict.kind, faults):
                met = self._inject(fault)
                phase = self._job.phase()
                self.verdict.phases[phase] += 1
                self.verdict.faults += 1
                click.echo(f"  {self.verdict.faults} {fault}{met}: {phase}")
                observer.complete(self._job.complete())
            if not self._job.running:
                self._job.process.kill()
                self._job.process.start()
            workload.stop()
            self._judge()
        except AssertionError as error:
            self.verdict.failures.append(str(error))
        finally:
            self._job.process.kill()
            observer.stop()
            self._note(workload, observer)

    def _open_source(self) -> Any:
        """A plain client session on the source."""
        port = self._mysql.endpoint.port
        return pymysql.connect(host="127.0.0.1", port=port, user="root", charset="utf8mb4")

    # Faults

    def _inject(self, fault: Fault) -> str:
        match fault:
            case KillJob():
                self.verdict.kills += 1
                return self._job.kill(fault)
            case KillServer():
                met = self._job.meet(fault.moment)
                self.verdict.kills += 1
                self._kill_server(fault)
                return met
            case Disturb():
                assert self._network is not None
                met = self._job.meet(fault.moment)
                self._network.apply(fault)
                time.sleep(fault.hold_s)
                self._network.heal()
                return met
            case FillDisk():
                met = self._job.meet(fault.moment)
                self._job.process.limit_file_size(0)
                time.sleep(fault.hold_s)
                self._job.process.limit_file_size(None)
                return met

    def _kill_server(self, fault: KillServer) -> None:
        if fault.server == "starrocks":
            self._starrocks.kill()
            time.sleep(fault.down_s)
            self._starrocks.start()
            self._starrocks.wait_until_ready()
            return
        self._mysql.process.kill()
        self._mysql.process.wait()
        time.sleep(fault.down_s)
        port = self._mysql.endpoint.port
        self._mysql = SERVERS[self.verdict.server](self._mysql_data, port)

    # Verdict

    def _judge(self) -> None:
        source, target = self._open_source(), self._starrocks.connect()
        source.autocommit(True)
        self._wait_until_applied(source.cursor(), target.cursor())
        for found in oracle.differences(source.cursor(), target.cursor()):
            self.verdict.rows += found.rows
            if not found.equal:
                self.verdict.failures.append(str(found))
        code = self._job.process.stop()
        if code != TERMINATED:
            self.verdict.failures.append(f"a clean stop ended with {code}:\n{self._job.tail()}")
        cursor = target.cursor()
        cursor.execute("SHOW PROC '/transactions/fault/running'")
        open_labels = [row[1] for row in cursor.fetchall()]
        if open_labels:
            self.verdict.failures.append(f"transactions left open: {open_labels}")

    def _wait_until_applied(self, source: Any, target: Any) -> None:
        deadline = time.monotonic() + _APPLY_LIMIT_S
        while lagging := oracle.lagging(source, target):
            code = self._job.process.exit_code
            assert code is None, f"the job ended by itself ({code}):\n{self._job.tail()}"
            if time.monotonic() > deadline:
                self.verdict.failures.append(f"not applied in {_APPLY_LIMIT_S:.0f} s: {lagging}")
                return
            time.sleep(0.2)

    def _note(self, workload: Workload, observer: oracle.Observer) -> None:
        verdict = self.verdict
        verdict.transactions, verdict.changes = workload.transactions, workload.changes
        verdict.states, verdict.judged = observer.states, observer.judged
        verdict.failures += observer.violations[:5]
        verdict.triggers = self._job.points
