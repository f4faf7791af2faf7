"""What the embedded StarRocks knows of its databases, tables, columns and loads.

Plain data, no behaviour beyond lookups and JSON: `store.py` keeps it, the query port shows it.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.embedded.starrocks.partitions import PartitionBy, PartitionDef
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BE_ID = 10001
"""Id of the first backend; further ones count up."""

ROW_BYTES = 16
"""What a value is taken to weigh wherever a size is shown."""

KEYS_TYPES = ("PRIMARY", "DUPLICATE", "UNIQUE", "AGGREGATE")

TABLE_MODELS: Mapping[str, str] = {
    "PRIMARY": "PRI_KEYS",
    "DUPLICATE": "DUP_KEYS",
    "UNIQUE": "UNQ_KEYS",
    "AGGREGATE": "AGG_KEYS",
}


class ServerError(PenstockError):
    """A request the embedded server refuses.

    Args:
        message: The text a client sees, as the real server spells it.
        status: Status name of the load APIs, such as `LABEL_ALREADY_EXISTS`.
        errno: MySQL error number for the query port.
        existing: State of the job that holds the label, where that is the reason.
    """

    default_code = "embedded-starrocks"

    def __init__(
        self, message: str, *, status: str = "INTERNAL_ERROR", errno: int = 1064, existing: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errno = errno
        self.existing = existing


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A StarRocks type: `base` upper case without arguments, `text` normalised with arguments."""

    base: str
    text: str
    duckdb: str
    arrow: pa.DataType
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    @property
    def nested(self) -> bool:
        """Whether values are loaded from JSON text."""
        return self.base in ("ARRAY", "MAP", "STRUCT")


_PLAIN: Mapping[str, tuple[str, pa.DataType]] = {
    "BOOLEAN": ("BOOLEAN", pa.bool_()),
    "TINYINT": ("TINYINT", pa.int8()),
    "SMALLINT": ("SMALLINT", pa.int16()),
    "INT": ("INTEGER", pa.int32()),
    "BIGINT": ("BIGINT", pa.int64()),
    "LARGEINT": ("HUGEINT", pa.decimal128(38, 0)),
    "FLOAT": ("FLOAT", pa.float32()),
    "DOUBLE": ("DOUBLE", pa.float64()),
    "DATE": ("DATE", pa.date32()),
    "DATETIME": ("TIMESTAMP", pa.timestamp("us")),
    "JSON": ("VARCHAR", pa.string()),
    "BITMAP": ("BLOB", pa.binary()),
    "HLL": ("BLOB", pa.binary()),
    "PERCENTILE": ("BLOB", pa.binary()),
}
_ALIASES = {
    "BOOL": "BOOLEAN",
    "INTEGER": "INT",
    "TIMESTAMP": "DATETIME",
    "DECIMALV2": "DECIMAL",
    "DECIMAL32": "DECIMAL",
    "DECIMAL64": "DECIMAL",
    "DECIMAL128": "DECIMAL",
    "NUMERIC": "DECIMAL",
    "BINARY": "VARBINARY",
}
_HEAD = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\(([^)]*)\)|<(.*)>)?\s*\Z", re.DOTALL)


