"""Texts to values, as CAST reads them.

Source: Flink 2.2, DateTimeUtils and BinaryStringDataUtil; observed on 2.2.1.
"""

from __future__ import annotations

import calendar
import datetime
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import arrow_type
from penstock.functions.cast.number import BITS, fit_decimal, round_decimal, wrap
from penstock.functions.cast.temporal import local_to_instant, truncate_timestamp
from penstock.types import DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import EvalContext

R = TypeRoot
_TRUE = {"t", "true", "yes", "y", "1"}
_FALSE = {"f", "false", "no", "n", "0"}
_DATE = re.compile(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?)?$")
_TIME = re.compile(
    r"\s*([0-9]{1,2})\s*(?::\s*([0-9]{1,2})\s*(?::\s*([0-9]{1,2})(?:\.([0-9]*))?\s*)?)?$"
)
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?: ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{0,9}))?)?$"
)
_INTEGER = re.compile(r"([+-]?[0-9]*)(?:\.[0-9]*)?$")
_FLOAT = re.compile(
    r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[dDfF]?)$"
)
_HEX_FLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F.]+[pP][+-]?[0-9]+[dDfF]?$")
_USUAL_TIMESTAMP = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$"
_USUAL_DATE = r"^\d{4}-\d{2}-\d{2}$"


def parse_date(text: str) -> datetime.date | None:
    """A date out of `yyyy[-M[-d]]`, what follows a blank ignored; None where it is none.

    Examples:
        >>> parse_date("2020-1"), parse_date("2020-02-30")
        (datetime.date(2020, 1, 1), None)
    """
    blank = text.find(" ")
    found = _DATE.match(text[:blank] if blank > 0 else text)
    if not found:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def parse_time(text: str) -> datetime.time | None:
    """A time out of `H[:m[:s[.f]]]`; None where it is none."""
    found = _TIME.match(text)
    if not found:
        return None
    hour, minute, second, fraction = found.groups()
    micros = int((fraction or "").ljust(6, "0")[:6])
    try:
        return datetime.time(int(hour), int(minute or 0), int(second or 0), micros)
    except ValueError:
        return None


def parse_timestamp(text: str, precision: int = 6) -> datetime.datetime | None:
    """A wall clock out of `yyyy-M-d[ H:m:s[.f]]`; None where it is none.

    A day that its month lacks is the month's last, and 24:00:00 the next day's beginning, as Java's
    smart resolving has it.

    Examples:
        >>> parse_timestamp("2020-1-1 1:02:03.123456", 3)
        datetime.datetime(2020, 1, 1, 1, 2, 3, 123000)
        >>> parse_timestamp("2020-02-30").day, parse_timestamp("2020-01-01T00:00:00")
        (29, None)
    """
    found = _TIMESTAMP.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = int((found[7] or "").ljust(6, "0")[:6])
    if precision < 6:
        micros -= micros % 10 ** (6 - precision)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    day = min(day, calendar.monthrange(year, month)[1])
    next_day = (hour, minute, second, micros) == (24, 0, 0, 0)
    try:
        time = datetime.time(0 if next_day else hour, minute, second, micros)
        moment = datetime.datetime.combine(datetime.date(year, month, day), time)
        return moment + datetime.timedelta(days=1) if next_day else moment
    except (ValueError, OverflowError):
        return None


def _parse_integer(text: str, bits: int) -> int:
    text = text.strip()
    if not text:
        raise ValueError("Input is empty")
    found = _INTEGER.match(text)
    if not found or text in {"+", "-"}:
        raise ValueError("Invalid character found")
    digits = found[1]
    value = int(digits) if digits.strip("+-") else 0
    if value != wrap(value, bits):
        raise ValueError("Overflow")
    return value


def _parse_decimal(text: str, target: DataType) -> Decimal:
    try:
        found = Decimal(text.strip())
        value = round_decimal(found, target.precision, target.scale) if found.is_finite() else None
    except InvalidOperation:
        value = None
    if value is None or "_" in text:
        raise ValueError("it is no number or does not fit")
    return value


def _parse_float(text: str) -> float:
    text = text.strip()
    if _FLOAT.match(text):
        return float(text.rstrip("dDfF") if text[-1] in "dDfF" else text)
    if _HEX_FLOAT.match(text):
        return float.fromhex(text.rstrip("dDfF") if text[-2].isdigit() else text)
    raise ValueError("it is no number")


