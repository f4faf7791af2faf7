"""Conditions a server can evaluate, as SQL.

The plan evaluates every condition again, so what is sent must only never lose a row that satisfies
it: it may let too much pass. Three things a server does otherwise than Flink decide what is sent.
Texts compare by a collation (`'a' = 'A'`, `'a' = 'a '`), dates that are none read as NULL, and
other numbers than exact ones compare after rounding.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from penstock.errors import PenstockError
from penstock.expressions import Call, Expr, InputRef, Literal, evaluate_constant
from penstock.types import TypeRoot as R
from penstock.types import keeps_values, quote_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from penstock.types import DataType

_TURNED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_INTEGERS = frozenset((R.TINYINT, R.SMALLINT, R.INT, R.BIGINT))
_EXACT = _INTEGERS | {R.DECIMAL}
_KEYS_OF_A_LIST_MAX = 1000


class Comparison(Enum):
    """How far a server's comparison of a column agrees with Flink's.

    `EXACT`: always. `NULLABLE`: but that some values read as NULL. `FLOORED`: the server keeps more
    digits than are read, so only `>=` and `<` agree. `EQUAL`: equal values are equal there too, not
    the other way round, and there is no order. `NONE`: not even that.
    """

    EXACT = "exact"
    NULLABLE = "nullable"
    FLOORED = "floored"
    EQUAL = "equal"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server wants things written.

    Args:
        text: A text as a literal; None where there is none.
        truth: The condition that a boolean column (quoted) is true, and that it is false.
    """

    text: Callable[[str], str | None]
    truth: Callable[[str], tuple[str, str]]

    def literal(self, value: object) -> str | None:
        """A value as SQL; None where there is no exact text."""
        match value:
            case bool():
                return None
            case int():
                return str(value)
            case Decimal():
                return format(value, "f")
            case str():
                return self.text(value)
            case datetime.datetime():
                naive = value.replace(tzinfo=None)
                return f"'{naive.isoformat(' ', 'microseconds')}'" if naive.year >= 1000 else None
            case datetime.date():
                return f"'{value.isoformat()}'" if value.year >= 1000 else None
        return None


@dataclass(frozen=True, slots=True)
class _Sent:
    """SQL of a condition; `whole` where it is true exactly where the condition is."""

    text: str
    whole: bool


def where_text(
    conditions: Sequence[Expr], columns: Mapping[int, tuple[str, Comparison]], dialect: Dialect
) -> tuple[str, bool]:
    """What of the conditions can be sent, and whether that is all of it, exactly.

    Args:
        conditions: Over the table's columns; all must hold.
        columns: By position: the column's name at the server, and how it compares there.
        dialect: How to write it.

    Returns:
        A condition, empty where nothing can be sent; and whether the server's answer is exact.
    """
    writer = _Writer(columns, dialect)
    sent = [writer.condition(condition) for condition in conditions]
    texts = [part.text for part in sent if part is not None]
    return " AND ".join(texts), all(part is not None and part.whole for part in sent)


