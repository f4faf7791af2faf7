"""Aggregate calls in a select list or HAVING: what is computed below, what refers to it above.

A grouped query is planned as: a projection of the group's keys and the arguments of calls; where
there are several grouping sets, an expansion; the aggregation; a projection over its keys and
results. `GroupedScope` binds the expressions of the last one and gathers what the others need.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from penstock.errors import ValidationError
from penstock.expressions import Expr, InputRef, Literal
from penstock.functions.aggregate import AggregateFunction, aggregate_function
from penstock.functions.resolve import (
    implicit_cast,
    resolve_case,
    resolve_cast,
    resolve_function,
    resolve_operator,
    untyped_null,
)
from penstock.operators.accumulators import AggregateCall
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.scope import Scope
from penstock.sql import tree as ast
from penstock.types import BIGINT, BOOLEAN, DECIMAL, DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_REWRITTEN = {"STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP"}
_GROUPING = {"GROUPING", "GROUPING_ID", "GROUP_ID"}
_ID = BIGINT.with_nullable(nullable=False)


def aggregates_in(node: object) -> Iterator[ast.FunctionCall]:
    """The aggregate calls in an expression, outermost ones; sub-queries keep theirs."""
    if isinstance(node, ast.FunctionCall) and node.over is None:
        name = node.simple_name
        if aggregate_function(name) is not None or name in _GROUPING:
            yield node
            return
    if isinstance(node, tuple):
        for part in node:
            yield from aggregates_in(part)
    elif is_dataclass(node) and not isinstance(node, ast.Query):
        for part in fields(node):
            yield from aggregates_in(getattr(node, part.name))


@dataclass(slots=True)
class GroupCalls:
    """What a grouped query computes below its select list.

    Args:
        below: The columns of the rows to be aggregated.
        keys: The group's keys as they are written and bound.
        sets: Grouping sets, positions of keys in each; one where there are no more.
        grouped: There is a GROUP BY.
    """

    below: Scope
    keys: Sequence[tuple[ast.Expression, Expr]]
    sets: Sequence[frozenset[int]]
    grouped: bool
    columns: list[Expr] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    calls: list[AggregateCall] = field(default_factory=list)
    call_names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for syntax, expr in self.keys:
            self.columns.append(expr)
            self.names.append(_name_of(syntax, f"$f{len(self.names)}"))

    @property
    def expanded(self) -> bool:
        """Whether rows are repeated for several grouping sets."""
        return len(self.sets) > 1 or any(len(s) < len(self.keys) for s in self.sets)

    @property
    def width(self) -> int:
        """Columns of the aggregation in front of its results."""
        return len(self.keys) + self.expanded

    def key(self, index: int) -> InputRef:
        """A key above the aggregation."""
        found = self.columns[index].type
        if any(index not in members for members in self.sets):
            found = found.with_nullable(nullable=True)
        return InputRef(index=index, name=self.names[index], type=found)

    def call(self, node: ast.FunctionCall) -> Expr:
        """The result of an aggregate call, as an expression above the aggregation.

        Raises:
            SqlError: Its arguments do not fit, or it is not run.
        """
        name = node.simple_name
        if name in _GROUPING:
            return self._grouping(node)
        function = aggregate_function(name)
        assert function is not None
        if node.order_by or node.within_group:
            raise unsupported(f"ORDER BY in {name}", node)
        if node.ignore_nulls is not None:
            word = "IGNORE" if node.ignore_nulls else "RESPECT"
            if name != "ARRAY_AGG":
                message = "Cannot specify IGNORE NULLS or RESPECT NULLS following"
                raise ValidationError(f"{message} '{name}'", node.span)
            raise unsupported(f"{word} NULLS in {name}", node)
        if any(True for part in node.arguments for _ in aggregates_in(part)):
            raise ValidationError("Aggregate expressions cannot be nested", node.span)
        args = self._arguments(function, node)
        chosen = self._filter(node)
        if function.name in _REWRITTEN:
            return self._variance(function.name, args[0], chosen, distinct=node.distinct)
        separator = ","
        if function.name == "LISTAGG" and len(args) > 1:
            assert isinstance(args[1], Literal)
            separator, args = str(args[1].value), args[:1]
        return self._result(function, args, chosen, distinct=node.distinct, separator=separator)

    def _arguments(self, function: AggregateFunction, node: ast.FunctionCall) -> list[Expr]:
        written = node.arguments
        if function.name == "COUNT" and written and isinstance(written[0], ast.Star):
            return []
        args = [bind(part, self.below) for part in written]
        least, most = function.arguments
        if function.name == "COUNT" and node.distinct and len(args) > 1:
            raise ValidationError("We now only support the count of one field.", node.span)
        if (not max(least, 1) <= len(args) <= most and function.name != "COUNT") or not args:
            raise ValidationError(
                f"Invalid number of arguments to function '{function.name}'."
                f" Was expecting {least} arguments",
                node.span,
            )
        first = args[0].type
        if first.root is TypeRoot.NULL:
            raise untyped_null(written[0].span)
        if first.root not in function.roots:
            raise _wrong_type(function.name, args, node)
        if function.name == "LISTAGG" and len(args) > 1 and not isinstance(args[1], Literal):
            raise _wrong_type(function.name, args, node)
        return args

    def _filter(self, node: ast.FunctionCall) -> int | None:
        if node.filter is None:
            return None
        condition = bind(node.filter, self.below)
        if condition.type.root not in {TypeRoot.BOOLEAN, TypeRoot.NULL}:
            raise ValidationError("FILTER clause must be a condition", node.filter.span)
        return self._column(implicit_cast(condition, BOOLEAN, node.filter.span))

    def _result(
        self,
        function: AggregateFunction,
        args: Sequence[Expr],
        chosen: int | None,
        *,
        distinct: bool = False,
        separator: str = ",",
    ) -> Expr:
        maybe_empty = not self.grouped or chosen is not None
        kind = function.result_type([arg.type for arg in args], maybe_empty=maybe_empty)
        if function.name == "COUNT" and not distinct:
            # What is never NULL need not be looked at.
            args = [arg for arg in args if arg.type.nullable]
        places = tuple(self._column(arg) for arg in args)
        call = AggregateCall(function.name, places, kind, distinct, chosen, separator)
        if call not in self.calls:
            self.calls.append(call)
            self.call_names.append(f"$f{self.width + len(self.call_names)}")
        place = self.calls.index(call)
        return InputRef(index=self.width + place, name=self.call_names[place], type=kind)

    def named(self, ref: InputRef, name: str) -> InputRef:
        """A result under the name of the select item it is, for plans."""
        place = ref.index - self.width
        if place < 0 or not self.call_names[place].startswith("$f"):
            return ref
        self.call_names[place] = name
        return InputRef(index=ref.index, name=name, type=ref.type)

    def _column(self, expr: Expr) -> int:
        """The column below the aggregation that holds an expression."""
        # Keys are made NULL where a grouping set leaves them out; arguments are not.
        start = len(self.keys) if self.expanded else 0
        for index in range(start, len(self.columns)):
            if self.columns[index] == expr:
                return index
        self.columns.append(expr)
        self.names.append(expr.name if isinstance(expr, InputRef) else f"$f{len(self.names)}")
        return len(self.columns) - 1

    def _variance(self, name: str, given: Expr, chosen: int | None, *, distinct: bool) -> Expr:
        """VAR and STDDEV from sums, in the type of the result, as Flink computes them.

        Source: Calcite, AggregateReduceFunctionsRule.
        """
        function = aggregate_function(name)
        total, count = aggregate_function("SUM"), aggregate_function("COUNT")
        assert function
        assert total
        assert count
        maybe_empty = not self.grouped or chosen is not None
        kind = function.result_type([given.type], maybe_empty=maybe_empty)
        arg = resolve_cast(given, kind.with_nullable(given.type.nullable))
        squares = self._result(
            total, [resolve_operator("*", [arg, arg])], chosen, distinct=distinct
        )
        sums = self._result(total, [arg], chosen, distinct=distinct)
        counts = self._result(count, [arg], chosen, distinct=distinct)
        mean = resolve_operator("/", [resolve_operator("*", [sums, sums]), counts])
        spread = resolve_operator("-", [squares, mean])
        divisor = counts
        if name.endswith("SAMP"):
            one = _whole(1)
            less = resolve_operator("-", [counts, one])
            alone = resolve_operator("=", [counts, one])
            divisor = resolve_case([(alone, Literal(value=None, type=BIGINT))], less)
        found = resolve_operator("/", [spread, divisor])
        if name.startswith("STDDEV"):
            found = resolve_function("POWER", [found, _half()])
        return resolve_cast(found, kind.with_nullable(nullable=True))

    def _grouping(self, node: ast.FunctionCall) -> Expr:
        """GROUPING and GROUPING_ID: bits of the grouping set's number."""
        if node.simple_name == "GROUP_ID":
            return Literal(value=0, type=_ID)
        places = [self._key_place(part) for part in node.arguments]
        if not places:
            raise ValidationError("GROUPING needs an argument", node.span)
        if not self.expanded:
            return Literal(value=0, type=_ID)
        number: Expr = InputRef(index=len(self.keys), name="$e", type=_ID)
        found: Expr | None = None
        for place in places:
            bit = 1 << (len(self.keys) - 1 - place)
            shifted = resolve_operator("/", [number, _whole(bit)])
            one = resolve_operator("%", [shifted, _whole(2)])
            found = (
                one
                if found is None
                else resolve_operator("+", [resolve_operator("*", [found, _whole(2)]), one])
            )
        assert found is not None
        return resolve_cast(found, _ID)

    def _key_place(self, node: ast.Expression) -> int:
        bound = bind(node, self.below)
        for place, (_, expr) in enumerate(self.keys):
            if expr == bound:
                return place
        raise ValidationError(
            "Argument to GROUPING operator must be a grouped expression", node.span
        )

    def set_number(self, members: frozenset[int]) -> int:
        """The number of a grouping set: a bit for each key it leaves out, the last key lowest."""
        last = len(self.keys) - 1
        return sum(1 << (last - i) for i in range(len(self.keys)) if i not in members)


