"""Which types go together: decimal derivation, common types, implicit and explicit casts.

Source: Flink 2.2 SQL documentation, Data Types (casts, decimals); observed on 2.2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.types.data_type import (
    BIGINT,
    DECIMAL,
    DOUBLE,
    INT,
    SMALLINT,
    TINYINT,
    VARBINARY,
    VARCHAR,
    DataType,
    Field,
    TypeRoot,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

R = TypeRoot
INTEGERS = (R.TINYINT, R.SMALLINT, R.INT, R.BIGINT)
EXACT = (*INTEGERS, R.DECIMAL)
APPROXIMATE = (R.FLOAT, R.DOUBLE)
NUMERIC = (*EXACT, *APPROXIMATE)
STRINGS = (R.CHAR, R.VARCHAR)
BINARIES = (R.BINARY, R.VARBINARY)
TIMESTAMPS = (R.TIMESTAMP, R.TIMESTAMP_LTZ)
TEMPORAL = (R.DATE, R.TIME, *TIMESTAMPS)
INTERVALS = (R.INTERVAL_MONTH, R.INTERVAL_DAY)
CONSTRUCTED = (R.ARRAY, R.MAP, R.MULTISET, R.ROW)
_DIGITS = {R.TINYINT: 3, R.SMALLINT: 5, R.INT: 10, R.BIGINT: 19}
_BY_RANK = (TINYINT, SMALLINT, INT, BIGINT)


def as_decimal(data_type: DataType) -> DataType:
    """The DECIMAL that holds an exact number type: INT is DECIMAL(10, 0)."""
    if data_type.root is R.DECIMAL:
        return data_type
    return DECIMAL(_DIGITS[data_type.root], 0).with_nullable(data_type.nullable)


def capped_decimal(precision: int, scale: int) -> DataType:
    """DECIMAL limited to 38 digits, which keeps integer digits and at least 6 of the fraction.

    Examples:
        >>> capped_decimal(77, 36).sql()
        'DECIMAL(38, 6)'
    """
    if precision > 38:
        scale = max(38 - (precision - scale), min(scale, 6))
        precision = 38
    return DECIMAL(precision, scale)


def decimal_result(operator: str, left: DataType, right: DataType) -> DataType:
    """The type of a decimal operation; `operator` is one of + - * / %.

    Examples:
        >>> decimal_result("*", DECIMAL(10, 2), DECIMAL(10, 4)).sql()
        'DECIMAL(21, 6)'
        >>> decimal_result("/", DECIMAL(10, 2), DECIMAL(10, 4)).sql()
        'DECIMAL(25, 13)'
    """
    left, right = as_decimal(left), as_decimal(right)
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    scale = max(s1, s2)
    match operator:
        case "*":
            return capped_decimal(p1 + p2 + 1, s1 + s2)
        case "/":
            scale = max(6, s1 + p2 + 1)
            return capped_decimal(p1 - s1 + s2 + scale, scale)
        case "%":
            return DECIMAL(min(min(p1 - s1, p2 - s2) + scale, 38) or 1, scale)
    return capped_decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)


def common_type(types: Sequence[DataType]) -> DataType | None:
    """The type all of `types` convert to in CASE, COALESCE, UNION; None where there is none.

    Examples:
        >>> common_type([INT, DECIMAL(2, 1)]).sql()
        'DECIMAL(11, 1)'
        >>> common_type([INT, VARCHAR(3)]) is None
        True
    """
    found: DataType | None = None
    for data_type in types:
        found = data_type if found is None else _common(found, data_type)
        if found is None:
            return None
    return found


def _common(a: DataType, b: DataType) -> DataType | None:
    nullable = a.nullable or b.nullable
    if a.same_but_nullability(b):
        return a.with_nullable(nullable)
    if a.root is R.NULL:
        return b.with_nullable(nullable=True)
    if b.root is R.NULL:
        return a.with_nullable(nullable=True)
    found: DataType | None = None
    if a.root in NUMERIC and b.root in NUMERIC:
        found = _common_number(a, b)
    elif a.root in STRINGS and b.root in STRINGS:
        found = VARCHAR(max(a.length, b.length))
    elif a.root in BINARIES and b.root in BINARIES:
        found = VARBINARY(max(a.length, b.length))
    elif a.root in TIMESTAMPS and b.root in TIMESTAMPS:
        root = R.TIMESTAMP_LTZ if R.TIMESTAMP_LTZ in (a.root, b.root) else R.TIMESTAMP
        found = DataType(root, precision=max(a.precision, b.precision))
    elif a.root is b.root and a.root in (R.TIME, *INTERVALS):
        found = a if a.precision >= b.precision else b
    elif a.root is b.root and a.root in CONSTRUCTED:
        found = _common_constructed(a, b)
    return None if found is None else found.with_nullable(nullable)


def _common_constructed(a: DataType, b: DataType) -> DataType | None:
    if len(a.children) != len(b.children) or len(a.fields) != len(b.fields):
        return None
    children = [_common(x, y) for x, y in zip(a.children, b.children, strict=True)]
    fields = [_common(x.type, y.type) for x, y in zip(a.fields, b.fields, strict=True)]
    if None in children or None in fields:
        return None
    named = [Field(f.name, t) for f, t in zip(a.fields, fields, strict=True) if t is not None]
    return DataType(
        a.root, children=tuple(child for child in children if child), fields=tuple(named)
    )


def _common_number(a: DataType, b: DataType) -> DataType:
    roots = (a.root, b.root)
    if a.root in INTEGERS and b.root in INTEGERS:
        return _BY_RANK[max(INTEGERS.index(a.root), INTEGERS.index(b.root))]
    if R.DOUBLE in roots or (R.FLOAT in roots and R.DECIMAL in roots):
        return DOUBLE
    if R.FLOAT in roots:
        return a if a.root is R.FLOAT else b
    left, right = as_decimal(a), as_decimal(b)
    scale = max(left.scale, right.scale)
    return capped_decimal(
        max(left.precision - left.scale, right.precision - right.scale) + scale, scale
    )


def is_implicitly_castable(source: DataType, target: DataType) -> bool:
    """Whether INSERT and calls convert `source` to `target` unasked; nullability is not looked at.

    Examples:
        >>> is_implicitly_castable(INT, BIGINT), is_implicitly_castable(BIGINT, INT)
        (True, False)
    """
    s, t = source.root, target.root
    if s is R.NULL or source.same_but_nullability(target):
        return True
    if s in NUMERIC and t in NUMERIC:
        order = (*INTEGERS, R.DECIMAL, *APPROXIMATE)
        return order.index(s) <= order.index(t)
    for family in (STRINGS, BINARIES):
        if s in family:
            return t in family
    if s in TEMPORAL and t in TEMPORAL:
        if s is R.DATE or t is R.TIME:
            return t in (R.DATE, *TIMESTAMPS) if s is R.DATE else s is t
        return s is t or (s in TIMESTAMPS and t in TIMESTAMPS)
    if s is not t:
        return False
    if s in CONSTRUCTED:
        ours = (*source.children, *(f.type for f in source.fields))
        theirs = (*target.children, *(f.type for f in target.fields))
        return len(ours) == len(theirs) and all(map(is_implicitly_castable, ours, theirs))
    return True


def is_castable(source: DataType, target: DataType) -> bool:
    """Whether an explicit CAST exists.

    Examples:
        >>> from penstock.types.data_type import TIMESTAMP
        >>> is_castable(TIMESTAMP(3), BIGINT), is_castable(INT, VARCHAR(3))
        (False, True)
    """
    s, t = source.root, target.root
    if is_implicitly_castable(source, target) or t in STRINGS:
        return True
    if s in STRINGS:
        return t not in (*CONSTRUCTED, *INTERVALS)
    if s in BINARIES or t in BINARIES:
        return s in (*BINARIES, *STRINGS) and t in (*BINARIES, *STRINGS)
    if s in (*NUMERIC, R.BOOLEAN) and t in (*NUMERIC, R.BOOLEAN):
        return True
    if s in TEMPORAL and t in TEMPORAL:
        return {s, t} != {R.DATE, R.TIME}
    if s in INTERVALS or t in INTERVALS:
        return s in EXACT and t in INTERVALS
    if s in CONSTRUCTED and s is t:
        ours = (*source.children, *(f.type for f in source.fields))
        theirs = (*target.children, *(f.type for f in target.fields))
        return len(ours) == len(theirs) and all(map(is_castable, ours, theirs))
    return False


_DIGITS = {R.TINYINT: 3, R.SMALLINT: 5, R.INT: 10, R.BIGINT: 19}


def keeps_values(source: DataType, target: DataType) -> bool:
    """Whether a cast changes no value: widening, of exact numbers, texts and timestamps.

    Examples:
        >>> keeps_values(INT, BIGINT), keeps_values(BIGINT, INT), keeps_values(INT, DECIMAL(9, 0))
        (True, False, False)
    """
    if source.root in STRINGS:
        return target.root is R.VARCHAR and target.length >= source.length
    if source.root is R.TIMESTAMP:
        return target.root is R.TIMESTAMP and target.precision >= source.precision
    exact = {*_DIGITS, R.DECIMAL}
    if source.root not in exact or target.root not in exact:
        return source.same_but_nullability(target)
    if target.root is not R.DECIMAL:
        return source.root is not R.DECIMAL and _DIGITS[target.root] >= _DIGITS[source.root]
    scale = source.scale if source.root is R.DECIMAL else 0
    whole = source.precision - scale if source.root is R.DECIMAL else _DIGITS[source.root]
    return target.scale >= scale and target.precision - target.scale >= whole
