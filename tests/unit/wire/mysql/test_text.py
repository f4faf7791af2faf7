"""Text protocol: result sets column-wise, and texts to Arrow."""

from __future__ import annotations

import pyarrow as pa
import pytest

from penstock.errors import DataError, OptionError
from penstock.wire.mysql.column import parse_column
from penstock.wire.mysql.convert import select_expression, text_to_arrow
from penstock.wire.mysql.gtid import MariaDbGtidPosition, MySqlGtidSet
from penstock.wire.mysql.result_set import MARKER, TextResultReader

ROWS = [(b"1", None), (b"", b"x" * 300), (MARKER, b"y" * 70_000), (None, b"z")]


def packet(body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + b"\0" + body


def field(value: bytes | None) -> bytes:
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    return b"\xfd" + size.to_bytes(3, "little") + value


def result(*, marker: bool) -> bytes:
    columns = 3 if marker else 2
    text = packet(bytes([columns])) + packet(b"definition") * columns + packet(b"\xfe\0\0\2\0")
    head = field(MARKER) if marker else b""
    for row in ROWS:
        text += packet(head + b"".join(map(field, row)))
    return text + packet(b"\xfe\0\0\2\0")


@pytest.mark.parametrize("marker", [True, False])
@pytest.mark.parametrize("step", [1 << 20, 1000, 70_000])
def test_result_in_pieces(marker: bool, step: int) -> None:
    data = result(marker=marker)
    reader = TextResultReader(has_marker=marker)
    rows: list[tuple[bytes | None, ...]] = []
    buffer, done = bytearray(), False
    for place in range(0, len(data), step):
        buffer += data[place : place + step]
        used, columns, done = reader.feed(buffer, len(buffer))
        del buffer[:used]
        if columns:
            rows += list(zip(*(column.to_pylist() for column in columns), strict=True))
    assert done
    assert rows == ROWS


@pytest.mark.parametrize(
    ("kind", "texts", "expected"),
    [
        ("int unsigned", ["4294967295"], [4294967295]),
        ("bigint unsigned", ["18446744073709551615"], ["18446744073709551615"]),
        ("decimal(10,2) zerofill", ["00000007.50", "-1.25"], ["7.50", "-1.25"]),
        ("decimal(65,30)", ["1.5"], ["1.5"]),
        (
            "datetime(6)",
            ["0000-00-00 00:00:00", "2024-02-29 01:02:03.5"],
            [None, "2024-02-29 01:02:03.500000"],
        ),
        (
            "date",
            ["2024-00-10", "2024-02-31", "0000-01-01", "2024-01-02"],
            [None, None, None, "2024-01-02"],
        ),
        ("timestamp", ["2024-01-01 00:00:00"], ["2024-01-01 00:00:00+00:00"]),
        ("year", ["0000", "2024"], [0, 2024]),
        ("bit(1)", ["\x01", "\x00"], [True, False]),
        ("double", ["1e30"], [1e30]),
    ],
)
def test_text_to_arrow(kind: str, texts: list[str], expected: list[object]) -> None:
    column = parse_column("c", kind)
    array = text_to_arrow(column, pa.array([t.encode() for t in texts], pa.binary()))
    assert array.type == column.arrow_type
    got = [
        v if v is None or isinstance(e, (int, float)) else str(v)
        for v, e in zip(array.to_pylist(), expected, strict=True)
    ]
    assert got == expected


def test_time_to_duration() -> None:
    column = parse_column("c", "time(6)")
    texts = [b"-838:59:59.000000", b"00:00:00.5", b"01:00:00", None]
    array = text_to_arrow(column, pa.array(texts, pa.binary()))
    assert array.cast(pa.int64()).to_pylist() == [-3_020_399_000_000, 500_000, 3_600_000_000, None]


def test_wrong_text_is_a_data_error_without_the_value() -> None:
    with pytest.raises(DataError) as caught:
        text_to_arrow(parse_column("c", "int"), pa.array([b"secret"], pa.binary()))
    assert "secret" not in str(caught.value)


def test_float_is_selected_as_double() -> None:
    assert select_expression(parse_column("a`b", "float")) == "(`a``b` + 0e0)"


def test_mysql_gtid_sets() -> None:
    source = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    gtids = MySqlGtidSet.parse(f"{source}:1-5:7")
    assert str(gtids.with_gtid(f"{source}:6")) == f"{source}:1-7"
    assert gtids.contains_gtid(f"{source}:5")
    assert not gtids.contains_gtid(f"{source}:6")
    assert not gtids.contains_gtid(f"{source}:blue:1")
    assert len(gtids.encode()) == 8 + 16 + 8 + 2 * 16
    with pytest.raises(OptionError):
        MySqlGtidSet.parse("nonsense:1")


def test_mariadb_positions() -> None:
    position = MariaDbGtidPosition.parse("0-1-100,1-1-7")
    assert str(position.with_gtid("0-2-101")) == "0-2-101,1-1-7"
    assert position.contains_gtid("0-1-99")
    assert not position.contains_gtid("2-1-1")
    assert str(position.merge(MariaDbGtidPosition.parse("1-1-9"))) == "0-1-100,1-1-9"
