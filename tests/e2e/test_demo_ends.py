"""`penstock demo` where it cannot go its usual way."""

from __future__ import annotations

import contextlib
import json
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
            # A child may end while it is looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                servers = [c for c in process.children(recursive=True) if "mariadbd" in c.name()]
            time.sleep(0.02)
        assert servers, (tmp_path / "log").read_text()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == TERMINATED
    _, alive = psutil.wait_procs(servers, timeout=20)
    assert not alive


def test_without_any_mysql_server_it_says_so_and_runs_the_rest(tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "demo", "--rows", "5000", "--json"],
        env=nowhere,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no 'apt-get' on this machine" in done.stderr
    found = json.loads(done.stdout)
    assert found["equal"]
    assert found["tables"] == {"datagen": {"rows": 5000, "missing": 0, "unexpected": 0}}
