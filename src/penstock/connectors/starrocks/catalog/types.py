"""StarRocks' column types: their text, and the Flink types on the other side.

Source: StarRocks' documentation, data types; Flink CDC's StarRocks sink for the lengths of texts,
which are bytes in StarRocks and characters in Flink.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.types import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    BYTES,
    CHAR,
    DATE,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INT,
    MAP,
    ROW,
    SMALLINT,
    STRING,
    TIMESTAMP,
    TINYINT,
    VARCHAR,
    DataType,
    TypeRoot,
    quote_identifier,
)

VARCHAR_BYTES_MAX = 1_048_576
CHAR_BYTES_MAX = 255
# STRING is an alias of one of these lengths, depending on the version.
_STRING_BYTES = 65_533
_TOKEN = re.compile(r"\s*(`(?:[^`]|``)*`|[\w$]+|[<>(),:])")
_SIMPLE = {
    "boolean": BOOLEAN,
    "tinyint": TINYINT,
    "smallint": SMALLINT,
    "int": INT,
    "bigint": BIGINT,
    # More digits than a DECIMAL has.
    "largeint": STRING,
    "float": FLOAT,
    "double": DOUBLE,
    "date": DATE,
    "datetime": TIMESTAMP(6),
    "json": STRING,
    "binary": BYTES,
    "varbinary": BYTES,
    "string": STRING,
}
_ROOTS = {
    TypeRoot.BOOLEAN: "boolean",
    TypeRoot.TINYINT: "tinyint",
    TypeRoot.SMALLINT: "smallint",
    TypeRoot.INT: "int",
    TypeRoot.BIGINT: "bigint",
    TypeRoot.FLOAT: "float",
    TypeRoot.DOUBLE: "double",
    TypeRoot.DATE: "date",
    TypeRoot.TIMESTAMP: "datetime",
    TypeRoot.TIMESTAMP_LTZ: "datetime",
    TypeRoot.BINARY: "varbinary",
    TypeRoot.VARBINARY: "varbinary",
}
_KEYABLE = frozenset(
    ("boolean", "tinyint", "smallint", "int", "bigint", "largeint", "varchar", "date", "datetime")
)


@dataclass(frozen=True, slots=True)
class StarRocksType:
    """A column type.

    Args:
        base: Its name, lower case.
        size: Bytes of texts, digits of decimals; 0 where it has none.
        scale: Fraction digits of decimals.
        children: Element, or key and value, or fields.
        names: Of fields.
    """

    base: str
    size: int = 0
    scale: int = 0
    children: tuple[StarRocksType, ...] = ()
    names: tuple[str, ...] = ()

    def text(self) -> str:
        """As CREATE TABLE takes it.

        Examples:
            >>> parse_type("array<decimal64(10, 2)>").text()
            'ARRAY<DECIMAL(10, 2)>'
        """
        name = self.base.upper()
        if self.base == "struct":
            fields = zip(self.names, self.children, strict=True)
            return f"{name}<{', '.join(f'{_field(n)} {t.text()}' for n, t in fields)}>"
        if self.children:
            return f"{name}<{', '.join(child.text() for child in self.children)}>"
        if self.base == "decimal":
            return f"{name}({self.size}, {self.scale})"
        return f"{name}({self.size})" if self.size else name

    @property
    def is_key(self) -> bool:
        """Whether a primary key may have columns of it."""
        return self.base in _KEYABLE

    @property
    def is_text(self) -> bool:
        """Whether its size is the most bytes of a text."""
        return self.base in {"char", "varchar"} and self.size > 0

    def holds(self, other: StarRocksType) -> bool:
        """Whether a column of this type takes all values of the other: it may be longer.

        Examples:
            >>> parse_type("varchar(80)").holds(parse_type("varchar(20)"))
            True
            >>> parse_type("bigint").holds(parse_type("int"))
            False
        """
        if self.base in {"char", "varchar", "string"}:
            texts = other.base in {"char", "varchar", "string"}
            return texts and (self.size or VARCHAR_BYTES_MAX) >= other.size
        if self.children:
            same = self.base == other.base and len(self.children) == len(other.children)
            pairs = zip(self.children, other.children, strict=False)
            return same and self.names == other.names and all(a.holds(b) for a, b in pairs)
        bytes_ = {"binary", "varbinary"}
        return self == other or (self.base in bytes_ and other.base in bytes_)

    def flink(self) -> DataType | None:
        """The Flink type, nullable; None where there is none."""
        match self.base:
            case "decimal":
                return DECIMAL(self.size, self.scale)
            case "char":
                return CHAR(self.size or 1)
            case "varchar":
                return STRING if not 0 < self.size < _STRING_BYTES else VARCHAR(self.size)
            case "array" | "map" | "struct":
                return self._nested()
        return _SIMPLE.get(self.base)

    def _nested(self) -> DataType | None:
        parts = [child.flink() for child in self.children]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if self.base == "array":
            return ARRAY(known[0])
        if self.base == "map":
            return MAP(known[0], known[1])
        return ROW(*zip(self.names, known, strict=True))


def _field(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) else quote_identifier(name)


def parse_type(text: str) -> StarRocksType:
    """The type of a text of information_schema, SHOW CREATE TABLE or DESC.

    Examples:
        >>> parse_type("int(11)").text(), parse_type("bigint(20) unsigned").text()
        ('INT', 'LARGEINT')
        >>> parse_type("tinyint(1)").text(), parse_type("struct<a int(11), b varchar(9)>").names
        ('BOOLEAN', ('a', 'b'))
    """
    tokens = _TOKEN.findall(text.strip())
    found, _ = _parsed(tokens, 0)
    return found


def _parsed(tokens: list[str], at: int) -> tuple[StarRocksType, int]:
    name = tokens[at].lower()
    name = re.sub(r"^decimal(v2|32|64|128|256)$", "decimal", name)
    at += 1
    if name in {"array", "map", "struct"} and tokens[at : at + 1] == ["<"]:
        return _nested_type(name, tokens, at + 1)
    numbers: list[int] = []
    if tokens[at : at + 1] == ["("]:
        end = tokens.index(")", at)
        numbers = [int(token) for token in tokens[at + 1 : end] if token.isdigit()]
        at = end + 1
    if tokens[at : at + 1] and tokens[at].lower() == "unsigned":
        name, at = "largeint", at + 1
    if name == "tinyint" and numbers == [1]:
        name = "boolean"
    if name == "decimal":
        precision, scale = numbers if len(numbers) == 2 else ([*numbers, 10][0], 0)
        return StarRocksType(name, precision, scale), at
    size = numbers[0] if numbers and name in {"char", "varchar"} else 0
    return StarRocksType(name, size), at


def _nested_type(base: str, tokens: list[str], at: int) -> tuple[StarRocksType, int]:
    children: list[StarRocksType] = []
    names: list[str] = []
    while tokens[at] != ">":
        if tokens[at] == ",":
            at += 1
        if base == "struct":
            names.append(tokens[at].strip("`"))
            at += 2 if tokens[at + 1] == ":" else 1
        child, at = _parsed(tokens, at)
        children.append(child)
    return StarRocksType(base, children=tuple(children), names=tuple(names)), at + 1


def starrocks_type(kind: DataType, bytes_per_character: int) -> StarRocksType | None:
    """The type of a column for values of a Flink type that is no key; None where there is none.

    Examples:
        >>> from penstock.types import TIME
        >>> [starrocks_type(kind, 4).text() for kind in (CHAR(60), CHAR(64), STRING, TIME(3))]
        ['CHAR(240)', 'VARCHAR(256)', 'VARCHAR(1048576)', 'VARCHAR(12)']
    """
    match kind.root:
        case TypeRoot.DECIMAL:
            return StarRocksType("decimal", kind.precision, kind.scale)
        case TypeRoot.CHAR | TypeRoot.VARCHAR:
            size = min(kind.length * bytes_per_character, VARCHAR_BYTES_MAX)
            short = kind.root is TypeRoot.CHAR and size <= CHAR_BYTES_MAX
            return StarRocksType("char" if short else "varchar", size)
        case TypeRoot.TIME:
            return StarRocksType("varchar", 9 + kind.precision if kind.precision else 8)
        case TypeRoot.ARRAY | TypeRoot.MAP:
            return _of_parts(kind.root.value.lower(), kind.children, (), bytes_per_character)
        case TypeRoot.ROW:
            names = tuple(field.name for field in kind.fields)
            parts = tuple(field.type for field in kind.fields)
            return _of_parts("struct", parts, names, bytes_per_character)
    base = _ROOTS.get(kind.root)
    return StarRocksType(base) if base is not None else None


def _of_parts(
    base: str, kinds: tuple[DataType, ...], names: tuple[str, ...], bytes_per_character: int
) -> StarRocksType | None:
    # A TIME is cast to text on its way, which is not done inside of other values.
    parts = [
        starrocks_type(kind, bytes_per_character) if kind.root is not TypeRoot.TIME else None
        for kind in kinds
    ]
    known = tuple(part for part in parts if part is not None)
    return StarRocksType(base, children=known, names=names) if len(known) == len(parts) else None


def key_type(kind: DataType, bytes_per_character: int) -> StarRocksType | None:
    """The type of a key column: texts are VARCHAR, whole decimals LARGEINT; None where none can be.

    Examples:
        >>> key_type(CHAR(3), 4).text(), key_type(DECIMAL(20, 0), 4).text(), key_type(DOUBLE, 4)
        ('VARCHAR(12)', 'LARGEINT', None)
    """
    if kind.root is TypeRoot.CHAR:
        kind = VARCHAR(kind.length)
    if kind.root is TypeRoot.DECIMAL and kind.scale == 0:
        return StarRocksType("largeint")
    found = starrocks_type(kind, bytes_per_character)
    return found if found is not None and found.is_key else None