@dataclass(frozen=True, slots=True)
class GroupedScope(Scope):
    """Columns in scope above an aggregation: keys as they are written, and aggregate calls."""

    calls: GroupCalls = field(kw_only=True)

    def intercept(self, node: ast.Expression) -> Expr | None:
        calls = self.calls
        if isinstance(node, ast.FunctionCall) and any(call is node for call in aggregates_in(node)):
            return calls.call(node)
        for index, (syntax, _) in enumerate(calls.keys):
            if syntax == node:
                return calls.key(index)
        if isinstance(node, ast.Identifier):
            return self._column(node)
        return None

    def refuse_star(self, node: ast.Star) -> None:
        """`*` stands for columns that are not grouped."""
        for index in self.calls.below.star(node.qualifier, node.span):
            column = self.calls.below.columns[index]
            if not any(
                isinstance(expr, InputRef) and expr.index == index for _, expr in self.calls.keys
            ):
                name = ".".join((*column.qualifier[-1:], column.name))
                raise ValidationError(
                    f"Expression '{name}' is not being grouped", node.span, code="not-grouped"
                )
        raise unsupported("* over grouped columns", node, "Name the columns.")

    def _column(self, node: ast.Identifier) -> Expr | None:
        if node.parts == ("PI",):
            return None
        bound = self.calls.below.resolve(node.parts, node.span)
        for index, (_, expr) in enumerate(self.calls.keys):
            if expr == bound:
                return self.calls.key(index)
        raise ValidationError(
            f"Expression '{'.'.join(node.parts)}' is not being grouped",
            node.span,
            code="not-grouped",
            hint="Add it to GROUP BY, or aggregate it.",
        )


