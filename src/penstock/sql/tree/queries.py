"""Nodes of queries and of what stands behind FROM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.sql.tree.expressions import (
    Expression,
    Node,
    RowConstructor,
    SortKey,
    WindowSpec,
)

if TYPE_CHECKING:
    from penstock.sql.tree.expressions import FunctionCall, Interval


@dataclass(frozen=True, slots=True)
class Query(Node):
    """Base of everything that yields rows."""


@dataclass(frozen=True, slots=True)
class Hint(Node):
    """`/*+ NAME('k' = 'v', x) */`: options where `k = v` was written, else arguments."""

    name: str
    options: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectItem(Node):
    """One item of a SELECT list; a Star has no alias."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class GroupingElement(Expression):
    """`GROUPING SETS (..)`, `CUBE (..)`, `ROLLUP (..)` within GROUP BY.

    A combined set such as `(a, b)` or `()` is a RowConstructor item.
    """

    kind: str
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class NamedWindow(Node):
    """`WINDOW name AS (..)`."""

    name: str
    spec: WindowSpec


@dataclass(frozen=True, slots=True)
class Select(Query):
    """`SELECT`; `from_` None selects from nothing."""

    items: tuple[SelectItem, ...]
    from_: Relation | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] | None = None
    having: Expression | None = None
    windows: tuple[NamedWindow, ...] = ()
    qualify: Expression | None = None
    distinct: bool = False
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True, slots=True)
class SetOperation(Query):
    """`UNION`, `EXCEPT` (also written MINUS) or `INTERSECT`, `all` or not."""

    operator: str
    left: Query
    right: Query
    all: bool = False


@dataclass(frozen=True, slots=True)
class ValuesQuery(Query):
    """`VALUES (1, 'a'), (2, 'b')`; a lone value is a row of one."""

    rows: tuple[RowConstructor, ...]


@dataclass(frozen=True, slots=True)
class TableQuery(Query):
    """`TABLE t`: all of a table."""

    name: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderedQuery(Query):
    """A query with ORDER BY, LIMIT, OFFSET, FETCH."""

    body: Query
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class CommonTable(Node):
    """`name (columns) AS (query)`."""

    name: str
    query: Query
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WithQuery(Query):
    """`WITH a AS (..) body`."""

    tables: tuple[CommonTable, ...]
    body: Query
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Relation(Node):
    """Base of what may stand behind FROM."""


@dataclass(frozen=True, slots=True)
class TableRef(Relation):
    """`c.d.t /*+ OPTIONS(..) */ FOR SYSTEM_TIME AS OF x AS a (c1, c2)`."""

    name: tuple[str, ...]
    alias: str | None = None
    columns: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()
    as_of: Expression | None = None
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class SubqueryRef(Relation):
    """`[LATERAL] (query) AS a (c1, c2)`."""

    query: Query
    alias: str | None = None
    columns: tuple[str, ...] = ()
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class TableFunctionRef(Relation):
    """`[LATERAL] TABLE(f(..)) AS a (c1)`, `f(..)`, and window functions such as `TUMBLE(..)`."""

    call: FunctionCall
    alias: str | None = None
    columns: tuple[str, ...] = ()
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class UnnestRef(Relation):
    """`UNNEST(a, b) [WITH ORDINALITY] AS a (c1)`."""

    arguments: tuple[Expression, ...]
    alias: str | None = None
    columns: tuple[str, ...] = ()
    ordinality: bool = False


@dataclass(frozen=True, slots=True)
class Join(Relation):
    """A join. `kind` is INNER, LEFT, RIGHT, FULL, CROSS (also a comma)."""

    kind: str
    left: Relation
    right: Relation
    condition: Expression | None = None
    using: tuple[str, ...] = ()
    natural: bool = False


@dataclass(frozen=True, slots=True)
class PatternNode(Node):
    """A row pattern: `kind` NAME, SEQUENCE, ALTERNATION; `minimum`/`maximum` repeat it."""

    kind: str
    name: str = ""
    children: tuple[PatternNode, ...] = ()
    minimum: int = 1
    maximum: int | None = 1
    reluctant: bool = False


@dataclass(frozen=True, slots=True)
class NamedExpression(Node):
    """`expression AS name` or `name AS expression`."""

    name: str
    expression: Expression
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class MatchRecognize(Relation):
    """`t MATCH_RECOGNIZE (..)`."""

    input: Relation
    pattern: PatternNode
    define: tuple[NamedExpression, ...]
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    measures: tuple[NamedExpression, ...] = ()
    rows_per_match: str = ""
    after_match: str = ""
    within: Interval | None = None
    subsets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    alias: str | None = None
    columns: tuple[str, ...] = ()
