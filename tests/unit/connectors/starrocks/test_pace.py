"""When rows go: pure decisions."""

from dataclasses import replace

import pytest

from penstock.connectors.starrocks.pace import Pace, big, due, due_together, may_go

LATER = Pace(now_ms=1500, last_go_ms=1000, interval_ms=1000)


@pytest.mark.parametrize(
    ("facts", "share", "expected"),
    [
        ({}, 1.0, False),
        ({}, 0.5, True),
        ({"stretched": True}, 0.5, False),
        ({"now_ms": 2000}, 1.0, True),
        ({"last_go_ms": None}, 1.0, True),
        ({"timed": True}, 1.0, True),
        ({"big": True}, 1.0, True),
        ({"big": True, "hold": True}, 1.0, False),
        ({"final": True, "hold": True}, 1.0, True),
    ],
)
def test_when_rows_are_due(facts: dict[str, object], share: float, expected: bool) -> None:
    assert due(replace(LATER, **facts), share) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("paces", "expected"),
    [
        ([replace(LATER, now_ms=2000), LATER], False),
        ([replace(LATER, now_ms=2000), replace(LATER, now_ms=2000)], True),
        ([replace(LATER, big=True), LATER], True),
        ([replace(LATER, big=True), replace(LATER, hold=True)], False),
        ([replace(LATER, final=True), replace(LATER, hold=True)], True),
    ],
)
def test_of_tables_that_go_together_the_slowest_decides(paces: list[Pace], expected: bool) -> None:
    assert due_together(paces, 1.0) is expected


def test_when_a_table_may_begin_with_another_label() -> None:
    facts = {"resting": False, "loading": False, "unacknowledged": 1, "unacknowledged_max": 2}
    assert may_go(**facts)  # type: ignore[arg-type]
    for more in ({"resting": True}, {"loading": True}, {"unacknowledged": 2}):
        assert not may_go(**{**facts, **more})  # type: ignore[arg-type]


def test_what_is_big() -> None:
    assert big(50, 100, 0, None)
    assert not big(49, 100, 10**9, None)
    assert big(0, 100, 7, 7)
    assert not big(0, 100, 6, 7)
