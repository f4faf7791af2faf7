"""`starrocks()`: the embedded StarRocks as a process of its own, for tests."""

from __future__ import annotations

import base64
import http.client
import json
import select
import subprocess
import sys
import tempfile
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from penstock.errors import ConnectorError
from penstock.wire.starrocks_admin import ADMIN_PATH, Fault, Ready, StartRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import pymysql

_START_SECONDS = 60
_ANSWER_SECONDS = 60


def starrocks(
    data_dir: Path | None = None,
    *,
    user: str = "root",
    password: str = "",
    profile: str = "instant",
    backends: int = 1,
    seed: int = 0,
    settings: Mapping[str, str | float] | None = None,
) -> StarRocksServer:
    """An embedded StarRocks on free ports of this machine; runs inside a `with` block.

    It is a process of its own, so that it can be killed, and ends with this one, however that ends.

    Args:
        data_dir: Where to keep everything, over `kill` and `restart`; None keeps it in memory.
        user: The first user.
        password: That user's password.
        profile: `instant`, or `realistic` for loads that take the time a real cluster takes.
        backends: How many backends tablets have their replicas on.
        seed: Of what happens by chance: faults and the spread of latencies.
        settings: Settings of the frontend and the backends by name, such as `tablet_max_versions`.

    Returns:
        The server; not started before the block is entered.
    """
    wanted = StartRequest(
        data_dir="" if data_dir is None else str(data_dir.absolute()),
        user=user,
        password=password,
        profile=profile,
        backends=backends,
        seed=seed,
        settings=dict(settings or {}),
    )
    return StarRocksServer(wanted)


