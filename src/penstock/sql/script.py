"""Text to statements: one, all of a script, or an expression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from penstock.errors import ParseError
from penstock.sql.lexer import Source, tokenize
from penstock.sql.parser.statements import StatementParser
from penstock.sql.tree import BeginStatementSet, EndStatementSet, Insert, Statement, StatementSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.errors import Span
    from penstock.sql.lexer import Token
    from penstock.sql.tree import Expression, Query


P = ParamSpec("P")
T = TypeVar("T")


def _bounded(parse: Callable[P, T]) -> Callable[P, T]:
    """Turns exhausted recursion into an error of the script."""

    @wraps(parse)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return parse(*args, **kwargs)
        except RecursionError as error:
            raise ParseError("statement is nested too deeply") from error

    return bounded


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of a script, in order, with spans relative to the whole text."""

    text: str
    statements: tuple[Statement, ...]

    def with_sets_folded(self) -> tuple[Statement, ...]:
        """The statements with every `BEGIN STATEMENT SET; ..; END;` made one StatementSet.

        Raises:
            ParseError: A set is not closed, not opened, empty, or holds something else.
        """
        folded: list[Statement] = []
        opened: Statement | None = None
        inserts: list[Insert] = []
        for statement in self.statements:
            if isinstance(statement, BeginStatementSet):
                if opened is not None:
                    raise ParseError("a statement set is already open", statement.span)
                opened, inserts = statement, []
            elif isinstance(statement, EndStatementSet):
                if opened is None:
                    raise ParseError("no statement set is open", statement.span)
                if not inserts:
                    raise ParseError("statement set is empty", statement.span)
                span = opened.span.to(statement.span)
                text = self.text[span.start : span.end]
                folded.append(StatementSet(tuple(inserts), span=span, text=text))
                opened = None
            elif opened is None:
                folded.append(statement)
            elif isinstance(statement, Insert):
                inserts.append(statement)
            else:
                raise ParseError("only INSERT may stand in a statement set", statement.span)
        if opened is not None:
            raise ParseError("statement set is not closed", opened.span, hint="Add END;")
        return tuple(folded)


@_bounded
def parse_script(text: str) -> Script:
    """All statements of a text, separated by semicolons; the last one may lack it.

    Raises:
        ParseError: At the first place that is not Flink SQL.

    Examples:
        >>> [type(s).__name__ for s in parse_script("SET 'a' = 'b'; SELECT 1").statements]
        ['Set', 'QueryStatement']
    """
    parser = StatementParser(text)
    statements: list[Statement] = []
    while True:
        while parser.accept(";"):
            pass
        if parser.current.kind == "end":
            return Script(text, tuple(statements))
        statements.append(parser.statement())
        if parser.current.kind != "end" and not parser.at(";"):
            parser.fail("';'")


@_bounded
def parse_statement(text: str) -> Statement:
    """The only statement of a text, with or without a semicolon.

    Raises:
        ParseError: The text is not one statement of Flink SQL.
    """
    parser = StatementParser(text)
    statement = parser.statement()
    while parser.accept(";"):
        pass
    _end(parser)
    return statement


@_bounded
def parse_query(text: str) -> Query:
    """A query on its own, as stored for views."""
    parser = StatementParser(text)
    query = parser.query()
    _end(parser)
    return query


@_bounded
def parse_expression(text: str) -> Expression:
    """An expression on its own."""
    parser = StatementParser(text)
    expression = parser.expression()
    _end(parser)
    return expression


def _end(parser: StatementParser) -> None:
    if parser.current.kind != "end":
        parser.fail("the end of the text")


def split_script(text: str) -> list[Span]:
    """The places of the statements of a text, without looking at their grammar.

    For prompts and for running a script up to its first mistake: semicolons in strings, comments
    and `STATEMENT SET BEGIN .. END` blocks do not separate.
    """
    source = Source(text)
    spans: list[Span] = []
    piece: list[Token] = []
    in_set = False
    for token in tokenize(source):
        words = [item.upper for item in piece[-2:]]
        if token.upper == "BEGIN" and words == ["STATEMENT", "SET"]:
            in_set = True
        if in_set and token.upper == "END" and words[-1:] == [";"]:
            in_set = False
        if token.kind == "end" or (token.upper == ";" and not in_set):
            if piece:
                spans.append(source.span(piece[0].start, piece[-1].end))
            piece = []
        else:
            piece.append(token)
    return spans
