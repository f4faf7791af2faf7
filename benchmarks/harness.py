"""What a benchmark gives, and how a Penstock process is watched while it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PENSTOCK = [sys.executable, "-m", "penstock.cli"]
_SAMPLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """One number of a benchmark, with what it cost the Penstock processes.

    Args:
        name: What was measured.
        value: The number.
        unit: Of the number.
        goal: The goal as text, "" without one.
        wall_s: Wall time of the measured part.
        cpu_s: CPU-seconds the Penstock processes used in it, servers apart.
        pss_mb: Peak proportional set size of the Penstock processes in it.
    """

    name: str
    value: float
    unit: str
    goal: str = ""
    wall_s: float | None = None
    cpu_s: float | None = None
    pss_mb: float | None = None


Benchmark = Callable[[Path, float], list[Result]]


class Penstock:
    """A `penstock run` of a script; a context object that ends it.

    Args:
        script: The SQL text.
        folder: Where script and state are kept.
    """

    def __init__(self, script: str, folder: Path) -> None:
        path = folder / "script.sql"
        path.write_text(script)
        state = folder / "state"
        self.began = time.monotonic()
        self._log = folder / "penstock.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*PENSTOCK, "run", str(path), "--quiet", "--fresh", "--state-dir", str(state)],
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stderr=log,
            )
        self.usage = Usage(psutil.Process(self.process.pid))

    def __enter__(self) -> Penstock:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.usage.stop()

    def wait(self, done: Callable[[], bool], *, seconds: float = 300) -> float:
        """Wait until `done`; gives the seconds since the process was started."""
        end = time.monotonic() + seconds
        while True:
            asked = time.monotonic()
            if done():
                return time.monotonic() - self.began
            if self.process.poll() is not None:
                self._failed()
            if time.monotonic() > end:
                sys.exit(f"not done after {seconds:.0f} s")
            # asking must not take the server's time from the job
            time.sleep(max(0.005, 4 * (time.monotonic() - asked)))

    def finish(self) -> float:
        """Wait for the process to end by itself; gives its seconds."""
        code = self.process.wait()
        seconds = time.monotonic() - self.began
        self.usage.stop()
        if code:
            self._failed()
        return seconds

    def _failed(self) -> None:
        sys.exit(f"penstock run ended with {self.process.returncode}:\n{self._log.read_text()}")


@dataclass(slots=True)
class Usage:
    """Samples CPU time and memory of a process and its children on a thread.

    Args:
        process: The first of the family.
        cpu_s: CPU-seconds so far.
        peak_mb: Most proportional set size since `mark`.
    """

    process: psutil.Process
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    _marked_cpu_s: float = 0.0
    _marked_at: float = field(default_factory=time.monotonic)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def mark(self) -> None:
        """A measured part begins."""
        self._sample()
        self.peak_mb, self._marked_cpu_s = 0.0, self.cpu_s
        self._marked_at = time.monotonic()
        self._sample()

    def result(
        self, name: str, value: float, unit: str, goal: str = "", *, wall_s: float | None = None
    ) -> Result:
        """A number, with what was used since `mark`."""
        self._sample()
        wall = time.monotonic() - self._marked_at if wall_s is None else wall_s
        return Result(name, value, unit, goal, wall, self.cpu_s - self._marked_cpu_s, self.peak_mb)

    def stop(self) -> None:
        """No more samples."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(_SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        try:
            family = [self.process, *self.process.children(recursive=True)]
            times = [p.cpu_times() for p in family]
            memory = sum(p.memory_full_info().pss for p in family) / 2**20
        except psutil.Error:
            return
        own = sum(t.user + t.system for t in times)
        gone = times[0].children_user + times[0].children_system
        self.cpu_s = max(self.cpu_s, own + gone)
        self.peak_mb = max(self.peak_mb, memory)


def as_json(results: list[list[Result]]) -> str:
    """All runs, for machines."""
    return json.dumps(
        [
            {name: getattr(result, name) for name in Result.__slots__}
            for run in results
            for result in run
        ]
    )
