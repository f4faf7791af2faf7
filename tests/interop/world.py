"""The embedded StarRocks behind recording proxies, MySQL beside it, and the two clients."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
from tests.interop.cases import SEED

from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.testing.http_proxy import Exchange, HttpProxy
from penstock.testing.mysql_servers import start_mariadb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from tests.interop.cases import Case
    from tests.interop.real_flink import RealFlink

_WAIT_S = 120.0
_ENDS_S = 120.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request and the role that answered it, `FE` or `BE`."""

    role: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client did in a case.

    Args:
        requests: In the order of their answers.
        rows: The target table at the end, by key.
    """

    requests: tuple[Recorded, ...]
    rows: tuple[tuple[Any, ...], ...]


class World:
    """Servers for all cases; a context object that stops them.

    Args:
        folder: For scripts, state and MySQL's data.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._requests: list[Recorded] = []
        self.starrocks = self._stack.enter_context(EmbeddedStarRocks(password="pw"))
        self._backend = HttpProxy(self.starrocks.be_http_port, record=self._recorder("BE"))
        self._stack.callback(self._backend.close)
        moved = {self.starrocks.be_http_port: self._backend.port}
        self._frontend = HttpProxy(self.starrocks.fe_http_port, moved, self._recorder("FE"))
        self._stack.callback(self._frontend.close)
        self._mysql = self._stack.enter_context(start_mariadb(folder / "mariadb"))

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def on_flink(self, case: Case, flink: RealFlink) -> Outcome:
        """Run a case on real Flink."""
        script = self._prepare(case, "flink")
        if not case.changes:
            flink.run(script)
        else:
            flink.start(script)
            try:
                self._change(case, "flink")
            finally:
                flink.stop(script)
        return self._outcome("flink")

    def on_penstock(self, case: Case) -> Outcome:
        """Run a case on Penstock."""
        script = self._prepare(case, "penstock")
        state = self._folder / f"{case.name}-state"
        command = [sys.executable, "-m", "penstock.cli", "run", str(script), "--fresh"]
        job = subprocess.Popen(
            [*command, "--quiet", "--state-dir", str(state)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            if case.changes:
                self._change(case, "penstock")
                job.send_signal(signal.SIGINT)
            text, _ = job.communicate(timeout=_ENDS_S)
        finally:
            job.kill()
        if job.returncode and not case.changes:
            raise RuntimeError(f"{case.name}: penstock run ended with {job.returncode}: {text}")
        return self._outcome("penstock")

    def _prepare(self, case: Case, client: str) -> Path:
        """Fresh tables, and the script for them."""
        cursor = self._starrocks()
        cursor.execute(f"DROP DATABASE IF EXISTS {client} FORCE")
        cursor.execute(f"CREATE DATABASE {client}")
        cursor.execute(f"USE {client}")
        for statement in (case.create, *case.before):
            cursor.execute(statement)
        if case.changes:
            self._mysql_do(f"DROP DATABASE IF EXISTS {client}", f"CREATE DATABASE {client}")
            self._mysql_do(f"USE {client}", *SEED)
        script = self._folder / f"{case.name}-{client}.sql"
        script.write_text(
            case.script(
                jdbc=self.starrocks.jdbc_url,
                load=f"127.0.0.1:{self._frontend.port}",
                database=client,
                mysql=str(self._mysql.endpoint.port),
                server_id="5401" if client == "flink" else "5402",
            )
        )
        self._requests.clear()
        return script

    def _change(self, case: Case, client: str) -> None:
        """Wait for the snapshot, make the changes, wait until they are there."""
        self._until(lambda: self._rows(client) == self._source_rows(client))
        for statement in case.changes:
            self._mysql_do(f"USE {client}", statement)
        self._until(lambda: self._rows(client) == self._source_rows(client))

    def _until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + _WAIT_S
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("the target did not become equal to the source")
            time.sleep(0.1)

    def _outcome(self, client: str) -> Outcome:
        return Outcome(tuple(self._requests), self._rows(client))

    def _rows(self, client: str) -> tuple[tuple[Any, ...], ...]:
        cursor = self._starrocks()
        cursor.execute(f"SELECT * FROM {client}.target ORDER BY id")
        return tuple(cursor.fetchall())

    def _source_rows(self, client: str) -> tuple[tuple[Any, ...], ...]:
        return self._mysql_do(f"SELECT * FROM {client}.source ORDER BY id")

    def _starrocks(self) -> Any:
        connection = pymysql.connect(
            host="127.0.0.1", port=self.starrocks.query_port, user="root", password="pw"
        )
        return connection.cursor()

    def _mysql_do(self, *statements: str) -> tuple[tuple[Any, ...], ...]:
        endpoint = self._mysql.endpoint
        with pymysql.connect(
            host="127.0.0.1", port=endpoint.port, user="root", autocommit=True
        ) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return tuple(cursor.fetchall())

    def _recorder(self, role: str) -> Callable[[Exchange], None]:
        return lambda exchange: self._requests.append(Recorded(role, exchange))
