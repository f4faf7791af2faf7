"""Real Flink in a JVM of its own that runs SQL scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from tests.interop.jars import flink_jars

if TYPE_CHECKING:
    from types import TracebackType

_PROGRAM = Path(__file__).with_name("flink") / "FlinkScripts.java"
# What Flink's own start scripts open for Java 17.
_OPENED = ("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util", "util.concurrent")


class FlinkError(Exception):
    """Real Flink refused a script, or a job of it failed."""


class RealFlink:
    """A JVM with Flink and the real connectors; a context object that ends it.

    Args:
        log: File for what the JVM writes to standard error.
    """

    def __init__(self, log: Path) -> None:
        opened = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED]
        classpath = ":".join(map(str, flink_jars()))
        self._log = log.open("ab")
        # One core's worth of compilers and collectors: the machine serves others too.
        self._process = subprocess.Popen(
            ["nice", "java", *opened, "-Xmx1500m", "-XX:+UseSerialGC", "-cp", classpath, _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answer()

    def __enter__(self) -> RealFlink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._log.close()

    @property
    def cpu_s(self) -> float:
        """CPU-seconds of the JVM so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def run(self, script: Path) -> None:
        """Run a script and wait for its jobs.

        Raises:
            FlinkError: It failed.
        """
        self._ask("run", script)

    def start(self, script: Path) -> None:
        """Run a script; its jobs go on.

        Raises:
            FlinkError: It was refused.
        """
        self._ask("start", script)

    def stop(self, script: Path) -> None:
        """Cancel the jobs of a script that was started."""
        self._ask("stop", script)

    def _ask(self, verb: str, script: Path) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {script}\n")
        self._process.stdin.flush()
        answer = self._answer()
        if answer != "ok":
            raise FlinkError(f"{script.name}: {answer}")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        # The print connector and the drivers write to standard output too.
        for line in self._process.stdout:
            if line.strip() == "ok" or line.startswith("failed "):
                return line.strip()
        raise FlinkError(f"the JVM ended with {self._process.wait(60)}; see {self._log.name}")
