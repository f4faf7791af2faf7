"""The scripts that real Flink and Penstock both run, and the tables they run into."""

from __future__ import annotations

from dataclasses import dataclass

_SINK = """CREATE TABLE target ({columns}) WITH (
 'connector' = 'starrocks', 'jdbc-url' = '{jdbc}', 'load-url' = '{load}',
 'database-name' = '{database}', 'table-name' = 'target', 'username' = 'root', 'password' = 'pw',
 'sink.label-prefix' = 'interop', 'sink.version' = 'V2',
 {options});
"""
_CHECKPOINTS = "SET 'execution.checkpointing.interval' = '1 s';\n"
_EXACTLY_ONCE = "'sink.semantic' = 'exactly-once'"
_AT_LEAST_ONCE = "'sink.semantic' = 'at-least-once', 'sink.buffer-flush.interval-ms' = '1000'"
_JSON = "'sink.properties.format' = 'json'"
_CSV = "'sink.properties.format' = 'csv'"

_ROWS = """INSERT INTO target VALUES
 (1, 'tea', CAST(1.50 AS DECIMAL(10, 2))), (2, 'jam', CAST(NULL AS DECIMAL(10, 2))),
 (3, 'Zürich 😀', CAST(0.05 AS DECIMAL(10, 2))), (4, 'say "hi", \\o/', CAST(100 AS DECIMAL(10, 2)));
"""
_NARROW = "id INT, name STRING, price DECIMAL(10, 2)"
_NARROW_KEYED = _NARROW + ", PRIMARY KEY (id) NOT ENFORCED"
_DUPLICATE = "(id INT, name VARCHAR(50), price DECIMAL(10,2)) DUPLICATE KEY (id)"
_PRIMARY = "(id INT NOT NULL, name VARCHAR(50), price DECIMAL(10,2)) PRIMARY KEY (id)"
_BUCKETS = " DISTRIBUTED BY HASH(id) BUCKETS 1"

_WIDE = """id INT, f_boolean BOOLEAN, f_tinyint TINYINT, f_smallint SMALLINT, f_bigint BIGINT,
 f_float FLOAT, f_double DOUBLE, f_decimal DECIMAL(38, 10), f_largeint DECIMAL(20, 0),
 f_char CHAR(5), f_varchar VARCHAR(20), f_date DATE, f_datetime TIMESTAMP(6),
 f_datetime_s TIMESTAMP(0), f_instant TIMESTAMP_LTZ(6), f_json STRING, f_array ARRAY<INT>,
 f_map MAP<STRING, INT>, f_row ROW<a INT, b STRING>,
 PRIMARY KEY (id) NOT ENFORCED"""
_WIDE_TABLE = """(id INT NOT NULL, f_boolean BOOLEAN, f_tinyint TINYINT, f_smallint SMALLINT,
 f_bigint BIGINT, f_float FLOAT, f_double DOUBLE, f_decimal DECIMAL(38,10), f_largeint LARGEINT,
 f_char CHAR(8), f_varchar VARCHAR(20), f_date DATE, f_datetime DATETIME, f_datetime_s DATETIME,
 f_instant DATETIME, f_json JSON, f_array ARRAY<INT>,
 f_map JSON, f_row JSON) PRIMARY KEY (id)"""
_WIDE_ROWS = """INSERT INTO target VALUES
 (1, TRUE, CAST(-128 AS TINYINT), CAST(32767 AS SMALLINT), 9223372036854775807,
  CAST(1.5 AS FLOAT), 2.5E10, CAST('12345678901234567890.0123456789' AS DECIMAL(38, 10)),
  CAST('18446744073709551615' AS DECIMAL(20, 0)), CAST('ab' AS CHAR(5)), 'plain', DATE '2024-02-29',
  TIMESTAMP '2024-01-31 10:11:12.123456', TIMESTAMP '2024-01-31 10:11:00',
  CAST(TIMESTAMP '2024-01-31 10:11:12.5' AS TIMESTAMP_LTZ(6)), '{"k": [1, "two"]}',
  ARRAY[1, 2, 3], MAP['k', 1], ROW(1, 'b')),
 (2, FALSE, CAST(127 AS TINYINT), CAST(-32768 AS SMALLINT), -9223372036854775808,
  CAST(-0.1 AS FLOAT), 1.0E-5, CAST(0 AS DECIMAL(38, 10)), CAST(0 AS DECIMAL(20, 0)),
  CAST('fünf5' AS CHAR(5)), 'x', DATE '1970-01-01', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP '9999-12-31 23:59:59',
  CAST(TIMESTAMP '1970-01-01 00:00:00' AS TIMESTAMP_LTZ(6)), '[]', ARRAY[-1],
  MAP['x', -1], ROW(2, 'ü')),
 (3, CAST(NULL AS BOOLEAN), CAST(NULL AS TINYINT), CAST(NULL AS SMALLINT), CAST(NULL AS BIGINT),
  CAST(NULL AS FLOAT), CAST(NULL AS DOUBLE), CAST(NULL AS DECIMAL(38, 10)),
  CAST(NULL AS DECIMAL(20, 0)), CAST(NULL AS CHAR(5)), CAST(NULL AS VARCHAR(20)),
  CAST(NULL AS DATE), CAST(NULL AS TIMESTAMP(6)), CAST(NULL AS TIMESTAMP(0)),
  CAST(NULL AS TIMESTAMP_LTZ(6)), CAST(NULL AS STRING), CAST(NULL AS ARRAY<INT>),
  CAST(NULL AS MAP<STRING, INT>), CAST(NULL AS ROW<a INT, b STRING>));
"""

