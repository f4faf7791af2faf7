"""How column types are printed: in DDL, in DESC and in information_schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from penstock.embedded.starrocks.model import ColumnDef, TypeInfo

_WIDTHS: Final = {"TINYINT": 4, "SMALLINT": 6, "INT": 11, "BIGINT": 20, "LARGEINT": 40}
_SIZES: Final = {"TINYINT": 3, "SMALLINT": 5, "INT": 10, "BIGINT": 19, "LARGEINT": 39}


def printed_type(info: TypeInfo) -> str:
    """The type as SHOW CREATE TABLE and DESC print it.

    Examples:
        >>> from penstock.embedded.starrocks.model import parse_type
        >>> printed_type(parse_type("int")), printed_type(parse_type("decimal(10,2)"))
        ('int(11)', 'decimal(10, 2)')
    """
    if info.base in _WIDTHS:
        return f"{info.base.lower()}({_WIDTHS[info.base]})"
    return info.text.lower()


def data_type(info: TypeInfo) -> str:
    """DATA_TYPE of information_schema: BOOLEAN is `tinyint`, LARGEINT `bigint unsigned`."""
    special = {"BOOLEAN": "tinyint", "LARGEINT": "bigint unsigned"}
    return special.get(info.base, info.base.lower())


def column_size(info: TypeInfo) -> int | None:
    """COLUMN_SIZE: digits of numbers, bytes of text; nothing for BOOLEAN and the rest."""
    if info.base in _SIZES:
        return _SIZES[info.base]
    return info.precision if info.base == "DECIMAL" else info.length


def decimal_digits(info: TypeInfo) -> int | None:
    """DECIMAL_DIGITS: the scale of exact numbers."""
    return 0 if info.base in _SIZES else info.scale


def starrocks_type(kind: pa.DataType) -> str:
    """The column type for values of an Arrow type, as CREATE TABLE AS makes it."""
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return _OF_ARROW.get(str(kind), "string")


_OF_ARROW: Final = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "float": "float", "double": "double", "date32[day]": "date", "timestamp[us]": "datetime",
    "binary": "varbinary", "large_binary": "varbinary",
}  # fmt: skip


def default_clause(column: ColumnDef) -> str:
    """` DEFAULT ...` as SHOW CREATE TABLE prints it; empty without a default."""
    if column.default is None:
        return ""
    if column.default == "CURRENT_TIMESTAMP" or column.default.startswith("("):
        return f" DEFAULT {column.default}"
    return f' DEFAULT "{column.default}"'
