"""Prints statement results the way Flink's client does in its tableau mode."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import click

from penstock.session import ResultKind

if TYPE_CHECKING:
    from penstock.session import StatementResult

MAX_WIDTH = 30


def print_result(result: StatementResult, *, told_ok: bool = True, to_stderr: bool = False) -> None:
    """Print messages and rows; a query's rows as they arrive.

    Args:
        result: What a statement gave.
        told_ok: Say so where a statement gives no rows.
        to_stderr: Keep standard output free, for JSON.
    """
    for message in result.messages:
        click.echo(message, err=True)
    names = [column.name for column in result.columns]
    match result.kind:
        case ResultKind.OK if told_ok:
            click.echo("[INFO] Execute statement succeeded.", err=True)
        case ResultKind.ROWS:
            _print_table(names, list(result.rows), to_stderr=to_stderr)
        case ResultKind.QUERY:
            _print_changes(names, result, to_stderr=to_stderr)
        case ResultKind.JOB if result.job is not None:
            click.echo("[INFO] SQL update statement has been submitted:", err=True)
            click.echo(f"Job ID: {result.job.job_id}", err=to_stderr)


def _print_table(names: list[str], rows: list[tuple[Any, ...]], *, to_stderr: bool) -> None:
    if not rows:
        click.echo("Empty set", err=to_stderr)
        return
    if len(names) == 1 and any("\n" in str(row[0]) for row in rows):
        for row in rows:
            click.echo(row[0], err=to_stderr)
        return
    texts = [[_text(value) for value in row] for row in rows]
    widths = [
        min(MAX_WIDTH, max(text_width(text) for text in column))
        for column in zip(names, *texts, strict=True)
    ]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    click.echo("\n".join((rule, _line(names, widths), rule)), err=to_stderr)
    for text in texts:
        click.echo(_line(text, widths), err=to_stderr)
    click.echo(f"{rule}\n{len(rows)} row{'s' * (len(rows) != 1)} in set", err=to_stderr)


def _print_changes(names: list[str], result: StatementResult, *, to_stderr: bool) -> None:
    if names[:1] != ["op"]:
        names = ["op", *names]
    widths = [4] + [max(text_width(name), 20) for name in names[1:]]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    click.echo("\n".join((rule, _line(names, widths), rule)), err=to_stderr)
    count = 0
    for row in result.rows:
        click.echo(_line([_text(value) for value in row], widths), err=to_stderr)
        count += 1
    click.echo(f"{rule}\nReceived a total of {count} row{'s' * (count != 1)}", err=to_stderr)


def _line(texts: list[str], widths: list[int]) -> str:
    cells = [_fit(text, width) for text, width in zip(texts, widths, strict=True)]
    return "| " + " | ".join(cells) + " |"


def _fit(text: str, width: int) -> str:
    if text_width(text) > width:
        while text and text_width(text) > width - 3:
            text = text[:-1]
        text += "..."
    return " " * (width - text_width(text)) + text


def text_width(text: str) -> int:
    """Cells of a terminal; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _text(value: object) -> str:
    """A value as Flink prints it.

    Examples:
        >>> _text(None), _text(True), _text([1, None])
        ('<NULL>', 'TRUE', '[1, NULL]')
    """
    if value is None:
        return "<NULL>"
    return _nested(value)


def _nested(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case datetime():
            text = value.strftime("%Y-%m-%d %H:%M:%S")
            return f"{text}.{value.microsecond:06d}" if value.microsecond else text
        case date() | time():
            return value.isoformat()
        case bytes():
            return f"x'{value.hex()}'"
        case list() if value and all(isinstance(v, tuple) and len(v) == 2 for v in value):
            return "{" + ", ".join(f"{_nested(k)}={_nested(v)}" for k, v in value) + "}"
        case list():
            return "[" + ", ".join(_nested(v) for v in value) + "]"
        case dict():
            return "(" + ", ".join(_nested(v) for v in value.values()) + ")"
    return str(value)
