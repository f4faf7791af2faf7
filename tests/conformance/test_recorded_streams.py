"""Our own statements over changing tables give what real Flink gave, however they are fed."""

from __future__ import annotations

import json

import pytest
from tests.conformance.recorded_streams import RecordedStream, compare, recorded_streams
from tests.conformance.recordings import CASES

CASES_OF_STREAMS = recorded_streams()
WAYS = {"row by row, restored": (1, True), "whole": (1000, False)}
DIFFERENCES = json.loads((CASES / "stream_differences.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("way", WAYS)
def test_recorded(way: str) -> None:
    rows_each, restore = WAYS[way]
    found = {
        case.sql: difference
        for case in CASES_OF_STREAMS
        if case.sql not in DIFFERENCES
        and (difference := compare(case, rows_each=rows_each, restore=restore))
    }
    assert found == {}


def test_differences_are_still_there() -> None:
    """A difference that is gone is taken off the list."""
    by_sql: dict[str, RecordedStream] = {case.sql: case for case in CASES_OF_STREAMS}
    for sql in DIFFERENCES:
        assert compare(by_sql[sql], rows_each=1, restore=False), sql
