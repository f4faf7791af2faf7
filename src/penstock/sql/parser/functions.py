"""Function calls, with the special syntax of some, and columns."""

from __future__ import annotations

from penstock.sql import tree
from penstock.sql.parser.expressions import ExpressionParser
from penstock.sql.reserved import RESERVED
from penstock.sql.tree import Expression, FunctionCall, LiteralKind

_UNIT_STEMS = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")
_OTHER_UNITS = """
    EPOCH DOW DOY ISODOW ISOYEAR DECADE CENTURY MILLENNIUM FRAC_SECOND MILLISECOND MICROSECOND
    NANOSECOND
"""
UNITS_OF_EXTRACT = (
    {stem + plural for stem in _UNIT_STEMS for plural in ("", "S")}
    | {"SQL_TSI_" + stem for stem in (*_UNIT_STEMS, "MICROSECOND", "FRAC_SECOND")}
    | set(_OTHER_UNITS.split())
)
_BARE_WORDS = """
    CURRENT_CATALOG CURRENT_DATE CURRENT_PATH CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME
    CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP SESSION_USER SYSTEM_USER USER
"""
_BARE = frozenset(_BARE_WORDS.split())
_CALLABLE_WORDS = """
    ABS AVG CARDINALITY CEIL CEILING CHARACTER_LENGTH CHAR_LENGTH CLASSIFIER COALESCE COLLECT
    CONTAINS_SUBSTR CONVERT COUNT COVAR_POP COVAR_SAMP CUME_DIST DATE_TRUNC DAY DENSE_RANK
    ELEMENT EVERY EXP EXTRACT FIRST_VALUE FLOOR FUSION GROUPING GROUP_CONCAT HOUR INTERSECTION
    JSON_ARRAY JSON_ARRAYAGG JSON_EXISTS JSON_OBJECT JSON_OBJECTAGG JSON_QUERY JSON_VALUE LAG
    LAST_VALUE LEAD LEFT LN LOWER MATCH_NUMBER MAX MIN MINUTE MOD MONTH NEXT NTH_VALUE NTILE
    NULLIF OCTET_LENGTH OVERLAY PERCENTILE_CONT PERCENTILE_DISC PERCENT_RANK POSITION POWER PREV
    RANK REGR_COUNT RIGHT ROW_NUMBER SECOND SOME SQRT STDDEV_POP STDDEV_SAMP STRING_AGG
    SUBSTRING SUM TRANSLATE TRIM TRUNCATE UPPER USER VAR_POP VAR_SAMP YEAR
"""
_RESERVED_FUNCTIONS = frozenset(_CALLABLE_WORDS.split())
_JSON_WORDS = """
    JSON_EXISTS JSON_VALUE JSON_QUERY JSON_OBJECT JSON_ARRAY JSON_OBJECTAGG JSON_ARRAYAGG
"""
_JSON = frozenset(_JSON_WORDS.split())
FUNCTION_HINTS = {
    "LENGTH": "Use CHAR_LENGTH(x).",
    "NVL": "Use COALESCE(a, b) or IFNULL(a, b).",
    "ISNULL": "Use x IS NULL.",
    "STR_TO_DATE": "Use TO_DATE or TO_TIMESTAMP with a Java pattern such as 'yyyy-MM-dd'.",
    "DATE_SUB": "Use x - INTERVAL '1' DAY.",
    "DATE_ADD": "Use x + INTERVAL '1' DAY.",
    "DATEDIFF": "Use TIMESTAMPDIFF(DAY, a, b).",
    "CURDATE": "Use CURRENT_DATE.",
    "SYSDATE": "Use LOCALTIMESTAMP.",
    "SUBSTRING_INDEX": "Use SPLIT_INDEX(x, separator, index).",
    "FIND_IN_SET": "Use POSITION or SPLIT.",
    "GROUP_CONCAT": "Use LISTAGG(x, separator).",
    "STRING_AGG": "Use LISTAGG(x, separator).",
    "ISNULLOREMPTY": "Use x IS NULL OR x = ''.",
    "JSON_EXTRACT": "Use JSON_VALUE(x, path) or JSON_QUERY(x, path).",
    "GET_JSON_STRING": "Use JSON_VALUE(x, path).",
    "JSON_UNQUOTE": "Use JSON_VALUE(x, path).",
    "LEN": "Use CHAR_LENGTH(x).",
    "TO_CHAR": "Use DATE_FORMAT(x, pattern) or CAST(x AS STRING).",
}
"""What replaces function names of other systems; for messages about unknown functions."""


