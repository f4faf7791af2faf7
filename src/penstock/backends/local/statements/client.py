"""Commands of the SQL client, and what to do instead of statements that are not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.backends.local.result import ResultKind, StatementResult, strings
from penstock.errors import UnsupportedFeatureError

if TYPE_CHECKING:
    from penstock.sql import tree as ast

_HELP = """\
Statements end with a semicolon and may have several lines.

  CREATE TABLE .. WITH (..)     a source or a target; CREATE VIEW, CREATE CATALOG likewise
  INSERT INTO .. SELECT ..      starts a job; several in one: EXECUTE STATEMENT SET BEGIN .. END;
  SELECT ..                     shows rows as they come; Ctrl-C ends it
  EXPLAIN ..                    shows the plan of a query or an INSERT
  SHOW TABLES                   also CATALOGS, DATABASES, VIEWS, FUNCTIONS, JOBS, CREATE TABLE t
  DESCRIBE t                    the columns of a table
  SET 'key' = 'value'           SET shows all settings, RESET puts them back
  QUIT                          leaves; so does Ctrl-D. Jobs that run are stopped cleanly.
"""
_FOLLOWED = (
    "Targets follow their sources: {what} rows at the source and they are {done} here, or {what}"
    " them in the database itself."
)
_INSTEAD = {
    "UPDATE": _FOLLOWED.format(what="update", done="updated"),
    "DELETE": _FOLLOWED.format(what="delete", done="deleted"),
    "UPSERT": "Write INSERT INTO a table with a PRIMARY KEY; it replaces rows by key.",
    "TRUNCATE TABLE": "Penstock never empties a table; TRUNCATE it in the database itself.",
}


def client_command(node: ast.ClientCommand) -> StatementResult:
    """QUIT, EXIT, CLEAR, HELP; what ends or clears a screen is the client's own to do."""
    if node.name == "HELP":
        return strings("result", [_HELP.rstrip()])
    return StatementResult(ResultKind.OK, messages=(node.name,))


def refused(node: ast.Statement) -> UnsupportedFeatureError:
    """The error for a statement that is read but not run."""
    kind = getattr(node, "kind", type(node).__name__)
    hint = _INSTEAD.get(kind, "It is not built.")
    return UnsupportedFeatureError(f"unsupported: statement {kind}", node.span, hint=hint)
