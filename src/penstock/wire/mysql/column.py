"""A MySQL column as both readers see it, and the Arrow type its values get.

The snapshot reader (text) and the binlog reader (binary) both give `MySqlColumn.arrow_type`:

| MySQL | Arrow |
|---|---|
| TINYINT, SMALLINT, MEDIUMINT, INT, BIGINT | int8, int16, int32, int32, int64 |
| … UNSIGNED | int16, int32, int32, int64, decimal128(20, 0) |
| DECIMAL(p, s) | decimal128(p, s); string where p > 38 |
| FLOAT, DOUBLE | float32, float64 |
| BIT(1), BIT(n) | bool, binary (big endian, (n + 7) // 8 bytes) |
| YEAR | int32 |
| DATE | date32 |
| TIME(p) | duration[us]; ±838:59:59 fits |
| DATETIME(p), TIMESTAMP(p) | timestamp[us], timestamp[us, UTC] |
| CHAR, VARCHAR, TEXT, ENUM, SET, JSON | string |
| BINARY, VARBINARY, BLOB, GEOMETRY, VECTOR | binary |

Zero and impossible dates are NULL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

_INTEGERS = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "integer": 4, "bigint": 8}
_SIGNED = {1: pa.int8(), 2: pa.int16(), 3: pa.int32(), 4: pa.int32(), 8: pa.int64()}
_UNSIGNED = {
    1: pa.int16(),
    2: pa.int32(),
    3: pa.int32(),
    4: pa.int64(),
    8: pa.decimal128(20, 0),
}
TEXT_TYPES = frozenset(
    {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
)
_STRINGS = TEXT_TYPES | {"json"}
_COLUMN_TYPE = re.compile(r"^\s*([a-z]+(?: precision)?)\s*(?:\((.*)\))?(.*)$", re.IGNORECASE | re.S)
_MEMBER = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.S)
_ALIASES = {
    "integer": "int",
    "numeric": "decimal",
    "dec": "decimal",
    "fixed": "decimal",
    "real": "double",
    "double precision": "double",
    "bool": "tinyint",
    "boolean": "tinyint",
    "geometrycollection": "geometry",
    "geomcollection": "geometry",
    "point": "geometry",
    "linestring": "geometry",
    "polygon": "geometry",
    "multipoint": "geometry",
    "multilinestring": "geometry",
    "multipolygon": "geometry",
}


@dataclass(frozen=True)
class MySqlColumn:
    """One column of a MySQL table.

    Args:
        name: Its name.
        type_name: Lower case base name: "int", "varchar", "decimal", "datetime", "enum", ...
        length: Display length, characters, bytes or bits, 0 where none is given.
        precision: Digits of DECIMAL; fraction digits of TIME, DATETIME, TIMESTAMP.
        scale: Fraction digits of DECIMAL, FLOAT(M,D) and DOUBLE(M,D).
        unsigned: Whether UNSIGNED (or ZEROFILL).
        nullable: Whether NULL is allowed.
        charset: MySQL's name of the character set, "" for non-text.
        members: Names of ENUM and SET, in order.
    """

    name: str
    type_name: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    unsigned: bool = False
    nullable: bool = True
    charset: str = ""
    members: tuple[str, ...] = ()

    @cached_property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type both readers give for this column."""
        name = self.type_name
        if name in _INTEGERS:
            return (_UNSIGNED if self.unsigned else _SIGNED)[_INTEGERS[name]]
        if name == "decimal":
            if self.precision > 38:
                return pa.string()
            return pa.decimal128(self.precision, self.scale)
        if name in _STRINGS:
            return pa.string()
        simple = {
            "float": pa.float32(),
            "double": pa.float64(),
            "year": pa.int32(),
            "date": pa.date32(),
            "time": pa.duration("us"),
            "datetime": pa.timestamp("us"),
            "timestamp": pa.timestamp("us", tz="UTC"),
            "bit": pa.bool_() if self.length == 1 else pa.binary(),
        }
        return simple.get(name, pa.binary())

    @property
    def integer_width(self) -> int:
        """Bytes of an integer type, 0 for all others."""
        return _INTEGERS.get(self.type_name, 0)


def parse_column(
    name: str, column_type: str, charset: str | None = None, *, nullable: bool = True
) -> MySqlColumn:
    """A column from `information_schema.COLUMNS`: COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME.

    Examples:
        >>> parse_column("a", "decimal(10,2) unsigned").arrow_type
        Decimal128Type(decimal128(10, 2))
        >>> parse_column("e", "enum('x','it''s')", "utf8mb4").members
        ('x', "it's")
    """
    match = _COLUMN_TYPE.match(column_type)
    if match is None:
        return MySqlColumn(name, column_type.lower(), nullable=nullable)
    base = match.group(1).lower()
    base = _ALIASES.get(base, base)
    inside, after = match.group(2) or "", match.group(3).lower()
    unsigned = "unsigned" in after or "zerofill" in after
    length = precision = scale = 0
    members: tuple[str, ...] = ()
    if base in {"enum", "set"}:
        members = tuple(m.replace("''", "'") for m in _MEMBER.findall(inside))
    elif base == "decimal":
        digits = [int(part) for part in inside.split(",")] if inside else [10, 0]
        precision, scale = digits[0], digits[1] if len(digits) > 1 else 0
    elif base in {"time", "datetime", "timestamp"}:
        precision = int(inside or 0)
    elif base in {"float", "double"}:
        scale = int(inside.partition(",")[2] or 0)
    elif inside.isdigit():
        length = int(inside)
    if base in {"bit", "char", "binary"} and not length:
        length = 1
    return MySqlColumn(
        name, base, length, precision, scale, unsigned, nullable, charset or "", members
    )
