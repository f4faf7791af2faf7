"""The error a MySQL client gets to see: a number, an SQL state and a text."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from penstock.errors import PenstockError

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor


class QueryError(PenstockError):
    """A statement was refused.

    Args:
        message: The text as StarRocks words it.
        number: MySQL's error number; StarRocks uses 1064 for nearly everything.
        state: The five-character SQL state.
    """

    default_code = "query"

    def __init__(self, message: str, number: int = 1064, state: str = "HY000") -> None:
        super().__init__(message)
        self.number = number
        self.state = state


def syntax_error(detail: str) -> QueryError:
    """The error for text that is not a statement StarRocks knows."""
    return QueryError(f"Getting syntax error. Detail message: {detail}.", 1064, "42000")


def not_here(cursor: Cursor) -> QueryError:
    """The error for a statement or clause that StarRocks has and this server has not.

    Args:
        cursor: At the clause, or behind its first words; it is named from the statement's begin.
    """
    tokens = cursor.tokens[: cursor.at + 3]
    named = list(itertools.takewhile(lambda token: token.kind in {"word", "name"}, tokens))
    text = " ".join(cursor.text[named[0].start : named[-1].end].split())
    return analysis_error(f"{text} is not supported by the embedded server")


def unknown_database(name: str) -> QueryError:
    """The error for a database that does not exist."""
    return QueryError(f"Getting analyzing error. Detail message: Unknown database '{name}'.", 1049)


def unknown_table(database: str, table: str) -> QueryError:
    """The error for a table that does not exist."""
    text = f"Getting analyzing error. Detail message: Unknown table '{database}.{table}'."
    return QueryError(text, 5502, "42S02")


def analysis_error(detail: str) -> QueryError:
    """The error for a statement whose names or types do not fit."""
    return QueryError(f"Getting analyzing error. Detail message: {detail}.", 1064)


def no_database() -> QueryError:
    """The error for an unqualified name where no database was chosen."""
    return QueryError("No database selected", 1046, "3D000")
