"""The shared streaming programs that need no join, window or Java function end as on Flink."""

from __future__ import annotations

import pytest
from tests.conformance.cases import SHARED
from tests.conformance.stream_programs import stream_programs

RUN = {
    "CalcTestPrograms",
    "DeduplicationTestPrograms",
    "GroupAggregateTestPrograms",
    "IncrementalGroupAggregateTestPrograms",
    "LimitTestPrograms",
    "RankTestPrograms",
    "SortTestPrograms",
    "TableSinkTestPrograms",
    "UnionTestPrograms",
    "ValuesTestPrograms",
}
WAITING = {"sort-asc"}
"""Sorts without a time attribute, by an internal setting of Flink's tests."""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared cases are not here")
def test_programs_end_as_on_flink() -> None:
    verdicts = [v for v in stream_programs() if v.group in RUN]
    assert len(verdicts) >= 20
    failed = [(v.id, v.found) for v in verdicts if v.status != "pass" and v.id not in WAITING]
    assert failed == []
