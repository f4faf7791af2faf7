"""The job under fault: its process, what its state directory shows, and the moment to kill it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fault.plan import KillJob, Moment

from penstock.checkpoint import Manifest
from penstock.cli.exit_codes import FAILED, TERMINATED
from penstock.errors import CheckpointError
from penstock.testing.processes import CliProcess

_LOOK_S = 0.001
_TRIGGER_PATIENCE_S = 12.0


class JobUnderFault:
    """`penstock run` over one state directory.

    Args:
        script: The script's file.
        folder: Holds the state directory and the log.
        servers_fail: Whether servers, too, or their networks are made to fail.
    """

    def __init__(self, script: Path, folder: Path, *, servers_fail: bool) -> None:
        self.servers_fail = servers_fail
        self.state = folder / "state"
        self.log = folder / "penstock.log"
        arguments = ["run", "--quiet", "--state-dir", str(self.state), str(script)]
        self.process = CliProcess(arguments, self.log)
        self.points: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()

    def meet(self, moment: Moment) -> str:
        """Start the job where it does not run, wait for the moment; how it was met.

        Raises:
            AssertionError: The job ended by itself.
        """
        if not self.running:
            self.process.kill()
            self.process.start()
        reached = self._reach(moment)
        self._sleep(moment.delay_s)
        code = self.process.exit_code
        if code == FAILED and self.servers_fail and self.manifest() is None:
            # A job that never ran says at once that a server is away; it is started again.
            assert "Traceback" not in self.tail()
            return " (could not start)"
        ended_well = moment.trigger == "stop" and code == TERMINATED
        assert code is None or ended_well, f"the job ended by itself ({code}):\n{self.tail()}"
        return "" if reached else " (not reached)"

    def kill(self, fault: KillJob) -> str:
        """`kill -9` at the fault's moment; what was hit."""
        met = self.meet(fault.moment)
        self.process.kill()
        self.points[fault.moment.trigger] += 1
        return met

    @property
    def running(self) -> bool:
        return self.process.started and self.process.exit_code is None

    def tail(self) -> str:
        """The end of the job's log."""
        return self.log.read_text(errors="replace")[-2500:]

    def _reach(self, moment: Moment) -> bool:
        reached = True
        match moment.trigger:
            case "intent":
                reached = self._wait_for(self._intents, moment.skip)
            case "writing":
                reached = self._wait_for(self._temporary, moment.skip)
            case "manifest":
                reached = self._wait_for(self._newest, moment.skip)
            case "stop":
                reached = self._wait_for(self._newest, moment.skip)
                self.process.ask_to_stop()
        return reached

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.process.exit_code is None and time.monotonic() < deadline:
            time.sleep(min(0.02, max(0.0, deadline - time.monotonic())))

    def _wait_for(self, look: Any, skip: int) -> bool:
        """Wait until what `look` gives has changed `skip` + 1 times."""
        seen, changes = look(), 0
        deadline = time.monotonic() + _TRIGGER_PATIENCE_S
        while self.process.exit_code is None and time.monotonic() < deadline:
            now = look()
            if now != seen:
                seen = now
                changes += bool(now)
                if changes > skip:
                    return True
            time.sleep(_LOOK_S)
        return False

    def _intents(self) -> int:
        path = self.state / "intents"
        return path.stat().st_size if path.exists() else 0

    def _temporary(self) -> str:
        return next((p.name for p in self.state.glob("manifest-*.tmp")), "")

    def _newest(self) -> str:
        return max((p.name for p in self.state.glob("manifest-*.json")), default="")

    def manifest(self) -> Manifest | None:
        """The manifest in force, for the phase; a file may vanish while it is looked at."""
        for path in sorted(self.state.glob("manifest-*.json"), reverse=True):
            try:
                return Manifest.decode(path.read_bytes())
            except (FileNotFoundError, CheckpointError):
                continue
        return None

    def phase(self) -> str:
        """Where the job stands by its state directory."""
        manifest = self.manifest()
        if manifest is None or not manifest.sources:
            return "before the first manifest"
        phases = {str(state.get("phase")) for state in manifest.sources.values()}
        where = phases.pop() if len(phases) == 1 else "hand-over"
        return where + (", commits open" if manifest.committables else "")

    def complete(self) -> frozenset[str]:
        """The tables whose whole snapshot is in a manifest."""
        manifest = self.manifest()
        states = manifest.sources.items() if manifest is not None else ()
        return frozenset(
            source.rpartition(".")[2] for source, state in states if state.get("phase") == "binlog"
        )
