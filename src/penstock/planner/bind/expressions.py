"""Syntax of expressions to typed expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from penstock.errors import UnsupportedFeatureError, ValidationError
from penstock.expressions import Expr, Literal
from penstock.functions.json_call import resolve_json
from penstock.functions.registry import definitions, function_names
from penstock.functions.resolve import (
    resolve_case,
    resolve_cast,
    resolve_field,
    resolve_function,
    resolve_operator,
)
from penstock.planner.bind.literals import bind_integer, bind_interval, bind_literal
from penstock.sql import tree as ast
from penstock.sql.parser.functions import FUNCTION_HINTS
from penstock.types import CHAR, STRING

if TYPE_CHECKING:
    from penstock.planner.bind.scope import Scope

_AGGREGATES = """
COUNT SUM AVG MIN MAX FIRST_VALUE LAST_VALUE LISTAGG COLLECT STDDEV STDDEV_POP STDDEV_SAMP VAR_POP
VAR_SAMP VARIANCE ARRAY_AGG JSON_OBJECTAGG JSON_ARRAYAGG GROUPING GROUPING_ID SINGLE_VALUE
APPROX_COUNT_DISTINCT ROW_NUMBER RANK DENSE_RANK NTILE LAG LEAD CUME_DIST PERCENT_RANK PERCENTILE
"""
AGGREGATES = frozenset(_AGGREGATES.split())


_NOT_YET = frozenset(
    [
        "PARSE_JSON",
        "TRY_PARSE_JSON",
        "OBJECT_OF",
        "OBJECT_UPDATE",
        "ML_PREDICT",
        "CURRENT_WATERMARK",
    ]
)
"""Scalar functions of Flink that Penstock knows and does not run."""


OVER_HINT = (
    "Of functions OVER a window only ROW_NUMBER() is built, where an outer query keeps the first of"
    " them: WHERE row_num <= 3."
)


def unsupported(what: str, node: ast.Node, hint: str = "") -> UnsupportedFeatureError:
    """The error for something Flink runs and Penstock does not."""
    return UnsupportedFeatureError(f"unsupported: {what}", node.span, hint=hint)


def bind(node: ast.Expression, scope: Scope) -> Expr:  # noqa: PLR0911, PLR0912
    """The typed form of an expression over the columns of `scope`.

    Raises:
        ValidationError: Unknown names, types that do not fit.
        UnsupportedFeatureError: Sub-queries, aggregates, OVER and what else is not run.
    """
    whole = scope.intercept(node)
    if whole is not None:
        return whole
    span = node.span
    match node:
        case ast.Literal():
            return bind_literal(node)
        case ast.Interval():
            return bind_interval(node)
        case ast.Symbol():
            return _text(node.name)
        case ast.Identifier():
            if node.parts == ("PI",) and not any(c.name == "PI" for c in scope.columns):
                return resolve_function("PI", [], span)
            return scope.resolve(node.parts, span)
        case ast.Unary():
            return _unary(node, scope)
        case ast.Binary():
            args = [bind(node.left, scope), bind(node.right, scope)]
            return resolve_operator(node.operator, args, span)
        case ast.Between():
            name = "BETWEEN SYMMETRIC" if node.symmetric else "BETWEEN"
            args = [bind(part, scope) for part in (node.operand, node.low, node.high)]
            return _maybe_not(resolve_operator(name, args, span), node.negated, node)
        case ast.InList():
            args = [bind(node.operand, scope), *(bind(item, scope) for item in node.items)]
            return _maybe_not(resolve_operator("IN", args, span), node.negated, node)
        case ast.Like():
            return _like(node, scope)
        case ast.IsNull():
            name = "IS NOT NULL" if node.negated else "IS NULL"
            return resolve_operator(name, [bind(node.operand, scope)], span)
        case ast.IsTruth():
            word = "UNKNOWN" if node.value is None else str(node.value).upper()
            return _is(word, node.negated, [bind(node.operand, scope)], node)
        case ast.IsDistinctFrom():
            args = [bind(node.left, scope), bind(node.right, scope)]
            return _is("DISTINCT FROM", node.negated, args, node)
        case ast.IsJson():
            return _is(f"JSON {node.what}", node.negated, [bind(node.operand, scope)], node)
        case ast.Case():
            return _case(node, scope)
        case ast.Cast():
            return _cast(node, scope)
        case ast.Extract():
            args = [_text(node.unit), bind(node.operand, scope)]
            return resolve_function("EXTRACT", args, span)
        case ast.TimeDifference():
            moments = [bind(node.later, scope), bind(node.earlier, scope)]
            return resolve_operator("MINUS TIME", [_text(node.unit), *moments], span)
        case ast.FunctionCall():
            return _call(node, scope)
        case ast.FieldAccess():
            return resolve_field(bind(node.operand, scope), node.field, span)
        case ast.ItemAccess():
            args = [bind(node.operand, scope), bind(node.index, scope)]
            return resolve_operator("[]", args, span)
        case ast.ArrayConstructor():
            return _constructor("ARRAY", [bind(i, scope) for i in node.items], node)
        case ast.MapConstructor():
            pairs = [bind(part, scope) for entry in node.entries for part in entry]
            return _constructor("MAP", pairs, node)
        case ast.RowConstructor():
            return _constructor("ROW", [bind(i, scope) for i in node.items], node)
        case ast.InQuery() | ast.Exists() | ast.ScalarSubquery() | ast.Quantified():
            raise unsupported("sub-query in an expression", node)
    raise unsupported(f"expression {type(node).__name__}", node)


def _text(value: str) -> Literal:
    return Literal(value=value, type=CHAR(len(value)).with_nullable(nullable=False))


def _maybe_not(expr: Expr, negated: bool, node: ast.Node) -> Expr:  # noqa: FBT001
    return resolve_operator("NOT", [expr], node.span) if negated else expr


def _is(word: str, negated: bool, args: list[Expr], node: ast.Node) -> Expr:  # noqa: FBT001
    if negated and definitions(f"IS NOT {word}"):
        return resolve_operator(f"IS NOT {word}", args, node.span)
    return _maybe_not(resolve_operator(f"IS {word}", args, node.span), negated, node)


def _unary(node: ast.Unary, scope: Scope) -> Expr:
    operand = node.operand
    if node.operator == "-" and isinstance(operand, ast.Literal):
        if operand.kind is ast.LiteralKind.INTEGER:
            return bind_integer(-int(str(operand.value)))
        if operand.kind in {ast.LiteralKind.DECIMAL, ast.LiteralKind.DOUBLE}:
            found = bind_literal(operand)
            zero = not found.value  # Flink knows no negative zero among literals
            return found if zero else Literal(value=-found.value, type=found.type)
    return resolve_operator(node.operator, [bind(operand, scope)], node.span)


def _like(node: ast.Like, scope: Scope) -> Expr:
    args = [bind(node.operand, scope), bind(node.pattern, scope)]
    if node.escape is not None:
        args.append(bind(node.escape, scope))
    if node.kind == "RLIKE":
        found = resolve_function("REGEXP", args, node.span)
    else:
        found = resolve_operator(node.kind, args, node.span)
    return _maybe_not(found, node.negated, node)


def _case(node: ast.Case, scope: Scope) -> Expr:
    whens = [(bind(when.condition, scope), bind(when.result, scope)) for when in node.whens]
    otherwise = bind(node.otherwise, scope) if node.otherwise is not None else None
    operand = bind(node.operand, scope) if node.operand is not None else None
    return resolve_case(whens, otherwise, operand=operand, span=node.span)


def _cast(node: ast.Cast, scope: Scope) -> Expr:
    target = node.type.type or _fail_type(node.type)
    return resolve_cast(bind(node.operand, scope), target, try_cast=node.safe, span=node.span)


def _constructor(name: str, args: list[Expr], node: ast.Node) -> Expr:
    if definitions(name):
        operator = definitions(name)[0].is_operator
        return (resolve_operator if operator else resolve_function)(name, args, node.span)
    raise unsupported(f"{name} constructor", node)


_JSON_CALLS = {"JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT", "JSON_ARRAY"}


def _json(node: ast.FunctionCall, scope: Scope) -> Expr:
    clauses: dict[str, tuple[str, Expr | None]] = {}
    returning = None
    for clause in node.clauses:
        if clause.type is not None:
            returning = clause.type.type or _fail_type(clause.type)
        else:
            value = None if clause.expression is None else bind(clause.expression, scope)
            clauses[clause.kind] = (clause.behavior, value)
    args = [_json_argument(argument, scope) for argument in node.arguments]
    return resolve_json(node.simple_name, args, clauses, returning, node.span)


def _json_argument(node: ast.Expression, scope: Scope) -> Expr:
    if isinstance(node, ast.FunctionCall) and node.simple_name == "JSON":
        args = [bind(argument, scope) for argument in node.arguments]
        return resolve_operator("JSON", args, node.span)
    return bind(node, scope)


def _fail_type(node: ast.TypeSpec) -> NoReturn:
    raise unsupported(f"type {node.text}", node)


def _call(node: ast.FunctionCall, scope: Scope) -> Expr:
    name = node.simple_name
    if node.bare and name not in function_names():
        # Words such as USER are functions elsewhere; here they can only be columns.
        return scope.resolve(node.name, node.span)
    if node.over is not None:
        raise unsupported("OVER", node, OVER_HINT)
    if name in AGGREGATES:
        raise unsupported(f"aggregate function {name}", node)
    if node.distinct or node.filter is not None or node.within_group or node.order_by:
        raise unsupported(f"DISTINCT, FILTER or ORDER BY in {name}", node)
    if name in _JSON_CALLS:
        return _json(node, scope)
    if node.clauses:
        raise unsupported(f"{node.clauses[0].kind} in {name}", node.clauses[0])
    if name in _NOT_YET:
        raise unsupported(f"function {name}", node)
    if name == "JSON":
        raise ValidationError(
            "function JSON may only stand directly in JSON_OBJECT or JSON_ARRAY", node.span
        )
    if name == "CURRENT_DATABASE" and not node.arguments and scope.database:
        return Literal(scope.database, STRING.with_nullable(nullable=False))
    if name == "PROCTIME" and name not in function_names():
        return resolve_function("CURRENT_TIMESTAMP", [], node.span)
    args = [bind(argument, scope) for argument in node.arguments]
    if name in FUNCTION_HINTS and name not in function_names():
        raise ValidationError(
            f'function "{name}" does not exist',
            node.span,
            code="unknown-function",
            hint=FUNCTION_HINTS[name],
        )
    return resolve_function(name, args, node.span)
