"""Names and texts in the statements sent to StarRocks."""

from __future__ import annotations


def quoted(name: str) -> str:
    """An identifier.

    Examples:
        >>> quoted("a`b")
        '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def quoted_text(text: str) -> str:
    r"""A string literal; a backslash escapes in StarRocks.

    Examples:
        >>> print(quoted_text('say "a\\b"'))
        "say \"a\\b\""
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quoted_path(database: str, name: str) -> str:
    """A table's name with its database."""
    return f"{quoted(database)}.{quoted(name)}"
