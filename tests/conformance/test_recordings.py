"""Expressions of our own against recordings of real Flink (`make golden`: `record.py`)."""

from __future__ import annotations

from collections import defaultdict

import pytest
from tests.conformance.recordings import Recording, agrees, differences, outcome_of, recordings

BY_FILE: dict[str, list[Recording]] = defaultdict(list)
for _recording in recordings():
    BY_FILE[_recording.file].append(_recording)


@pytest.mark.parametrize("file", sorted(BY_FILE))
def test_expressions_give_what_flink_gives(file: str) -> None:
    excused = differences()
    wrong = []
    for recording in BY_FILE[file]:
        outcome = outcome_of(recording.expr, recording.zone)
        if recording.expr not in excused and not agrees(recording, outcome):
            wrong.append((recording.expr, recording.outcome, outcome))
    assert not wrong


@pytest.mark.parametrize("file", sorted(BY_FILE))
def test_a_batch_of_rows_gives_what_one_row_gives(file: str) -> None:
    wrong = []
    for recording in BY_FILE[file]:
        if recording.expr.startswith(("RAND", "UUID")):
            continue
        one, many = (outcome_of(recording.expr, recording.zone, rows) for rows in (1, 3))
        if one != many:
            wrong.append((recording.expr, one, many))
    assert not wrong


def test_every_difference_is_one() -> None:
    """An expression that agrees by now has no excuse."""
    excused = differences()
    agreeing = [
        recording.expr
        for recording in recordings()
        if recording.expr in excused
        and agrees(recording, outcome_of(recording.expr, recording.zone))
    ]
    assert not agreeing
    assert excused.keys() <= {recording.expr for recording in recordings()}
