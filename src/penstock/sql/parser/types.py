"""Types as written in column definitions and casts."""

from __future__ import annotations

from penstock import types
from penstock.errors import ParseError
from penstock.sql.parser.cursor import Cursor
from penstock.sql.tree import TypeSpec
from penstock.types import DataType

_PLAIN = {
    "BOOLEAN": types.BOOLEAN,
    "TINYINT": types.TINYINT,
    "SMALLINT": types.SMALLINT,
    "INT": types.INT,
    "INTEGER": types.INT,
    "BIGINT": types.BIGINT,
    "FLOAT": types.FLOAT,
    "DOUBLE": types.DOUBLE,
    "DATE": types.DATE,
    "STRING": types.STRING,
    "BYTES": types.BYTES,
    "NULL": types.NULL,
}
UNITS = {
    unit + plural: unit
    for unit in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")
    for plural in ("", "S")
}
_MONTH_UNITS = ("YEAR", "QUARTER", "MONTH")
TYPE_HINTS = {
    "DATETIME": "Write TIMESTAMP(p) for DATETIME.",
    "TEXT": "Write STRING for TEXT.",
    "LONGTEXT": "Write STRING for LONGTEXT.",
    "MEDIUMTEXT": "Write STRING for MEDIUMTEXT.",
    "JSON": "Write STRING for JSON.",
    "LONG": "Write BIGINT for LONG.",
    "MEDIUMINT": "Write INT for MEDIUMINT.",
    "BLOB": "Write BYTES for BLOB.",
    "BIT": "Write BOOLEAN or BINARY(n) for BIT.",
    "LARGEINT": "Write DECIMAL(38, 0) or STRING for LARGEINT.",
    "REAL": "Write FLOAT for REAL.",
}
"""What replaces type names of other systems."""


