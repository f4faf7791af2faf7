"""The job under fault: its process, what its state directory shows, and the moment to kill it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fault.plan import Kill

from penstock.checkpoint import Manifest
from penstock.errors import CheckpointError
from penstock.testing.processes import CliProcess

_LOOK_S = 0.001
_TRIGGER_PATIENCE_S = 12.0


class JobUnderFault:
    """`penstock run` over one state directory.

    Args:
        script: The script's file.
        folder: Holds the state directory and the log.
    """

    def __init__(self, script: Path, folder: Path) -> None:
        self.state = folder / "state"
        self.log = folder / "penstock.log"
        arguments = ["run", "--quiet", "--state-dir", str(self.state), str(script)]
        self.process = CliProcess(arguments, self.log)
        self.points: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()

    def start_and_kill(self, kill: Kill) -> str:
        """Start the job, wait for the kill's moment, kill it; what was hit.

        Raises:
            AssertionError: The job ended by itself.
        """
        self.process.start()
        reached = self._reach(kill)
        code = self.process.exit_code
        ended_well = kill.trigger == "stop" and code in {0, 1}
        assert code is None or ended_well, f"the job ended by itself ({code}):\n{self.tail()}"
        self.process.kill()
        phase = self.phase()
        self.points[kill.trigger] += 1
        self.phases[phase] += 1
        return f"{kill}{'' if reached else ' (not reached)'}: {phase}"

    def tail(self) -> str:
        """The end of the job's log."""
        return self.log.read_text(errors="replace")[-2500:]

    def _reach(self, kill: Kill) -> bool:
        reached = True
        match kill.trigger:
            case "intent":
                reached = self._wait_for(self._intents, kill.skip)
            case "writing":
                reached = self._wait_for(self._temporary, kill.skip)
            case "manifest":
                reached = self._wait_for(self._newest, kill.skip)
            case "stop":
                reached = self._wait_for(self._newest, kill.skip)
                self.process.ask_to_stop()
        self._sleep(kill.delay_s)
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

    def snapshot_done(self) -> bool:
        """Whether every table's snapshot is in a manifest."""
        return self.phase().startswith("binlog")
