"""The place in the token list, and the small steps every part of the grammar takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, TypeVar

from penstock.errors import ParseError, Span
from penstock.sql.lexer import Source, Token, tokenize, without_surrogates
from penstock.sql.reserved import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_UNICODE = re.compile(r"\\(\+[0-9a-fA-F]{6}|[0-9a-fA-F]{4}|\\)")


class Cursor:
    """Walks over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.source = Source(text)
        self.tokens = tokenize(self.source)
        self.index = 0
        self.current = self.tokens[0]

    def seek(self, index: int) -> None:
        """Goes to a token."""
        self.index = index
        self.current = self.tokens[index]

    def advance(self) -> Token:
        """Takes the current token."""
        token = self.current
        if token.kind != "end":
            self.seek(self.index + 1)
        return token

    def peek(self, distance: int = 1) -> Token:
        """A token further on."""
        return self.tokens[min(self.index + distance, len(self.tokens) - 1)]

    def at(self, *words: str) -> bool:
        """Whether these keywords or operators come next."""
        return all(self.peek(i).upper == word for i, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        """Takes these keywords or operators if they come next."""
        if self.at(*words):
            self.seek(self.index + len(words))
            return True
        return False

    def one_of(self, *words: str) -> str | None:
        """Takes one of these keywords if it comes next."""
        return self.advance().upper if self.current.upper in words else None

    def need_one_of(self, *words: str) -> str:
        """Takes one of these keywords."""
        return self.one_of(*words) or self.fail(*words)

    def need(self, *words: str) -> None:
        """Takes these keywords or operators, one after the other."""
        for word in words:
            if self.current.upper != word:
                self.fail(word)
            self.advance()

    def span_from(self, start: Token) -> Span:
        """From a token to the last one taken."""
        last = self.tokens[max(self.index - 1, 0)]
        return self.source.span(start.start, max(last.end, start.end))

    def text_from(self, start: Token) -> str:
        """The text from a token to the last one taken."""
        return self.source.text[start.start : self.tokens[self.index - 1].end]

    def fail(self, *expected: str, hint: str = "") -> NoReturn:
        """Refuses the current token."""
        token = self.current
        at_end = token.kind == "end"
        shown = token.text if at_end else self.source.text[token.start : token.end]
        detail = f"Expected {', '.join(expected)}." if expected else ""
        if not hint and token.kind == "word" and "a name" in expected and token.upper in RESERVED:
            hint = f"{token.upper} is a reserved word: write it in back-ticks, `{token.text}`."
        raise ParseError(
            f'encountered "{shown}"',
            self.source.span(token.start, token.end),
            at_end=at_end,
            detail=detail,
            hint=hint,
        )

    def at_name(self) -> bool:
        """Whether a name comes next: quoted, or a word that is not reserved."""
        token = self.current
        return token.kind == "quoted" or (token.kind == "word" and token.upper not in RESERVED)

    def name(self) -> str:
        """Takes a simple name."""
        if not self.at_name():
            self.fail("a name")
        return self.advance().text

    def path(self) -> tuple[str, ...]:
        """Takes a dotted name."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        return tuple(parts)

    def string(self) -> str:
        """Takes a string literal; adjacent ones join where a new line lies between them."""
        token = self.current
        if token.kind == "unicode":
            return self._unicode_string()
        if token.kind != "string":
            self.fail("a string")
        text = self.advance().text
        while (
            self.current.kind == "string"
            and "\n" in self.source.text[self.tokens[self.index - 1].end : self.current.start]
        ):
            text += self.advance().text
        return text

    def _unicode_string(self) -> str:
        start = self.index
        text = self.advance().text
        if self.accept("UESCAPE"):
            text = text.replace(self.string(), "\\")

        def character(match: re.Match[str]) -> str:
            code = match[1]
            number = 92 if code == "\\" else int(code.lstrip("+"), 16)
            if number > 0x10FFFF:
                self.seek(start)
                self.fail("a string of Unicode escapes")
            return chr(number)

        # Two escapes may be the halves of one character.
        units = _UNICODE.sub(character, text).encode("utf-16-le", "surrogatepass")
        return without_surrogates(units.decode("utf-16-le", "surrogatepass"))

    def integer(self) -> int:
        """Takes an integer."""
        if self.current.kind != "number" or not self.current.text.isdigit():
            self.fail("an integer")
        return int(self.advance().text)

    def list_of(self, item: Callable[[], T]) -> tuple[T, ...]:
        """One or more items between commas."""
        found = [item()]
        while self.accept(","):
            found.append(item())
        return tuple(found)

    def in_parentheses(self, item: Callable[[], T], *, empty: bool = False) -> tuple[T, ...]:
        """Items between commas in parentheses."""
        self.need("(")
        if empty and self.accept(")"):
            return ()
        found = self.list_of(item)
        self.need(")")
        return found

    def option(self) -> tuple[str, str]:
        """`'key' = 'value'`."""
        key = self.string()
        self.need("=")
        return key, self.string()

    def options(self) -> tuple[tuple[str, str], ...]:
        """`('key' = 'value', ..)`."""
        return self.in_parentheses(self.option, empty=True)

    def with_options(self) -> tuple[tuple[str, str], ...]:
        """`[WITH (..)]`."""
        return self.options() if self.accept("WITH") else ()

    def comment(self) -> str | None:
        """`[COMMENT '..']`."""
        return self.string() if self.accept("COMMENT") else None

    def if_not_exists(self) -> bool:
        """`[IF NOT EXISTS]`."""
        return self.accept("IF", "NOT", "EXISTS")

    def if_exists(self) -> bool:
        """`[IF EXISTS]`."""
        return self.accept("IF", "EXISTS")
