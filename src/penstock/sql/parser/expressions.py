"""Expressions: operators by precedence climbing, literals, constructors."""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING

from penstock.errors import ParseError
from penstock.sql import tree
from penstock.sql.parser.types import TypeParser
from penstock.sql.reserved import RESERVED
from penstock.sql.tree import Expression, Literal, LiteralKind, LiteralValue

if TYPE_CHECKING:
    from penstock.sql.lexer import Token

_BINARY = {
    "+": 5, "-": 5,
    "*": 6, "/": 6, "%": 6, "||": 6,
}  # fmt: skip
_COMPARE = frozenset(["=", "<>", "!=", "<", "<=", ">", ">="])
_NEGATABLE = frozenset(["IN", "LIKE", "ILIKE", "SIMILAR", "BETWEEN", "RLIKE", "MEMBER"])
_INFIX = _NEGATABLE | {"OVERLAPS", "CONTAINS"}
_DIFFERENCE_UNITS = frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"])
QUERY_START = frozenset(["SELECT", "WITH", "VALUES", "TABLE"])
_BIGINT = 2**63 - 1


class ExpressionParser(TypeParser):
    """Parses expressions."""

    @abstractmethod
    def query(self) -> tree.Query:
        """Takes a query."""

    @abstractmethod
    def call_or_column(self) -> Expression:
        """Takes a function call or a column, the primary that begins with a word or name."""

    queries_allowed = True

    def expression_without_query(self) -> Expression:
        """Takes an expression that may not hold a query."""
        self.queries_allowed = False
        try:
            return self.expression()
        finally:
            self.queries_allowed = True

    def at_query(self) -> bool:
        """Whether a query begins here."""
        return (
            self.queries_allowed
            and self.current.kind == "word"
            and self.current.upper in QUERY_START
        )

    def expression(self) -> Expression:
        """Takes an expression."""
        start = self.current
        left = self._conjunction()
        while self.accept("OR"):
            right = self._conjunction()
            left = tree.Binary("OR", left, right, span=self.span_from(start))
        return left

    def _conjunction(self) -> Expression:
        start = self.current
        left = self._negation()
        while self.accept("AND"):
            right = self._negation()
            left = tree.Binary("AND", left, right, span=self.span_from(start))
        return left

    def _negation(self) -> Expression:
        start = self.current
        if self.accept("NOT"):
            operand = self._negation()
            return tree.Unary("NOT", operand, span=self.span_from(start))
        return self._predicate()

    def _predicate(self) -> Expression:
        start = self.current
        left = self.sum()
        while True:
            word = self.current.upper
            if word in _COMPARE:
                left = self._comparison(start, left)
            elif word == "IS":
                left = self._is(start, left)
            else:
                negated = word == "NOT" and self.peek().upper in _NEGATABLE
                if negated:
                    self.advance()
                elif word not in _INFIX:
                    return left
                left = self._infix(start, left, negated=negated)

    def _comparison(self, start: Token, left: Expression) -> Expression:
        operator = self.advance().upper
        operator = "<>" if operator == "!=" else operator
        if self.current.upper in ("ANY", "SOME", "ALL") and self.peek().upper == "(":
            quantifier = self.advance().upper
            query, items = self._query_or_items()
            return tree.Quantified(
                operator, quantifier, left, query, items, span=self.span_from(start)
            )
        right = self.sum()
        return tree.Binary(operator, left, right, span=self.span_from(start))

    def _query_or_items(self) -> tuple[tree.Query | None, tuple[Expression, ...]]:
        self.need("(")
        query, items = (self.query(), ()) if self.at_query() else (None, self._items())
        self.need(")")
        return query, items

    def _items(self) -> tuple[Expression, ...]:
        return self.list_of(self.expression)

    def _is(self, start: Token, left: Expression) -> Expression:
        self.need("IS")
        negated = self.accept("NOT")
        if self.accept("DISTINCT", "FROM"):
            right = self.sum()
            return tree.IsDistinctFrom(left, right, negated, span=self.span_from(start))
        if self.accept("JSON"):
            what = self.one_of("VALUE", "SCALAR", "ARRAY", "OBJECT") or "VALUE"
            return tree.IsJson(left, what, negated, span=self.span_from(start))
        word = self.need_one_of("NULL", "TRUE", "FALSE", "UNKNOWN")
        span = self.span_from(start)
        if word == "NULL":
            return tree.IsNull(left, negated, span=span)
        value = {"TRUE": True, "FALSE": False}.get(word)
        return tree.IsTruth(left, value, negated, span=span)

    def _infix(self, start: Token, left: Expression, *, negated: bool) -> Expression:
        word = self.advance().upper
        if word == "IN":
            query, items = self._query_or_items()
            span = self.span_from(start)
            if query is not None:
                return tree.InQuery(left, query, negated, span=span)
            return tree.InList(left, items, negated, span=span)
        if word == "BETWEEN":
            symmetric = self.one_of("SYMMETRIC", "ASYMMETRIC") == "SYMMETRIC"
            low = self.sum()
            self.need("AND")
            high = self.sum()
            return tree.Between(left, low, high, negated, symmetric, span=self.span_from(start))
        if word in ("OVERLAPS", "CONTAINS", "MEMBER"):
            if word == "MEMBER" and self.accept("OF"):
                word = "MEMBER OF"
            right = self.sum()
            found: Expression = tree.Binary(word, left, right, span=self.span_from(start))
            return tree.Unary("NOT", found, span=found.span) if negated else found
        if word == "SIMILAR":
            self.need("TO")
            word = "SIMILAR TO"
        pattern = self.sum()
        escape = self.sum() if self.accept("ESCAPE") else None
        return tree.Like(left, pattern, escape, word, negated, span=self.span_from(start))

    def sum(self, strength: int = 5) -> Expression:
        """Takes an expression of arithmetic operators and what binds tighter."""
        start = self.current
        left = self._signed()
        while self.current.kind == "operator":
            binding = _BINARY.get(self.current.upper, 0)
            if binding < strength:
                break
            operator = self.advance().upper
            right = self.sum(binding + 1)
            left = tree.Binary(operator, left, right, span=self.span_from(start))
        return left

    def _signed(self) -> Expression:
        start = self.current
        if sign := self.one_of("-", "+"):
            operand = self._signed()
            return tree.Unary(sign, operand, span=self.span_from(start))
        return self._postfix(start, self.primary())

    def _postfix(self, start: Token, operand: Expression) -> Expression:
        while True:
            if self.accept("["):
                index = self.expression()
                self.need("]")
                operand = tree.ItemAccess(operand, index, span=self.span_from(start))
            elif self.at(".") and self.peek().kind in ("word", "quoted"):
                self.advance()
                field = self.advance().text
                operand = tree.FieldAccess(operand, field, span=self.span_from(start))
            elif self.accept("AT"):
                self.need("TIME", "ZONE")
                zone = self.primary()
                operand = tree.AtTimeZone(operand, zone, span=self.span_from(start))
            else:
                return operand

    def primary(self) -> Expression:
        """Takes an expression without operators outside of parentheses."""
        start = self.current
        if start.kind == "number":
            self.advance()
            return self._number(start)
        if start.kind in ("string", "unicode"):
            return self._literal(start, LiteralKind.STRING, self.string())
        if start.kind == "hex":
            return self._binary()
        if start.upper == "(":
            return self._parenthesised()
        if start.kind == "word":
            found = self._word(start)
            if found is not None:
                return found
        elif start.upper == "?":
            self.advance()
            return tree.Parameter(span=self.span_from(start))
        if start.kind not in ("word", "quoted"):
            self.fail("an expression")
        return self.call_or_column()

    def _literal(self, start: Token, kind: LiteralKind, value: LiteralValue) -> Literal:
        return Literal(kind, value, span=self.span_from(start))

    def _number(self, start: Token) -> Literal:
        text = start.text
        if "e" in text.lower():
            return self._literal(start, LiteralKind.DOUBLE, float(text))
        if "." in text:
            if text.endswith("."):
                return self._literal(start, LiteralKind.INTEGER, int(text[:-1]))
            value = Decimal(text)
            if abs(int(value.scaleb(-int(value.as_tuple().exponent)))) > _BIGINT:
                raise ParseError(f"numeric literal '{text}' out of range", self.span_from(start))
            return self._literal(start, LiteralKind.DECIMAL, value)
        number = int(text)
        if number > _BIGINT + 1:
            raise ParseError(f"numeric literal '{text}' out of range", self.span_from(start))
        return self._literal(start, LiteralKind.INTEGER, number)

    def _binary(self) -> Literal:
        start = self.advance()
        try:
            value = bytes.fromhex("".join(start.text.split()))
        except ValueError as error:
            raise ParseError(
                "binary literal must hold an even number of hexadecimal digits",
                self.span_from(start),
            ) from error
        return self._literal(start, LiteralKind.BINARY, value)

    def _parenthesised(self) -> Expression:
        start = self.advance()
        if self.at_query():
            query = self.query()
            self.need(")")
            return tree.ScalarSubquery(query, span=self.span_from(start))
        items = self._items()
        self.need(")")
        if len(items) > 1:
            return tree.RowConstructor(items, span=self.span_from(start))
        inner = items[0]
        if (
            isinstance(inner, tree.Binary)
            and inner.operator == "-"
            and self.current.kind == "word"
            and self.current.upper in _DIFFERENCE_UNITS
        ):
            units = self.unit_range()
            span = self.span_from(start)
            return tree.TimeDifference(inner.left, inner.right, *units, span=span)
        return inner

    def _word(self, start: Token) -> Expression | None:
        """A primary that begins with a keyword of its own, or None."""
        word, following = start.upper, self.peek()
        if word in ("TRUE", "FALSE"):
            self.advance()
            return self._literal(start, LiteralKind.BOOLEAN, word == "TRUE")
        if word in ("NULL", "UNKNOWN"):
            self.advance()
            return self._literal(start, LiteralKind[word], None)
        if word in ("DATE", "TIME", "TIMESTAMP") and following.kind == "string":
            self.advance()
            return self._literal(start, LiteralKind[word], self.string())
        if word == "INTERVAL":
            return self.interval()
        if word in ("ARRAY", "MAP", "MULTISET") and following.upper in ("[", "("):
            return self._constructor()
        if word == "CASE":
            return self._case()
        if word == "EXISTS":
            self.need("EXISTS", "(")
            if not self.at_query():
                self.fail("a query")
            query = self.query()
            self.need(")")
            return tree.Exists(query, span=self.span_from(start))
        if word in ("CAST", "TRY_CAST") and following.upper == "(":
            self.advance()
            self.need("(")
            operand = self.expression()
            self.need("AS")
            type_ = self.type_spec()
            self.need(")")
            return tree.Cast(operand, type_, word == "TRY_CAST", span=self.span_from(start))
        if word == "ROW" and following.upper == "(":
            self.advance()
            items = self.in_parentheses(self.expression, empty=True)
            return tree.RowConstructor(items, explicit=True, span=self.span_from(start))
        return None

    def interval(self) -> tree.Interval:
        """`INTERVAL '1' DAY`."""
        start = self.current
        self.need("INTERVAL")
        negative = self.one_of("-", "+") == "-"
        if self.current.kind == "number":
            self.fail("a string", hint=f"Quote the amount: INTERVAL '{self.current.text}' ..")
        value = self.string()
        unit, end_unit = self.unit_range()
        return tree.Interval(value, unit, end_unit, negative, span=self.span_from(start))

    def _constructor(self) -> Expression:
        start = self.advance()
        kind = start.upper
        if self.advance().upper == "(":
            if self.at_query():
                query = self.query()
                self.need(")")
                return tree.CollectionQuery(kind, query, span=self.span_from(start))
            items = () if self.at(")") else self._items()
            self.need(")")
        else:
            items = () if self.at("]") else self._items()
            self.need("]")
        span = self.span_from(start)
        if kind == "ARRAY":
            return tree.ArrayConstructor(items, span=span)
        if kind == "MULTISET":
            return tree.MultisetConstructor(items, span=span)
        if len(items) % 2:
            raise ParseError("MAP requires an even number of arguments", span)
        return tree.MapConstructor(tuple(zip(items[::2], items[1::2], strict=True)), span=span)

    def _case(self) -> Expression:
        start = self.advance()
        operand = None if self.at("WHEN") else self.expression()
        whens: list[tree.WhenClause] = []
        while self.at("WHEN"):
            first = self.advance()
            conditions = self._items() if operand else (self.expression(),)
            self.need("THEN")
            result = self.expression()
            span = self.span_from(first)
            whens += [tree.WhenClause(item, result, span=span) for item in conditions]
        if not whens:
            self.fail("WHEN")
        otherwise = self.expression() if self.accept("ELSE") else None
        self.need("END")
        return tree.Case(operand, tuple(whens), otherwise, span=self.span_from(start))

    def sort_key(self) -> tree.SortKey:
        """One key of ORDER BY."""
        start = self.current
        key = self.expression()
        descending = self.one_of("ASC", "DESC") == "DESC"
        nulls = self.need_one_of("FIRST", "LAST") if self.accept("NULLS") else None
        first = None if nulls is None else nulls == "FIRST"
        return tree.SortKey(key, descending, first, span=self.span_from(start))

    def sort_keys(self) -> tuple[tree.SortKey, ...]:
        """`[ORDER BY ..]`."""
        return self.list_of(self.sort_key) if self.accept("ORDER", "BY") else ()

    def partition_keys(self) -> tuple[Expression, ...]:
        """`[PARTITION BY ..]`."""
        return self._items() if self.accept("PARTITION", "BY") else ()

    def window(self) -> tree.WindowSpec:
        """`(PARTITION BY .. ORDER BY .. ROWS ..)`, or the name of a window."""
        start = self.current
        if not self.accept("("):
            return tree.WindowSpec(self.name(), span=self.span_from(start))
        base = None
        if self.at_name() and self.current.upper not in RESERVED:
            base = self.name()
        partition_by = self.partition_keys()
        order_by = self.sort_keys()
        frame = self._frame()
        self.need(")")
        return tree.WindowSpec(base, partition_by, order_by, frame, span=self.span_from(start))

    def _frame(self) -> tree.WindowFrame | None:
        start = self.current
        unit = self.one_of("ROWS", "RANGE")
        if unit is None:
            return None
        if self.accept("BETWEEN"):
            first = self._bound()
            self.need("AND")
            return tree.WindowFrame(unit, first, self._bound(), span=self.span_from(start))
        return tree.WindowFrame(unit, self._bound(), span=self.span_from(start))

    def _bound(self) -> tree.FrameBound:
        start = self.current
        if self.accept("CURRENT", "ROW"):
            return tree.FrameBound("CURRENT ROW", span=self.span_from(start))
        if self.accept("UNBOUNDED"):
            side = self.need_one_of("PRECEDING", "FOLLOWING")
            return tree.FrameBound(f"UNBOUNDED {side}", span=self.span_from(start))
        value = self.expression()
        side = self.need_one_of("PRECEDING", "FOLLOWING")
        return tree.FrameBound(side, value, span=self.span_from(start))
