"""Positions and GTID sets: order, and what is left of a saved set on another server.

Source: Flink CDC, BinlogOffsetTest and GtidUtilsTest, re-expressed.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import astuple
from decimal import Decimal

import pytest

from penstock.connectors.mysql_cdc.attached import load_columns
from penstock.connectors.mysql_cdc.chunks import dump_key, load_key
from penstock.connectors.mysql_cdc.tables import file_order
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.column import MySqlColumn, parse_column
from penstock.wire.mysql.gtid import MariaDbGtidPosition, MySqlGtidSet, contains

NAMES = {name: str(uuid.UUID(int=i)) for i, name in enumerate(["A", "B", "C", "aaa", "bbb"], 1)}


def gtids(text: str) -> MySqlGtidSet:
    parts = (part.split(":", 1) for part in text.split(","))
    return MySqlGtidSet.parse(",".join(f"{NAMES[name]}:{rest}" for name, rest in parts))


@pytest.mark.parametrize(
    ("executed", "restored", "expected", "mode"),
    [
        ("A:1-100", "A:1-50:63-100", "A:1-50:63-100", "earliest"),
        ("A:1-100", "A:45-80:83-90:92-98", "A:1-80:83-90:92-98", "earliest"),
        ("A:1-50:60-90:95-200", "A:45-50:65-70:96-100", "A:1-50:65-70:96-100", "earliest"),
        ("A:1-100:102-200", "A:106-150:152-200", "A:1-100:102-150:152-200", "earliest"),
        (
            "A:1-100,B:1-200:205-300",
            "A:1-110,B:1-201:210-230:245-305",
            "A:1-100,B:1-200:210-230:245-300",
            "earliest",
        ),
        ("A:1-100,B:1-50", "A:45-80,B:30-60,C:1-20", "A:1-80,B:1-50,C:1-20", "earliest"),
        ("A:1-100", "A:80-150", "A:1-100", "earliest"),
        ("aaa:1-10000,bbb:1-3000", "aaa:5000-8000", "aaa:1-8000,bbb:1-3000", "latest"),
        ("aaa:1-10000,bbb:1-3000", "aaa:5000-8000", "aaa:1-8000", "earliest"),
    ],
)
def test_fixing_and_merging_a_restored_gtid_set(
    executed: str, restored: str, expected: str, mode: str
) -> None:
    found = gtids(restored).restored_on(gtids(executed), new_sources_from_start=mode == "earliest")
    assert found == gtids(expected)


def test_a_set_is_the_same_in_any_order() -> None:
    assert gtids("A:1-5,B:7") == gtids("B:7,A:1-3:4-5")


def test_a_part_of_a_set_is_before_the_whole() -> None:
    whole, part, other = gtids("A:1-10,B:1-3"), gtids("A:1-9"), gtids("C:1-3")
    assert contains(whole, part)
    assert not contains(part, whole)
    assert not contains(whole, other)
    assert not contains(other, whole)
    assert not contains(whole, MariaDbGtidPosition.parse("0-1-5"))


def test_positions_of_mariadb_are_compared_by_domain() -> None:
    later, earlier = MariaDbGtidPosition.parse("0-1-9,1-2-3"), MariaDbGtidPosition.parse("0-2-8")
    assert contains(later, earlier)
    assert not contains(earlier, later)
    assert str(earlier.with_gtids(["0-1-9", "1-2-3"])) == "0-1-9,1-2-3"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (("mysql.999", 900), ("mysql.1000", 4)),
        (("binlog.99", 900), ("binlog.100", 4)),
        (("binlog.999999", 900), ("binlog.1000000", 4)),
        (("binlog.000001", 4), ("binlog.000001", 5)),
        (("", 0), ("binlog.000001", 4)),
    ],
)
def test_binlog_files_are_ordered_by_length_then_name(
    older: tuple[str, int], newer: tuple[str, int]
) -> None:
    assert file_order(BinlogPosition(*older)) < file_order(BinlogPosition(*newer))


@pytest.mark.parametrize(
    "value",
    [
        1,
        2**63,
        "é'",
        b"\0\xff",
        Decimal("1.50"),
        dt.date(2020, 1, 2),
        dt.datetime(2020, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001
    ],
)
def test_keys_survive_the_state(value: object) -> None:
    assert load_key(json.loads(json.dumps(dump_key(value)))) == value


def test_columns_and_keys_survive_the_state() -> None:
    columns = (
        parse_column("a", "enum('x','it''s')", "gbk"),
        parse_column("b", "decimal(65,30) unsigned", nullable=False),
        MySqlColumn("c", "double", scale=4),
    )
    saved = json.loads(json.dumps([[*astuple(column)] for column in columns]))
    assert load_columns(saved) == columns
