"""From names and typed arguments to calls: overloads, implicit casts, result types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import Span, UnsupportedFeatureError, ValidationError, nearest
from penstock.expressions import Call, Expr, Literal
from penstock.functions.cast import CAST, TRY_CAST
from penstock.functions.registry import definitions, function_names
from penstock.types import BOOLEAN, NULL, DataType, TypeRoot
from penstock.types import coercion as co
from penstock.types.coercion import is_castable, is_implicitly_castable

if TYPE_CHECKING:
    from collections.abc import Sequence

R = TypeRoot
_COMPARISONS = {"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"}
_SYNONYMS = {"!=": "<>", "==": "=", "NEG": "-", "U-": "-", "U+": "+"}


def resolve_function(name: str, args: Sequence[Expr], span: Span | None = None) -> Expr:
    """The call of the scalar function `name`, its arguments cast as the function needs them.

    Unit keywords (EXTRACT, FLOOR .. TO, TIMESTAMPADD) are passed as string literals in the order
    in which they are written.

    Raises:
        ValidationError: No such function, or the arguments do not fit.
    """
    upper = name.upper()
    overloads = [found for found in definitions(upper) if not found.is_operator]
    if not overloads:
        near = nearest(upper, function_names())
        raise ValidationError(
            f'function "{name}" does not exist',
            span,
            code="unknown-function",
            hint=f'Did you mean "{near}"?' if near else "",
        )
    return _resolve(upper, list(args), span, operator=False)


def resolve_operator(operator: str, args: Sequence[Expr], span: Span | None = None) -> Expr:
    """The call of an operator: `+ - * / % || = <> < <= > >= AND OR NOT`, `IS NULL` and its kin,
    `LIKE`, `SIMILAR TO`, `IN`, `BETWEEN`, each with a `NOT` form, `[]` and `.`.

    Raises:
        ValidationError: The operand types do not fit.
    """  # noqa: D205
    name = " ".join(operator.upper().split())
    name = _SYNONYMS.get(name, name)
    items = list(args)
    if name.startswith("NOT ") and not definitions(name):
        return resolve_operator("NOT", [resolve_operator(name[4:], items, span)], span)
    if name == "+" and len(items) == 1:
        return items[0]
    if name in {"BETWEEN", "BETWEEN ASYMMETRIC"}:
        value, low, high = items
        return resolve_operator(
            "AND",
            [
                resolve_operator(">=", [value, low], span),
                resolve_operator("<=", [value, high], span),
            ],
            span,
        )
    if name == "BETWEEN SYMMETRIC":
        value, low, high = items
        return resolve_operator(
            "OR",
            [
                resolve_operator("BETWEEN", [value, low, high], span),
                resolve_operator("BETWEEN", [value, high, low], span),
            ],
            span,
        )
    if name in _COMPARISONS:
        items = _comparable(name, items, span)
    if name == "IN":
        items = _in_list(items, span)
    if not definitions(name):
        raise UnsupportedFeatureError(f'operator "{operator}" is unsupported', span)
    return _resolve(name, items, span, operator=True)


def _resolve(name: str, args: list[Expr], span: Span | None, *, operator: bool) -> Expr:
    overloads = [found for found in definitions(name) if found.is_operator == operator]
    for definition in overloads:
        words = definition.words(len(args))
        if words is None or not definition.accepts(args):
            continue
        cast = [
            implicit_cast(arg, definition.target(word, arg.type), span)
            for word, arg in zip(words, args, strict=True)
        ]
        returns = definition.returns
        found = returns if isinstance(returns, DataType) else returns(cast)
        if found is None:
            continue
        match definition.nullable:
            case "any":
                found = found.with_nullable(any(arg.type.nullable for arg in cast))
            case "always" | "never":
                found = found.with_nullable(definition.nullable == "always")
        return Call(definition.function, tuple(cast), found)
    given = ", ".join(arg.type.sql() for arg in args)
    expected = "\n".join(f"supported: {found.text()}" for found in overloads)
    kind = "operator" if operator else "function"
    raise ValidationError(
        f'{kind} "{name}" cannot be applied to ({given})',
        span,
        code="argument-types",
        detail=expected,
        hint="Write an explicit CAST." if args else "",
    )


def _comparable(name: str, args: list[Expr], span: Span | None) -> list[Expr]:
    left, right = args
    a, b = left.type, right.type
    target = co.common_type([a, b])
    equality = "<" not in name.replace("<>", "") and ">" not in name.replace("<>", "")
    mixed = {a.root, b.root} <= {R.DATE, *co.TIMESTAMPS} and R.DATE in (a.root, b.root)
    if mixed and a.root is not b.root:
        target = None
    if target is None and a.root in co.STRINGS and b.root in (*co.TEMPORAL, R.BOOLEAN):
        target = b
    if target is None and b.root in co.STRINGS and a.root in (*co.TEMPORAL, R.BOOLEAN):
        target = a
    numbers = (a.root in co.STRINGS and b.root in co.NUMERIC) or (
        b.root in co.STRINGS and a.root in co.NUMERIC
    )
    if target is None and numbers and not equality:
        target = b if a.root in co.STRINGS else a
    if target is None:
        raise ValidationError(
            f'operator "{name}" cannot compare {a.sql()} with {b.sql()}',
            span,
            code="argument-types",
            detail="Implicit type conversion between these types is not supported.",
            hint="Write an explicit CAST.",
        )
    if target.root in co.STRINGS:
        return args
    return [_cast(arg, target.with_nullable(arg.type.nullable)) for arg in args]


def _in_list(args: list[Expr], span: Span | None) -> list[Expr]:
    value, *items = args
    target = co.common_type([arg.type for arg in args])
    if target is None:
        target = value.type
        if not all(
            is_castable(item.type, target)
            and (item.type.root in co.STRINGS or is_implicitly_castable(item.type, target))
            for item in items
        ):
            raise ValidationError(
                f"values in the IN list cannot be compared with {target.sql()}",
                span,
                code="argument-types",
            )
    if target.root in co.STRINGS:
        return args
    return [_cast(arg, target.with_nullable(arg.type.nullable)) for arg in args]


def resolve_cast(
    expr: Expr, target: DataType, *, try_cast: bool = False, span: Span | None = None
) -> Expr:
    """CAST or TRY_CAST of an expression; nullable as the expression, TRY_CAST always.

    Raises:
        ValidationError: There is no such cast.
    """
    if not is_castable(expr.type, target):
        hint = ""
        if {expr.type.root, target.root} & set(co.TIMESTAMPS):
            hint = "Use UNIX_TIMESTAMP(..) or TO_TIMESTAMP_LTZ(..)."
        raise ValidationError(
            f"cannot cast {expr.type.sql()} to {target.sql()}", span, code="cast", hint=hint
        )
    wanted = target.with_nullable(True if try_cast else expr.type.nullable)
    if expr.type == wanted:
        return expr
    return _cast(expr, wanted, try_cast=try_cast)


def _cast(expr: Expr, target: DataType, *, try_cast: bool = False) -> Expr:
    if expr.type.same_but_nullability(target):
        return expr
    if isinstance(expr, Literal) and expr.value is None:
        return Literal(None, target.with_nullable(nullable=True))
    return Call(TRY_CAST if try_cast else CAST, (expr,), target)


def implicit_cast(expr: Expr, target: DataType, span: Span | None = None) -> Expr:
    """The expression as `target`, where that happens unasked (INSERT, arguments, UNION).

    Raises:
        ValidationError: It would need an explicit CAST.
    """
    if expr.type.same_but_nullability(target):
        return expr
    if not is_implicitly_castable(expr.type, target) and not (
        expr.type.root in co.INTEGERS and target.root in co.INTEGERS
    ):
        raise ValidationError(
            f"{expr.type.sql()} does not convert to {target.sql()} implicitly",
            span,
            code="cast",
            hint="Write an explicit CAST.",
        )
    return _cast(expr, target.with_nullable(expr.type.nullable or target.root is R.NULL))


def resolve_case(
    whens: Sequence[tuple[Expr, Expr]],
    otherwise: Expr | None = None,
    *,
    operand: Expr | None = None,
    span: Span | None = None,
) -> Expr:
    """CASE: conditions with results, and the ELSE; with `operand`, conditions are values of it."""
    args: list[Expr] = []
    for condition, result in whens:
        test = condition
        if operand is not None:
            test = resolve_operator("=", [operand, condition], span)
        if test.type.root not in (R.BOOLEAN, R.NULL):
            raise ValidationError("condition of CASE is not BOOLEAN", span, code="argument-types")
        args += [implicit_cast(test, BOOLEAN, span), result]
    args.append(otherwise if otherwise is not None else Literal(None, NULL))
    return _resolve("CASE", args, span, operator=True)


def common_type(types: Sequence[DataType], span: Span | None = None) -> DataType:
    """The type all of `types` convert to.

    Raises:
        ValidationError: There is none.
    """
    found = co.common_type(types)
    if found is None:
        names = ", ".join(data_type.sql() for data_type in types)
        raise ValidationError(f"types ({names}) have no common type", span, code="argument-types")
    return found


def resolve_field(expr: Expr, name: str, span: Span | None = None) -> Expr:
    """The field `name` of a ROW.

    Raises:
        ValidationError: The expression is not a ROW or has no such field.
    """
    for field in expr.type.fields:
        if field.name == name:
            literal = Literal(name, DataType(R.CHAR, nullable=False, length=len(name)))
            return _resolve(".", [expr, literal], span, operator=True)
    names = [field.name for field in expr.type.fields]
    near = nearest(name, names)
    raise ValidationError(
        f'{expr.type.sql()} has no field "{name}"',
        span,
        code="unknown-field",
        hint=f'Did you mean "{near}"?' if near else "",
    )
