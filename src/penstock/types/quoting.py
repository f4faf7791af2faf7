"""Names and texts as they stand in SQL, of Flink, MySQL and StarRocks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def quote_identifier(name: str) -> str:
    """A name in back-ticks.

    Examples:
        >>> quote_identifier("a`b")
        '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def quote_identifiers(names: Iterable[str]) -> str:
    """A list of names.

    Examples:
        >>> quote_identifiers(["a", "b"])
        '`a`, `b`'
    """
    return ", ".join(map(quote_identifier, names))


def quote_path(path: Iterable[str]) -> str:
    """A dotted name.

    Examples:
        >>> quote_path(("shop", "orders"))
        '`shop`.`orders`'
    """
    return ".".join(map(quote_identifier, path))


def quote_literal(text: str) -> str:
    """A text as a string of standard SQL: no character but the quote is special.

    Examples:
        >>> quote_literal("it's")
        "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
