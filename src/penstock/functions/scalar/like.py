"""LIKE and SIMILAR TO."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import Literal
from penstock.functions.registry import rowwise, scalar
from penstock.types import BOOLEAN

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame


def like_regex(pattern: str, escape: str | None = None) -> str:
    """A LIKE pattern as a regular expression; without ESCAPE no character is special but % and _.

    Raises:
        DataError: The escape is not one character, or stands before something it cannot escape.

    Examples:
        >>> like_regex("a%"), like_regex("10!%", "!")
        ('a.*', '10%')
    """
    if escape is not None and len(escape) != 1:
        raise DataError(f"invalid escape character '{escape}'", code="escape")
    out: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if escape and char == escape:
            follower = next(chars, None)
            if follower is None or follower not in {"%", "_", escape}:
                raise DataError(f"invalid escape sequence '{char}{follower or ''}'", code="escape")
            out.append(re.escape(follower))
        elif char == "%":
            out.append(".*")
        elif char == "_":
            out.append(".")
        else:
            out.append(re.escape(char))
    return "".join(out)


@lru_cache(maxsize=1024)
def _like(pattern: str, escape: str | None) -> re.Pattern[str]:
    return re.compile(like_regex(pattern, escape), re.DOTALL)


@scalar("LIKE", "s s s?", BOOLEAN, operator=True)
def like(call: Call, args: list[Any], frame: Frame) -> Any:
    """Case-sensitive; no escape character unless one is given."""
    plain = isinstance(call.args[1], Literal) and len(args) == 2
    pattern = call.args[1].value if isinstance(call.args[1], Literal) else None
    if plain and pattern is not None and "\\" not in pattern:
        return pc.match_like(args[0], pattern)
    return rowwise(lambda text, p, e=None: _like(p, e).fullmatch(text) is not None)(
        call, args, frame
    )


_CLASSES = {"ALPHA": "a-zA-Z", "DIGIT": "0-9", "UPPER": "A-Z", "LOWER": "a-z", "SPACE": " "}


@lru_cache(maxsize=1024)
def _similar(pattern: str, escape: str | None) -> re.Pattern[str]:
    out: list[str] = []
    inside = False
    chars = iter(pattern)
    for char in chars:
        if escape and char == escape:
            out.append(re.escape(next(chars, "")))
        elif char == "[" or (char == "]" and inside):
            inside = char == "["
            out.append(char)
        elif inside:
            out.append(char)
        elif char in "%_":
            out.append(".*" if char == "%" else ".")
        elif char in "^$\\":
            out.append(re.escape(char))
        else:
            out.append(char)
    text = re.sub(r"\[:(\w+):\]", lambda m: _CLASSES.get(m[1].upper(), "a-zA-Z0-9"), "".join(out))
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise DataError(
            f"pattern '{pattern}' of SIMILAR TO is invalid", code="pattern", detail=f"{error}."
        ) from error


scalar("SIMILAR_TO", "s s s?", BOOLEAN, operator=True)(
    rowwise(lambda text, p, e=None: _similar(p, e).fullmatch(text) is not None)
)