class _Writer:
    def __init__(self, columns: Mapping[int, tuple[str, Comparison]], dialect: Dialect) -> None:
        self._columns = columns
        self._dialect = dialect

    def condition(self, expr: Expr) -> _Sent | None:
        """SQL that is true wherever the condition is; None where there is none."""
        if isinstance(expr, InputRef):
            return self._truth(expr, wanted=True)
        if not isinstance(expr, Call):
            return None
        name = expr.function.name
        if name in _TURNED:
            return self._comparison(name, expr.args[0], expr.args[1])
        match name:
            case "AND" | "OR":
                return self._junction(name, expr.args)
            case "NOT":
                return self._negation(expr.args[0])
            case "IN":
                return self._in_list(expr.args)
            case "IS NULL" | "IS NOT NULL":
                return self._null_test(name, expr.args[0])
        return None

    def _junction(self, name: str, args: Sequence[Expr]) -> _Sent | None:
        parts = [self.condition(arg) for arg in args]
        given = [part for part in parts if part is not None]
        if not given or (name == "OR" and len(given) < len(parts)):
            return None
        whole = len(given) == len(parts) and all(part.whole for part in given)
        return _Sent("(" + f" {name} ".join(part.text for part in given) + ")", whole)

    def _negation(self, arg: Expr) -> _Sent | None:
        if isinstance(arg, InputRef):
            return self._truth(arg, wanted=False)
        part = self.condition(arg)
        return _Sent(f"(NOT {part.text})", whole=True) if part and part.whole else None

    def _truth(self, ref: InputRef, *, wanted: bool) -> _Sent | None:
        name, compares = self._column(ref)
        if compares is not Comparison.EXACT or ref.type.root is not R.BOOLEAN:
            return None
        is_true, is_false = self._dialect.truth(name)
        return _Sent(is_true if wanted else is_false, whole=True)

    def _null_test(self, name: str, arg: Expr) -> _Sent | None:
        ref = _column_of(arg)
        if ref is None:
            return None
        column, compares = self._column(ref)
        if compares in {Comparison.NONE, Comparison.NULLABLE}:  # FLOORED keeps NULLs
            return None
        return _Sent(f"({column} {name})", whole=True)

    def _comparison(self, name: str, left: Expr, right: Expr) -> _Sent | None:
        if _column_of(left) is None:
            left, right, name = right, left, _TURNED[name]
        ref, value = _column_of(left), _constant(right)
        if ref is None or value is None:
            return None
        column, compares = self._column(ref)
        text = self._value(value, ref.type)
        if text is None or compares is Comparison.NONE:
            return None
        if compares is Comparison.EQUAL:
            return _Sent(f"({column} = {text})", whole=False) if name == "=" else None
        if compares is Comparison.FLOORED and not (
            name in {">=", "<"} and _is_floor(value, ref.type.precision)
        ):
            return None
        return _Sent(f"({column} {name} {text})", compares is not Comparison.NULLABLE)

    def _in_list(self, args: Sequence[Expr]) -> _Sent | None:
        ref = _column_of(args[0])
        values = [_constant(arg) for arg in args[1:]]
        if ref is None or len(values) > _KEYS_OF_A_LIST_MAX:
            return None
        column, compares = self._column(ref)
        texts = [None if v is None else self._value(v, ref.type) for v in values]
        written = [text for text in texts if text is not None]
        if len(written) < len(texts) or compares in {Comparison.NONE, Comparison.FLOORED}:
            return None
        return _Sent(f"({column} IN ({', '.join(written)}))", compares is Comparison.EXACT)

    def _column(self, ref: InputRef) -> tuple[str, Comparison]:
        name, compares = self._columns[ref.index]
        return quote_identifier(name), compares

    def _value(self, value: object, column: DataType) -> str | None:
        fits = {
            R.DATE: datetime.date,
            R.TIMESTAMP: datetime.datetime,
            R.CHAR: str,
            R.VARCHAR: str,
        }.get(column.root)
        if column.root in _EXACT:
            number = isinstance(value, int | Decimal) and not isinstance(value, bool)
            return self._dialect.literal(value) if number and _fits(value, column) else None
        return self._dialect.literal(value) if fits and type(value) is fits else None


def _fits(value: object, column: DataType) -> bool:
    """Whether a server compares the number without rounding.

    A literal of more digits than 38 together with the column's may turn both into doubles.
    """
    digits = Decimal(str(value)).as_tuple()
    assert isinstance(digits.exponent, int)
    scale = max(0, -digits.exponent)
    whole = max(0, len(digits.digits) + digits.exponent)
    most = column.scale if column.root is R.DECIMAL else 0
    wide = column.precision - column.scale if column.root is R.DECIMAL else 19
    return max(scale, most) + max(whole, wide) <= 38


def _is_floor(value: object, precision: int) -> bool:
    return isinstance(value, datetime.datetime) and not value.microsecond % 10 ** (6 - precision)


def _column_of(expr: Expr) -> InputRef | None:
    """The column, also under a cast that changes no value."""
    if isinstance(expr, InputRef):
        return expr
    if isinstance(expr, Call) and expr.function.name == "CAST":
        inner, target = expr.args[0], expr.type
        if isinstance(inner, InputRef) and keeps_values(inner.type, target):
            return inner
    return None


def _constant(expr: Expr) -> object | None:
    """The value of an expression without columns that is the same for all rows."""
    if isinstance(expr, Literal):
        value: object = expr.value
        return value
    if not expr.deterministic or any(isinstance(node, InputRef) for node in expr.walk()):
        return None
    try:
        found: object = evaluate_constant(expr)
    except PenstockError:
        return None
    return found
