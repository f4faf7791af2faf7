"""Nodes of expressions. Spans take no part in comparison, so equal trees mean the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from penstock.errors import Span

if TYPE_CHECKING:
    from penstock.sql.tree.queries import Query
    from penstock.types import DataType

NO_SPAN = Span(0, 0, 1, 1)


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes; `span` is relative to the whole script."""

    span: Span = field(default=NO_SPAN, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Expression(Node):
    """Base of everything that has a value."""


class LiteralKind(Enum):
    """How a literal was written, which decides its type."""

    NULL = "NULL"
    UNKNOWN = "UNKNOWN"
    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    DOUBLE = "DOUBLE"
    STRING = "STRING"
    BINARY = "BINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"


LiteralValue = None | bool | int | Decimal | float | str | bytes


@dataclass(frozen=True, slots=True)
class Identifier(Expression):
    """A possibly qualified name of a column: `a`, `t.a`, `t.r.f`."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A constant. DATE, TIME, TIMESTAMP hold the text between the quotes."""

    kind: LiteralKind
    value: LiteralValue


@dataclass(frozen=True, slots=True)
class Interval(Expression):
    """`INTERVAL '1 02' DAY TO HOUR`; units in the singular."""

    value: str
    unit: str
    end_unit: str | None = None
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Symbol(Expression):
    """A keyword that is an argument: the unit of FLOOR, TIMESTAMPADD; BOTH of TRIM."""

    name: str


@dataclass(frozen=True, slots=True)
class Star(Expression):
    """`*` or `t.*`, also the argument of COUNT(*)."""

    qualifier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """`?`."""


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """`NOT x`, `-x`, `+x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """`OR AND = <> < <= > >= + - * / % ||`, `OVERLAPS`, `MEMBER OF`; `!=` becomes `<>`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Between(Expression):
    """`x [NOT] BETWEEN [SYMMETRIC] low AND high`."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False
    symmetric: bool = False


@dataclass(frozen=True, slots=True)
class InList(Expression):
    """`x [NOT] IN (1, 2)`."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InQuery(Expression):
    """`x [NOT] IN (SELECT ..)`."""

    operand: Expression
    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Expression):
    """`x [NOT] LIKE p [ESCAPE e]`; kind is LIKE, ILIKE, RLIKE or SIMILAR TO."""

    operand: Expression
    pattern: Expression
    escape: Expression | None = None
    kind: str = "LIKE"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """`x IS [NOT] NULL`."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsTruth(Expression):
    """`x IS [NOT] TRUE | FALSE | UNKNOWN`; `value` None means UNKNOWN."""

    operand: Expression
    value: bool | None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsDistinctFrom(Expression):
    """`a IS [NOT] DISTINCT FROM b`."""

    left: Expression
    right: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsJson(Expression):
    """`x IS [NOT] JSON [VALUE | SCALAR | ARRAY | OBJECT]`."""

    operand: Expression
    what: str = "VALUE"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Quantified(Expression):
    """`x = ANY (query)`, `x > ALL (1, 2)`; exactly one of `query` and `items` is filled."""

    operator: str
    quantifier: str
    operand: Expression
    query: Query | None = None
    items: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Exists(Expression):
    """`EXISTS (query)`."""

    query: Query


@dataclass(frozen=True, slots=True)
class ScalarSubquery(Expression):
    """`(SELECT ..)` as a value."""

    query: Query


@dataclass(frozen=True, slots=True)
class WhenClause(Node):
    """`WHEN condition THEN result`; with an operand the condition is the value compared."""

    condition: Expression
    result: Expression


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """`CASE [operand] WHEN .. THEN .. [ELSE ..] END`."""

    operand: Expression | None
    whens: tuple[WhenClause, ...]
    otherwise: Expression | None = None


@dataclass(frozen=True, slots=True)
class TypeSpec(Node):
    """A type as written. `type` is None where Penstock has no such type; `text` names it."""

    text: str
    type: DataType | None


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """`CAST(x AS t)`; `safe` for TRY_CAST."""

    operand: Expression
    type: TypeSpec
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Extract(Expression):
    """`EXTRACT(unit FROM x)`."""

    unit: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class TimeDifference(Expression):
    """`(later - earlier) DAY TO SECOND`: the time between two moments as an interval."""

    later: Expression
    earlier: Expression
    unit: str
    end_unit: str | None = None


@dataclass(frozen=True, slots=True)
class AtTimeZone(Expression):
    """`x AT TIME ZONE z`."""

    operand: Expression
    zone: Expression


@dataclass(frozen=True, slots=True)
class ArrayConstructor(Expression):
    """`ARRAY[1, 2]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapConstructor(Expression):
    """`MAP['a', 1]`."""

    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class MultisetConstructor(Expression):
    """`MULTISET[1, 2]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class CollectionQuery(Expression):
    """`ARRAY(SELECT ..)`, `MAP(..)`, `MULTISET(..)`."""

    kind: str
    query: Query


