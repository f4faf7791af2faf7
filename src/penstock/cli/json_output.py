"""The JSON that `--json` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penstock.cli.hidden import HiddenValues
    from penstock.errors import PenstockError


def print_json(shown: dict[str, Any]) -> None:
    """One object on standard output."""
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


def error_json(error: PenstockError, hidden: HiddenValues) -> dict[str, Any]:
    """An error's parts without secrets, and its place in the script."""
    span, source = error.span, error.source
    return {
        "code": error.code,
        "message": hidden.hide(error.message),
        "detail": hidden.hide(error.detail),
        "hint": hidden.hide(error.hint),
        "file": source[1] if span and source else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
    }
