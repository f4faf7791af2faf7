"""What of a statement makes a job the one it is: all of it but options that may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import find_connector
from penstock.errors import PenstockError
from penstock.sql import parse_script
from penstock.sql import tree as ast
from penstock.sql.lexer import pieces

if TYPE_CHECKING:
    from collections.abc import Sequence


def same_job(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a job of some statements may go on with others.

    Args:
        before: The statements it was started with, secrets masked.
        after: Those it is to go on with, likewise.
    """
    return len(before) == len(after) and all(
        old == new or _essence(old) == _essence(new) for old, new in zip(before, after, strict=True)
    )


def _essence(text: str) -> tuple[str, ...]:
    """The statement's words, without those of its connector's free options.

    Examples:
        >>> _essence("SELECT 1")
        ('SELECT 1',)
    """
    free = _free_options(text)
    if not free:
        return (text,)
    words = [text[piece.start : piece.end] for piece in pieces(text)]
    kept: list[str] = []
    index = 0
    while index < len(words):
        if words[index][1:-1] in free and words[index + 1 : index + 2] == ["="]:
            index += 3
            # The comma behind it, or before it where it is the last.
            if words[index : index + 1] == [","]:
                index += 1
            elif kept and kept[-1] == ",":
                kept.pop()
            continue
        kept.append(words[index])
        index += 1
    return tuple(kept)


def _free_options(text: str) -> frozenset[str]:
    """The keys of a CREATE TABLE that may have other values; none of any other statement."""
    try:
        statements = parse_script(text).statements
        if len(statements) != 1 or not isinstance(statements[0], ast.CreateTable):
            return frozenset()
        table = statements[0]
        name = dict(table.options).get("connector", "")
        return find_connector(name).free_options if name and table.query is None else frozenset()
    except PenstockError:
        return frozenset()
