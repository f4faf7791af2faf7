"""Turns StarRocks queries into DuckDB's dialect."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from penstock.embedded.starrocks.query_port.failure import syntax_error
from penstock.embedded.starrocks.query_port.lexer import tokenize
from penstock.embedded.starrocks.query_port.variables import NUMERIC_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STOP_WORDS: Final = frozenset(
    {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "INTO"}
)

MACROS: Final = (
    "CREATE OR REPLACE TEMP MACRO substring_index(s, d, n) AS CASE WHEN n >= 0 THEN "
    "array_to_string(list_slice(string_split(s, d), 1, n), d) ELSE "
    "array_to_string(list_slice(string_split(s, d), n, -1), d) END",
    "CREATE OR REPLACE TEMP MACRO find_in_set(s, l) AS "
    "coalesce(list_position(string_split(l, ','), s), 0)",
    "CREATE OR REPLACE TEMP MACRO sleep(n) AS true",
    "CREATE OR REPLACE TEMP MACRO murmur_hash3_32(s) AS (hash(s) % 4294967296)",
    "CREATE OR REPLACE TEMP MACRO utc_timestamp() AS (now() AT TIME ZONE 'UTC')",
    "CREATE OR REPLACE TEMP MACRO bitmap_count(x) AS x",
    "CREATE OR REPLACE TEMP MACRO get_json_string(j, p) AS json_extract_string(j, p)",
    "CREATE OR REPLACE TEMP MACRO get_json_int(j, p) AS "
    "try_cast(json_extract_string(j, p) AS bigint)",
    "CREATE OR REPLACE TEMP MACRO get_json_double(j, p) AS "
    "try_cast(json_extract_string(j, p) AS double)",
    "CREATE OR REPLACE TEMP MACRO parse_json(s) AS CAST(s AS json)",
)
"""Functions of StarRocks that DuckDB lacks; made once a connection."""


class _Unquoted(str):
    """Marks a table reference that is DuckDB text already."""

    __slots__ = ()


@lru_cache(maxsize=1024)
def parse(text: str) -> exp.Expression:
    """The statement's tree; callers copy it before they change it.

    Raises:
        QueryError: The text is not understood.
    """
    try:
        tree = sqlglot.parse_one(text, read="starrocks")
    except SqlglotError as error:
        plain = re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()[0]
        raise syntax_error(plain.rstrip(".")) from error
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

    def variable(self, name: str) -> exp.Expression:
        """The literal a variable stands for; unknown ones are empty."""
        value = self.variables.get(name.lower(), "")
        if name.lower() in NUMERIC_VARIABLES and value.lstrip("-").isdigit():
            return exp.Literal.number(value)
        return exp.Literal.string(value)


def to_duckdb(tree: exp.Expression, facts: SessionFacts, resolve: Callable[[str, str], str]) -> str:
    """The query in DuckDB's dialect.

    Args:
        tree: From `parse`; not changed.
        facts: The session's variables and constant functions.
        resolve: Gives DuckDB's text for a (database, table); raises if there is none.
    """
    tree = tree.copy()
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            continue
        if not table.db and table.name.lower() in ctes:
            continue
        reference = exp.to_table(resolve(table.db, table.name), dialect="duckdb")
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
    for node in list(tree.find_all(exp.SessionParameter, exp.Parameter)):
        node.replace(facts.variable(node.name))
    for node in list(tree.find_all(exp.Func)):
        name = node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name()
        if name in facts.functions:
            node.replace(exp.convert(facts.functions[name]))
    return str(tree.sql(dialect="duckdb"))
