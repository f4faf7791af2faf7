"""From names and typed arguments to calls: overloads, implicit casts, result types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import DataError, Span, UnsupportedFeatureError, ValidationError, nearest
from penstock.expressions import Call, Expr, InputRef, Literal, evaluate_constant
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
        never = _boolean_with_text(name, items)
        if never is not None:
            return never
        items = _comparable(name, items, span)
    if name == "IN":
        items = _in_list(items, span)
    if name == "[]" and items[0].type.root is R.ROW:
        return _field_at(items[0], items[1], span)
    if not definitions(name):
        raise UnsupportedFeatureError(f'operator "{operator}" is unsupported', span)
    return _resolve(name, items, span, operator=True)


def _field_at(row: Expr, key: Expr, span: Span | None) -> Expr:
    """`row['name']` or `row[1]`, whose key must be a constant."""
    if isinstance(key, Literal) and isinstance(key.value, str):
        return resolve_field(row, key.value, span)
    position = key.value if isinstance(key, Literal) else None
    if not isinstance(position, int) or not 1 <= position <= len(row.type.fields):
        raise ValidationError(
            "field of a ROW must be named by a constant", span, code="unknown-field"
        )
    return resolve_field(row, row.type.fields[position - 1].name, span)


_TYPED_ARGUMENTS = """
|| + - * / % AND OR NOT LIKE ROW CONCAT CONCAT_WS UPPER LOWER INITCAP CHAR_LENGTH CHARACTER_LENGTH
SUBSTRING SUBSTR LEFT RIGHT TRIM LTRIM RTRIM REPLACE OVERLAY POSITION INSTR LOCATE LPAD RPAD REPEAT
REVERSE SPLIT_INDEX ASCII CHR ENCODE DECODE TO_BASE64 FROM_BASE64 MD5 SHA1 SHA224 SHA256 SHA384
SHA512 SHA2 STR_TO_MAP PARSE_URL REGEXP REGEXP_REPLACE IS_ALPHA IS_DECIMAL IS_DIGIT HEX BIN ABS SIGN
ROUND TRUNCATE FLOOR CEIL CEILING MOD POWER SQRT LN LOG LOG10 LOG2 EXP SIN COS TAN COT ASIN ACOS
ATAN ATAN2 SINH COSH TANH DEGREES RADIANS DATE_FORMAT TO_TIMESTAMP TO_DATE FROM_UNIXTIME
UNIX_TIMESTAMP CONVERT_TZ EXTRACT YEAR QUARTER MONTH WEEK DAYOFYEAR DAYOFMONTH DAYOFWEEK HOUR MINUTE
SECOND TIMESTAMPADD TIMESTAMPDIFF GREATEST LEAST NULLIF JSON_OBJECT JSON_ARRAY
"""
_REFUSES_NULL = frozenset(_TYPED_ARGUMENTS.split())
"""Where Flink must know the type of every argument, so that a bare NULL is none."""


def _refuse_untyped(name: str, args: Sequence[Expr], span: Span | None) -> None:
    tested = args[:1] if name == "NULLIF" else args
    if name in _REFUSES_NULL and any(arg.type.root is R.NULL for arg in tested):
        raise untyped_null(span)
    if name in {"ARRAY", "COALESCE"} and args and all(arg.type.root is R.NULL for arg in args):
        raise untyped_null(span)
    if name == "MAP" and all(arg.type.root is R.NULL for arg in args[0::2]):
        raise untyped_null(span)
    if name == "IF" and args and args[0].type.root is R.NULL:
        raise untyped_null(span)


def untyped_null(span: Span | None) -> ValidationError:
    """The error for a NULL whose type nothing tells."""
    return ValidationError(
        "Illegal use of 'NULL'",
        span,
        code="untyped-null",
        detail="Its type cannot be inferred here.",
        hint="Give it one: CAST(NULL AS STRING).",
    )


def _refuse_constant_zero(name: str, args: Sequence[Expr], span: Span | None) -> None:
    """Flink computes constants while planning, and refuses what divides by zero there."""
    if name != "/" or args[1].type.root not in co.NUMERIC or args[0].type.root not in co.NUMERIC:
        return
    constant = all(
        arg.deterministic and not any(isinstance(node, InputRef) for node in arg.walk())
        for arg in args
    )
    if not constant:
        return
    try:
        dividend, divisor = map(evaluate_constant, args)
    except DataError:
        return  # it fails when it runs, if it runs
    if divisor == 0 and dividend is not None:
        raise ValidationError("division by zero", span, code="division-by-zero")


def _resolve(name: str, args: list[Expr], span: Span | None, *, operator: bool) -> Expr:
    _refuse_untyped(name, args, span)
    _refuse_constant_zero(name, args, span)
    overloads = [found for found in definitions(name) if found.is_operator == operator]
    for definition in overloads:
        words = definition.words(len(args))
        if words is None or not definition.accepts(args):
            continue
        cast = [
            implicit_cast(arg, definition.target(word, arg.type), span)
            for word, arg in zip(words, args, strict=True)
        ]
        if definition.coerce is not None:
            wanted = definition.coerce([arg.type for arg in cast])
            if wanted is None:
                continue
            cast = [_cast(arg, kind) for arg, kind in zip(cast, wanted, strict=True)]
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
    if a.root is R.NULL and b.root is R.NULL:
        return [Literal(None, BOOLEAN), Literal(None, BOOLEAN)]
    target = co.common_type([a, b])
    if target is None:
        target = _compared_with_text(name, a, b) or _compared_with_text(name, b, a)
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


_EQUALITY = {"=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"}


def _compared_with_text(name: str, kind: DataType, other: DataType) -> DataType | None:
    """The type a text is read as beside `kind`; a number's equality with a text is refused."""
    if other.root not in co.STRINGS:
        return None
    readable = kind.root in co.TEMPORAL or (kind.root in co.NUMERIC and name not in _EQUALITY)
    return kind if readable else None


def _boolean_with_text(name: str, args: list[Expr]) -> Expr | None:
    """BOOLEAN and text are never equal in Flink, whatever the text says (observed on 2.2.1)."""
    roots = {arg.type.root for arg in args}
    if name not in {"=", "<>"} or R.BOOLEAN not in roots or not roots & set(co.STRINGS):
        return None
    never = Literal(name == "<>", BOOLEAN.with_nullable(nullable=False))
    tests = [resolve_operator("IS NULL", [arg]) for arg in args if arg.type.nullable]
    if not tests:
        return never
    unknown = Literal(None, BOOLEAN)
    return resolve_case([(test, unknown) for test in tests], never)


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
    if target.root is R.TIME:
        target = DataType(R.TIME)  # casts in SQL keep no fraction (observed on 2.2.1)
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
