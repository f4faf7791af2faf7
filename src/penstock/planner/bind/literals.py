"""Constants of the text as typed literals."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from penstock.errors import Span, UnsupportedFeatureError, ValidationError
from penstock.expressions import Literal
from penstock.sql import tree as ast
from penstock.types import (
    BIGINT,
    BINARY,
    BOOLEAN,
    CHAR,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    INTERVAL_DAY,
    INTERVAL_MONTH,
    NULL,
    TIME,
    TIMESTAMP,
    DataType,
)

Kind = ast.LiteralKind


def bind_literal(node: ast.Literal) -> Literal:
    """The literal with Flink's type for how it was written."""
    value = node.value
    match node.kind:
        case Kind.NULL:
            return Literal(value=None, type=NULL)
        case Kind.UNKNOWN:
            return Literal(value=None, type=BOOLEAN)
        case Kind.BOOLEAN:
            return _made(value, BOOLEAN)
        case Kind.INTEGER:
            return bind_integer(int(value))  # type: ignore[arg-type]
        case Kind.DECIMAL:
            return _decimal(Decimal(str(value)), node.span.end - node.span.start - 1)
        case Kind.DOUBLE:
            return _made(float(value), DOUBLE)  # type: ignore[arg-type]
        case Kind.STRING:
            # Java counts UTF-16 units.
            return _made(value, CHAR(len(str(value).encode("utf-16-le")) // 2))
        case Kind.BINARY:
            return _made(value, BINARY(len(value)))  # type: ignore[arg-type]
    try:
        return _temporal(node.kind, str(value).strip(), node.span)
    except ValueError as error:
        raise ValidationError(
            f"illegal {node.kind.value} literal {value!r}",
            node.span,
            code="literal",
            detail=f"{error}.",
        ) from error


def bind_integer(value: int) -> Literal:
    """A whole number: INT, else BIGINT, else DECIMAL."""
    if -(2**31) <= value < 2**31:
        return _made(value, INT)
    if -(2**63) <= value < 2**63:
        return _made(value, BIGINT)
    return _decimal(Decimal(value))


def _decimal(value: Decimal, written: int = 0) -> Literal:
    """A DECIMAL with as many digits as were written, zeros in front included."""
    _, digits, exponent = value.as_tuple()
    scale = max(-int(exponent), 0)
    precision = max(len(digits) + max(int(exponent), 0), scale, written, 1)
    return _made(value, DECIMAL(min(precision, 38), scale))


def _made(value: object, data_type: DataType) -> Literal:
    return Literal(value=value, type=data_type.with_nullable(nullable=False))


_FORMS = {Kind.DATE: "yyyy-MM-dd", Kind.TIME: "HH:mm:ss", Kind.TIMESTAMP: "yyyy-MM-dd HH:mm:ss"}
_DATE = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_CLOCK = r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d*))?"
_PATTERNS = {
    Kind.DATE: re.compile(_DATE),
    Kind.TIME: re.compile(_CLOCK),
    Kind.TIMESTAMP: re.compile(rf"{_DATE}(?: {_CLOCK})?"),
}


def _temporal(kind: ast.LiteralKind, text: str, span: Span) -> Literal:
    found = _PATTERNS[kind].fullmatch(text)
    if not found:
        raise ValueError(f"It is not in the format '{_FORMS[kind]}'")
    numbers = [int(part or 0) for part in found.groups()]
    if kind is Kind.DATE:
        return _made(dt.date(*numbers), DATE)
    digits = found.groups()[-1] or ""
    if kind is Kind.TIMESTAMP and digits[6:].strip("0"):
        raise UnsupportedFeatureError(
            f"unsupported: TIMESTAMP '{text}', finer than microseconds", span
        )
    hour, minute, second = numbers[-4:-1]
    clock = dt.time(hour, minute, second, int(digits.ljust(6, "0")[:6]))
    if kind is Kind.TIME:
        return _made(clock.replace(microsecond=0), TIME(0))
    moment = dt.datetime.combine(dt.date(*numbers[:3]), clock)
    return _made(moment, TIMESTAMP(min(len(digits), 9)))


_DAY_PARTS = ("DAY", "HOUR", "MINUTE", "SECOND")
_SECONDS = {"WEEK": 604_800, "DAY": 86_400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}
_MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}


def bind_interval(node: ast.Interval) -> Literal:
    """An interval: months, or a time span of milliseconds."""
    text = node.value.strip()
    negative = node.negative
    if text[:1] in {"-", "+"}:
        negative ^= text[0] == "-"
        text = text[1:]
    sign = -1 if negative else 1
    parts = re.split(r"[ :-]", text)
    units = [node.unit]
    if node.end_unit and node.unit in _DAY_PARTS:
        units = list(_DAY_PARTS[_DAY_PARTS.index(node.unit) : _DAY_PARTS.index(node.end_unit) + 1])
    elif node.end_unit:
        units = ["YEAR", "MONTH"]
    try:
        numbers = [Decimal(part) for part in parts]
        pairs = list(zip(numbers, units, strict=True))
    except (ValueError, ArithmeticError) as error:
        raise ValidationError(
            f"illegal interval literal '{node.value}'", node.span, code="literal"
        ) from error
    if node.unit in _MONTHS:
        months = sum(int(number) * _MONTHS[unit] for number, unit in pairs)
        return _made(sign * months, INTERVAL_MONTH)
    if node.unit not in _SECONDS:
        raise ValidationError(f"illegal interval unit {node.unit}", node.span, code="literal")
    millis = sum(int(number * _SECONDS[unit] * 1000) for number, unit in pairs)
    return _made(sign * dt.timedelta(milliseconds=millis), INTERVAL_DAY)