@dataclass(frozen=True, slots=True)
class RowConstructor(Expression):
    """`ROW(a, b)` (explicit) or `(a, b)`."""

    items: tuple[Expression, ...]
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class ItemAccess(Expression):
    """`x[index]`."""

    operand: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class FieldAccess(Expression):
    """`(x).f`, `f(x).f`, `a[1].f`; a dotted name is an Identifier."""

    operand: Expression
    field: str


@dataclass(frozen=True, slots=True)
class SortKey(Node):
    """One key of ORDER BY; `nulls_first` None where not written."""

    expression: Expression
    descending: bool = False
    nulls_first: bool | None = None


@dataclass(frozen=True, slots=True)
class FrameBound(Node):
    """`UNBOUNDED PRECEDING`, `CURRENT ROW`, `5 FOLLOWING`; `value` None unless written.

    `kind` is one of UNBOUNDED PRECEDING, PRECEDING, CURRENT ROW, FOLLOWING, UNBOUNDED FOLLOWING.
    """

    kind: str
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class WindowFrame(Node):
    """`ROWS | RANGE BETWEEN start AND end`; `end` None where only a start was written."""

    unit: str
    start: FrameBound
    end: FrameBound | None = None


@dataclass(frozen=True, slots=True)
class WindowSpec(Node):
    """`OVER (base PARTITION BY .. ORDER BY .. frame)`; `OVER w` has only `base`."""

    base: str | None = None
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    frame: WindowFrame | None = None


@dataclass(frozen=True, slots=True)
class JsonClause(Node):
    """An option of a JSON function.

    `kind` is RETURNING (with `type`), ON EMPTY, ON ERROR, ON NULL or WRAPPER; `behavior` is what
    to do (NULL, ERROR, EMPTY ARRAY, DEFAULT with `expression`, ABSENT, WITH CONDITIONAL ARRAY ..).
    """

    kind: str
    behavior: str = ""
    expression: Expression | None = None
    type: TypeSpec | None = None


@dataclass(frozen=True, slots=True)
class FunctionCall(Expression):
    """A call. `name` as written; functions are found by upper-cased name.

    Special syntax is normalised to arguments in order: `POSITION(a IN b)` (a, b);
    `SUBSTRING(x FROM a FOR b)` (x, a, b); `OVERLAY(x PLACING y FROM a FOR b)` (x, y, a, b);
    `TRIM(x)` and `TRIM(BOTH c FROM x)` (Symbol, c, x); `FLOOR(x TO unit)` (x, Symbol);
    `TIMESTAMPADD(unit, n, x)` (Symbol, n, x); `JSON_OBJECT(KEY k VALUE v)` (k, v); `COUNT(*)`
    (Star,). `CURRENT_DATE` and its like have `bare` set and no arguments.
    """

    name: tuple[str, ...]
    arguments: tuple[Expression, ...] = ()
    distinct: bool = False
    order_by: tuple[SortKey, ...] = ()
    within_group: tuple[SortKey, ...] = ()
    filter: Expression | None = None
    over: WindowSpec | None = None
    ignore_nulls: bool | None = None
    clauses: tuple[JsonClause, ...] = ()
    bare: bool = False

    @property
    def simple_name(self) -> str:
        """The last part of the name in upper case: what built-in functions are found by."""
        return self.name[-1].upper()


@dataclass(frozen=True, slots=True)
class NamedArgument(Expression):
    """`name => value`."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class TableArgument(Expression):
    """`TABLE t PARTITION BY k ORDER BY o` or a query, as an argument of a table function."""

    query: Query
    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    model: bool = False
