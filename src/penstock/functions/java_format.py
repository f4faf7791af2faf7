"""Java's String.format, for PRINTF.

Source: java.util.Formatter (Java 17); PRINTF gives NULL where Java throws.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from penstock.functions.text import java_float, value_text
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.types import DataType

_SPEC = re.compile(r"%(\d+\$)?([-#+ 0,(<]*)(\d+)?(\.\d+)?([a-zA-Z%])")
_BITS = {TypeRoot.TINYINT: 8, TypeRoot.SMALLINT: 16, TypeRoot.INT: 32, TypeRoot.BIGINT: 64}


class _FormatError(ValueError):
    """Java would throw."""


def format_java_text(form: str, values: Sequence[Any], types: Sequence[DataType]) -> str | None:
    """The values in a Java format, or None where they do not fit it.

    Examples:
        >>> from penstock.types import INT, STRING
        >>> format_java_text("%s=%05d%%", ["a", 42], [STRING, INT])
        'a=00042%'
    """
    try:
        return "".join(_pieces(form, values, types))
    except (_FormatError, ArithmeticError):
        return None


def _pieces(form: str, values: Sequence[Any], types: Sequence[DataType]) -> Iterator[str]:
    position = following = last = 0
    while (percent := form.find("%", position)) >= 0:
        found = _SPEC.match(form, percent)
        if not found:
            raise _FormatError("unknown format conversion")
        yield form[position:percent]
        position = found.end()
        index, flags, width, precision, kind = found.groups()
        if kind in "%n":
            yield _widened("%" if kind == "%" else "\n", flags, width)
            continue
        if index:
            last = int(index[:-1]) - 1
        elif "<" not in flags:
            last, following = following, following + 1
        if not 0 <= last < len(values):
            raise _FormatError("missing argument")
        yield _converted(kind, flags, width, precision, values[last], types[last])
    yield form[position:]


def _widened(text: str, flags: str, width: str | None) -> str:
    if not width:
        if "-" in flags:
            raise _FormatError("missing width")
        return text
    return text.ljust(int(width)) if "-" in flags else text.rjust(int(width))


def _converted(
    kind: str,
    flags: str,
    width: str | None,
    precision: str | None,
    value: Any,
    data_type: DataType,
) -> str:
    limit = None if precision is None else int(precision[1:])
    lower = kind.lower()
    if lower == "b":
        found = "false" if value is None else ("true" if value is not False else "false")
    elif value is None:
        found = "null"
    elif lower == "s":
        text = value_text(value, data_type)
        found = text.lower() if data_type.root is TypeRoot.BOOLEAN else text
    elif lower in "dxo":
        if limit is not None:
            raise _FormatError("illegal precision")
        return _integer(lower, kind, flags, width, value, data_type)
    elif lower in "feg":
        return _float(lower, kind, flags, width, 6 if limit is None else limit, value)
    elif lower == "c":
        if not isinstance(value, int) or isinstance(value, bool):
            raise _FormatError("illegal conversion")
        found = chr(value)
    else:
        raise _FormatError("unknown conversion")
    if limit is not None:
        found = found[:limit]
    return _widened(found.upper() if kind.isupper() else found, flags, width)


def _integer(
    lower: str, kind: str, flags: str, width: str | None, value: Any, data_type: DataType
) -> str:
    if not isinstance(value, int) or isinstance(value, bool) or data_type.root not in _BITS:
        raise _FormatError("illegal conversion")
    if lower == "d":
        return _signed(str(abs(value)), value < 0, flags, width)
    unsigned = value & ((1 << _BITS[data_type.root]) - 1)
    digits = f"{unsigned:x}" if lower == "x" else f"{unsigned:o}"
    prefix = {"x": "0x", "o": "0"}[lower] if "#" in flags else ""
    if "0" in flags and width:
        digits = digits.rjust(int(width) - len(prefix), "0")
    found = prefix + digits
    return _widened(found.upper() if kind.isupper() else found, flags, width)


def _float(lower: str, kind: str, flags: str, width: str | None, limit: int, value: Any) -> str:
    if not isinstance(value, float):
        raise _FormatError("illegal conversion")  # Flink hands a DECIMAL over as a type of its own
    if not math.isfinite(value):
        return _widened(java_float(value), flags, width)
    number = Decimal(java_float(value))
    negative = number.is_signed()
    magnitude = abs(number)
    if lower == "g":
        limit = limit or 1
        fixed = magnitude == 0 or Decimal("0.0001") <= magnitude < Decimal(10) ** limit
        if fixed:
            lower, limit = "f", max(limit - (magnitude.adjusted() + 1 if magnitude else 1), 0)
        else:
            lower, limit = "e", limit - 1
    if lower == "f":
        text = format(magnitude.quantize(Decimal(1).scaleb(-limit), rounding=ROUND_HALF_UP), "f")
    else:
        mantissa, exponent = f"{magnitude:.{limit}e}".split("e")
        text = f"{mantissa}e{exponent[0]}{exponent[1:].rjust(2, '0')}"
    found = _signed(text, negative, flags, width)
    return found.upper() if kind.isupper() else found


def _signed(digits: str, negative: bool, flags: str, width: str | None) -> str:  # noqa: FBT001
    if "," in flags:
        whole, dot, rest = digits.partition(".")
        digits = f"{int(whole):,}{dot}{rest}"
    before = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    after = ""
    if negative and "(" in flags:
        before, after = "(", ")"
    if "0" in flags and width:
        digits = digits.rjust(int(width) - len(before) - len(after), "0")
    return _widened(before + digits + after, flags, width)
