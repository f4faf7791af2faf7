"""The short form of `make fuzz`: streams broken by fixed seeds end in a typed error or a result."""

from __future__ import annotations

import pytest
from tests.fuzz.binlog import RECORDED, STREAMS, decode, one_case

from penstock.errors import DataError
from penstock.wire.mysql.json_binary import decode_json


@pytest.mark.parametrize("block", range(4))
def test_broken_streams_end_in_a_typed_error_or_a_result(block: int) -> None:
    for seed in range(100 * block, 100 * block + 25):
        one_case(seed)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_breaks_off_waits_for_more(name: str) -> None:
    data = (RECORDED / name).read_bytes()
    assert decode(data, 100) == ""
    for end in range(0, len(data), 97):
        assert decode(data[:end], 1000) == ""


def test_an_error_says_where() -> None:
    data = (RECORDED / "mysql_goods.bin").read_bytes()
    place = data.index(b"apple")
    found = decode(data[: place - 1] + b"\xf0" + data[place:], 1000)
    assert "row images of the binlog do not fill their event" in found
    assert "binlog.000" in found


def test_json_that_points_at_itself_ends() -> None:
    # an array of one element whose value is the array
    loop = bytes([2]) + (1).to_bytes(2, "little") + (7).to_bytes(2, "little")
    loop += bytes([2]) + (0).to_bytes(2, "little")
    with pytest.raises(DataError, match="JSON"):
        decode_json(loop)


def test_json_that_fans_out_without_end_ends() -> None:
    count = 60
    head = (count).to_bytes(2, "little") + (3 * count + 4).to_bytes(2, "little")
    entries = (bytes([2]) + (0).to_bytes(2, "little")) * count
    with pytest.raises(DataError, match="JSON"):
        decode_json(bytes([2]) + head + entries)
