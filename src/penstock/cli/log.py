"""The log of the running parts: warnings on standard error, more of it in a file where wanted."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.bug_file import write_traceback
from penstock.cli.hidden import HiddenValues
from penstock.state import open_private

if TYPE_CHECKING:
    from collections.abc import Callable

# What every record has; anything else was given as a field.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_FILE, _LEVEL = "penstock.log-file", "penstock.log-level"
LEVELS = ("debug", "info", "warning", "error")


class LineFormatter(logging.Formatter):
    """`12:30:01 [WARNING] binlog stream lost (reason=...)`; never a traceback, nor a secret.

    Args:
        hidden: The secrets.
        time_format: Of `time.strftime`.
    """

    def __init__(self, hidden: HiddenValues, time_format: str = "%H:%M:%S") -> None:
        super().__init__()
        self._hidden = hidden
        self._time_format = time_format

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime(self._time_format, time.localtime(record.created))
        fields = [f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD and v != ""]
        if record.exc_info and record.exc_info[1] is not None:
            fields.append(f"traceback in {write_traceback(record.exc_info[1], self._hidden)}")
        extra = f" ({', '.join(fields)})" if fields else ""
        text = f"{at} [{record.levelname}] {record.getMessage().strip()}{extra}"
        # Details of errors have a line for each fact; a record is one line.
        return self._hidden.hide(" ".join(text.split("\n")))


class StderrHandler(logging.Handler):
    """Writes to what standard error is at the moment: the live view puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


class LogFileHandler(logging.StreamHandler[Any]):
    """Appends to a file that only its owner may read, a line a record."""

    def __init__(self, path: Path, level: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        super().__init__(os.fdopen(open_private(path, flags), "a", encoding="utf-8"))
        self.setLevel(level)

    def close(self) -> None:
        self.stream.close()
        super().close()


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--log-file and --log-level, for `show_log` to find."""

    def keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
        ctx.meta[_FILE if param.name == "log_file" else _LEVEL] = value

    command = click.option(
        "--log-level",
        type=click.Choice(LEVELS, case_sensitive=False),
        callback=keep,
        expose_value=False,
        help="What to log: from this level on. Default: warning, with --log-file info.",
    )(command)
    return click.option(
        "--log-file",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=keep,
        expose_value=False,
        help="Append the log to a file; warnings are shown all the same.",
    )(command)


def show_log() -> None:
    """Show and write the log as the command that is running was told, without its secrets.

    May be called again: what an earlier call set up is replaced.

    Raises:
        click.UsageError: The file cannot be written.
    """
    context = click.get_current_context(silent=True)
    meta = context.meta if context is not None else {}
    path, given = meta.get(_FILE), meta.get(_LEVEL)
    root, hidden = logging.getLogger(), HiddenValues.current()
    for handler in [h for h in root.handlers if isinstance(h, StderrHandler | LogFileHandler)]:
        root.removeHandler(handler)
        handler.close()
    level = _number(given or ("info" if path is not None else "warning"))
    shown = StderrHandler(logging.WARNING if path is not None else level)
    shown.setFormatter(LineFormatter(hidden))
    root.addHandler(shown)
    if path is not None:
        root.addHandler(_file_handler(path, level, hidden))
    # Ours alone: libraries say nothing below a warning.
    logging.getLogger("penstock").setLevel(level)


def _file_handler(path: Path, level: int, hidden: HiddenValues) -> LogFileHandler:
    try:
        handler = LogFileHandler(path, level)
    except OSError as error:
        message = f"could not open log file {path}: {error.strerror}"
        raise click.UsageError(message) from error
    handler.setFormatter(LineFormatter(hidden, "%Y-%m-%dT%H:%M:%S%z"))
    return handler


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
