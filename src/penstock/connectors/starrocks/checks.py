"""Parsers and checks of the sink's option values, with upstream's texts.

Source: flink-connector-starrocks, StarRocksSinkOptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.formats.csv import parse_separator

_NAME = re.compile(r"`([^`]+)`|([^`.\s]+)")
_PATH = re.compile(rf"(?:{_NAME.pattern})(?:\.(?:{_NAME.pattern}))?")
_LABEL_PREFIX = re.compile(r"[-_A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class SupportedRange:
    """A check: the value lies in [low, high]; upstream's words otherwise."""

    key: str
    low: int
    high: int
    shown: str = ""

    def __call__(self, value: int) -> None:
        if not self.low <= value <= self.high:
            message = f"Unsupported value '{value}' for '{self.key}'. Supported value range: {self}"
            raise ValueError(message)

    def __str__(self) -> str:
        return self.shown or f"[{self.low}, {self.high}]"


@dataclass(frozen=True, slots=True)
class Word:
    """A parser: one of some words in any case; upstream's words otherwise.

    Args:
        words: The words, lower case.
        unsupported: Message for another word, `{}` is the word.
    """

    words: tuple[str, ...]
    unsupported: str

    def __call__(self, text: str) -> str:
        found = text.strip().lower()
        if found not in self.words:
            raise ValueError(self.unsupported.format(text))
        return found

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"


def label_prefix(text: str) -> str:
    """Letters, digits, `-` and `_`."""
    if not _LABEL_PREFIX.fullmatch(text):
        message = "expected only letters, digits, '-' and '_'"
        raise ValueError(message)
    return text


def header_text(text: str) -> str:
    """A name that a load can say: it stands in a header of a request."""
    if any(char in "\r\n\0" for char in text):
        message = "expected a name without line ends: none can stand in the header of a load"
        raise ValueError(message)
    return text


def table_path(text: str) -> tuple[str, ...]:
    """`table` or `database.table`, each in back-ticks or not.

    Examples:
        >>> table_path("ops.dead"), table_path("`a.b`")
        (('ops', 'dead'), ('a.b',))
    """
    found = tuple(quoted or plain for quoted, plain in _NAME.findall(text))
    if not 1 <= len(found) <= 2 or not _PATH.fullmatch(text.strip()):
        message = "expected `table` or `database.table`"
        raise ValueError(message)
    return found


def separator(text: str) -> str:
    r"""A CSV separator of at most 50 bytes, literal or `\x` and hexadecimal digits."""
    found = parse_separator(text)
    if not 0 < len(found.encode()) <= 50:
        message = "expected 1 to 50 bytes"
        raise ValueError(message)
    return found


def ratio(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        message = "expected a number from 0 to 1"
        raise ValueError(message)
    return value
