"""Names and literals in DuckDB's SQL."""

from __future__ import annotations


def quoted(name: str) -> str:
    """`name` as a DuckDB identifier.

    Examples:
        >>> quoted('a"b')
        '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """`value` as a DuckDB string."""
    return "'" + value.replace("'", "''") + "'"
