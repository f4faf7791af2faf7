"""Names and literals in DuckDB's SQL, and names in that of StarRocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def quoted(name: str) -> str:
    """`name` as a DuckDB identifier.

    Examples:
        >>> quoted('a"b')
        '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def ticked(name: str) -> str:
    """`name` as an identifier of StarRocks.

    Examples:
        >>> ticked("a`b")
        '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def ticked_list(names: Iterable[str]) -> str:
    """Identifiers of StarRocks, `, ` between them."""
    return ", ".join(map(ticked, names))


def literal(value: str) -> str:
    """`value` as a DuckDB string."""
    return "'" + value.replace("'", "''") + "'"