class StarRocksServer:
    """A server that `starrocks()` made; used by one thread.

    Args:
        wanted: How it is to be started.
    """

    def __init__(self, wanted: StartRequest) -> None:
        self._wanted = wanted
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None

    # ------------------------------------------------------------------------- start and end

    def start(self) -> None:
        """Start it; returns when all ports are open, which are the same after every start.

        Raises:
            ConnectorError: It cannot start.
        """
        assert self._process is None, "it runs already"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process ended
        self._process = subprocess.Popen(
            [sys.executable, "-m", "penstock.embedded.starrocks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        try:
            ready = self._handshake(self._process)
        except ConnectorError:
            self.kill()
            raise
        self._wanted = replace(
            self._wanted,
            fe_http_port=ready.fe_http_port,
            be_http_port=ready.be_http_port,
            query_port=ready.query_port,
        )

    def _handshake(self, process: subprocess.Popen[str]) -> Ready:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(self._wanted.to_json()) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._not_started() from None
        # The line is written at once, so that what can be read is all of it.
        if not select.select([process.stdout], [], [], _START_SECONDS)[0]:
            raise self._not_started(f"not ready after {_START_SECONDS} s")
        line = process.stdout.readline()
        if not line:
            raise self._not_started()
        ready = Ready(**json.loads(line))
        if ready.error:
            raise self._not_started(ready.error)
        return ready

    def _not_started(self, detail: str = "") -> ConnectorError:
        return ConnectorError(
            "the embedded StarRocks did not start",
            retryable=False,
            detail=detail or self.log_text()[-800:],
        )

    def stop(self) -> None:
        """End it as one should: what runs is finished, files are closed. Nothing if it ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # which it waits for
            try:
                self._process.wait(_ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._close()

    def kill(self) -> None:
        """End it as a crash does: `kill -9`. What was in memory is lost."""
        if self._process is not None:
            self._process.kill()
        self._close()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same ports, with the same data directory.

        Raises:
            ConnectorError: It cannot start.
        """
        self.stop()
        self.start()

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.wait()
        for pipe in (process.stdin, process.stdout, self._log):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> StarRocksServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def log_text(self) -> str:
        """What it wrote to standard error since the last start; empty unless it has bugs."""
        if self._log is None or self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    # ----------------------------------------------------------------------------- addresses

    @property
    def pid(self) -> int:
        """The id of the process; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._wanted.host

    @property
    def fe_http_port(self) -> int:
        """The frontend's HTTP port."""
        return self._wanted.fe_http_port

    @property
    def be_http_port(self) -> int:
        """The backend's HTTP port."""
        return self._wanted.be_http_port

    @property
    def query_port(self) -> int:
        """The MySQL-protocol port."""
        return self._wanted.query_port

    @property
    def user(self) -> str:
        """The first user."""
        return self._wanted.user

    @property
    def password(self) -> str:
        """That user's password."""
        return self._wanted.password

    @property
    def load_url(self) -> str:
        """`host:port` for the option `load-url`."""
        return f"{self.host}:{self.fe_http_port}"

    @property
    def jdbc_url(self) -> str:
        """The URL for the option `jdbc-url`."""
        return f"jdbc:mysql://{self.host}:{self.query_port}"

    # ------------------------------------------------------------------------------- queries

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """A client session of PyMySQL, closed by the caller."""
        import pymysql

        return pymysql.connect(
            host=self.host,
            port=self.query_port,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
        )

    def execute(self, statement: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement in a session of its own.

        Args:
            statement: The statement; `%s` stands for a value if there are any.
            values: The values.

        Returns:
            The rows; empty for a statement that has none.

        Raises:
            pymysql.MySQLError: It was refused.
        """
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    # ------------------------------------------------------------------------- administration

    def inject(self, *faults: Fault) -> None:
        """Let something go wrong at the next matching requests."""
        self._admin("POST", "faults", [fault.to_json() for fault in faults])

    def faults(self) -> list[Fault]:
        """What has not happened yet."""
        return [Fault(**fault) for fault in self._admin("GET", "faults")["faults"]]

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._admin("DELETE", "faults")

    def reseed(self, seed: int) -> None:
        """Begin the row of chances anew: faults with a probability, the spread of latencies."""
        self._admin("POST", "seed", {"seed": seed})

    def configure(self, name: str, value: str | float) -> None:
        """Change a setting of the frontend or the backends."""
        self._admin("POST", "settings", {name: value})

    def settings(self) -> dict[str, str]:
        """All settings and their present values."""
        return dict(self._admin("GET", "settings")["settings"])

    def add_versions(self, database: str, table: str, count: int = 1) -> int:
        """Count versions as if somebody else had loaded `count` times; the new version."""
        data = {"db": database, "table": table, "count": count}
        return int(self._admin("POST", "foreign_versions", data)["version"])

    def compact(self) -> int:
        """Compact every tablet at once, due or not; how many there were to compact."""
        return int(self._admin("POST", "compact")["compacted"])

    def forget_contexts(self) -> int:
        """Lose what the backend holds of running transactions, as its restart does; how many."""
        return int(self._admin("POST", "forget_contexts")["forgotten"])

    def reset(self) -> None:
        """Make it as it was when it started: no databases, no faults, first users and settings."""
        self._admin("POST", "reset")

    def _admin(self, method: str, path: str, data: object = None) -> Any:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        connection = http.client.HTTPConnection(
            self.host, self.fe_http_port, timeout=_ANSWER_SECONDS
        )
        try:
            connection.request(
                method,
                f"{ADMIN_PATH}/{path}",
                None if data is None else json.dumps(data),
                {"Authorization": f"Basic {credentials}"},
            )
            answer = json.loads(connection.getresponse().read())
        except OSError as error:
            raise ConnectorError(
                f"could not reach the embedded StarRocks: {error}",
                retryable=False,
                endpoint=self.load_url,
                hint="Use it inside of its `with` block, and not after `kill` before `restart`.",
            ) from error
        finally:
            connection.close()
        if answer.get("status") != "OK":
            text = answer.get("msg", "no reason given")
            raise ConnectorError(
                f"the embedded StarRocks refused '{path}': {text}",
                retryable=False,
                endpoint=self.load_url,
            )
        return answer
