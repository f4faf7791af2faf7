"""Which Flink types fit which StarRocks columns.

Source: flink-connector-starrocks, StarRocksDataType checks; widening without loss is ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.formats.load_text import Form
from penstock.types import TypeRoot as R

if TYPE_CHECKING:
    from penstock.types import DataType

_INTEGERS = (R.BOOLEAN, R.TINYINT, R.SMALLINT, R.INT, R.BINARY)
_TEXTS = (R.CHAR, R.VARCHAR, R.ARRAY, R.MAP, R.ROW)
_UNWRITABLE = frozenset((R.TIME, R.INTERVAL_DAY, R.INTERVAL_MONTH, R.MULTISET))
_NESTED = frozenset((R.ARRAY, R.MAP, R.ROW))
_BYTES = frozenset((R.BINARY, R.VARBINARY))
# Columns that take JSON as it is, not as a text.
_JSON_TARGETS = frozenset(("json", "array", "map", "struct"))
_PAIRS: dict[str, frozenset[R]] = {
    "boolean": frozenset(_INTEGERS),
    "tinyint": frozenset((R.TINYINT, R.INT, R.BINARY, R.BOOLEAN)),
    "smallint": frozenset((R.TINYINT, R.SMALLINT, R.INT, R.BINARY)),
    "int": frozenset((R.TINYINT, R.SMALLINT, R.INT, R.BINARY)),
    "bigint": frozenset((R.TINYINT, R.SMALLINT, R.INT, R.BIGINT, R.BINARY)),
    "float": frozenset((R.FLOAT, R.TINYINT, R.SMALLINT, R.INT)),
    "double": frozenset((R.DOUBLE, R.FLOAT, R.TINYINT, R.SMALLINT, R.INT, R.BIGINT)),
    "decimal": frozenset((R.DECIMAL, R.TINYINT, R.SMALLINT, R.INT, R.BIGINT, R.DOUBLE, R.FLOAT)),
    "char": frozenset((R.CHAR, R.VARCHAR)),
    "varchar": frozenset(_TEXTS),
    "string": frozenset(_TEXTS),
    "date": frozenset((R.DATE, R.VARCHAR, R.CHAR)),
    "datetime": frozenset((R.TIMESTAMP, R.TIMESTAMP_LTZ, R.VARCHAR, R.CHAR)),
    "binary": _BYTES,
    "varbinary": _BYTES,
    "array": frozenset((R.ARRAY, R.CHAR, R.VARCHAR)),
    "map": frozenset((R.MAP, R.ROW, R.CHAR, R.VARCHAR)),
    "struct": frozenset((R.ROW, R.MAP, R.CHAR, R.VARCHAR)),
    "json": frozenset(R) - _BYTES,
}


def base_type(text: str) -> str:
    """The family name of a StarRocks type text.

    Examples:
        >>> base_type("DECIMAL64(10,2)"), base_type("varchar(20)"), base_type("bigint unsigned")
        ('decimal', 'varchar', 'bigint unsigned')
    """
    name = re.sub(r"[(<].*", "", text.strip().lower()).strip()
    return re.sub(r"^decimal(v2|32|64|128|256)$", "decimal", name)


def is_writable(type_: DataType) -> bool:
    """Whether the sink has a text for values of the type."""
    return type_.root not in _UNWRITABLE


def types_match(target: str, type_: DataType) -> bool:
    """Whether values of a Flink type may go to a column of a StarRocks type.

    Types nobody lists (largeint, bitmap, ...) are not checked, as upstream, but that VARBINARY goes
    to binary columns only.
    """
    allowed = _PAIRS.get(base_type(target))
    if allowed is None:
        return type_.root is not R.VARBINARY
    return type_.root in allowed


def load_form(target: str, type_: DataType) -> Form:
    """How values of a Flink type are written for a column of a StarRocks type.

    Examples:
        >>> from penstock.types import STRING
        >>> load_form("json", STRING), load_form("varchar(9)", STRING)
        (<Form.JSON: 'json'>, <Form.PLAIN: 'plain'>)
    """
    base = base_type(target)
    if type_.root in _BYTES:
        return Form.HEX if base in {"binary", "varbinary"} else Form.NUMBER
    if base in _JSON_TARGETS and type_.root in _NESTED | {R.CHAR, R.VARCHAR}:
        return Form.JSON
    return Form.PLAIN
