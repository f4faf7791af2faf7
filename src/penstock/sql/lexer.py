"""Text to tokens. Comments and blanks are dropped, hints kept."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import ParseError, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
 (?P<blank>\s+|--[^\n]*|//[^\n]*|/\*(?!\+)(?:[^*]|\*(?!/))*\*/)
|(?P<hint>/\*\+)
|(?P<hintend>\*/)
|(?P<unicode>[Uu]&'(?:[^']|'')*')
|(?P<hex>[xX]'[^']*')
|(?P<string>(?:_[A-Za-z]\w*|[nN])?'(?:[^']|'')*')
|(?P<quoted>`(?:[^`]|``)*`)
|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
|(?P<word>[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*)
|(?P<operator>=>|<>|!=|<=|>=|\|\||\.\.|->|[-+*/%(),;.=<>\[\]{}?:|^&!~@])
""",
    re.VERBOSE,
)
_BARE_SET = re.compile(
    r"\s+(?P<key>'[^'\n]*'|[A-Za-z_][\w.\-]*)\s*=\s*+(?P<value>(?!')[^;\n]*?)"
    r"[ \t]*(?:--[^\n]*)?(?=;|\n|\Z)"
)
_BARE_KEY = re.compile(r"\s+(?P<key>[A-Za-z_][\w.\-]*)[ \t]*(?P<value>=\s*'(?:[^']|'')*')?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPEN = re.compile(r"\"[^\"\n]*\"?|(?:_?[A-Za-z]\w*&?)?'[^\n]*")
_UNTERMINATED = {"'": "string", "`": "quoted name", "/": "comment"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text.

    Args:
        kind: word, quoted, string, unicode, hex, number, operator, hint, hintend, raw or end.
        text: As the parser needs it: quotes removed.
        upper: Upper-cased text of words and operators, empty for others, so that a quoted
            name is never taken for a keyword.
        start: Offset of its first character.
        end: Offset behind its last character.
    """

    kind: str
    text: str
    upper: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of any text: of a token's kind, or `other`; offsets as a token's."""

    kind: str
    start: int
    end: int


def pieces(text: str, start: int = 0) -> Iterator[Piece]:
    """What a text consists of but blanks and comments, from an offset on, also where it is no SQL.

    A quote that is not closed reaches to the end of its line, and `"..."` is a string too.
    """
    position = start
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is not None and not (match.group() == "/" and text.startswith("/*", position)):
            kind, stop = match.lastgroup or "", match.end()
        else:
            if match is not None:
                # A comment that is not closed: no later one is, and none is to be looked for.
                text = text[:position] + text[position:].replace("/*", "??")
            match = _OPEN.match(text, position)
            kind, stop = ("string", match.end()) if match else ("other", position + 1)
        if kind != "blank":
            yield Piece(kind, position, stop)
        position = stop


def without_surrogates(text: str) -> str:
    """The text with halves of a character outside the basic plane, which no UTF-8 has, as `?`."""
    return _SURROGATE.sub("?", text)


class Source:
    """A text that can tell line and column of its offsets; half characters become `?`."""

    def __init__(self, text: str) -> None:
        self.text = without_surrogates(text)
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets."""
        line = bisect_right(self._lines, start)
        return Span(start, end, line, start - self._lines[line - 1] + 1)


def tokenize(source: Source) -> list[Token]:
    """All tokens of a text, closed by one of kind `end`.

    Raises:
        ParseError: A character begins no token, or a quote or comment is not closed.
    """
    text = source.text
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (match.group() == "/" and text.startswith("/*", position)):
            raise _lexical_error(source, position)
        kind = match.lastgroup or ""
        end = match.end()
        if kind != "blank":
            first = not tokens or tokens[-1].upper == ";"
            tokens.append(_token(kind, match.group(), position, end))
            if first and tokens[-1].upper in ("SET", "RESET"):
                end = _bare_setting(text, tokens, end)
        position = end
    tokens.append(Token("end", "<EOF>", "<EOF>", len(text), len(text)))
    return tokens


def _token(kind: str, text: str, start: int, end: int) -> Token:
    if kind == "word":
        return Token(kind, text, text.upper(), start, end)
    if kind == "string":
        return Token(kind, text[text.index("'") + 1 : -1].replace("''", "'"), "", start, end)
    if kind == "quoted":
        return Token(kind, text[1:-1].replace("``", "`"), "", start, end)
    if kind == "unicode":
        return Token(kind, text[3:-1].replace("''", "'"), "", start, end)
    if kind == "hex":
        return Token(kind, text[2:-1], "", start, end)
    return Token(kind, text, text, start, end)


def _bare_setting(text: str, tokens: list[Token], end: int) -> int:
    """Reads `SET key = value` without quotes, whose value is no SQL (`3s`, `file:///a`)."""
    word = tokens[-1].upper
    match = _BARE_SET.match(text, end) if word == "SET" else None
    if match is None:
        match = _BARE_KEY.match(text, end)
        if match is None or (word == "SET") != bool(match["value"]):
            return end
    key, value = match["key"].strip("'"), match["value"]
    tokens.append(Token("raw", key, "", match.start("key"), match.end("key")))
    if value is not None:
        if value.startswith("="):
            value = value[1:].strip()[1:-1].replace("''", "'")
        tokens.append(Token("raw", value, "", match.start("value"), match.end("value")))
    return match.end()


def _lexical_error(source: Source, position: int) -> ParseError:
    character = source.text[position]
    span = source.span(position, position + 1)
    if character == '"':
        return ParseError(
            'encountered "\\""',
            span,
            detail="Double quotes quote nothing in Flink SQL.",
            hint="Write names in back-ticks (`name`) and strings in single quotes ('text').",
        )
    if character in _UNTERMINATED:
        what = _UNTERMINATED[character]
        return ParseError(f"encountered <EOF> inside a {what}", span, at_end=True)
    return ParseError(
        f'encountered "{character}"', span, detail="No token of Flink SQL begins like this."
    )
