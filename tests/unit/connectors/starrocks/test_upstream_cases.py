"""What the connector for Flink asserts about rows, under its own names, against our sink.

Source: flink-connector-starrocks, integration tests of its sink; docs/starrocks-conformance.md.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable

from penstock.connectors.starrocks.target import TargetConnection, read_columns
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import DataError, ValidationError
from penstock.types import (
    BIGINT,
    DOUBLE,
    FLOAT,
    INT,
    STRING,
    TIMESTAMP,
    Column,
    DataType,
    Schema,
)

Tables = Callable[[str], TargetTable]
WORK = "(c0 INT, c1 FLOAT, c2 STRING) {} KEY(c0) DISTRIBUTED BY HASH(c0) BUCKETS 8"
DUP, PK = WORK.format("DUPLICATE"), WORK.format("PRIMARY")
TYPES: dict[str, DataType] = {"c0": INT, "c1": FLOAT, "c2": STRING}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedStarRocks]:
    with EmbeddedStarRocks() as made:
        yield made


@pytest.fixture
def tables(server: EmbeddedStarRocks) -> Iterator[Tables]:
    made: list[TargetTable] = []

    def create(ddl: str) -> TargetTable:
        made.append(TargetTable(server, ddl))
        return made[-1]

    yield create
    for table in made:
        table.close()


def schema(*names: str, key: str = "", **types: DataType) -> Schema:
    kinds = TYPES | types
    return Schema(tuple(Column(name, kinds[name]) for name in names), (key,) if key else ())


def rows(table: TargetTable, order: str = "1") -> list[tuple[Any, ...]]:
    return table.sql(f"SELECT * FROM d.t ORDER BY {order}")


FULL = [(1, 10.1, "abc"), (2, 20.2, "def")]


@pytest.mark.parametrize(("ddl", "key"), [(DUP, ""), (PK, "c0")], ids=["Dup", "Pk"])
class TestWrites:
    def test_write_full_columns_in_order(self, tables: Tables, ddl: str, key: str) -> None:
        table = tables(ddl)
        table.load(schema("c0", "c1", "c2", key=key), FULL)
        assert rows(table) == FULL

    def test_write_full_columns_out_of_order(self, tables: Tables, ddl: str, key: str) -> None:
        table = tables(ddl)
        table.load(schema("c2", "c1", "c0", key=key), [row[::-1] for row in FULL])
        assert rows(table) == FULL

    def test_write_partial_columns_in_order(self, tables: Tables, ddl: str, key: str) -> None:
        table = tables(ddl)
        table.load(schema("c0", "c2", key=key), [(1, "abc"), (2, "def")])
        assert rows(table) == [(1, None, "abc"), (2, None, "def")]

    def test_write_partial_columns_out_of_order(self, tables: Tables, ddl: str, key: str) -> None:
        table = tables(ddl)
        table.load(schema("c2", "c0", key=key), [("abc", 1), ("def", 2)])
        assert rows(table) == [(1, None, "abc"), (2, None, "def")]


UPSERTS = [(1, 1.0, "row1"), (2, 2.0, "row2"), (1, 3.0, "row3"), (3, 3.0, "row3"), (2, 2.0, "row2")]
UPSERT_KINDS = ["+I", "+I", "+U", "+U", "-D"]


def test_pk_upsert_and_delete(tables: Tables) -> None:
    table = tables(PK)
    table.load(schema("c0", "c1", "c2", key="c0"), UPSERTS, kinds=UPSERT_KINDS)
    assert rows(table) == [(1, 3.0, "row3"), (3, 3.0, "row3")]


@pytest.mark.parametrize("body", ["csv", "json"])
def test_pk_partial_update_delete(tables: Tables, body: str) -> None:
    table = tables(PK)
    table.load(schema("c0", "c1", "c2", key="c0"), [(1, 1.0, "1"), (2, 2.0, "2")])
    options = table.options(
        **{"sink.properties.partial_update": "true", "sink.properties.format": body}
    )
    changes = [(1, "1"), (2, "22"), (3, "3")]
    table.load(schema("c0", "c2", key="c0"), changes, options, ["-D", "+U", "+I"])
    assert rows(table) == [(2, 2.0, "22"), (3, None, "3")]


def test_partial_update_of_a_table_without_key_is_refused(tables: Tables) -> None:
    table = tables(DUP)
    options = table.options(**{"sink.properties.partial_update": "true"})
    with pytest.raises(ValidationError, match="partial_update"):
        table.load(schema("c0", "c2"), [(1, "1")], options)


@pytest.mark.parametrize("body", ["csv", "json"])
def test_conditional_update_merge_condition(tables: Tables, body: str) -> None:
    table = tables(PK)
    sink = schema("c0", "c1", "c2", key="c0")
    table.load(sink, [(1, 100.0, "100")])
    options = table.options(
        **{"sink.properties.merge_condition": "c1", "sink.properties.format": body}
    )
    table.load(sink, [(1, 99.0, "99")], options)
    assert rows(table) == [(1, 100.0, "100")]
    table.load(sink, [(1, 101.0, "101")], options)
    assert rows(table) == [(1, 101.0, "101")]
    # Within one load too: the last row of a key does not win by its place.
    table.load(sink, [(1, 103.0, "a"), (1, 103.0, "b"), (1, 102.0, "c"), (2, None, "d")], options)
    assert rows(table) == [(1, 103.0, "b"), (2, None, "d")]


@pytest.mark.parametrize(("column", "said"), [("c0", "key column"), ("cx", "does not exist")])
def test_merge_condition_must_be_a_value_column(tables: Tables, column: str, said: str) -> None:
    table = tables(PK)
    options = table.options(**{"sink.properties.merge_condition": column})
    with pytest.raises(ValidationError, match="merge_condition") as caught:
        table.load(schema("c0", "c1", "c2", key="c0"), FULL, options)
    assert said in caught.value.detail


def test_csv_format_with_column_separator_and_row_delimiter(tables: Tables) -> None:
    table = tables(DUP)
    options = table.options(
        **{
            "sink.properties.column_separator": "\\x01",
            "sink.properties.row_delimiter": "\\0x2",
        }
    )
    table.load(schema("c0", "c1", "c2"), FULL, options)
    assert table.format == "csv"
    assert table.sent[-1][1].count(b"\\0x2") == 2
    assert rows(table) == FULL


@pytest.mark.parametrize("strip", [{}, {"sink.properties.strip_outer_array": "true"}])
def test_json_format(tables: Tables, strip: dict[str, str]) -> None:
    table = tables(DUP)
    options = table.options(**{"sink.properties.format": "json", **strip})
    table.load(schema("c0", "c1", "c2"), FULL, options)
    assert table.format == "json"
    assert rows(table) == FULL


def test_unaligned_types(tables: Tables) -> None:
    table = tables("(c0 INT, c1 LARGEINT, c2 JSON) PRIMARY KEY(c0)")
    sink = schema("c0", "c1", "c2", key="c0", c1=STRING)
    table.load(sink, [(1, "123", '{"key": 1, "value": 2}')])
    ((key, number, text),) = rows(table)
    assert (key, number, json.loads(text)) == (1, "123", {"key": 1, "value": 2})


def test_json_type(tables: Tables) -> None:
    table = tables("(c0 INT, c1 JSON) PRIMARY KEY(c0)")
    values = ['{"a": 1, "b": true}', ""]
    sink = schema("c0", "c1", key="c0", c1=STRING)
    table.load(sink, list(enumerate(values)))
    assert [json.loads(row[1]) for row in rows(table)] == [{"a": 1, "b": True}, ""]


@pytest.mark.parametrize("body", ["json", "csv"])
def test_lz4_compression(tables: Tables, body: str) -> None:
    table = tables(PK)
    options = table.options(
        **{"sink.properties.format": body, "sink.properties.compression": "lz4_frame"}
    )
    table.load(schema("c0", "c1", "c2", key="c0"), FULL, options)
    headers, data = table.sent[-1]
    assert data[:4] == b"\x04\x22\x4d\x18"  # the magic number of LZ4 frames
    assert (headers["format"], headers.get("compression")) == (
        ("json", "lz4_frame") if body == "json" else ("lz4", None)
    )
    assert rows(table) == FULL


def test_timestamp_type(tables: Tables) -> None:
    table = tables("(c0 INT, c1 DATETIME, c2 DATETIME) PRIMARY KEY(c0)")
    moments = [
        "2024-01-01T10:00:00",
        "2024-01-01T10:00:00.123",
        "2024-01-01T10:00:00.123456",
    ]
    values = [dt.datetime.fromisoformat(text) for text in moments]
    sink = schema("c0", "c1", "c2", key="c0", c1=TIMESTAMP(6), c2=STRING)
    texts = ["2024-01-01T10:00", *moments[1:]]
    table.load(sink, [(i, v, t) for i, (v, t) in enumerate(zip(values, texts, strict=True))])
    assert rows(table) == [(i, value, value) for i, value in enumerate(values)]


def test_error_log(tables: Tables) -> None:
    table = tables("(c0 INT, c1 FLOAT, c2 STRING NOT NULL) DUPLICATE KEY(c0)")
    with pytest.raises(DataError) as caught:
        table.load(schema("c0", "c1", "c2"), [(1, 10.5, None), (2, 20.5, None)])
    text = caught.value.render()
    first = "NULL value in non-nullable column 'c2'. Row: [1, 10.5, NULL]"
    second = "NULL value in non-nullable column 'c2'. Row: [2, 20.5, NULL]"
    assert text.index(first) < text.index(second)
    assert "errorLog: Error: " in text


def test_error_log_sanitized(tables: Tables) -> None:
    table = tables("(c0 INT, c1 FLOAT, c2 VARCHAR(3)) DUPLICATE KEY(c0)")
    options = table.options(**{"sink.sanitize-error-log": "true"})
    with pytest.raises(DataError) as caught:
        table.load(schema("c0", "c1", "c2"), [(1, 10.1, "geheim")], options)
    text = caught.value.render()
    assert "The field (name = c2, pos = 2) is out of range" in text
    assert "geheim" not in text
    assert "10.1" not in text


def test_strict_mode_is_on_unless_the_user_turns_it_off(tables: Tables) -> None:
    table = tables("(c0 INT, c1 FLOAT, c2 VARCHAR(3)) DUPLICATE KEY(c0)")
    sink = schema("c0", "c1", "c2")
    with pytest.raises(DataError, match="refused rows"):
        table.load(sink, [(1, 10.1, "long text")])
    table.load(
        sink, [(1, 10.0, "long text")], table.options(**{"sink.properties.strict_mode": "false"})
    )
    assert rows(table) == [(1, 10.0, None)]


def test_max_filter_ratio_lets_bad_rows_go(tables: Tables) -> None:
    table = tables("(c0 INT, c1 FLOAT, c2 VARCHAR(3)) DUPLICATE KEY(c0)")
    options = table.options(**{"sink.properties.max_filter_ratio": "0.5"})
    answer = table.load(schema("c0", "c1", "c2"), [(1, 1.0, "long text"), (2, 2.0, "ok")], options)
    assert (answer.loaded_rows, answer.filtered_rows) == (1, 1)


def test_upsert_and_delete_of_a_debezium_stream(tables: Tables) -> None:
    table = tables(PK)
    changes = [
        ("+I", (1, 2.0, "row1")),
        ("+I", (2, 2.0, "row2x")),
        ("+I", (3, 2.0, "row3")),
        ("-U", (2, 2.0, "row2x")),
        ("+U", (2, 2.0, "row2")),
        ("-D", (3, 2.0, "row3")),
    ]
    sink = schema("c0", "c1", "c2", key="c0")
    table.load(sink, [row for _, row in changes], kinds=[kind for kind, _ in changes])
    assert rows(table) == [(1, 2.0, "row1"), (2, 2.0, "row2")]


@pytest.mark.parametrize("ignore", [None, "false"])
def test_update_with_pk_changed(tables: Tables, ignore: str | None) -> None:
    table = tables(PK)
    options = table.options(**({"sink.ignore.update-before": ignore} if ignore else {}))
    sink = schema("c0", "c1", "c2", key="c0")
    table.load(sink, [(1, 2.0, "row1")], options)
    table.load(sink, [(1, 2.0, "row1"), (2, 2.0, "row2")], options, ["-U", "+U"])
    assert rows(table) == [(2, 2.0, "row2")]


def test_an_update_that_leaves_a_where_deletes_the_row(tables: Tables) -> None:
    table = tables(PK)
    sink = schema("c0", "c1", "c2", key="c0")
    table.load(sink, FULL)
    table.load(sink, [FULL[0]], kinds=["-U"])
    assert rows(table) == FULL[1:]


@pytest.mark.parametrize("body", ["csv", "json", None])
def test_columns_with_expressions(tables: Tables, body: str | None) -> None:
    table = tables("(c0 INT, c1 STRING, c2 INT) PRIMARY KEY(c0)")
    given = {"sink.properties.columns": "c0, c1, c2 = c0 + 1"}
    if body:
        given["sink.properties.format"] = body
    sink = schema("c0", "c1", key="c0", c1=STRING)
    table.load(sink, [(1, "abc"), (2, "\\N" if body != "csv" else "x")], table.options(**given))
    table.load(sink, [(1, "abc")], table.options(**given), ["-D"])
    assert rows(table) == [(2, "\\N" if body != "csv" else "x", 3)]
    assert table.sent[-1][0]["columns"] == "c0, c1, c2 = c0 + 1,`__op`"


def test_columns_may_say_what_the_operation_is(tables: Tables) -> None:
    table = tables(PK)
    sink = schema("c0", "c1", "c2", key="c0")
    table.load(sink, FULL)
    options = table.options(**{"sink.properties.columns": "c0, c1, c2, __op = 'delete'"})
    table.load(sink, FULL[:1], options)
    assert rows(table) == FULL[1:]


def test_columns_by_position_in_csv_and_by_name_in_json(tables: Tables) -> None:
    table = tables(DUP)
    sink = schema("c2", "c1", "c0")
    turned = [row[::-1] for row in FULL]
    table.load(sink, turned, table.options(**{"sink.properties.columns": "c2, c1, c0"}))
    by_name = {"sink.properties.columns": "c0, c1, c2", "sink.properties.format": "json"}
    table.load(sink, turned, table.options(**by_name))
    assert rows(table) == [FULL[0], FULL[0], FULL[1], FULL[1]]


@pytest.mark.parametrize(
    "given",
    [
        {"sink.properties.columns": "c0, c1"},
        {"sink.properties.columns": "c0, c1, cx", "sink.properties.format": "json"},
    ],
)
def test_columns_must_list_the_fields(tables: Tables, given: dict[str, str]) -> None:
    table = tables(DUP)
    with pytest.raises(ValidationError, match=r"sink\.properties\.columns"):
        table.load(schema("c0", "c1", "c2"), FULL, table.options(**given))


def test_where(tables: Tables) -> None:
    table = tables(DUP)
    answer = table.load(
        schema("c0", "c1", "c2"), FULL, table.options(**{"sink.properties.where": "c0 > 1"})
    )
    assert (answer.loaded_rows, answer.unselected_rows) == (1, 1)


def test_names_with_spaces_and_of_any_script(tables: Tables) -> None:
    table = tables("(c0 INT, `名称` STRING, `a b` BIGINT) PRIMARY KEY(c0)")
    sink = schema("c0", "名称", "a b", key="c0", **{"名称": STRING, "a b": BIGINT})
    for body in ("csv", "json"):
        table.load(sink, [(1, body, 2)], table.options(**{"sink.properties.format": body}))
        assert rows(table) == [(1, body, 2)]


@pytest.mark.parametrize(
    ("ddl", "sink", "text"),
    [
        (PK, schema("c0", "c1", "c2"), "Primary keys not defined in the sink `TableSchema`."),
        (
            PK,
            schema("c0", "c1", "c2", key="c1"),
            "Primary keys of the flink `TableSchema` do not match with the ones from",
        ),
        (DUP, schema("c0", "cx", cx=INT), "StarRocks does not have column cx"),
        (
            DUP,
            schema("c0", "c2", c2=DOUBLE),
            "Flink and StarRocks types are not matched for column c2, flink type is DOUBLE, "
            "starrocks type is varchar",
        ),
    ],
)
def test_schema_validation_has_upstreams_texts(
    tables: Tables, ddl: str, sink: Schema, text: str
) -> None:
    table = tables(ddl)
    with pytest.raises(ValidationError) as caught:
        table.load(sink, [])
    assert text in caught.value.render()


def test_a_key_declared_over_a_table_without_is_no_error(tables: Tables) -> None:
    table = tables(DUP)
    table.load(schema("c0", "c1", "c2", key="c0"), FULL, kinds=["+I", "+U"])
    assert rows(table) == FULL
    with pytest.raises(DataError, match="without primary key"):
        table.load(schema("c0", "c1", "c2", key="c0"), FULL, kinds=["+I", "-D"])


@pytest.mark.parametrize(("ddl", "keys"), [(PK, ["PRI", "", ""]), (DUP, ["", "", ""])])
def test_a_primary_key_is_found_where_columns_do_not_tell(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, ddl: str, keys: list[str]
) -> None:
    table = tables(ddl)
    ask = TargetConnection.query

    def query(self: TargetConnection, sql: str, args: Any = ()) -> list[tuple[Any, ...]]:
        found = ask(self, sql, args)
        return [(*row[:2], "") for row in found] if "COLUMN_KEY" in sql else found

    monkeypatch.setattr(TargetConnection, "query", query)
    connection = TargetConnection(table.options())
    assert [column.key for column in read_columns(connection, "d", "t")] == keys
    connection.close()
