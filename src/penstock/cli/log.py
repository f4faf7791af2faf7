"""Warnings of the running parts, as lines on standard error; tracebacks go to a file."""

from __future__ import annotations

import logging
import time

import click

from penstock.cli.bug_file import write_traceback
from penstock.cli.hidden import HiddenValues

# What every record has; anything else was given as a field.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class LineFormatter(logging.Formatter):
    """`12:30:01 [WARNING] binlog stream lost (reason=...)`; never a traceback."""

    def __init__(self, hidden: HiddenValues) -> None:
        super().__init__()
        self._hidden = hidden

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = [f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD and v != ""]
        if record.exc_info and record.exc_info[1] is not None:
            fields.append(f"traceback in {write_traceback(record.exc_info[1], self._hidden)}")
        extra = f" ({', '.join(fields)})" if fields else ""
        return self._hidden.hide(f"{at} [{record.levelname}] {record.getMessage()}{extra}")


class StderrHandler(logging.Handler):
    """Writes to what standard error is at the moment: the live view puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def show_log() -> None:
    """Show warnings and errors, without the secrets of the command that is running."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, StderrHandler):
            handler.setFormatter(LineFormatter(HiddenValues.current()))
            return
    handler = StderrHandler(logging.WARNING)
    handler.setFormatter(LineFormatter(HiddenValues.current()))
    root.addHandler(handler)
