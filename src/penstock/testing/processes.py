"""Penstock's own processes for fault tests: start, kill without notice, start again as before."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pymysql

from penstock.errors import ConnectorError
from penstock.testing.mysql_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_START_SECONDS = 60
_STOP_SECONDS = 60


class CliProcess:
    """A `penstock` command in a process of its own, its output appended to a log.

    Args:
        arguments: Behind `penstock`.
        log: Where standard output and error go; one file for all starts.
        environment: Added to ours.
    """

    def __init__(
        self, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._arguments = list(arguments)
        self._environment = {**os.environ, "NO_COLOR": "1", **(environment or {})}
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        assert self._process is None, "it runs already"
        with self.log.open("ab") as out:
            out.write(f"\n=== start {time.time():.3f} ===\n".encode())
        self._process = subprocess.Popen(  # noqa: S603  our own fixed command
            [sys.executable, "-m", "penstock.cli", *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        # Through a pipe: the process may lose the right to write files.
        threading.Thread(target=self._copy_output, args=(self._process,), daemon=True).start()

    def _copy_output(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with self.log.open("ab", buffering=0) as out, process.stdout:
            for line in process.stdout:
                out.write(line)

    def limit_file_size(self, size_bytes: int | None) -> None:
        """Files may not grow beyond that, as on a full disk; None lifts the limit. Linux only."""
        if self._process is None or self._process.poll() is not None:
            return
        limit = resource.RLIM_INFINITY if size_bytes is None else size_bytes
        hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (limit, hard))

    @property
    def started(self) -> bool:
        """Whether it was started and neither killed nor stopped by us since."""
        return self._process is not None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs or where it was never started."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> int:
        """`kill -9`; the exit code, which is -9 where it still ran. Nothing where not started."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.kill()
        return process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM; returns at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM, wait, and its exit code; killed where it does not end in a minute."""
        if self._process is None:
            return 0
        self.ask_to_stop()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()
        process, self._process = self._process, None
        return process.returncode


class StarRocksProcess(CliProcess):
    """The embedded StarRocks in a process of its own, on ports it keeps over restarts.

    Args:
        data_dir: Where it keeps its data; None keeps them in memory.
        log: For its output.
        profile: "instant" or "realistic".
    """

    def __init__(self, data_dir: Path | None, log: Path, profile: str = "realistic") -> None:
        self.fe_http_port, self.be_http_port, self.query_port = (free_port() for _ in range(3))
        arguments = [
            "starrocks",
            *("--profile", profile),
            *("--fe-http-port", str(self.fe_http_port)),
            *("--be-http-port", str(self.be_http_port)),
            *("--query-port", str(self.query_port)),
        ]
        if data_dir is not None:
            arguments += ["--data-dir", str(data_dir)]
        super().__init__(arguments, log)

    def wait_until_ready(self) -> None:
        """Return once it answers a query.

        Raises:
            ConnectorError: It ended, or did not answer in a minute.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.exit_code is None:
            try:
                self.connect().close()
            except pymysql.err.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise ConnectorError(
            "the embedded StarRocks did not start",
            retryable=False,
            detail=self.log.read_text(errors="replace")[-800:],
        )

    def connect(self) -> pymysql.connections.Connection[pymysql.cursors.Cursor]:
        """A plain client session, every statement its own transaction."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.query_port,
            user="root",
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
            read_timeout=60,
        )

    def __enter__(self) -> StarRocksProcess:
        self.start()
        try:
            self.wait_until_ready()
        except ConnectorError:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
