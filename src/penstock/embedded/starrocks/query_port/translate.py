"""Turns StarRocks queries into DuckDB's dialect."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlglot import exp

from penstock.embedded.starrocks.dialect.lexer import tokenize
from penstock.embedded.starrocks.dialect.rewrite import parsed, rewrite
from penstock.embedded.starrocks.query_port.variables import NUMERIC_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STOP_WORDS: Final = frozenset(
    {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "INTO"}
)


@lru_cache(maxsize=1024)
def parse(text: str) -> exp.Expression:
    """The statement's tree; callers copy it before they change it.

    Raises:
        QueryError: The text is not understood.
    """
    tree = parsed(text).copy()
    _name_projections(tree, text)
    return tree


def _name_projections(tree: Any, text: str) -> None:
    """Gives unnamed expressions of the outermost SELECT their text as a name, as MySQL does."""
    if not isinstance(tree, exp.Select):
        return
    names = _projection_texts(text)
    if len(names) != len(tree.expressions):
        return
    for expression, name in zip(list(tree.expressions), names, strict=True):
        if not isinstance(expression, exp.Alias | exp.Column | exp.Star):
            expression.replace(exp.alias_(expression.copy(), name, quoted=True))


def _projection_texts(text: str) -> list[str]:
    tokens = tokenize(text)
    at, nesting = 0, 0
    while tokens[at].kind != "end" and not (nesting == 0 and tokens[at].value.upper() == "SELECT"):
        if tokens[at].kind == "symbol":
            nesting += {"(": 1, ")": -1}.get(tokens[at].value, 0)
        at += 1
    if tokens[at].kind == "end":
        return []
    at += 1
    while tokens[at].value.upper() in {"DISTINCT", "ALL"} and tokens[at].kind == "word":
        at += 1
    found: list[str] = []
    depth, start, end = 0, tokens[at].start, tokens[at].start
    for token in tokens[at:]:
        is_stop = token.kind == "end" or (
            depth == 0 and token.kind == "word" and token.value.upper() in _STOP_WORDS
        )
        if is_stop or (depth == 0 and token.kind == "symbol" and token.value == ","):
            found.append(text[start:end])
            start = token.end + (len(text[token.end :]) - len(text[token.end :].lstrip()))
            if is_stop:
                return found
        elif token.kind == "symbol":
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.value, 0)
        end = token.end
    return found


class SessionFacts:
    """What functions and variables of a query stand for.

    Args:
        variables: Session variables by lower-case name.
        functions: Constant functions (`database()`, `version()`) by upper-case name.
    """

    def __init__(
        self, variables: Mapping[str, str], functions: Mapping[str, str | int | None]
    ) -> None:
        self.variables = variables
        self.functions = functions

    @staticmethod
    def sleep(call: exp.Expression) -> int:
        """Waits as `sleep(n)` asks; at most five minutes."""
        value = call.find(exp.Literal)
        if value is not None and not value.is_string:
            time.sleep(min(float(value.name), 300.0))
        return 1

    def variable(self, name: str) -> exp.Expression:
        """The literal a variable stands for; unknown ones are empty."""
        value = self.variables.get(name.lower(), "")
        if name.lower() in NUMERIC_VARIABLES and value.lstrip("-").isdigit():
            return exp.Literal.number(value)
        return exp.Literal.string(value)


class _Translation(NamedTuple):
    """A query in DuckDB's dialect, for as long as its tables are these.

    Args:
        tables: DuckDB's text of each (database, table) in it.
        sql: The query.
    """

    tables: dict[tuple[str, str], str]
    sql: str


_MOST_KEPT: Final = 512
_kept: dict[str, _Translation] = {}


def to_duckdb(text: str, facts: SessionFacts, resolve: Callable[[str, str], str]) -> str:
    """The query in DuckDB's dialect.

    Args:
        text: The query; what it becomes is kept, since clients ask the same again and again.
        facts: The session's variables and constant functions.
        resolve: Gives DuckDB's text for a (database, table); raises if there is none.

    Raises:
        QueryError: The text is not understood.
    """
    kept = _kept.get(text)
    # asked each time, since it also checks what the user may read
    if kept is not None and all(resolve(*name) == found for name, found in kept.tables.items()):
        return kept.sql
    tree = parse(text).copy()
    tables = _name_tables(tree, resolve)
    constant = _fill_in(tree, facts)
    sql = str(rewrite(tree).sql(dialect="duckdb"))
    if constant:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[text] = _Translation(tables, sql)
    return sql


def _name_tables(
    tree: exp.Expression, resolve: Callable[[str, str], str]
) -> dict[tuple[str, str], str]:
    """Puts DuckDB's names in place of the tables'."""
    found: dict[tuple[str, str], str] = {}
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            continue
        if not table.db and table.name.lower() in ctes:
            continue
        physical = found[table.db, table.name] = resolve(table.db, table.name)
        reference = exp.to_table(physical, dialect="duckdb")
        reference.set(
            "alias",
            table.args.get("alias")
            or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)),
        )
        for key in ("joins", "laterals", "pivots", "sample"):
            if table.args.get(key):
                reference.set(key, table.args[key])
        table.replace(reference)
    for column in list(tree.find_all(exp.Column)):
        if column.args.get("db"):
            column.set("db", None)
            column.set("catalog", None)
    return found


def _fill_in(tree: exp.Expression, facts: SessionFacts) -> bool:
    """Puts values in place of variables and constant functions; whether there were none."""
    constant = True
    for node in list(tree.find_all(exp.SessionParameter, exp.Parameter)):
        constant = False
        node.replace(facts.variable(node.name))
    for node in list(tree.find_all(exp.Func)):
        name = node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name()
        if name == "SLEEP":
            constant = False
            node.replace(exp.convert(facts.sleep(node)))
        elif name in facts.functions:
            constant = False
            node.replace(exp.convert(facts.functions[name]))
    return constant
