"""Which Flink types fit which StarRocks columns.

Source: flink-connector-starrocks, StarRocksDataType checks; widening without loss is ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.types import TypeRoot as R

if TYPE_CHECKING:
    from penstock.types import DataType

_INTEGERS = (R.BOOLEAN, R.TINYINT, R.SMALLINT, R.INT, R.BINARY)
_TEXTS = (R.CHAR, R.VARCHAR, R.ARRAY, R.MAP, R.ROW)
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
}
_UNWRITABLE = frozenset((R.VARBINARY, R.TIME, R.INTERVAL_DAY, R.INTERVAL_MONTH, R.MULTISET))


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

    Types nobody lists (json, array, largeint, ...) are not checked, as upstream.
    """
    allowed = _PAIRS.get(base_type(target))
    return allowed is None or type_.root in allowed
