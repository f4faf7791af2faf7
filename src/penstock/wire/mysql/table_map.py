"""TABLE_MAP events: which table and which binary types the row events after them have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.errors import DataError
from penstock.wire.mysql.column import MySqlColumn

# Numbers of binary types (MySQL source, field_types.h)
DECIMAL_OLD, TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24 = range(10)
DATE, TIME, DATETIME, YEAR, NEWDATE, VARCHAR, BIT, TIMESTAMP2, DATETIME2, TIME2 = range(10, 20)
VECTOR, JSON, NEWDECIMAL, ENUM, SET = 242, 245, 246, 247, 248
TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB, VAR_STRING, STRING, GEOMETRY = range(249, 256)

_FIXED = {
    TINY: 1,
    SHORT: 2,
    LONG: 4,
    FLOAT: 4,
    DOUBLE: 8,
    NULL: 0,
    TIMESTAMP: 4,
    LONGLONG: 8,
    INT24: 3,
    DATE: 3,
    NEWDATE: 3,
    TIME: 3,
    DATETIME: 8,
    YEAR: 1,
}
_BLOBS = frozenset({BLOB, TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, JSON, GEOMETRY, VECTOR})
DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


@dataclass(frozen=True, slots=True)
class BinaryField:
    """How one column's values are stored in row events.

    Args:
        column: The column they belong to.
        type: Number of the binary type, ENUM and SET told from STRING.
        width: Bytes of a value; 0 where values have their own length.
        length_bytes: Bytes of the length before a value; 0 for fixed widths.
        precision: Digits, or fraction digits.
        scale: Fraction digits of DECIMAL.
        old_json: JSON values are shown as MySQL 5.7 does.
    """

    column: MySqlColumn
    type: int
    width: int
    length_bytes: int
    precision: int = 0
    scale: int = 0
    old_json: bool = False


@dataclass(frozen=True, slots=True)
class TableMap:
    """A parsed TABLE_MAP event."""

    database: str
    table: str
    types: tuple[int, ...]
    metas: tuple[int, ...]
    names: tuple[str, ...]


def table_name(body: bytes) -> tuple[str, str]:
    """Database and table of a TABLE_MAP body, which starts at the table id."""
    size = body[8]
    database = body[9 : 9 + size].decode()
    place = 10 + size
    return database, body[place + 1 : place + 1 + body[place]].decode()


def parse_table_map(body: bytes) -> TableMap:
    """Parses a TABLE_MAP body, which starts at the table id."""
    database, table = table_name(body)
    place = 10 + body[8]
    place += body[place] + 2
    count, place = packed_length(body, place)
    types = list(body[place : place + count])
    place += count
    size, place = packed_length(body, place)
    block = body[place : place + size]
    place += size + (count + 7) // 8
    metas, at = [], 0
    for index, kind in enumerate(types):
        meta, at = _meta(kind, block, at)
        if kind == STRING:
            types[index], meta = _real_string(meta)
        metas.append(meta)
    return TableMap(database, table, tuple(types), tuple(metas), _names(body, place))


def binary_fields(
    table: TableMap, columns: list[MySqlColumn], *, old_json: bool = False
) -> list[BinaryField]:
    """Joins binary types with the table's columns.

    Args:
        table: The binary types.
        columns: As the server describes them.
        old_json: Whether JSON is shown as MySQL 5.7 does.

    Raises:
        DataError: The columns are not those the rows were written with.
    """
    if (table.names and len(table.names) != len(columns)) or (
        table.names and [n.lower() for n in table.names] != [c.name.lower() for c in columns]
    ):
        known = {column.name.lower(): column for column in columns}
        missing = [name for name in table.names if name.lower() not in known]
        if missing:
            raise _changed(table, f"The binlog has column '{missing[0]}'.")
        columns = [known[name.lower()] for name in table.names]
    if len(columns) != len(table.types):
        raise _changed(table, f"The binlog has {len(table.types)} columns, not {len(columns)}.")
    fields = [
        _field(table, column, kind, meta)
        for column, kind, meta in zip(columns, table.types, table.metas, strict=True)
    ]
    if not old_json:
        return fields
    return [replace(field, old_json=True) if field.type == JSON else field for field in fields]


def _field(table: TableMap, column: MySqlColumn, kind: int, meta: int) -> BinaryField:
    if kind in _FIXED:
        return BinaryField(column, kind, _FIXED[kind], 0)
    if kind in _BLOBS:
        return BinaryField(column, kind, 0, meta)
    if kind in {VARCHAR, VAR_STRING, STRING}:
        return BinaryField(column, kind, 0, 2 if meta > 255 else 1)
    if kind == NEWDECIMAL:
        precision, scale = meta & 0xFF, meta >> 8
        return BinaryField(column, kind, decimal_width(precision, scale), 0, precision, scale)
    if kind in {ENUM, SET}:
        return BinaryField(column, kind, meta, 0)
    if kind == BIT:
        bits, whole = meta & 0xFF, meta >> 8
        return BinaryField(column, kind, whole + (1 if bits else 0), 0)
    base = {TIMESTAMP2: 4, DATETIME2: 5, TIME2: 3}.get(kind)
    if base is not None:
        return BinaryField(column, kind, base + (meta + 1) // 2, 0, meta)
    raise DataError(
        f"binary type {kind} of the binlog is not known",
        table=f"{table.database}.{table.table}",
        column=column.name,
        hint="Compressed columns (COLUMN_FORMAT COMPRESSED, COMPRESSED) cannot be read.",
    )


def decimal_width(precision: int, scale: int) -> int:
    """Bytes of a stored DECIMAL.

    Examples:
        >>> decimal_width(10, 2), decimal_width(65, 30)
        (5, 30)
    """
    whole = precision - scale
    return whole // 9 * 4 + DIGIT_BYTES[whole % 9] + scale // 9 * 4 + DIGIT_BYTES[scale % 9]


def packed_length(data: bytes, place: int) -> tuple[int, int]:
    """A length-encoded integer and the place after it."""
    first = data[place]
    if first < 251:
        return first, place + 1
    width = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(data[place + 1 : place + 1 + width], "little"), place + 1 + width


def _meta(kind: int, block: bytes, at: int) -> tuple[int, int]:
    if kind in _BLOBS or kind in {FLOAT, DOUBLE, TIMESTAMP2, DATETIME2, TIME2}:
        return block[at], at + 1
    if kind in {VARCHAR, VAR_STRING, BIT, NEWDECIMAL}:
        return block[at] | block[at + 1] << 8, at + 2
    if kind in {STRING, ENUM, SET}:
        return block[at] << 8 | block[at + 1], at + 2
    return 0, at


def _real_string(meta: int) -> tuple[int, int]:
    """ENUM, SET and CHAR share one type number; long CHARs hide two bits of length in it."""
    high, low = meta >> 8, meta & 0xFF
    if high in {ENUM, SET}:
        return high, low
    if high & 0x30 != 0x30:
        return STRING, low | ((high & 0x30) ^ 0x30) << 4
    return STRING, low


def _names(body: bytes, place: int) -> tuple[str, ...]:
    """Column names of the optional metadata (binlog_row_metadata=FULL), else nothing."""
    while place < len(body):
        kind = body[place]
        size, place = packed_length(body, place + 1)
        if kind == 4:
            names, end = [], place + size
            while place < end:
                count, place = packed_length(body, place)
                names.append(body[place : place + count].decode())
                place += count
            return tuple(names)
        place += size
    return ()


def _changed(table: TableMap, detail: str) -> DataError:
    return DataError(
        "the table's columns are not those its rows were written with",
        table=f"{table.database}.{table.table}",
        detail=detail,
        hint="The table was altered after the position read from; start with a new snapshot.",
    )
