"""Typed expressions: literals, input columns and calls of scalar functions."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from penstock.types import DataType, TypeRoot, quote_literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from penstock.expressions.evaluate import Frame

Value: TypeAlias = "pa.Array | pa.Scalar"
"""One value per row, or a scalar that stands for all rows."""


@lru_cache(maxsize=4096)
def arrow_type(data_type: DataType) -> pa.DataType:
    """The Arrow type of `data_type`, made once."""
    return data_type.arrow()


@dataclass(frozen=True, eq=False)
class ScalarFunction:
    """What a call does.

    Args:
        name: The SQL name, upper case; operators by their symbol.
        kernel: Called with the call, its evaluated arguments and the frame of rows; returns a
            value of the call's type. Nulls are the kernel's business.
        deterministic: Whether equal arguments always give equal results within one query.
        may_fail: Whether some arguments raise `DataError`; such calls run only on rows whose
            branch is taken.
        lazy: The kernel is called with no arguments and evaluates `call.args` itself.
    """

    name: str
    kernel: Callable[[Call, list[Any], Frame], Any]
    deterministic: bool = True
    may_fail: bool = False
    lazy: bool = False


class Expr:
    """A node of an expression tree; `type` holds the nullability too."""

    type: DataType

    @property
    def children(self) -> tuple[Expr, ...]:
        """The direct arguments."""
        return ()

    @property
    def may_fail(self) -> bool:
        """Whether evaluation can raise `DataError`."""
        return False

    @property
    def deterministic(self) -> bool:
        """Whether every evaluation within a query gives the same values."""
        return all(child.deterministic for child in self.children)

    def walk(self) -> Iterator[Expr]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def with_children(self, children: Sequence[Expr]) -> Expr:
        """The same node over other arguments."""
        assert not children
        return self

    def sql(self) -> str:
        """The expression as SQL-like text, for EXPLAIN."""
        raise NotImplementedError


@dataclass(frozen=True)
class Literal(Expr):
    """A constant.

    `value` is a Python object: int, Decimal, float, bool, str, bytes, date, time, datetime (naive;
    aware in UTC for TIMESTAMP_LTZ), timedelta for day intervals, int months for month intervals,
    list, dict, or None.
    """

    value: Any
    type: DataType
    scalar: pa.Scalar = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        value = self.value
        if self.type.root is TypeRoot.MAP and isinstance(value, dict):
            value = list(value.items())
        object.__setattr__(self, "scalar", pa.scalar(value, arrow_type(self.type)))

    def sql(self) -> str:
        return _literal_text(self.value, self.type)


@dataclass(frozen=True)
class InputRef(Expr):
    """Column `index` of the input batch."""

    index: int
    name: str
    type: DataType

    def sql(self) -> str:
        return self.name


@dataclass(frozen=True)
class Call(Expr):
    """A scalar function applied to arguments."""

    function: ScalarFunction
    args: tuple[Expr, ...]
    type: DataType

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.args

    @property
    def may_fail(self) -> bool:
        return self.function.may_fail or any(arg.may_fail for arg in self.args)

    @property
    def deterministic(self) -> bool:
        return self.function.deterministic and all(arg.deterministic for arg in self.args)

    def with_children(self, children: Sequence[Expr]) -> Expr:
        return Call(self.function, tuple(children), self.type)

    def sql(self) -> str:
        name = self.function.name
        texts = [arg.sql() for arg in self.args]
        if name in {"CAST", "TRY_CAST"}:
            return f"{name}({texts[0]} AS {self.type.with_nullable(nullable=True).sql()})"
        if name == "CASE":
            pairs = zip(texts[0:-1:2], texts[1:-1:2], strict=True)
            whens = " ".join(f"WHEN {cond} THEN {result}" for cond, result in pairs)
            return f"CASE {whens} ELSE {texts[-1]} END"
        if name.startswith("IS "):
            return f"({texts[0]} {name})" if len(texts) == 1 else f"({f' {name} '.join(texts)})"
        if name == "." and isinstance(self.args[1], Literal):
            return f"{texts[0]}.{self.args[1].value}"
        if len(texts) > 1 and (not name[0].isalpha() or name in {"AND", "OR", "LIKE"}):
            return f"({f' {name} '.join(texts)})"
        return f"{name}({', '.join(texts)})"


def _literal_text(value: object, data_type: DataType) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            return quote_literal(value)
        case bytes():
            return f"X'{value.hex()}'"
        case datetime.timedelta():
            return f"INTERVAL '{value}'"
        case datetime.datetime() | datetime.date() | datetime.time():
            name = data_type.root.value
            return f"{name} '{value}'"
        case Decimal():
            return format(value, "f")
    if data_type.root is TypeRoot.INTERVAL_MONTH:
        return f"INTERVAL '{value}' MONTH"
    return str(value)
