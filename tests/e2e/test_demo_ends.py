"""`penstock demo` takes its servers along however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from penstock.cli.exit_codes import TERMINATED


def test_sigterm_while_it_starts_leaves_no_server_behind(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "penstock.cli", "demo", "--seconds", "60"],
            stdout=log,
            stderr=log,
        )
        process = psutil.Process(demo.pid)
        deadline = time.monotonic() + 60
        servers: list[psutil.Process] = []
        while not servers and time.monotonic() < deadline:
            servers = [c for c in process.children(recursive=True) if "mariadbd" in c.name()]
            time.sleep(0.02)
        assert servers, (tmp_path / "log").read_text()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == TERMINATED
    _, alive = psutil.wait_procs(servers, timeout=20)
    assert not alive