_CDC_SOURCE = """CREATE TABLE source (id INT, name STRING, price DECIMAL(10, 2),
 PRIMARY KEY (id) NOT ENFORCED) WITH (
 'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '{mysql}', 'username' = 'root',
 'password' = '', 'database-name' = '{database}', 'table-name' = 'source',
 'server-time-zone' = 'UTC', 'server-id' = '{server_id}');
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One script.

    Args:
        name: Of the case.
        about: What it shows, for the report.
        columns: Of the sink table in Flink SQL.
        options: Of the sink, after the addresses.
        rows: The statement that writes.
        table: Columns, model and key of the StarRocks table.
        settings: Statements before it.
        before: Statements on StarRocks before the script.
        changes: Statements on MySQL's table `source` once the script is running, in turn; the
            script then reads it by mysql-cdc.
    """

    name: str
    about: str
    columns: str
    options: tuple[str, ...]
    rows: str
    table: str
    settings: str = ""
    before: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    def script(self, **places: str) -> str:
        """The script for addresses and names."""
        sink = _SINK.format(columns=self.columns, options=", ".join(self.options), **places)
        source = _CDC_SOURCE.format(**places) if self.changes else ""
        return self.settings + source + sink + self.rows

    @property
    def create(self) -> str:
        """The StarRocks table."""
        return f"CREATE TABLE target {self.table}{_BUCKETS}"


CASES = (
    Case(
        "append-json", "inserts into a duplicate-key table, at-least-once, JSON",
        _NARROW, (_AT_LEAST_ONCE, _JSON), _ROWS, _DUPLICATE,
    ),
    Case(
        "append-csv", "the same as CSV with the default separators",
        _NARROW, (_AT_LEAST_ONCE, _CSV), _ROWS, _DUPLICATE,
    ),
    Case(
        "separators", "CSV with separators in hexadecimal, into a primary-key table",
        _NARROW_KEYED,
        (_AT_LEAST_ONCE, _CSV, r"'sink.properties.column_separator' = '\x01'",
         r"'sink.properties.row_delimiter' = '\x02'"),
        _ROWS, _PRIMARY,
    ),
    Case(
        "lz4", "JSON in LZ4 frames",
        _NARROW_KEYED, (_AT_LEAST_ONCE, _JSON, "'sink.properties.compression' = 'lz4_frame'"),
        _ROWS, _PRIMARY,
    ),
    Case(
        "stream-load", "plain Stream Load instead of transactions",
        _NARROW_KEYED,
        (_AT_LEAST_ONCE, _JSON, "'sink.at-least-once.use-transaction-stream-load' = 'false'"),
        _ROWS, _PRIMARY,
    ),
    Case(
        "exactly-once-json", "two-phase commit with checkpoints, JSON",
        _NARROW_KEYED, (_EXACTLY_ONCE, _JSON), _ROWS, _PRIMARY, settings=_CHECKPOINTS,
    ),
    Case(
        "wide-json", "all types, exactly-once, JSON",
        _WIDE, (_EXACTLY_ONCE, _JSON), _WIDE_ROWS, _WIDE_TABLE, settings=_CHECKPOINTS,
    ),
    Case(
        "wide-csv", "all types, exactly-once, CSV",
        _WIDE, (_EXACTLY_ONCE, _CSV), _WIDE_ROWS, _WIDE_TABLE, settings=_CHECKPOINTS,
    ),
    Case(
        "partial-update", "two of three columns, CSV with 'partial_update'",
        "id INT, price DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED",
        (_AT_LEAST_ONCE, _CSV, "'sink.properties.partial_update' = 'true'"),
        "INSERT INTO target VALUES (1, CAST(9 AS DECIMAL(10, 2))), (5, CAST(8 AS DECIMAL(10, 2)));",
        _PRIMARY, before=("INSERT INTO target VALUES (1, 'kept', 1), (2, 'also', 2)",),
    ),
    Case(
        "merge-condition", "rows apply only where a column does not decrease",
        _NARROW_KEYED, (_AT_LEAST_ONCE, _JSON, "'sink.properties.merge_condition' = 'price'"),
        "INSERT INTO target VALUES (1, 'older', CAST(99 AS DECIMAL(10, 2))),"
        " (2, 'newer', CAST(101 AS DECIMAL(10, 2)));",
        _PRIMARY, before=("INSERT INTO target VALUES (1, 'a', 100), (2, 'b', 100)",),
    ),
    Case(
        "changes", "snapshot, update, delete and a changed key out of MySQL's log, exactly-once",
        _NARROW_KEYED,
        (_EXACTLY_ONCE, _JSON, "'sink.ignore.update-before' = 'false'"),
        "INSERT INTO target SELECT id, name, price FROM source;",
        _PRIMARY, settings=_CHECKPOINTS,
        changes=(
            "INSERT INTO source VALUES (5, 'new', 5)",
            "UPDATE source SET name = 'changed', price = 2.5 WHERE id = 2",
            "DELETE FROM source WHERE id = 1",
            "UPDATE source SET id = 40 WHERE id = 4",
        ),
    ),
)  # fmt: skip
SEED = (
    "CREATE TABLE source (id INT PRIMARY KEY, name VARCHAR(50), price DECIMAL(10,2))",
    "INSERT INTO source VALUES (1, 'tea', 1.5), (2, 'jam', NULL), (4, 'oat', 4)",
)
