"""How columns of StarRocks are read as Flink's types: pairs that fit, and their decoders.

Source: flink-connector-starrocks, DataUtil and its Arrow pairing; widening without loss is ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.connectors.base.sql_table import Comparison
from penstock.connectors.starrocks.nested_text import decode_nested, is_readable
from penstock.connectors.starrocks.types import base_type
from penstock.errors import DataError, PenstockError
from penstock.types import TypeRoot as R

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.types import DataType

REFUSED = frozenset(("bitmap", "hll", "percentile", "variant", "unknown", "function", "object"))
_TEXTS = frozenset((R.CHAR, R.VARCHAR))
_INTEGERS = (R.TINYINT, R.SMALLINT, R.INT, R.BIGINT)
_PAIRS: dict[str, frozenset[R]] = {
    "boolean": frozenset((R.BOOLEAN,)),
    "tinyint": frozenset(_INTEGERS),
    "smallint": frozenset(_INTEGERS[1:]),
    "int": frozenset(_INTEGERS[2:]),
    "bigint": frozenset(_INTEGERS[3:]),
    "largeint": frozenset((R.CHAR, R.VARCHAR, R.DECIMAL)),
    "float": frozenset((R.FLOAT, R.DOUBLE)),
    "double": frozenset((R.DOUBLE,)),
    "decimal": frozenset((R.DECIMAL,)),
    "char": _TEXTS,
    "varchar": _TEXTS,
    "string": _TEXTS,
    "json": _TEXTS,
    "date": frozenset((R.DATE, *_TEXTS)),
    "datetime": frozenset((R.TIMESTAMP, R.TIMESTAMP_LTZ, *_TEXTS)),
    "binary": frozenset((R.BINARY, R.VARBINARY)),
    "varbinary": frozenset((R.BINARY, R.VARBINARY)),
    "array": frozenset((R.ARRAY, *_TEXTS)),
    "map": frozenset((R.MAP, *_TEXTS)),
    "struct": frozenset((R.ROW, *_TEXTS)),
}
_EXACT = frozenset((*_INTEGERS, R.BOOLEAN, R.DATE))
_SECOND_US = 1_000_000


def readable_as(actual: str) -> frozenset[R]:
    """The Flink types a column of StarRocks can be read as; empty where it cannot be read."""
    return _PAIRS.get(base_type(actual), frozenset())


def fits(actual: str, declared: DataType) -> bool:
    """Whether all values of a StarRocks column have their value in the declared type.

    Examples:
        >>> from penstock.types import BIGINT, DECIMAL, INT
        >>> fits("int(11)", BIGINT), fits("bigint(20)", INT), fits("decimal(10, 2)", DECIMAL(9, 2))
        (True, False, False)
    """
    if declared.root not in readable_as(actual):
        return False
    if base_type(actual) == "decimal":
        digits = re.findall(r"\d+", actual.split("(", 1)[1]) if "(" in actual else ["10", "0"]
        precision, scale = int(digits[0]), int(digits[1]) if len(digits) > 1 else 0
        wide = declared.precision - declared.scale >= precision - scale
        return declared.scale >= scale and wide
    if base_type(actual) == "largeint" and declared.root is R.DECIMAL:
        return declared.precision == 38 and declared.scale == 0
    if declared.root in {R.ARRAY, R.MAP, R.ROW}:
        return is_readable(declared)
    return True


def comparison(declared: DataType, actual: str | None = None) -> Comparison:
    """How StarRocks compares a column that is read as `declared`.

    Args:
        declared: The declared type.
        actual: The column's type; None where it is not known yet, for what holds of any that fits.
    """
    base = base_type(actual) if actual is not None else ""
    if declared.root is R.DECIMAL:
        return Comparison.EXACT if base != "largeint" else Comparison.NONE
    if declared.root in _EXACT:
        return Comparison.EXACT
    if declared.root is R.TIMESTAMP:
        return Comparison.EXACT if declared.precision >= 6 else Comparison.FLOORED
    # Only what is a text there compares as one: a JSON document, a date or a number does not.
    if declared.root in _TEXTS and base in {"", "char", "varchar", "string"}:
        return Comparison.EQUAL
    return Comparison.NONE


def decoder(
    declared: DataType, zone: str, table: str, column: str
) -> Callable[[pa.Array], pa.Array]:
    """Texts of the MySQL protocol to values of the declared type.

    Args:
        declared: The type.
        zone: Of the wall clocks that are read as instants.
        table: For messages.
        column: For messages.
    """
    decode = _DECODERS.get(declared.root, _plain)

    def checked(texts: pa.Array) -> pa.Array:
        try:
            return decode(texts, declared, zone)
        except PenstockError:
            raise
        except (pa.ArrowException, ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise DataError(
                f"a value from StarRocks is no {declared.sql()}",
                table=table,
                column=column,
                detail=f"{error}.",
                hint="Declare the column as STRING, or with the type it has in StarRocks.",
            ) from error

    return checked


def _plain(texts: pa.Array, declared: DataType, zone: str) -> Any:  # noqa: ARG001
    return texts.cast(pa.string()).cast(declared.arrow())


def _binary(texts: pa.Array, declared: DataType, zone: str) -> Any:  # noqa: ARG001
    return texts


def _boolean(texts: pa.Array, declared: DataType, zone: str) -> Any:  # noqa: ARG001
    return (
        pc.is_in(texts, pa.array([b"1", b"true"]))
        if not texts.null_count
        else pc.if_else(
            pc.is_valid(texts),
            pc.is_in(texts, pa.array([b"1", b"true"])),
            pa.scalar(None, pa.bool_()),
        )
    )


def _timestamp(texts: pa.Array, declared: DataType, zone: str) -> Any:
    values = texts.cast(pa.string()).cast(pa.timestamp("us"))
    if declared.precision < 6:
        step = 10 ** (6 - declared.precision)
        micros = values.view(pa.int64())
        rest = pc.subtract(micros, pc.multiply(pc.divide(micros, step), step))
        rest = pc.if_else(pc.less(rest, 0), pc.add(rest, step), rest)
        values = pc.subtract(micros, rest).view(pa.timestamp("us"))
    if declared.root is R.TIMESTAMP:
        return values
    aware = pc.assume_timezone(values, zone, ambiguous="earliest", nonexistent="latest")
    return aware.cast(declared.arrow())


def _nested(texts: pa.Array, declared: DataType, zone: str) -> Any:  # noqa: ARG001
    return decode_nested(texts, declared)


_DECODERS: dict[R, Callable[[pa.Array, DataType, str], Any]] = {
    R.BOOLEAN: _boolean,
    R.BINARY: _binary,
    R.VARBINARY: _binary,
    R.TIMESTAMP: _timestamp,
    R.TIMESTAMP_LTZ: _timestamp,
    R.ARRAY: _nested,
    R.MAP: _nested,
    R.ROW: _nested,
}
