"""Where secrets stand in the text of a script, whether it parses or not.

A secret is what an option or a column of such a name is given or compared with, and the password
inside an address. The text is read as a whole, and once more from each quoted key and each
address on: where a quote is missing the readings differ, and what any of them finds is a secret.
That finds secrets in comments too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from penstock.config import SECRET_MARK, is_secret_key, secrets_within
from penstock.sql.lexer import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from penstock.sql.lexer import Piece

# A quoted key wherever it stands, also within a comment or what a missing quote made a string.
_KEY = re.compile(r"""(?=(['"])([^'"\n]*)\1\s*(?:=|:|--|/))""")
_ADDRESS = re.compile(r"""[A-Za-z][\w+.-]{0,30}://[^\s'"]*""")
_ESCAPE = re.compile(r"\\\+?([0-9a-fA-F]{4,6})")
_STRINGS = ("string", "unicode")
_KEY_PARTS = ("word", "quoted", "number")
# A key, `=`, and a value: of several strings, or of the pieces of a bare one.
_PIECES_READ = 16
_ENDS = (",", ")", ";")


@dataclass(frozen=True, slots=True, order=True)
class HiddenRange:
    """A range of a text that is not to be shown.

    Args:
        start: Offset of its first character.
        end: Offset behind its last character.
        shown: What stands for it.
        may_change: Whether another value means the same job: the value of a secret option.
    """

    start: int
    end: int
    shown: str = SECRET_MARK
    may_change: bool = False


def secret_ranges(text: str) -> list[HiddenRange]:
    """All secrets of a text, in order; they may overlap."""
    found = set(_secrets(text, list(pieces(text))))
    for key in _KEY.finditer(text):
        if is_secret_key(key[2]):
            found.update(_secrets(text, list(islice(pieces(text, key.start()), _PIECES_READ))))
    for address in _ADDRESS.finditer(text):
        found.update(_within(text, *address.span(), may_change=False))
    return sorted(found)


def masked(text: str, ranges: Iterable[HiddenRange]) -> str:
    """The text with other words for the ranges; where two overlap, the longer one counts."""

    def mark(start: int, end: int, shown: str) -> str:  # noqa: ARG001  as `starred` takes them
        return shown

    return _replaced(text, ranges, mark)


def starred(text: str, ranges: Iterable[HiddenRange]) -> str:
    """The text with stars for the ranges; every character keeps its line and column."""

    def stars(start: int, end: int, shown: str) -> str:  # noqa: ARG001  as `masked` takes them
        return "".join("\n" if c == "\n" else "*" for c in text[start:end])

    return _replaced(text, ranges, stars)


def mask_secrets(text: str) -> str:
    r"""A statement's text with its secrets masked.

    Examples:
        >>> mask_secrets("WITH ('password' = 'x', 'hostname' = 'h')")
        "WITH ('password' = '******', 'hostname' = 'h')"
        >>> mask_secrets("'password' /* prod = 'it */ = -- here\n 'x'")
        "'password' /* prod = 'it */ = -- here\n '******'"
    """
    return masked(text, secret_ranges(text))


def _replaced(text: str, ranges: Iterable[HiddenRange], by: Callable[[int, int, str], str]) -> str:
    parts, last = [], 0
    for each in sorted(ranges, key=lambda r: (r.start, -r.end)):
        if each.end <= last and (each.end > each.start or each.start < last):
            continue
        start = max(each.start, last)
        # What two ranges share is shown once: by the first of them.
        parts += [text[last:start], by(start, each.end, each.shown if start == each.start else "")]
        last = each.end
    return "".join([*parts, text[last:]])


def _secrets(text: str, found: list[Piece]) -> Iterator[HiddenRange]:
    """The secrets in some pieces of a text."""
    values: set[int] = set()
    for index, piece in enumerate(found):
        if text[piece.start : piece.end] not in {"=", "=>", ":"}:
            continue
        key = _key(text, found, index)
        if key is None:
            continue
        name, by_text = key
        first, last = _value(text, found, index + 1, whole=by_text)
        values.update(range(first, last))
        if not is_secret_key(name):
            continue
        is_option = by_text and all(p.kind in _STRINGS for p in found[first:last])
        for value in found[first:last]:
            yield HiddenRange(*_inside(text, value), may_change=is_option)
    for index, piece in enumerate(found):
        if piece.kind in _STRINGS:
            yield from _within(text, *_inside(text, piece), may_change=index in values)


def _within(text: str, start: int, end: int, *, may_change: bool) -> Iterator[HiddenRange]:
    for first, last in secrets_within(text[start:end]):
        yield HiddenRange(start + first, start + last, may_change=may_change)


def _key(text: str, found: list[Piece], index: int) -> tuple[str, bool] | None:
    """What stands before an `=`, and whether a bare value may follow; None where no key does."""
    first = index - 1
    if first < 0:
        return None
    if found[first].kind in _STRINGS:
        while first and _joins(text, found[first - 1], found[first]):
            first -= 1
        return "".join(_string(text, piece) for piece in found[first:index]), True
    while first >= 0 and _is_key_part(text, found[first]):
        first -= 1
        if first >= 0 and found[first].end != found[first + 1].start:
            break
    if first == index - 1:
        return None
    name = text[found[first + 1].start : found[index - 1].end]
    return name, first >= 0 and text[found[first].start : found[first].end].upper() == "SET"


def _is_key_part(text: str, piece: Piece) -> bool:
    return piece.kind in _KEY_PARTS or text[piece.start : piece.end] in {".", "-"}


def _value(text: str, found: list[Piece], first: int, *, whole: bool) -> tuple[int, int]:
    """Indices of the pieces of a value.

    Args:
        text: The text.
        found: Its pieces.
        first: Index of the value's first piece.
        whole: Whether it reaches to the next separator, as an option's does; what stands behind a
            string then is part of it, since a quote is missing. Else it is a string or nothing.
    """
    last = first
    while last < len(found) and found[last].kind in _STRINGS:
        last += 1
        if last < len(found) and not _joins(text, found[last - 1], found[last]):
            break
    stop = min(len(found), first + _PIECES_READ)
    while whole and last < stop and text[found[last].start : found[last].end] not in _ENDS:
        if last > first and found[last - 1].kind != "string" and _new_line(text, found, last):
            break
        last += 1
    return first, last


def _joins(text: str, left: Piece, right: Piece) -> bool:
    """Whether two strings are one: a new line lies between them."""
    strings = left.kind in _STRINGS and right.kind in _STRINGS
    return strings and "\n" in text[left.end : right.start]


def _new_line(text: str, found: list[Piece], index: int) -> bool:
    return "\n" in text[found[index - 1].end : found[index].start]


def _inside(text: str, piece: Piece) -> tuple[int, int]:
    """The range of a string without its quotes; of anything else, all of it."""
    if piece.kind not in _STRINGS:
        return piece.start, piece.end
    whole = text[piece.start : piece.end]
    quote = '"' if whole.startswith('"') else "'"
    start = piece.start + whole.index(quote) + 1
    closed = whole.endswith(quote) and piece.end > start
    return start, piece.end - closed


def _string(text: str, piece: Piece) -> str:
    inside = text[slice(*_inside(text, piece))]
    if piece.kind == "unicode":
        return _ESCAPE.sub(lambda code: chr(min(int(code[1], 16), 0x10FFFF)), inside)
    return inside
