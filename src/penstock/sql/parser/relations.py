"""What stands behind FROM: tables, joins, table functions, MATCH_RECOGNIZE; and hints."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from penstock.errors import ParseError
from penstock.sql import tree
from penstock.sql.parser.functions import FunctionParser
from penstock.sql.tree import Relation

Aliased = TypeVar(
    "Aliased",
    tree.TableRef,
    tree.SubqueryRef,
    tree.TableFunctionRef,
    tree.UnnestRef,
    tree.MatchRecognize,
)
_QUERY_START = ("SELECT", "WITH", "VALUES", "(", "TABLE")


class RelationParser(FunctionParser):
    """Parses the FROM clause."""

    def hints(self) -> tuple[tree.Hint, ...]:
        """`[/*+ NAME(..) .. */]`."""
        if self.current.kind != "hint":
            return ()
        self.advance()
        found: list[tree.Hint] = []
        while self.current.kind != "hintend":
            start = self.current
            name = self.name()
            pairs = self.in_parentheses(self._hint_argument, empty=True) if self.at("(") else ()
            options = tuple((key, value) for key, value in pairs if value is not None)
            arguments = tuple(key for key, value in pairs if value is None)
            found.append(tree.Hint(name, options, arguments, span=self.span_from(start)))
            self.accept(",")
        self.advance()
        return tuple(found)

    def _hint_argument(self) -> tuple[str, str | None]:
        key = self._hint_value()
        return (key, self._hint_value()) if self.accept("=") else (key, None)

    def _hint_value(self) -> str:
        if self.current.kind == "string":
            return self.string()
        if self.current.kind == "number":
            return self.advance().text
        return ".".join(self.path())

    def from_clause(self) -> Relation:
        """The relations of FROM, joined."""
        start = self.current
        left = self._joins()
        while self.accept(","):
            right = self._joins()
            left = tree.Join("CROSS", left, right, span=self.span_from(start))
        return left

    def _joins(self) -> Relation:
        start = self.current
        left = self._relation()
        while True:
            natural = self.accept("NATURAL")
            kind = self.one_of("CROSS", "INNER", "LEFT", "RIGHT", "FULL")
            if kind in ("LEFT", "RIGHT", "FULL"):
                self.accept("OUTER")
            if kind is None and not natural and not self.at("JOIN"):
                return left
            self.need("JOIN")
            right = self._relation()
            condition = self.expression() if self.accept("ON") else None
            using: tuple[str, ...] = ()
            if condition is None and self.accept("USING"):
                using = self.in_parentheses(self.name)
            left = tree.Join(
                kind or "INNER",
                left,
                right,
                condition,
                using,
                natural,
                span=self.span_from(start),
            )

    def _relation(self) -> Relation:
        start = self.current
        lateral = self.accept("LATERAL")
        if self.accept("TABLE", "("):
            call = self._table_call()
            self.need(")")
            relation: Relation = self._alias(
                tree.TableFunctionRef(call, lateral=lateral, span=self.span_from(start))
            )
        elif self.accept("UNNEST"):
            arguments = self.in_parentheses(self.expression)
            ordinality = self.accept("WITH", "ORDINALITY")
            relation = self._alias(
                tree.UnnestRef(arguments, ordinality=ordinality, span=self.span_from(start))
            )
        elif self.at("("):
            relation = self._parenthesised_relation(lateral=lateral)
        else:
            relation = self._named_relation(lateral=lateral)
        if self.at("MATCH_RECOGNIZE"):
            relation = self._alias(self._match(relation))
        return relation

    def _named_relation(self, *, lateral: bool) -> Relation:
        start = self.current
        self.accept("TABLE")
        name = self.path()
        if self.at("("):
            self.seek(self.index - 2 * len(name) + 1)
            call = self._table_call()
            return self._alias(
                tree.TableFunctionRef(call, lateral=lateral, span=self.span_from(start))
            )
        hints = self.hints()
        table = tree.TableRef(name, hints=hints, span=self.span_from(start))
        if self.accept("FOR"):
            self.need("SYSTEM_TIME", "AS", "OF")
            table = replace(table, as_of=self.sum())
        if self.accept("TABLESAMPLE"):
            method = self.need_one_of("BERNOULLI", "SYSTEM")
            self.need("(")
            table = replace(table, sample=f"{method}({self.advance().text})")
            self.need(")")
        table = self._alias(table)
        if self.current.kind == "hint":
            table = self._alias(replace(table, hints=self.hints()))
        return table

    def _parenthesised_relation(self, *, lateral: bool) -> Relation:
        start = self.current
        self.need("(")
        index = self.index
        if self.current.upper in _QUERY_START:
            try:
                query = self.query()
                self.need(")")
            except ParseError as error:
                self.seek(index)
                if not self.at("(") or error.at_end:
                    raise
            else:
                return self._alias(
                    tree.SubqueryRef(query, lateral=lateral, span=self.span_from(start))
                )
        relation = self.from_clause()
        self.need(")")
        return relation

    def _table_call(self) -> tree.FunctionCall:
        start = self.current
        name = self.path()
        arguments = self.in_parentheses(self.argument, empty=True)
        return tree.FunctionCall(name, arguments, span=self.span_from(start))

    def _alias(self, relation: Aliased) -> Aliased:
        start = self.current
        if not self.accept("AS") and not self.at_name():
            return relation
        alias = self.name()
        columns = self.in_parentheses(self.name) if self.at("(") else ()
        span = relation.span.to(self.span_from(start))
        return replace(relation, alias=alias, columns=columns, span=span)

    def _match(self, input_: Relation) -> tree.MatchRecognize:
        start = self.current
        self.need("MATCH_RECOGNIZE", "(")
        partition_by = self.partition_keys()
        order_by = self.sort_keys()
        measures = self.list_of(self._measure) if self.accept("MEASURES") else ()
        rows = ""
        if self.accept("ONE", "ROW", "PER", "MATCH"):
            rows = "ONE ROW PER MATCH"
        elif self.accept("ALL", "ROWS", "PER", "MATCH"):
            rows = "ALL ROWS PER MATCH"
        after = self._after_match()
        self.need("PATTERN", "(")
        pattern = self._alternation()
        self.need(")")
        within = self.interval() if self.accept("WITHIN") else None
        subsets = self.list_of(self._subset) if self.accept("SUBSET") else ()
        self.need("DEFINE")
        define = self.list_of(self._definition)
        self.need(")")
        return tree.MatchRecognize(
            input_,
            pattern,
            define,
            partition_by,
            order_by,
            measures,
            rows,
            after,
            within,
            subsets,
            span=input_.span.to(self.span_from(start)),
        )

    def _after_match(self) -> str:
        if not self.accept("AFTER", "MATCH", "SKIP"):
            return ""
        if self.accept("PAST", "LAST", "ROW"):
            return "SKIP PAST LAST ROW"
        self.need("TO")
        if self.accept("NEXT", "ROW"):
            return "SKIP TO NEXT ROW"
        which = self.one_of("FIRST", "LAST")
        return f"SKIP TO {which + ' ' if which else ''}{self.name()}"

    def _measure(self) -> tree.NamedExpression:
        start = self.current
        prefix = self.one_of("FINAL", "RUNNING") or ""
        value = self.expression()
        self.need("AS")
        return tree.NamedExpression(self.name(), value, prefix, span=self.span_from(start))

    def _definition(self) -> tree.NamedExpression:
        start = self.current
        name = self.name()
        self.need("AS")
        return tree.NamedExpression(name, self.expression(), span=self.span_from(start))

    def _subset(self) -> tuple[str, tuple[str, ...]]:
        name = self.name()
        self.need("=")
        return name, self.in_parentheses(self.name)

    def _alternation(self) -> tree.PatternNode:
        start = self.current
        choices = [self._sequence()]
        while self.accept("|"):
            choices.append(self._sequence())
        if len(choices) == 1:
            return choices[0]
        return tree.PatternNode("ALTERNATION", children=tuple(choices), span=self.span_from(start))

    def _sequence(self) -> tree.PatternNode:
        start = self.current
        steps: list[tree.PatternNode] = []
        while not self.at(")") and not self.at("|"):
            steps.append(self._repeated())
        if not steps:
            self.fail("a pattern")
        if len(steps) == 1:
            return steps[0]
        return tree.PatternNode("SEQUENCE", children=tuple(steps), span=self.span_from(start))

    def _repeated(self) -> tree.PatternNode:
        start = self.current
        if self.accept("("):
            node = self._alternation()
            self.need(")")
        else:
            name = self.name()
            node = tree.PatternNode("NAME", name, span=self.span_from(start))
        quantifier = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.current.upper)
        if quantifier is not None:
            self.advance()
            minimum, maximum = quantifier
        elif self.accept("{"):
            minimum = self.integer() if self.current.kind == "number" else 0
            maximum = minimum
            if self.accept(","):
                maximum = self.integer() if self.current.kind == "number" else None
            self.need("}")
        else:
            return node
        if (node.minimum, node.maximum) != (1, 1):
            node = tree.PatternNode("SEQUENCE", children=(node,), span=node.span)
        reluctant = self.accept("?")
        return replace(node, minimum=minimum, maximum=maximum, reluctant=reluctant)
