"""The 8-hour trap as arithmetic."""

import pytest

from penstock.connectors.base import TimeMeaning
from penstock.preflight.subjects.time_zone import shift_hours
from penstock.types import STRING, TIMESTAMP, TIMESTAMP_LTZ, DataType

SHANGHAI, KOLKATA = "Asia/Shanghai", "Asia/Kolkata"
INSTANT, WALL = TimeMeaning.INSTANT, TimeMeaning.WALL


@pytest.mark.parametrize(
    ("meaning", "zone", "types", "session", "hours"),
    [
        (INSTANT, SHANGHAI, [TIMESTAMP(3)], "UTC", 0),
        (INSTANT, SHANGHAI, [TIMESTAMP_LTZ(3)], "UTC", -8),
        (INSTANT, "UTC", [TIMESTAMP_LTZ(3)], SHANGHAI, 0),
        (INSTANT, SHANGHAI, [TIMESTAMP_LTZ(3), TIMESTAMP(3)], SHANGHAI, 0),
        (INSTANT, SHANGHAI, [TIMESTAMP_LTZ(3), TIMESTAMP(3)], "UTC", -8),
        (INSTANT, SHANGHAI, [TIMESTAMP(3), TIMESTAMP_LTZ(3)], SHANGHAI, -8),
        (WALL, SHANGHAI, [TIMESTAMP(3)], "UTC", 0),
        (WALL, SHANGHAI, [TIMESTAMP_LTZ(3)], "UTC", -8),
        (WALL, KOLKATA, [TIMESTAMP(3), TIMESTAMP_LTZ(3)], "UTC", 0),
        (WALL, "UTC", [TIMESTAMP(3), TIMESTAMP_LTZ(3)], KOLKATA, -5.5),
        (INSTANT, SHANGHAI, [TIMESTAMP_LTZ(3), STRING], "UTC", 0),
    ],
)
def test_hours_a_target_shows_beside_the_source(
    meaning: TimeMeaning, zone: str, types: list[DataType], session: str, hours: float
) -> None:
    assert shift_hours(meaning, zone, types, session, "UTC") == hours


def test_a_sink_that_writes_in_the_source_zone_shifts_nothing() -> None:
    assert shift_hours(INSTANT, SHANGHAI, [TIMESTAMP_LTZ(3)], "UTC", SHANGHAI) == 0
