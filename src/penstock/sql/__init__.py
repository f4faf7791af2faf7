"""Room `sql`: text to statements: lexer, parser, syntax trees, unparse.

Owns the grammar of Flink 2.2. May touch no other room but `types` and `errors`. Called by the
planner and the session.
"""

from penstock.sql.script import (
    Script,
    parse_expression,
    parse_query,
    parse_script,
    parse_statement,
    split_script,
)

__all__ = [
    "Script",
    "parse_expression",
    "parse_query",
    "parse_script",
    "parse_statement",
    "split_script",
]