class FunctionParser(ExpressionParser):
    """Parses calls and columns."""

    def call_or_column(self) -> Expression:
        start = self.current
        word = start.upper
        called = self.peek().upper == "("
        if called and start.kind == "word":
            special = self._special(word)
            if special is not None:
                return special
        if called and word in _RESERVED_FUNCTIONS:
            return self._call((self.advance().text,))
        if word in _BARE:
            name = self.advance().text
            if self.accept("("):
                self.integer()
                self.need(")")
            return FunctionCall((name,), bare=True, span=self.span_from(start))
        if word in RESERVED:
            self._refuse_reserved(called=called)
        parts = [self.name()]
        while self.at(".") and self.peek().kind in ("word", "quoted"):
            self.advance()
            parts.append(self.advance().text)
        if self.at("("):
            return self._call(tuple(parts))
        return tree.Identifier(tuple(parts), span=self.span_from(start))

    def _refuse_reserved(self, *, called: bool) -> None:
        if called:
            self.fail("an expression", hint=FUNCTION_HINTS.get(self.current.upper, ""))
        self.fail("an expression" if self.current.upper == "SELECT" else "a name")

    def _special(self, word: str) -> Expression | None:
        if word in ("TIMESTAMPADD", "TIMESTAMPDIFF"):
            return self._time_arithmetic()
        if word in _JSON:
            return self._json()
        method = {
            "EXTRACT": self._extract,
            "POSITION": self._position,
            "OVERLAY": self._overlay,
            "SUBSTRING": self._substring,
            "TRIM": self._trim,
            "FLOOR": self._rounding,
            "CEIL": self._rounding,
            "CEILING": self._rounding,
        }.get(word)
        return method() if method else None

    def _open(self) -> tuple[str, ...]:
        name = self.advance().text
        self.need("(")
        return (name,)

    def _unit_symbol(self) -> tree.Symbol:
        start = self.current
        if start.upper not in UNITS_OF_EXTRACT:
            self.fail("a unit of time")
        return tree.Symbol(self.advance().upper, span=self.span_from(start))

    def _time_arithmetic(self) -> Expression:
        start = self.current
        name = self._open()
        unit = self._unit_symbol()
        self.need(",")
        arguments = self.list_of(self.expression)
        self.need(")")
        return FunctionCall(name, (unit, *arguments), span=self.span_from(start))

    def _extract(self) -> Expression:
        start = self.current
        self._open()
        unit = self._unit_symbol().name
        self.need("FROM")
        operand = self.expression()
        self.need(")")
        return tree.Extract(unit, operand, span=self.span_from(start))

    def _position(self) -> Expression:
        start = self.current
        name = self._open()
        arguments = [self.sum()]
        self.need("IN")
        arguments.append(self.expression())
        if self.accept("FROM"):
            arguments.append(self.expression())
        self.need(")")
        return FunctionCall(name, tuple(arguments), span=self.span_from(start))

    def _overlay(self) -> Expression:
        start = self.current
        name = self._open()
        arguments = [self.expression()]
        for words in (("PLACING", ","), ("FROM", ",")):
            self.need_one_of(*words)
            arguments.append(self.expression())
        if self.one_of("FOR", ","):
            arguments.append(self.expression())
        self.need(")")
        return FunctionCall(name, tuple(arguments), span=self.span_from(start))

    def _substring(self) -> Expression:
        start = self.current
        name = self._open()
        arguments = [self.expression()]
        self.need_one_of("FROM", ",")
        arguments.append(self.expression())
        if self.one_of("FOR", ","):
            arguments.append(self.expression())
        self.need(")")
        return FunctionCall(name, tuple(arguments), span=self.span_from(start))

    def _trim(self) -> Expression:
        start = self.current
        name = self._open()
        side = self.one_of("BOTH", "LEADING", "TRAILING")
        characters: Expression = tree.Literal(LiteralKind.STRING, " ")
        if self.accept("FROM"):
            operand = self.expression()
        else:
            operand = self.expression()
            if self.accept("FROM"):
                characters, operand = operand, self.expression()
        self.need(")")
        symbol = tree.Symbol(side or "BOTH")
        return FunctionCall(name, (symbol, characters, operand), span=self.span_from(start))

    def _rounding(self) -> Expression:
        start = self.current
        name = self._open()
        arguments = [self.expression()]
        if self.accept("TO"):
            arguments.append(self._unit_symbol())
        while self.accept(","):
            arguments.append(self.expression())
        self.need(")")
        return FunctionCall(name, tuple(arguments), span=self.span_from(start))

    def _call(self, name: tuple[str, ...]) -> Expression:
        start = self.tokens[self.index - 2 * len(name) + 1]
        self.need("(")
        distinct = False
        arguments: tuple[Expression, ...] = ()
        order_by: tuple[tree.SortKey, ...] = ()
        if self.at("*", ")"):
            token = self.advance()
            arguments = (tree.Star(span=self.source.span(token.start, token.end)),)
        elif not self.at(")"):
            distinct = self.one_of("DISTINCT", "ALL") == "DISTINCT"
            arguments = self.list_of(self.argument)
            order_by = self.sort_keys()
        self.need(")")
        within = self._within_group()
        nulls = self._null_treatment()
        return FunctionCall(
            name,
            arguments,
            distinct,
            order_by,
            within,
            self._filter(),
            self.window() if self.accept("OVER") else None,
            nulls,
            span=self.span_from(start),
        )

    def _within_group(self) -> tuple[tree.SortKey, ...]:
        if not self.accept("WITHIN", "GROUP"):
            return ()
        self.need("(")
        if not self.at("ORDER", "BY"):
            self.fail("ORDER BY")
        keys = self.sort_keys()
        self.need(")")
        return keys

    def _null_treatment(self) -> bool | None:
        if self.current.upper in ("RESPECT", "IGNORE") and self.peek().upper == "NULLS":
            ignore = self.advance().upper == "IGNORE"
            self.advance()
            return ignore
        return None

    def _filter(self) -> Expression | None:
        if not self.accept("FILTER"):
            return None
        self.need("(", "WHERE")
        condition = self.expression()
        self.need(")")
        return condition

    def argument(self) -> Expression:
        """One argument: an expression, `name => value`, a table or a model."""
        start = self.current
        if self.peek().upper == "=>":
            name = self.name()
            self.need("=>")
            value = self.argument()
            return tree.NamedArgument(name, value, span=self.span_from(start))
        word = start.upper
        if word == "DEFAULT":
            self.advance()
            return tree.Symbol("DEFAULT", span=self.span_from(start))
        if word == "TABLE" or (word == "MODEL" and self.peek().kind in ("word", "quoted")):
            self.advance()
            return self._table_argument(self._table_or_query(), model=word == "MODEL")
        found = self.expression()
        if isinstance(found, tree.ScalarSubquery) and self.current.upper in ("PARTITION", "ORDER"):
            return self._table_argument(found.query)
        return found

    def _table_or_query(self) -> tree.Query:
        start = self.current
        if not self.accept("("):
            return tree.TableQuery(self.path(), span=self.span_from(start))
        if self.at_query():
            query = self.query()
        else:
            query = tree.TableQuery(self.path(), span=self.span_from(start))
        self.need(")")
        return query

    def _table_argument(self, query: tree.Query, *, model: bool = False) -> Expression:
        partition_by: tuple[Expression, ...] = ()
        order_by: tuple[tree.SortKey, ...] = ()
        if self.accept("PARTITION", "BY"):
            partition_by = (
                self.in_parentheses(self.expression) if self.at("(") else (self.expression(),)
            )
        if self.accept("ORDER", "BY"):
            order_by = self.in_parentheses(self.sort_key) if self.at("(") else (self.sort_key(),)
        return tree.TableArgument(query, partition_by, order_by, model, span=query.span)

    def _json(self) -> Expression:
        start = self.current
        name = self._open()
        arguments: list[Expression] = []
        clauses: list[tree.JsonClause] = []
        order_by: tuple[tree.SortKey, ...] = ()
        empty = self.current.upper in ("NULL", "ABSENT") and self.peek().upper == "ON"
        if not self.at(")") and not empty:
            self._json_argument(arguments)
            while self.accept(","):
                self._json_argument(arguments)
        while not self.at(")"):
            if self.at("ORDER", "BY"):
                order_by = self.sort_keys()
            else:
                clauses.append(self._json_clause())
        self.need(")")
        return FunctionCall(
            name,
            tuple(arguments),
            order_by=order_by,
            within_group=self._within_group(),
            filter=self._filter(),
            over=self.window() if self.accept("OVER") else None,
            clauses=tuple(clauses),
            span=self.span_from(start),
        )

    def _json_argument(self, arguments: list[Expression]) -> None:
        if self.at("KEY") and self.peek().upper not in (",", ")", ".", "VALUE", ":"):
            self.advance()
        arguments.append(self.expression())
        if self.one_of("VALUE", ":"):
            arguments.append(self.expression())
        self.accept("FORMAT", "JSON")

    def _json_clause(self) -> tree.JsonClause:
        start = self.current
        if self.accept("RETURNING"):
            type_ = self.type_spec()
            return tree.JsonClause("RETURNING", type=type_, span=self.span_from(start))
        if self.accept("DEFAULT"):
            value = self.expression()
            self.need("ON")
            kind = "ON " + self.need_one_of("EMPTY", "ERROR")
            return tree.JsonClause(kind, "DEFAULT", value, span=self.span_from(start))
        if self.current.upper in ("WITH", "WITHOUT"):
            words = [self.advance().upper]
            while word := self.one_of("CONDITIONAL", "UNCONDITIONAL", "ARRAY"):
                words.append(word)
            self.need("WRAPPER")
            return tree.JsonClause("WRAPPER", " ".join(words), span=self.span_from(start))
        words = [self.need_one_of("NULL", "ERROR", "EMPTY", "ABSENT", "TRUE", "FALSE", "UNKNOWN")]
        if word := self.one_of("ARRAY", "OBJECT"):
            words.append(word)
        self.need("ON")
        kind = "ON " + self.need_one_of("EMPTY", "ERROR", "NULL")
        return tree.JsonClause(kind, " ".join(words), span=self.span_from(start))
