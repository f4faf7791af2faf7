"""A signal that comes late, while the process is already on its way out."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, os, signal, sys
from penstock.cli.signals import stop_on_signals

ask = lambda: os.kill(os.getpid(), signal.{signal})

class Last:
    def __del__(self):
        ask()

last = Last()
with stop_on_signals(lambda: None, lambda: None, last=True) as stops:
    ask()
atexit.register(ask)
ask()
print("told", flush=True)
sys.exit(stops.exit_code)
"""


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_second_signal_on_the_way_out_changes_neither_exit_code_nor_output(
    signal: str, code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(signal=signal)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "told\n")
    assert "Traceback" not in done.stderr