def _name_of(node: ast.Expression, otherwise: str) -> str:
    return node.parts[-1] if isinstance(node, ast.Identifier) else otherwise


def _whole(value: int) -> Literal:
    return Literal(value=value, type=_ID)


def _half() -> Literal:
    return Literal(value=Decimal("0.5"), type=DECIMAL(2, 1).with_nullable(nullable=False))


def _wrong_type(name: str, args: Sequence[Expr], node: ast.FunctionCall) -> ValidationError:
    if name in {"MIN", "MAX"}:
        return ValidationError(
            f"{name.capitalize()} aggregate function does not support type:"
            f" ''{args[0].type.root.value}''.",
            node.span,
            code="argument-types",
        )
    given = ", ".join(f"<{_family(arg.type)}>" for arg in args)
    forms = {
        "LISTAGG": "'LISTAGG(<CHARACTER>)'\n'LISTAGG(<CHARACTER>, <CHARACTER_LITERAL>)'",
    }.get(name, f"'{name}(<NUMERIC>)'")
    return ValidationError(
        f"Cannot apply '{name}' to arguments of type '{name}({given})'. Supported form(s): {forms}",
        node.span,
        code="argument-types",
    )


def _family(kind: DataType) -> str:
    name = kind.with_nullable(nullable=True).sql()
    return {"INT": "INTEGER", "STRING": "VARCHAR(2147483647)"}.get(name, name)