def _split(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for place, char in enumerate(text):
        depth += (char in "<(") - (char in ">)")
        if char == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def parse_type(text: str) -> TypeInfo:
    """The type a column definition names.

    Examples:
        >>> parse_type("int(11)").text, parse_type("string").text
        ('INT', 'VARCHAR(65533)')
        >>> parse_type("array<int>").duckdb
        'INTEGER[]'
    """
    found = _HEAD.match(text)
    if not found:
        raise ServerError(f"Unknown type '{text}'")
    base = found[1].upper()
    base = _ALIASES.get(base, base)
    numbers = [int(part) for part in (found[2] or "").split(",") if part.strip().isdigit()]
    if base in _PLAIN:
        duck, arrow = _PLAIN[base]
        return TypeInfo(base, base, duck, arrow)
    if base == "STRING":
        return TypeInfo("VARCHAR", "VARCHAR(65533)", "VARCHAR", pa.string(), 65533)
    if base in ("CHAR", "VARCHAR"):
        length = numbers[0] if numbers else 1
        return TypeInfo(base, f"{base}({length})", "VARCHAR", pa.string(), length)
    if base == "VARBINARY":
        suffix = f"({numbers[0]})" if numbers else ""
        size = numbers[0] if numbers else None
        return TypeInfo(base, base + suffix, "BLOB", pa.binary(), size)
    if base == "DECIMAL":
        precision, scale = (*numbers, *((10, 0)[len(numbers) :]))[:2]
        if not 1 <= precision <= 38 or not 0 <= scale <= precision:
            raise ServerError(f"Invalid decimal type '{text}'")
        return TypeInfo(
            base,
            f"DECIMAL({precision}, {scale})",
            f"DECIMAL({precision},{scale})",
            pa.decimal128(precision, scale),
            None,
            precision,
            scale,
        )
    if found[3] and base in ("ARRAY", "MAP", "STRUCT"):
        return _nested(base, _split(found[3]))
    raise ServerError(f"Unknown type '{text}'")


def _nested(base: str, parts: Sequence[str]) -> TypeInfo:
    if base == "STRUCT":
        fields = [part.strip().replace(":", " ", 1).split(None, 1) for part in parts]
        kinds = [(name.strip("`"), parse_type(kind)) for name, kind in fields]
        text = ", ".join(f"{name} {kind.text}" for name, kind in kinds)
        duck = ", ".join(f'"{name}" {kind.duckdb}' for name, kind in kinds)
        return TypeInfo(base, f"STRUCT<{text}>", f"STRUCT({duck})", pa.string())
    inner = [parse_type(part) for part in parts]
    text = ",".join(kind.text for kind in inner)
    if base == "ARRAY":
        return TypeInfo(base, f"ARRAY<{text}>", f"{inner[0].duckdb}[]", pa.string())
    duck = ", ".join(kind.duckdb for kind in inner)
    return TypeInfo(base, f"MAP<{text}>", f"MAP({duck})", pa.string())


@dataclass(slots=True)
class ColumnDef:
    """A column; `type` is normalised text such as `VARCHAR(20)`, `default` a literal's text.

    `generated` is the expression of a column that is computed from the others.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    comment: str = ""
    key: bool = False
    aggregate: str = ""
    auto_increment: bool = False
    generated: str = ""

    def __post_init__(self) -> None:
        self.type = parse_type(self.type).text

    @property
    def info(self) -> TypeInfo:
        """The parsed type."""
        return parse_type(self.type)

    @property
    def duckdb_type(self) -> str:
        """The DuckDB type that stores it."""
        return self.info.duckdb


@dataclass(slots=True)
class TableDef:
    """A table. The store fills the ids; leave them 0 and empty."""

    db: str
    name: str
    columns: list[ColumnDef]
    keys_type: str = "DUPLICATE"
    key_columns: list[str] = field(default_factory=list)
    buckets: int = 1
    distribution_columns: list[str] = field(default_factory=list)
    partition_by: PartitionBy | None = None
    order_by: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    table_id: int = 0
    partitions: list[PartitionDef] = field(default_factory=list)
    replication: int = 1
    created_ms: int = 0

    @property
    def loaded_columns(self) -> list[ColumnDef]:
        """The columns that are not computed from others."""
        return [column for column in self.columns if not column.generated]

    @property
    def partition_columns(self) -> list[str]:
        """The partition columns; none without PARTITION BY."""
        return self.partition_by.columns if self.partition_by else []

    @property
    def tablet_ids(self) -> list[int]:
        """The tablets of all partitions."""
        return [tablet for partition in self.partitions for tablet in partition.tablet_ids]

    @property
    def full_name(self) -> str:
        """`db.table`."""
        return f"{self.db}.{self.name}"

    @property
    def primary(self) -> bool:
        """Whether the table has a primary key and knows `__op`."""
        return self.keys_type == "PRIMARY"

    def column(self, name: str) -> ColumnDef | None:
        """A column by its name; exact spelling first, then without regard to case."""
        for column in self.columns:
            if column.name == name:
                return column
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableDef:
        """Back from `to_json`."""
        columns = [ColumnDef(**column) for column in data["columns"]]
        partitions = [PartitionDef(**partition) for partition in data["partitions"]]
        by = data["partition_by"] and PartitionBy(**data["partition_by"])
        return cls(**{**data, "columns": columns, "partitions": partitions, "partition_by": by})


@dataclass(slots=True)
class DatabaseDef:
    """A database."""

    name: str
    db_id: int
    created_ms: int = 0


@dataclass(slots=True)
class LoadRecord:
    """A load or transaction as `information_schema.loads` and SHOW PROC show it; times in ms."""

    txn_id: int
    label: str
    db: str
    table: str
    db_id: int = 0
    user: str = "root"
    state: str = "PREPARE"
    kind: str = "STREAM_LOAD"
    begin_ms: int = 0
    prepared_ms: int = 0
    commit_ms: int = 0
    finish_ms: int = 0
    timeout_ms: int = 600_000
    prepared_timeout_ms: int = -1
    total_rows: int = 0
    loaded_rows: int = 0
    filtered_rows: int = 0
    unselected_rows: int = 0
    load_bytes: int = 0
    reason: str = ""
    error_url: str = ""
    error_rows: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TabletRow:
    """One replica of a tablet, as `information_schema.be_tablets` and SHOW TABLET show it."""

    table: TableDef
    partition: PartitionDef
    bucket: int
    be_id: int
    tablet_id: int
    replica_id: int
    num_version: int
    max_version: int
    num_row: int

    @property
    def data_size(self) -> int:
        """Bytes, estimated by the number of columns."""
        return self.num_row * ROW_BYTES * len(self.table.columns)
