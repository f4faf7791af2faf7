"""Small events read in bulk give what they give one by one."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any, Literal

import numpy as np
import pytest
from tests.unit.wire.mysql.stream import DELETE, UPDATE, WRITE, Row, Stream

from penstock.changelog import RowKind
from penstock.errors import DataError
from penstock.wire.mysql.binlog import BinlogDecoder
from penstock.wire.mysql.binlog_events import BinlogElement, RowsBlock, TransactionEnd
from penstock.wire.mysql.column import MySqlColumn, parse_column
from penstock.wire.mysql.gather import integers_at

TYPES = {
    "id": "int",
    "name": "varchar(20)",
    "price": "decimal(10,2)",
    "at": "datetime(6)",
}
PARTIAL_UPDATE = 39
TOO_FEW_FOR_BULK = 8 << 10


def columns() -> list[MySqlColumn]:
    return [parse_column(name, kind, "utf8mb4") for name, kind in TYPES.items()]


def decode(data: bytes, step: int) -> list[BinlogElement]:
    decoder = BinlogDecoder(lambda _, table: None if table == "other" else columns())
    found: list[BinlogElement] = []
    for place in range(0, len(data), step):
        elements = decoder.feed(data[place : place + step])
        while elements:
            found += elements
            elements = decoder.feed(b"")
    return found


def changes(elements: list[BinlogElement]) -> dict[str, list[tuple[Any, ...]]]:
    """By table, kind, values, time and next offset of every image."""
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for block in elements:
        if isinstance(block, RowsBlock):
            kinds = [RowKind(kind).short for kind in block.kinds]
            values = zip(*(column.to_pylist() for column in block.images), strict=True)
            found[block.table[1]] += list(
                zip(kinds, values, block.timestamp_s, block.next_offset, strict=True)
            )
    return dict(found)


def random_row(rng: random.Random) -> Row:
    name = rng.choice([None, b"", "süß".encode(), b"x" * rng.randrange(20)])
    cents = rng.choice([0, -1, 99_999_999, -99_999_999, rng.randrange(-(10**9), 10**9)])
    return rng.randrange(-(2**31), 2**31), name, cents, rng.randrange(10**6)


def random_stream(seed: int, transactions: int, tables: int) -> Stream:
    rng = random.Random(seed)
    # near 4 GB the offsets of events begin anew
    stream = Stream(offset=rng.choice([4, (1 << 32) - 50_000]))
    stream.event(15, b"\4\0" + b"8.0.36".ljust(50, b"\0") + bytes(4) + b"\x13" + bytes(41))
    for _ in range(transactions):
        stream.begin()
        for _ in range(rng.choice([1, 1, 1, 3])):
            table = rng.randrange(tables)
            name = b"other" if table == 0 else b"t%d" % table
            if rng.random() < 0.01:
                table += 1000  # the server numbers it anew
            stream.table_map(table, name)
            kind = rng.choice([WRITE, UPDATE, DELETE])
            rows = [random_row(rng) for _ in range(2 if kind == UPDATE else rng.choice([1, 1, 4]))]
            stream.rows(kind, table, rows, flags=rng.choice([0, 1]))
        stream.end()
    return stream


@pytest.mark.parametrize(("seed", "tables"), [(1, 2), (2, 11), (3, 40)])
def test_many_tables_and_kinds_in_bulk(seed: int, tables: int) -> None:
    data = bytes(random_stream(seed, 1500, tables).data)
    whole, slow = decode(data, len(data)), decode(data, TOO_FEW_FOR_BULK)
    assert changes(whole) == changes(slow)
    assert len(whole) < len(slow)
    ends = [[e for e in elements if isinstance(e, TransactionEnd)] for elements in (whole, slow)]
    assert ends[0][-1].position == ends[1][-1].position


def test_a_table_whose_columns_change_amid_a_run_is_read_anew() -> None:
    stream = Stream()
    for number in range(1200):
        stream.begin()
        stream.table_map(5, b"t1" if number < 700 else b"t2")
        stream.rows(WRITE, 5, [(number, b"n", number, 0)])
        stream.end()
    data = bytes(stream.data)
    found = changes(decode(data, len(data)))
    assert found == changes(decode(data, TOO_FEW_FOR_BULK))
    assert [len(found["t1"]), len(found["t2"])] == [700, 500]


def test_rows_of_a_table_under_two_numbers_keep_their_order() -> None:
    """A transaction that began before FLUSH TABLES commits after one that began behind it."""
    stream = Stream()
    for number, table in enumerate([6, 5, 6]):
        stream.begin()
        stream.table_map(table, b"t1")
        stream.rows(WRITE, table, [(number, b"n", 0, 0)])
        stream.end()
    found = changes(decode(bytes(stream.data), 1 << 20))["t1"]
    assert [values[0] for _, values, _, _ in found] == [0, 1, 2]


def test_partial_json_updates_are_refused_only_in_tables_that_are_read() -> None:
    stream = Stream()
    for table, name in ((5, b"other"), (6, b"t1")):
        stream.begin()
        stream.table_map(table, name)
        stream.event(PARTIAL_UPDATE, table.to_bytes(6, "little") + bytes(20))
        stream.end()
        if name == b"other":
            assert isinstance(decode(bytes(stream.data), 1 << 20)[-1], TransactionEnd)
    with pytest.raises(DataError, match="partial JSON updates") as met:
        decode(bytes(stream.data), 1 << 20)
    assert "d.t1" in met.value.render()


def test_values_are_what_was_written() -> None:
    stream = Stream()
    rng = random.Random(5)
    rows = [random_row(rng) for _ in range(2000)]
    for row in rows:
        stream.begin()
        stream.table_map(5, b"t1")
        stream.rows(WRITE, 5, [row])
        stream.end()
    got = [values for _, values, _, _ in changes(decode(bytes(stream.data), 1 << 20))["t1"]]
    for (number, name, cents, micros), (one, two, three, four) in zip(rows, got, strict=True):
        assert (one, two) == (number, None if name is None else name.decode())
        assert int(three * 100) == cents
        assert str(four) == "2024-01-02 03:04:05" + (f".{micros:06}" if micros else "")


@pytest.mark.parametrize("width", range(1, 9))
def test_integers_of_every_width(width: int) -> None:
    data = np.frombuffer(np.random.default_rng(width).bytes(300), np.uint8)
    raw, places = data.tobytes(), np.arange(0, 290, 3)
    orders: list[Literal["little", "big"]] = ["little", "big"]
    for order in orders:
        found = integers_at(data, places, width, big_endian=order == "big").tolist()
        wanted = [int.from_bytes(raw[at : at + width], order) for at in places]
        assert found == [value - (1 << 64) if value >> 63 else value for value in wanted]
