"""Queries: SELECT, set operations, VALUES, WITH."""

from __future__ import annotations

from penstock.sql import tree
from penstock.sql.parser.relations import RelationParser
from penstock.sql.tree import Expression, Query

_SET_OPERATORS = {"UNION": 1, "EXCEPT": 1, "MINUS": 1, "INTERSECT": 2}


class QueryParser(RelationParser):
    """Parses queries."""

    def query(self) -> Query:
        start = self.current
        tables: tuple[tree.CommonTable, ...] = ()
        recursive = False
        if self.accept("WITH"):
            recursive = self.accept("RECURSIVE")
            tables = self.list_of(self._common_table)
        body_start = self.current
        body = self._set_operation(0)
        order_by = self.sort_keys()
        limit, offset = self._limit()
        if order_by or limit is not None or offset is not None:
            span = self.span_from(body_start)
            body = tree.OrderedQuery(body, order_by, limit, offset, span=span)
        if tables:
            return tree.WithQuery(tables, body, recursive, span=self.span_from(start))
        return body

    def _limit(self) -> tuple[int | None, int | None]:
        limit = offset = None
        if self.accept("LIMIT"):
            limit = None if self.accept("ALL") else self.integer()
            if self.accept(","):
                offset, limit = limit, self.integer()
        if self.accept("OFFSET"):
            offset = self.integer()
            self.one_of("ROW", "ROWS")
        if self.accept("FETCH"):
            self.need_one_of("FIRST", "NEXT")
            limit = self.integer()
            self.need_one_of("ROW", "ROWS")
            self.need("ONLY")
        return limit, offset

    def _common_table(self) -> tree.CommonTable:
        start = self.current
        name = self.name()
        columns = self.in_parentheses(self.name) if self.at("(") else ()
        self.need("AS", "(")
        query = self.query()
        self.need(")")
        return tree.CommonTable(name, query, columns, span=self.span_from(start))

    def _set_operation(self, strength: int) -> Query:
        start = self.current
        left = self._query_primary()
        while True:
            word = self.current.upper
            binding = _SET_OPERATORS.get(word, 0)
            if binding <= strength:
                return left
            self.advance()
            everything = self.one_of("ALL", "DISTINCT") == "ALL"
            right = self._set_operation(binding)
            operator = "EXCEPT" if word == "MINUS" else word
            left = tree.SetOperation(operator, left, right, everything, span=self.span_from(start))

    def _query_primary(self) -> Query:
        start = self.current
        if self.accept("("):
            query = self.query()
            self.need(")")
            return query
        if self.one_of("VALUES", "VALUE"):
            rows = self.list_of(self._row)
            return tree.ValuesQuery(rows, span=self.span_from(start))
        if self.accept("TABLE"):
            return tree.TableQuery(self.path(), span=self.span_from(start))
        if not self.at("SELECT"):
            self.fail("a query")
        return self._select()

    def _row(self) -> tree.RowConstructor:
        value = self.expression()
        if isinstance(value, tree.RowConstructor):
            return value
        return tree.RowConstructor((value,), explicit=True, span=value.span)

    def _select(self) -> Query:
        start = self.advance()
        hints = self.hints()
        self.accept("STREAM")
        distinct = self.one_of("DISTINCT", "ALL") == "DISTINCT"
        items = self.list_of(self._item)
        from_ = self.from_clause() if self.accept("FROM") else None
        if from_ is None and self.current.upper in ("WHERE", "GROUP"):
            self.fail("FROM", hint="Flink filters and groups the rows of a FROM clause only.")
        where = self.where()
        group_by: tuple[Expression, ...] | None = None
        if self.accept("GROUP", "BY"):
            self.one_of("DISTINCT", "ALL")
            group_by = self.list_of(self._grouping)
        having = self.expression() if self.accept("HAVING") else None
        windows = self.list_of(self._named_window) if self.accept("WINDOW") else ()
        qualify = self.expression() if self.accept("QUALIFY") else None
        return tree.Select(
            items,
            from_,
            where,
            group_by,
            having,
            windows,
            qualify,
            distinct,
            hints,
            span=self.span_from(start),
        )

    def _named_window(self) -> tree.NamedWindow:
        start = self.current
        name = self.name()
        self.need("AS")
        return tree.NamedWindow(name, self.window(), span=self.span_from(start))

    def where(self) -> Expression | None:
        """`[WHERE condition]`."""
        return self.expression() if self.accept("WHERE") else None

    def _grouping(self) -> Expression:
        start = self.current
        kind = ""
        if self.accept("GROUPING", "SETS"):
            kind = "GROUPING SETS"
        elif word := self.one_of("CUBE", "ROLLUP"):
            kind = word
        if kind:
            items = self.in_parentheses(self._grouping)
            return tree.GroupingElement(kind, items, span=self.span_from(start))
        if self.accept("(", ")"):
            return tree.RowConstructor((), span=self.span_from(start))
        return self.expression()

    def _item(self) -> tree.SelectItem:
        start = self.current
        if self.accept("*"):
            star = tree.Star(span=self.span_from(start))
            return tree.SelectItem(star, span=star.span)
        value = self.expression()
        if isinstance(value, tree.Identifier) and self.accept(".", "*"):
            star = tree.Star(value.parts, span=self.span_from(start))
            return tree.SelectItem(star, span=star.span)
        alias = None
        if self.accept("AS"):
            alias = self.string() if self.current.kind == "string" else self.name()
        elif self.at_name():
            alias = self.name()
        return tree.SelectItem(value, alias, span=self.span_from(start))