def _parse_boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("it is neither true nor false")


def _or_fail(function: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        found = function(text)
        if found is None:
            raise ValueError("it is not in the expected format")
        return found

    return parse


def _cut_time(text: str) -> datetime.time | None:
    """TIME as SQL casts make it: without a fraction."""
    time = parse_time(text)
    return time and time.replace(microsecond=0)


_TOO_FINE = re.compile(r"\.[0-9]{6}[0-9]*[1-9]")


def _fine_timestamp(text: str, precision: int) -> datetime.datetime | None:
    if precision > 6 and _TOO_FINE.search(text):
        raise too_fine()
    return parse_timestamp(text, precision)


def too_fine() -> DataError:
    """The error for a moment finer than microseconds, which are kept."""
    return DataError(
        "timestamp finer than microseconds is unsupported",
        code="unsupported-precision",
        hint="Declare TIMESTAMP(6): digits beyond are cut then.",
    )


def _parser(target: DataType) -> Callable[[str], Any]:
    match target.root:
        case R.BOOLEAN:
            return _parse_boolean
        case R.DECIMAL:
            return lambda text: _parse_decimal(text, target)
        case R.FLOAT | R.DOUBLE:
            return _parse_float
        case R.DATE:
            return _or_fail(parse_date)
        case R.TIME:
            return _or_fail(_cut_time)
        case R.TIMESTAMP | R.TIMESTAMP_LTZ:
            return _or_fail(lambda text: _fine_timestamp(text, target.precision))
    return lambda text: _parse_integer(text, BITS[target.root])


def _usual(array: Any, target: DataType) -> Any:
    """By Arrow, where every text has the usual form; None where one has not."""
    pattern = None
    match target.root:
        case R.TINYINT | R.SMALLINT | R.INT | R.BIGINT:
            # Arrow reads plain digits as Flink does, and hexadecimal too.
            if pc.any(pc.match_substring(array, "x", ignore_case=True)).as_py():
                return None
        case R.TIMESTAMP:
            pattern = _USUAL_TIMESTAMP
        case R.DATE:
            pattern = _USUAL_DATE
        case R.DOUBLE:
            pattern = r"^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$"
        case R.DECIMAL:
            return _usual_decimal(array, target)
        case _:
            return None
    if pattern and pc.all(pc.match_substring_regex(array, pattern)).as_py() is False:
        return None
    if pattern in {_USUAL_DATE, _USUAL_TIMESTAMP} and (
        pc.any(pc.starts_with(array, "0000")).as_py()
    ):
        return None  # there is no year 0
    try:
        found = array.cast(arrow_type(target))
    except pa.ArrowInvalid:
        return None
    return truncate_timestamp(found, target.precision) if target.root is R.TIMESTAMP else found


def _usual_decimal(array: Any, target: DataType) -> Any:
    if pc.all(pc.match_substring_regex(array, r"^-?\d{1,20}(?:\.\d{1,17})?$")).as_py() is False:
        return None
    found = fit_decimal(array.cast(pa.decimal128(38, 17)), target)
    return found if found.null_count == array.null_count else None  # one does not fit


def cast_text(
    array: Any, source: DataType, target: DataType, context: EvalContext, *, try_cast: bool
) -> Any:
    """Strings as values of another type.

    Raises:
        DataError: A text is none, and `try_cast` is false.
    """
    local = target
    if target.root is R.TIMESTAMP_LTZ:
        local = DataType(R.TIMESTAMP, precision=target.precision)
    found = _usual(array, local)
    if found is None:
        found = _slowly(array, source, target, local, try_cast=try_cast)
    return found if local is target else local_to_instant(found, context.time_zone)


def _slowly(
    array: Any, source: DataType, target: DataType, local: DataType, *, try_cast: bool
) -> Any:
    parse = lru_cache(maxsize=65536)(_parser(local))
    values: list[Any] = []
    for text in array.to_pylist():
        try:
            values.append(None if text is None else parse(text))
        except ValueError as error:
            if not try_cast:
                raise DataError(
                    f"could not cast a {source.sql()} value to {target.sql()}",
                    code="cast",
                    detail=f"For the input string: {error}.",
                    hint="TRY_CAST gives NULL instead.",
                ) from error
            values.append(None)
    return pa.array(values, arrow_type(local))
