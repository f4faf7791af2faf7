"""The Flink type of a MySQL column, as a table of the connector 'mysql-cdc' should declare it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.types import (
    ARRAY,
    BIGINT,
    BINARY,
    BOOLEAN,
    BYTES,
    CHAR,
    DATE,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INT,
    SMALLINT,
    STRING,
    TIME,
    TIMESTAMP,
    TINYINT,
    VARBINARY,
    VARCHAR,
)

if TYPE_CHECKING:
    from penstock.types import DataType
    from penstock.wire.mysql.column import MySqlColumn

_SIGNED = {1: TINYINT, 2: SMALLINT, 3: INT, 4: INT, 8: BIGINT}
_UNSIGNED = {1: SMALLINT, 2: INT, 3: INT, 4: BIGINT, 8: DECIMAL(20, 0)}
_SIMPLE = {
    "year": INT,
    "float": FLOAT,
    "double": DOUBLE,
    "date": DATE,
    "enum": STRING,
    "json": STRING,
    "set": ARRAY(STRING),
    "geometry": STRING,
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext"), STRING),
    **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob"), BYTES),
}
_DECIMAL_DIGITS_MAX = 38


def flink_type(column: MySqlColumn, *, tiny_is_bit: bool = True) -> DataType | None:
    """The type without its nullability; None where there is none.

    Args:
        column: As information_schema describes it.
        tiny_is_bit: Whether TINYINT(1) is BOOLEAN, as MySQL's drivers take it.

    Source: Flink CDC's documentation, MySQL connector, data type mapping.

    Examples:
        >>> from penstock.wire.mysql.column import parse_column
        >>> flink_type(parse_column("a", "bigint unsigned")).sql()
        'DECIMAL(20, 0)'
        >>> flink_type(parse_column("a", "tinyint(1)")).sql()
        'BOOLEAN'
        >>> flink_type(parse_column("a", "vector(3)")) is None
        True
    """
    if column.integer_width:
        if column.integer_width == 1 and column.length == 1 and not column.unsigned and tiny_is_bit:
            return BOOLEAN
        return (_UNSIGNED if column.unsigned else _SIGNED)[column.integer_width]
    return _SIMPLE.get(column.type_name) or _with_length(column)


def _with_length(column: MySqlColumn) -> DataType | None:
    length, precision = column.length, column.precision
    match column.type_name:
        case "decimal":
            if precision > _DECIMAL_DIGITS_MAX:
                return STRING
            return DECIMAL(precision, column.scale)
        case "bit":
            return BOOLEAN if length == 1 else BINARY((length + 7) // 8)
        case "time":
            return TIME(precision)
        case "datetime" | "timestamp":
            return TIMESTAMP(precision)
        case "char":
            return CHAR(length)
        case "varchar":
            return VARCHAR(length) if length else STRING
        case "binary":
            return BINARY(length)
        case "varbinary":
            return VARBINARY(length) if length else BYTES
    return None
