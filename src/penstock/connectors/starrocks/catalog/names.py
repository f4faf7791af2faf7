"""Texts in the statements sent to StarRocks."""

from __future__ import annotations


def quoted_text(text: str) -> str:
    r"""A string literal; a backslash escapes in StarRocks.

    Examples:
        >>> print(quoted_text('say "a\\b"'))
        "say \"a\\b\""
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
