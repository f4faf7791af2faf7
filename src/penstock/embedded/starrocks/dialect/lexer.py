"""Cuts StarRocks SQL into tokens and offers a cursor over them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, cast

from penstock.embedded.starrocks.dialect.failure import syntax_error

Kind = Literal["word", "name", "string", "number", "symbol", "parameter", "end"]

_PATTERN: Final = re.compile(
    r"""
    (?P<space>\s+|--(?=\s|$)[^\n]*|\#[^\n]*|/\*(?!!).*?\*/)
    |(?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    |(?P<name>`(?:[^`]|``)*`)
    |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w$])|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<word>[\w$@]+)
    |(?P<parameter>\?)
    |(?P<symbol><=>|<=|>=|<>|!=|\|\||&&|:=|->>|->|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# characters; longer texts are not kept
_SHORT: Final = 16_384
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement. `value` is without quotes; `start` and `end` count characters."""

    kind: Kind
    value: str
    start: int
    end: int


def unescape(body: str) -> str:
    """The text of a string literal's inside, backslashes resolved as MySQL does."""
    if "\\" not in body:
        return body

    def resolve(match: re.Match[str]) -> str:
        char = match.group(1)
        return "\\" + char if char in "%_" else _ESCAPES.get(char, char)

    return re.sub(r"\\(.)", resolve, body, flags=re.DOTALL)


def quote(value: str) -> str:
    """The text as a string literal of the dialect."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def tokenize(text: str) -> list[Token]:
    """All tokens of a text, without blanks and comments; the last one is of kind `end`."""
    return list(_recent_tokens(text)) if len(text) < _SHORT else _tokens(text)


@lru_cache(maxsize=256)
def _recent_tokens(text: str) -> tuple[Token, ...]:
    """A statement is looked at more than once, and clients send the same ones again."""
    return tuple(_tokens(text))


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    for match in _PATTERN.finditer(text):
        kind, raw = match.lastgroup, match.group()
        if kind == "space":
            continue
        if kind == "string":
            raw = unescape(raw[1:-1].replace(raw[0] * 2, raw[0]))
        elif kind == "name":
            raw = raw[1:-1].replace("``", "`")
        tokens.append(Token(cast("Kind", kind), raw, match.start(), match.end()))
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def strip_statement(text: str) -> str:
    """The statement without blanks, leading comments and its semicolon.

    Raises:
        QueryError: More than one statement was sent.
    """
    tokens = tokenize(text)[:-1]
    while tokens and _is_semicolon(tokens[-1]):
        tokens.pop()
    if not tokens:
        return ""
    if any(_is_semicolon(token) for token in tokens):
        raise syntax_error("several statements in one text are not supported")
    return text[tokens[0].start : tokens[-1].end]


def split_statements(text: str) -> list[str]:
    """The statements of a script, cut at semicolons outside of strings and comments."""
    tokens = tokenize(text)[:-1]
    statements: list[str] = []
    first: int | None = None
    for token in tokens:
        if _is_semicolon(token):
            if first is not None:
                statements.append(text[first : token.start].strip())
            first = None
        elif first is None:
            first = token.start
    if first is not None:
        statements.append(text[first : tokens[-1].end])
    return statements


def _is_semicolon(token: Token) -> bool:
    return token.kind == "symbol" and token.value == ";"


class Cursor:
    """Walks the tokens of one statement."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.at = 0

    @property
    def token(self) -> Token:
        """The token under the cursor."""
        return self.tokens[self.at]

    def is_end(self) -> bool:
        """Whether nothing but semicolons is left."""
        return all(_is_semicolon(token) for token in self.tokens[self.at : -1])

    def advance(self) -> Token:
        """The token under the cursor; moves on."""
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def peeks(self, *words: str) -> bool:
        """Whether the next tokens are these keywords or symbols."""
        for offset, word in enumerate(words):
            index = self.at + offset
            if index >= len(self.tokens):
                return False
            token = self.tokens[index]
            if token.kind not in {"word", "symbol"} or token.value.upper() != word:
                return False
        return True

    def accept(self, *words: str) -> bool:
        """Moves behind these keywords if they are next."""
        if self.peeks(*words):
            self.at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """Moves behind these keywords.

        Raises:
            QueryError: Something else is there.
        """
        if not self.accept(*words):
            raise self.unexpected(" ".join(words))

    def unexpected(self, wanted: str) -> Exception:
        """The error for what stands at the cursor."""
        token = self.token
        line = self.text.count("\n", 0, token.start) + 1
        column = token.start - (self.text.rfind("\n", 0, token.start) + 1)
        shown = token.value if token.kind != "end" else "<EOF>"
        return syntax_error(
            f"Unexpected input '{shown}' at line {line}, column {column}, "
            f"the most similar input is {{'{wanted}'}}"
        )

    def name(self) -> str:
        """A name, quoted or not."""
        token = self.token
        if token.kind not in {"word", "name"}:
            raise self.unexpected("a legal identifier")
        return self.advance().value

    def qualified(self) -> tuple[str, str]:
        """`[catalog.][database.]name`; the database is empty if not given."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        return ("" if len(parts) == 1 else parts[-2]), parts[-1]

    def string(self) -> str:
        """A string literal's text."""
        if self.token.kind != "string":
            raise self.unexpected("a string")
        return self.advance().value

    def integer(self) -> int:
        """A whole number."""
        if not self.token.value.isdecimal() or len(self.token.value) > 18:
            raise self.unexpected("INTEGER_VALUE")
        return int(self.advance().value)

    def group(self) -> str:
        """The text between matching parentheses, from the `(` at the cursor."""
        if not self.peeks("("):
            raise self.unexpected("(")
        depth = 0
        start = self.token.end
        while True:
            token = self.advance()
            if token.kind == "end":
                raise self.unexpected(")")
            if token.kind == "symbol" and token.value in "()":
                depth += 1 if token.value == "(" else -1
                if depth == 0:
                    return self.text[start : token.start].strip()

    def names(self) -> tuple[str, ...]:
        """`(a, b, c)`."""
        self.expect("(")
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def rest(self) -> str:
        """The text from the cursor on."""
        return self.text[self.token.start :]
