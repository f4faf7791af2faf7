"""Binlog streams recorded from MySQL 9.7 and MariaDB 10.11, decoded without a server."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from penstock.changelog import RowKind
from penstock.errors import ConnectorError, DataError
from penstock.wire.mysql.binlog import BinlogDecoder
from penstock.wire.mysql.binlog_events import (
    BinlogElement,
    RowsBlock,
    Statement,
    TransactionBegin,
    TransactionEnd,
)
from penstock.wire.mysql.column import MySqlColumn, parse_column
from penstock.wire.mysql.gtid import gtid_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
TYPES = {
    "id": "int",
    "name": "varchar(40)",
    "price": "decimal(30,10)",
    "at": "datetime(6)",
    "kind": "enum('a','b')",
    "seen": "time(6)",
    "raw": "binary(4)",
    "doc": "json",
}


def columns() -> list[MySqlColumn]:
    return [parse_column(name, kind, "utf8mb4") for name, kind in TYPES.items()]


def schemas(database: str, table: str) -> list[MySqlColumn] | None:
    return columns() if (database, table) == ("shop", "goods") else None


def read(data: bytes, step: int, apart: Sequence[str] = ()) -> list[BinlogElement]:
    decoder = BinlogDecoder(schemas)
    decoder.set_apart(apart)
    found: list[BinlogElement] = []
    for place in range(0, len(data), step):
        elements = decoder.feed(data[place : place + step])
        while elements:
            found += elements
            elements = decoder.feed(b"")
    return found


def values(block: RowsBlock, row: int) -> list[object]:
    texts = [column[row] for column in block.images]
    return [
        t.cast(pa.int64()).as_py() if pa.types.is_duration(t.type) else t.as_py() for t in texts
    ]


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
def test_recorded_stream(server: str) -> None:
    elements = read((HERE / f"{server}_goods.bin").read_bytes(), 1 << 20)
    blocks = [e for e in elements if isinstance(e, RowsBlock)]
    kinds = [RowKind(kind).short for block in blocks for kind in block.kinds]
    assert kinds == ["+I", "+I", "-U", "+U", "-D", "+I"]
    rows = [values(block, row) for block in blocks for row in range(block.image_count)]
    first = rows[0]
    assert first[:2] == [1, "apple"]
    assert str(first[2]) == "-1.5000000000"
    assert str(first[3]) == "2024-02-29 10:00:00.123456"
    assert first[4:] == ["b", -1, b"x\0\0\0", '{"k": [1, 2.5, "é"]}']
    assert rows[1] == [2, *[None] * 7]
    assert [rows[2][1], rows[3][1]] == ["apple", "pear"]
    assert rows[4][0] == 2
    assert rows[5][1] == "z" * 40
    assert rows[5][5] == 3_020_399_000_000
    statement = next(e for e in elements if isinstance(e, Statement))
    assert statement.text.startswith("alter table goods")
    assert statement.database == "shop"
    gtids = [gtid for e in elements if isinstance(e, TransactionEnd) for gtid in e.gtids]
    assert len(gtids) == 4
    assert len(set(gtids)) == 4


def test_recorded_stream_of_mysql_57_which_names_no_columns() -> None:
    elements = read((HERE / "mysql57_goods.bin").read_bytes(), 1 << 20)
    blocks = [e for e in elements if isinstance(e, RowsBlock)]
    kinds = [RowKind(kind).short for block in blocks for kind in block.kinds]
    assert kinds == ["+I", "+I", "-U", "+U", "-D", "+I"]
    rows = [values(block, row) for block in blocks for row in range(block.image_count)]
    assert [row[0] for row in rows] == [1, 2, 1, 1, 2, 3]
    assert rows[0][4:] == ["b", -1, b"x\0\0\0", '{"k": [1, 2.5, "é"]}']
    assert rows[3][1] == "pear"


@pytest.mark.parametrize("server", ["mysql57", "mysql", "mariadb"])
@pytest.mark.parametrize("step", [7, 100, 333])
def test_pieces_give_the_same_rows(server: str, step: int) -> None:
    data = (HERE / f"{server}_goods.bin").read_bytes()

    def rows(elements: list[BinlogElement]) -> list[object]:
        found: list[object] = []
        for block in (e for e in elements if isinstance(e, RowsBlock)):
            kinds = block.kinds.tolist()
            found += [(kind, values(block, row)) for row, kind in enumerate(kinds)]
        return found

    assert rows(read(data, step)) == rows(read(data, len(data)))


def test_rows_of_an_open_transaction_come_after_its_begin() -> None:
    data = (HERE / "mysql_goods.bin").read_bytes()
    elements = read(data, 100)
    open_rows = False
    for element in elements:
        if isinstance(element, TransactionBegin):
            open_rows = True
        elif isinstance(element, TransactionEnd):
            open_rows = False
        elif isinstance(element, RowsBlock):
            assert element.complete or open_rows


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
@pytest.mark.parametrize("step", [100, 1 << 20])
def test_a_transaction_set_apart_begins_before_its_rows(server: str, step: int) -> None:
    data = (HERE / f"{server}_goods.bin").read_bytes()
    plain = read(data, len(data))
    gtids = [gtid for e in plain if isinstance(e, TransactionEnd) for gtid in e.gtids]
    for place, gtid in enumerate(gtids):
        elements = read(data, step, apart=[gtid])
        begin = next(
            i for i, e in enumerate(elements) if isinstance(e, TransactionBegin) and e.gtid == gtid
        )
        ended = [g for e in elements[:begin] if isinstance(e, TransactionEnd) for g in e.gtids]
        assert ended == gtids[:place]
        assert gtid_bytes(gtid) in data
    images = sum(e.image_count for e in read(data, step, apart=gtids) if isinstance(e, RowsBlock))
    assert images == sum(e.image_count for e in plain if isinstance(e, RowsBlock))


def test_changed_columns_are_told() -> None:
    wrong = [MySqlColumn("id", "int"), MySqlColumn("other", "int")]
    decoder = BinlogDecoder(lambda _database, _table: wrong)
    with pytest.raises(DataError, match="columns are not those"):
        decoder.feed((HERE / "mysql_goods.bin").read_bytes())


@pytest.mark.parametrize(("code", "retryable"), [(1236, False), (1053, True)])
def test_server_error(code: int, retryable: bool) -> None:
    body = b"\xff" + struct.pack("<H", code) + b"#HY000gone"
    packet = struct.pack("<I", len(body))[:3] + b"\1" + body
    with pytest.raises(ConnectorError, match="gone") as caught:
        BinlogDecoder(schemas).feed(packet)
    assert caught.value.retryable is retryable
