"""A Flink SQL type: root, parameters, nullability; its SQL text and its Arrow type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from penstock.types.quoting import quote_identifier

if TYPE_CHECKING:
    import pyarrow as pa

STRING_LENGTH = 2_147_483_647


class TypeRoot(Enum):
    """Flink's type families; the value is the SQL name without parameters."""

    BOOLEAN = "BOOLEAN"
    TINYINT = "TINYINT"
    SMALLINT = "SMALLINT"
    INT = "INT"
    BIGINT = "BIGINT"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    DECIMAL = "DECIMAL"
    CHAR = "CHAR"
    VARCHAR = "VARCHAR"
    BINARY = "BINARY"
    VARBINARY = "VARBINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_LTZ = "TIMESTAMP_LTZ"
    INTERVAL_MONTH = "INTERVAL MONTH"
    INTERVAL_DAY = "INTERVAL SECOND(3)"
    ARRAY = "ARRAY"
    MAP = "MAP"
    MULTISET = "MULTISET"
    ROW = "ROW"
    NULL = "NULL"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a ROW type."""

    name: str
    type: DataType


@dataclass(frozen=True, slots=True)
class DataType:
    """A Flink SQL type.

    Args:
        root: The family.
        nullable: False for NOT NULL.
        length: Characters or bytes, for CHAR, VARCHAR, BINARY, VARBINARY.
        precision: Digits of DECIMAL; fraction digits of TIME, TIMESTAMP, TIMESTAMP_LTZ, intervals.
        scale: Fraction digits of DECIMAL.
        children: Element (ARRAY, MULTISET) or key and value (MAP).
        fields: Fields of ROW.
    """

    root: TypeRoot
    nullable: bool = True
    length: int = 0
    precision: int = 0
    scale: int = 0
    children: tuple[DataType, ...] = ()
    fields: tuple[Field, ...] = ()

    def with_nullable(self, nullable: bool) -> DataType:  # noqa: FBT001
        """The same type, nullable or not."""
        return self if nullable == self.nullable else replace(self, nullable=nullable)

    def same_but_nullability(self, other: DataType) -> bool:
        """Whether the types differ at most in their outermost nullability."""
        return self.with_nullable(nullable=True) == other.with_nullable(nullable=True)

    def sql(self) -> str:
        """Flink's text of the type.

        Examples:
            >>> DECIMAL(10, 2).with_nullable(False).sql()
            'DECIMAL(10, 2) NOT NULL'
            >>> STRING.sql()
            'STRING'
        """
        return self._text() + ("" if self.nullable else " NOT NULL")

    def _text(self) -> str:
        name = self.root.value
        match self.root:
            case TypeRoot.DECIMAL:
                return f"DECIMAL({self.precision}, {self.scale})"
            case TypeRoot.VARCHAR if self.length == STRING_LENGTH:
                return "STRING"
            case TypeRoot.VARBINARY if self.length == STRING_LENGTH:
                return "BYTES"
            case TypeRoot.CHAR | TypeRoot.VARCHAR | TypeRoot.BINARY | TypeRoot.VARBINARY:
                return f"{name}({self.length})"
            case TypeRoot.TIME | TypeRoot.TIMESTAMP | TypeRoot.TIMESTAMP_LTZ:
                return f"{name}({self.precision})"
            case TypeRoot.ARRAY | TypeRoot.MAP | TypeRoot.MULTISET:
                return f"{name}<{', '.join(child.sql() for child in self.children)}>"
            case TypeRoot.ROW:
                fields = (f"{quote_identifier(f.name)} {f.type.sql()}" for f in self.fields)
                return f"ROW<{', '.join(fields)}>"
        return name

    def arrow(self) -> pa.DataType:  # noqa: PLR0911
        """The Arrow type that carries values of this type.

        TIMESTAMP and TIMESTAMP_LTZ are microseconds (LTZ with zone UTC); TIME is time32[ms];
        day intervals are duration[ms], month intervals int32 months.
        """
        import pyarrow as pa

        match self.root:
            case TypeRoot.DECIMAL:
                return pa.decimal128(self.precision, self.scale)
            case TypeRoot.CHAR | TypeRoot.VARCHAR:
                return pa.string()
            case TypeRoot.BINARY | TypeRoot.VARBINARY:
                return pa.binary()
            case TypeRoot.DATE:
                return pa.date32()
            case TypeRoot.TIME:
                return pa.time32("ms")
            case TypeRoot.TIMESTAMP:
                return pa.timestamp("us")
            case TypeRoot.TIMESTAMP_LTZ:
                return pa.timestamp("us", tz="UTC")
            case TypeRoot.INTERVAL_DAY:
                return pa.duration("ms")
            case TypeRoot.INTERVAL_MONTH | TypeRoot.INT:
                return pa.int32()
            case TypeRoot.ARRAY:
                return pa.list_(self.children[0].arrow())
            case TypeRoot.MAP:
                return pa.map_(self.children[0].arrow(), self.children[1].arrow())
            case TypeRoot.MULTISET:
                return pa.map_(self.children[0].arrow(), pa.int32())
            case TypeRoot.ROW:
                return pa.struct([(f.name, f.type.arrow()) for f in self.fields])
        simple = {
            TypeRoot.BOOLEAN: pa.bool_(),
            TypeRoot.TINYINT: pa.int8(),
            TypeRoot.SMALLINT: pa.int16(),
            TypeRoot.BIGINT: pa.int64(),
            TypeRoot.FLOAT: pa.float32(),
            TypeRoot.DOUBLE: pa.float64(),
            TypeRoot.NULL: pa.null(),
        }
        return simple[self.root]

    def __str__(self) -> str:
        return self.sql()


BOOLEAN = DataType(TypeRoot.BOOLEAN)
TINYINT = DataType(TypeRoot.TINYINT)
SMALLINT = DataType(TypeRoot.SMALLINT)
INT = DataType(TypeRoot.INT)
BIGINT = DataType(TypeRoot.BIGINT)
FLOAT = DataType(TypeRoot.FLOAT)
DOUBLE = DataType(TypeRoot.DOUBLE)
DATE = DataType(TypeRoot.DATE)
NULL = DataType(TypeRoot.NULL)
STRING = DataType(TypeRoot.VARCHAR, length=STRING_LENGTH)
BYTES = DataType(TypeRoot.VARBINARY, length=STRING_LENGTH)
INTERVAL_DAY = DataType(TypeRoot.INTERVAL_DAY, precision=3)
INTERVAL_MONTH = DataType(TypeRoot.INTERVAL_MONTH)


def DECIMAL(precision: int = 10, scale: int = 0) -> DataType:  # noqa: N802
    """DECIMAL(precision, scale)."""
    return DataType(TypeRoot.DECIMAL, precision=precision, scale=scale)


def CHAR(length: int = 1) -> DataType:  # noqa: N802
    """CHAR(length)."""
    return DataType(TypeRoot.CHAR, length=length)


def VARCHAR(length: int = 1) -> DataType:  # noqa: N802
    """VARCHAR(length)."""
    return DataType(TypeRoot.VARCHAR, length=length)


def BINARY(length: int = 1) -> DataType:  # noqa: N802
    """BINARY(length)."""
    return DataType(TypeRoot.BINARY, length=length)


def VARBINARY(length: int = 1) -> DataType:  # noqa: N802
    """VARBINARY(length)."""
    return DataType(TypeRoot.VARBINARY, length=length)


def TIME(precision: int = 0) -> DataType:  # noqa: N802
    """TIME(precision)."""
    return DataType(TypeRoot.TIME, precision=precision)


def TIMESTAMP(precision: int = 6) -> DataType:  # noqa: N802
    """TIMESTAMP(precision), a wall clock."""
    return DataType(TypeRoot.TIMESTAMP, precision=precision)


def TIMESTAMP_LTZ(precision: int = 6) -> DataType:  # noqa: N802
    """TIMESTAMP_LTZ(precision), an instant."""
    return DataType(TypeRoot.TIMESTAMP_LTZ, precision=precision)


def ARRAY(element: DataType) -> DataType:  # noqa: N802
    """ARRAY<element>."""
    return DataType(TypeRoot.ARRAY, children=(element,))


def MAP(key: DataType, value: DataType) -> DataType:  # noqa: N802
    """MAP<key, value>."""
    return DataType(TypeRoot.MAP, children=(key, value))


def MULTISET(element: DataType) -> DataType:  # noqa: N802
    """MULTISET<element>."""
    return DataType(TypeRoot.MULTISET, children=(element,))


def ROW(*fields: tuple[str, DataType]) -> DataType:  # noqa: N802
    """ROW<name type, ...>."""
    return DataType(TypeRoot.ROW, fields=tuple(Field(name, type_) for name, type_ in fields))
