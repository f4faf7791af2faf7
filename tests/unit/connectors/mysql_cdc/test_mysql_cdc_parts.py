"""Options, chunks, types, the ring and the dispatcher of mysql-cdc, without a server."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from penstock.changelog import ChangelogMode
from penstock.connectors.base import TableDescriptor, find_connector
from penstock.connectors.mysql_cdc import CONNECTOR, MySqlCdcSource
from penstock.connectors.mysql_cdc.chunks import (
    DONE,
    PENDING,
    READING,
    ChunkMap,
    KeyOrder,
    even_bounds,
    predicate,
)
from penstock.connectors.mysql_cdc.dispatcher import TableDispatcher
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.connectors.mysql_cdc.row_shape import RowShape
from penstock.connectors.mysql_cdc.tables import PhysicalTable, check_server, file_order, matches
from penstock.connectors.mysql_cdc.types import Shown, to_declared
from penstock.errors import ConnectorError, DataError, OptionError, ValidationError
from penstock.types import BOOLEAN, DECIMAL, INT, STRING, TIME, TIMESTAMP, Column, Schema
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.column import parse_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.types import DataType

GIVEN = {
    "connector": "mysql-cdc",
    "hostname": "h",
    "username": "u",
    "password": "planted-secret",
    "database-name": "shop_[0-9]+",
    "table-name": "orders.*",
}
SCHEMA = Schema((Column("id", INT), Column("v", STRING)), ("id",))
TABLE = PhysicalTable(
    "shop",
    "t",
    (parse_column("id", "int"), parse_column("v", "varchar(9)", "utf8mb4")),
    ("id",),
    parse_column("id", "int"),
)


class NoServer:
    """A session that answers from a script."""

    def __init__(self, answers: dict[str, list[tuple[Any, ...]]] | None = None) -> None:
        self.answers = answers or {}

    def query(self, sql: str, args: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        del args
        return next(rows for part, rows in self.answers.items() if part in sql)


def source(schema: Schema = SCHEMA, **more: str) -> MySqlCdcSource:
    given = {**GIVEN, **{key.replace("__", "-"): text for key, text in more.items()}}
    return MySqlCdcSource(TableDescriptor("c.d.t", schema, given))


def with_option(key: str, text: str) -> MySqlCdcOptions:
    options = MySqlCdcOptions({**GIVEN, key: text})
    options.validate()
    return options


def test_the_connector_is_found_and_emits_all_kinds() -> None:
    assert find_connector("mysql-cdc") is CONNECTOR
    assert CONNECTOR.source_mode(TableDescriptor("t", SCHEMA, GIVEN)) == ChangelogMode.all()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("database-name", "["),
        ("table-name", r"\p{Alpha}"),
        ("server-id", "5408-5400"),
        ("scan.incremental.snapshot.chunk.size", "1"),
        ("chunk-key.even-distribution.factor.lower-bound", "2"),
        ("connect.timeout", "200 ms"),
        ("scan.startup.mode", "specific-offset"),
        ("scan.startup.mode", "timestamp"),
        ("debezium.tombstones.on.delete", "true"),
        ("hostnam", "x"),
    ],
)
def test_a_wrong_option_is_refused(key: str, text: str) -> None:
    with pytest.raises(OptionError):
        with_option(key, text)


def test_old_keys_are_understood() -> None:
    key = "split-key.even-distribution.factor.upper-bound"
    assert with_option(key, "5.5").factor_upper == 5.5


def test_a_table_without_a_key_names_both_remedies() -> None:
    with pytest.raises(ValidationError) as caught:
        source(Schema(SCHEMA.columns))
    assert "PRIMARY KEY" in caught.value.hint
    assert "chunk.key-column" in caught.value.hint


def test_sources_of_one_server_and_account_share_a_reader() -> None:
    assert source().share_key == source(table__name="items").share_key
    assert source().share_key != source(username="other").share_key


@pytest.mark.parametrize(
    ("database", "table", "read"),
    [
        ("shop_1", "orders_2", True),
        ("SHOP_1", "Orders", True),
        ("shop_x", "orders", False),
        ("shop_1", "my_orders", False),
    ],
)
def test_patterns_match_whole_names_in_any_case(database: str, table: str, read: bool) -> None:
    assert matches(MySqlCdcOptions(GIVEN), database, table) is read


def test_system_schemas_are_never_read() -> None:
    options = MySqlCdcOptions({**GIVEN, "database-name": ".*", "table-name": ".*"})
    assert not matches(options, "mysql", "user")


def test_binlog_files_are_ordered_by_length_first() -> None:
    old, new = BinlogPosition("binlog.999999", 99), BinlogPosition("binlog.1000000", 4)
    assert file_order(old) < file_order(new)


@pytest.mark.parametrize(
    ("name", "value"),
    [("log_bin", "OFF"), ("binlog_format", "MIXED"), ("binlog_row_image", "MINIMAL")],
)
def test_a_server_without_full_row_binlog_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConnectorError, match=f"'{name}' is '{value}'"):
        check_server(NoServer({"SHOW VARIABLES": [(name, value)]}), "u@h:3306")


def test_even_bounds_keep_the_scale_of_decimals() -> None:
    bounds = even_bounds(Decimal("1.50"), Decimal("10.50"), 10, 4, (0.05, 1000.0))
    assert bounds == [Decimal("5.50"), Decimal("9.50")]


def test_an_even_key_of_few_rows_is_one_chunk() -> None:
    assert even_bounds(1, 100, 100, 8096, (0.05, 1000.0)) == []


def test_a_range_excludes_its_end() -> None:
    column = parse_column("a`b", "int")
    assert predicate(column, 1, 5) == (" WHERE `a``b` >= 1 AND `a``b` <= 5 AND NOT (`a``b` = 5)")
    assert predicate(column, None, None) == ""


def chunk_map(*states: int) -> ChunkMap:
    bounds = [10 * (i + 1) for i in range(len(states) - 1)]
    return ChunkMap(KeyOrder(TABLE, NoServer), bounds, states, complete=True)


def test_keys_find_their_chunk() -> None:
    chunks = chunk_map(0, 0, 0)
    assert chunks.locate([1, 10, 19, 20]).tolist() == [0, 1, 1, 2]


def dispatcher(*states: int) -> TableDispatcher:
    return TableDispatcher(RowShape(SCHEMA, {}, TABLE, Shown()), chunk_map(*states))


KINDS = {"insert": [0], "update": [1, 2], "delete": [3]}


def change(shape: RowShape, kind: str, *images: list[tuple[int, str]]) -> tuple[Any, Any]:
    rows = [row for change in zip(*images, strict=True) for row in change]
    arrays = [pa.array([r[0] for r in rows], pa.int32()), pa.array([r[1] for r in rows])]
    kinds = np.array(KINDS[kind] * len(images[0]), np.int8)
    return shape.build(("id", "v"), arrays, len(rows), np.zeros(len(rows), np.int64)), kinds


def shown(rows: pa.RecordBatch) -> list[tuple[Any, ...]]:
    return list(zip(*(c.to_pylist() for c in rows.columns[:2]), strict=True))


def test_changes_of_a_finished_chunk_flow_and_of_an_unread_one_do_not() -> None:
    table = dispatcher(DONE, 0)
    flowing = table.route(*change(table.shape, "insert", [(1, "a"), (11, "b")]), 0)
    assert flowing is not None
    assert shown(flowing[0]) == [(1, "a")]


def test_an_update_that_leaves_its_chunk_is_a_delete_there() -> None:
    table = dispatcher(DONE, 0)
    flowing = table.route(*change(table.shape, "update", [(1, "a")], [(11, "a")]), 0)
    assert flowing is not None
    assert shown(flowing[0]) == [(1, "a")]
    assert flowing[1].tolist() == [3]


def test_changes_during_a_read_are_folded_into_its_rows() -> None:
    table = dispatcher(0)
    read = table.register(0, 0)
    shape = table.shape
    for kind, images in [
        ("insert", [[(4, "new")]]),
        ("update", [[(1, "a")], [(1, "changed")]]),
        ("update", [[(2, "b")], [(5, "moved")]]),
        ("delete", [[(3, "c")]]),
    ]:
        assert table.route(*change(shape, str(kind), *images), 0) is None
    read.rows = [change(shape, "insert", [(1, "a"), (2, "b"), (3, "c"), (9, "same")])[0]]
    rows = [row for batch in table.emit(0) for row in shown(batch)]
    assert sorted(rows) == [(1, "changed"), (4, "new"), (5, "moved"), (9, "same")]
    assert table.route(*change(shape, "insert", [(6, "live")]), 0) is not None


def test_a_change_just_before_the_registration_is_folded_too() -> None:
    table = dispatcher(0)
    table.route(*change(table.shape, "insert", [(1, "not visible yet")]), 1000)
    read = table.register(0, 1500)
    read.rows = []
    assert [shown(batch) for batch in table.emit(0)] == [[(1, "not visible yet")]]


def test_a_chunk_too_big_ends_at_its_cut_and_the_rest_is_read_later() -> None:
    table = dispatcher(0, 0)
    assert table.chunks is not None
    first, second = table.register(0, 0), table.register(1, 0)
    shape = table.shape
    for key in (1, 5, 11):
        table.route(*change(shape, "insert", [(key, "while read")]), 0)
    rows = change(shape, "insert", [(2, "read"), (3, "read")])[0]
    table.take_read(first, [rows], BinlogPosition("b.1", 9), cut=4)
    table.take_read(second, [], BinlogPosition("b.1", 9), cut=None)
    assert table.chunks.bounds == [4, 10]
    assert table.chunks.states == [READING, PENDING, READING]
    assert sorted(row for b in table.emit(0) for row in shown(b)) == [
        (1, "while read"),
        (2, "read"),
        (3, "read"),
    ]
    assert [row for b in table.emit(2) for row in shown(b)] == [(11, "while read")]
    assert table.route(*change(shape, "insert", [(6, "not read")]), 0) is None


def test_changes_set_aside_keep_the_last_of_each_key_and_too_many_have_the_chunk_read_again() -> (
    None
):
    table = dispatcher(0)
    assert table.chunks is not None
    read = table.register(0, 0)
    big = "x" * 50_000
    for number in range(1000):
        table.route(*change(table.shape, "insert", [(number % 3, big + str(number))]), 0)
    assert read.aside_bytes < 10 << 20
    assert table.chunks.states == [READING]
    table.take_read(read, [], BinlogPosition("b.1", 9), None)
    assert sorted(row[1][50_000:] for b in table.emit(0) for row in shown(b)) == [
        "997",
        "998",
        "999",
    ]
    table.chunks.reopen(0)
    late = table.register(0, 0)
    for number in range(200):
        table.route(*change(table.shape, "insert", [(number, big)]), 0)
    assert table.chunks.states == [PENDING]
    assert not table.reads
    table.take_read(late, [], BinlogPosition("b.1", 9), None)
    assert table.chunks.states == [PENDING]


@pytest.mark.parametrize(
    ("value", "type_", "declared", "expected"),
    [
        (2, pa.int8(), BOOLEAN, True),
        (7, pa.int32(), DECIMAL(20, 0), Decimal(7)),
        (90_000_000_000, pa.duration("us"), TIME(0), None),
        (-1_500_000, pa.duration("us"), STRING, "-00:00:01.5"),
        (1, pa.int32(), STRING, "1"),
        (None, pa.string(), INT, None),
    ],
)
def test_values_become_the_declared_type(
    value: object, type_: pa.DataType, declared: DataType, expected: object
) -> None:
    array = pa.array([value], type_)
    found = to_declared(array, declared, Shown(), table="t", column="c")
    assert found.type == declared.arrow()
    assert found.to_pylist() == [expected]


def test_a_timestamp_is_shown_in_the_server_zone_and_cut_to_its_precision() -> None:
    array = pa.array([dt.datetime(2024, 1, 1, 0, 0, 1, 234567, dt.UTC)], pa.timestamp("us", "UTC"))
    found = to_declared(array, TIMESTAMP(3), Shown("Asia/Shanghai"), table="t", column="c")
    assert found.to_pylist() == [dt.datetime(2024, 1, 1, 8, 0, 1, 234000)]  # noqa: DTZ001


def test_a_value_that_does_not_fit_names_table_and_column() -> None:
    with pytest.raises(DataError, match="INT") as caught:
        to_declared(pa.array([2**40]), INT, Shown(), table="shop.t", column="v")
    assert (caught.value.table, caught.value.column) == ("shop.t", "v")