class TypeParser(Cursor):
    """Parses types."""

    def type_spec(self) -> TypeSpec:
        """Takes a type with its nullability."""
        start = self.current
        type_ = self._type()
        return TypeSpec(self.text_from(start), type_, span=self.span_from(start))

    def _type(self) -> DataType | None:
        type_ = self._nullability(self._simple_type())
        while word := self.one_of("ARRAY", "MULTISET"):
            if type_ is not None:
                type_ = types.ARRAY(type_) if word == "ARRAY" else types.MULTISET(type_)
            type_ = self._nullability(type_)
        return type_

    def _nullability(self, type_: DataType | None) -> DataType | None:
        if self.accept("NOT", "NULL"):
            return type_ and type_.with_nullable(nullable=False)
        self.accept("NULL")
        return type_

    def _sizes(self, most: int) -> list[int]:
        if not self.accept("("):
            return []
        sizes = [self.integer()]
        while len(sizes) < most and self.accept(","):
            sizes.append(self.integer())
        self.need(")")
        return sizes

    def _simple_type(self) -> DataType | None:
        word = self.current.upper
        if word in TYPE_HINTS and word in ("DATETIME", "BLOB", "BIT", "REAL"):
            self.fail("a type", hint=TYPE_HINTS[word])
        if word in _PLAIN:
            self.advance()
            if word == "DOUBLE":
                self.accept("PRECISION")
            if word in ("INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT"):
                self._refuse_unsigned(word)
            return _PLAIN[word]
        method = {
            "CHAR": self._text_type,
            "CHARACTER": self._text_type,
            "VARCHAR": self._text_type,
            "BINARY": self._text_type,
            "VARBINARY": self._text_type,
            "DECIMAL": self._decimal_type,
            "DEC": self._decimal_type,
            "NUMERIC": self._decimal_type,
            "TIME": self._time_type,
            "TIMESTAMP": self._time_type,
            "TIMESTAMP_LTZ": self._time_type,
            "INTERVAL": self._interval_type,
            "ARRAY": self._collection_type,
            "MULTISET": self._collection_type,
            "MAP": self._collection_type,
            "ROW": self._row_type,
        }.get(word)
        if method is not None:
            return method()
        if word == "RAW":
            self.advance()
            self.in_parentheses(self.string)
        elif word == "VARIANT":
            self.advance()
        else:
            self._named_type()
        return None

    def _named_type(self) -> None:
        if not self.at_name():
            self.fail("a type")
        name = self.path()[-1].upper()
        if self.at("("):
            self.seek(self.index - 1)
            self.fail(hint=TYPE_HINTS.get(name, ""))

    def _refuse_unsigned(self, word: str) -> None:
        if self.at("UNSIGNED"):
            wider = {"BIGINT": "DECIMAL(20, 0)", "TINYINT": "SMALLINT", "SMALLINT": "INT"}
            self.fail(hint=f"Write {wider.get(word, 'BIGINT')} for {word} UNSIGNED.")

    def _text_type(self) -> DataType:
        start = self.current
        word = self.advance().upper
        if word in ("CHAR", "CHARACTER"):
            word = "VARCHAR" if self.accept("VARYING") else "CHAR"
        unsized = types.STRING.length if word.startswith("VAR") else 1
        length = (self._sizes(1) or [unsized])[0]
        if not 1 <= length <= types.STRING.length:
            raise ParseError(
                f"length of {word} must be between 1 and 2147483647", self.span_from(start)
            )
        make = {
            "CHAR": types.CHAR,
            "VARCHAR": types.VARCHAR,
            "BINARY": types.BINARY,
            "VARBINARY": types.VARBINARY,
        }[word]
        return make(length)

    def _decimal_type(self) -> DataType:
        start = self.advance()
        sizes = self._sizes(2) or [10]
        precision, scale = sizes[0], sizes[1] if len(sizes) > 1 else 0
        if not (1 <= precision <= 38 and 0 <= scale <= precision):
            raise ParseError(
                f"no type DECIMAL({precision}, {scale})",
                self.span_from(start),
                detail="Precision is 1 to 38, scale 0 to the precision.",
            )
        return types.DECIMAL(precision, scale)

    def _time_type(self) -> DataType | None:
        start = self.current
        word = self.advance().upper
        sizes = self._sizes(1)
        precision = sizes[0] if sizes else 0 if word == "TIME" else 6
        if not 0 <= precision <= 9:
            raise ParseError(f"precision of {word} must be between 0 and 9", self.span_from(start))
        if self.accept("WITHOUT"):
            self.need("TIME", "ZONE")
        elif self.accept("WITH"):
            local = self.accept("LOCAL")
            self.need("TIME", "ZONE")
            if not local or word == "TIME":
                return None
            word = "TIMESTAMP_LTZ"
        make = {
            "TIME": types.TIME,
            "TIMESTAMP": types.TIMESTAMP,
            "TIMESTAMP_LTZ": types.TIMESTAMP_LTZ,
        }[word]
        return make(precision)

    def _interval_type(self) -> DataType:
        self.advance()
        unit, _ = self.unit_range()
        return types.INTERVAL_MONTH if unit in _MONTH_UNITS else types.INTERVAL_DAY

    def unit_range(self) -> tuple[str, str | None]:
        """`DAY(2) TO SECOND(3)`: the units in the singular."""
        first = self._unit()
        return first, self._unit() if self.accept("TO") else None

    def _unit(self) -> str:
        if self.current.upper not in UNITS:
            self.fail(f"a unit of time: {', '.join(dict.fromkeys(UNITS.values()))}")
        unit = UNITS[self.advance().upper]
        self._sizes(2)
        return unit

    def _collection_type(self) -> DataType | None:
        word = self.advance().upper
        self.need("<")
        children = self.list_of(self._type) if word == "MAP" else (self._type(),)
        self.need(">")
        known = [child for child in children if child is not None]
        if len(known) < len(children):
            return None
        if word == "MAP":
            if len(known) != 2:
                self.fail("a key and a value type")
            return types.MAP(known[0], known[1])
        return types.ARRAY(known[0]) if word == "ARRAY" else types.MULTISET(known[0])

    def _row_type(self) -> DataType | None:
        self.advance()
        if self.accept("<>"):
            return types.ROW()
        close = ">" if self.accept("<") else ")"
        if close == ")":
            self.need("(")
        fields = () if self.at(close) else self.list_of(self._row_field)
        self.need(close)
        known = [(name, type_) for name, type_ in fields if type_ is not None]
        return types.ROW(*known) if len(known) == len(fields) else None

    def _row_field(self) -> tuple[str, DataType | None]:
        name = self.name()
        type_ = self._type()
        if self.current.kind == "string":
            self.string()
        return name, type_
