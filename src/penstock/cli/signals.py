"""Ctrl-C and SIGTERM: once for a clean stop, twice for a stop at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from penstock.cli.exit_codes import INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


@dataclass(slots=True)
class Stops:
    """How often the user asked to stop, and the exit code that follows from it."""

    asked: int = 0
    exit_code: int = 0


@contextmanager
def stop_on_signals(
    stop: Callable[[], None], stop_now: Callable[[], None], *, last: bool = False
) -> Iterator[Stops]:
    """Within it the first signal calls `stop`, the second `stop_now`, the third ends the process.

    Off the main thread, where Python delivers no signals, nothing changes.

    Args:
        stop: Asks for a clean stop; returns at once.
        stop_now: Asks for a stop that rolls back; returns at once.
        last: The process does nothing afterwards but tell and end, so a signal that was asked
            for and comes late (the user pressed twice, the first sufficed) changes nothing: not
            the exit code, not what is printed.
    """
    stops = Stops()

    def handle(number: int, _frame: FrameType | None) -> None:
        stops.asked += 1
        stops.exit_code = _CODES[signal.Signals(number)]
        if stops.asked > 2:
            os._exit(stops.exit_code)
        text = (
            "Stopping: what was read is being committed. Ctrl-C again stops now"
            if stops.asked == 1
            else "Stopping now: what is not committed is rolled back"
        )
        click.echo(f"\n[INFO] {text} ...", err=True)
        (stop if stops.asked == 1 else stop_now)()

    if threading.current_thread() is not threading.main_thread():
        yield stops
        return
    before = {number: signal.signal(number, handle) for number in _CODES}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            # Python puts handlers of ours back to "die" on its way out, but leaves this one.
            signal.signal(number, signal.SIG_IGN if last and stops.asked else handler)


@contextmanager
def unwind_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the command as an exit does: what was started is stopped on the way out."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
