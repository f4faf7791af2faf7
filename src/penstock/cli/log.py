"""Warnings of the running parts, as lines on standard error."""

from __future__ import annotations

import logging

import click


class StderrHandler(logging.Handler):
    """Writes to what standard error is at the moment: the live view puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def show_log() -> None:
    """Show warnings and errors; once per process."""
    root = logging.getLogger()
    if any(isinstance(handler, StderrHandler) for handler in root.handlers):
        return
    handler = StderrHandler(logging.WARNING)
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    root.addHandler(handler)
