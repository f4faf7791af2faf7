"""Watermarks and windows: what is late, what waits, what survives a restart."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from tests.conformance.streams import Change, Table, run

from penstock.changelog import MAX_WATERMARK, ChangelogBatch, LeastWatermark, Watermark
from penstock.errors import DataError
from penstock.expressions import InputRef
from penstock.operators import OperatorContext
from penstock.operators.watermark import WatermarkSpec
from penstock.operators.window import Windows
from penstock.testing import ManualClock
from penstock.types import TIMESTAMP, Column, Schema

COLUMNS = "id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND"
TUMBLE = (
    "SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND))"
    " GROUP BY window_start, window_end"
)


def _at(second: float) -> dt.datetime:
    return dt.datetime.fromisoformat("2024-01-01") + dt.timedelta(seconds=second)


def _rows(*seconds: float | None) -> tuple[Change, ...]:
    return tuple(("+I", (i, None if s is None else _at(s))) for i, s in enumerate(seconds))


@pytest.mark.parametrize("rows_each", [1, 1000])
def test_rows_behind_a_window_that_has_passed_are_dropped(rows_each: int) -> None:
    table = Table("t", COLUMNS, (_rows(1, 4, 6, 3, 8, 2, 11),))
    _, found = run([table], TUMBLE, rows_each=rows_each)
    # 3 comes while the watermark is at 4; 2 comes when it is at 6 and the first window is gone.
    assert found[0] == [("+I", (_at(0), 3)), ("+I", (_at(5), 2)), ("+I", (_at(10), 1))]


def test_what_has_passed_stays_passed_after_a_restart() -> None:
    table = Table("t", COLUMNS, (_rows(1, 4, 8), _rows(2, 9)))
    _, found = run([table], TUMBLE, restore=True)
    assert found[0] == [("+I", (_at(0), 2)), ("+I", (_at(5), 2))]


def test_changes_are_folded_before_a_window_is_sent() -> None:
    table = Table(
        "t",
        COLUMNS,
        (
            (
                ("+I", (1, _at(1))),
                ("+I", (2, _at(6))),
                ("-U", (1, _at(1))),
                ("+U", (1, _at(7))),
                ("-D", (2, _at(6))),
            ),
        ),
    )
    _, found = run([table], TUMBLE)
    assert found[0] == [("+I", (_at(5), 1))]


def test_batch_mode_sends_windows_at_the_end() -> None:
    table = Table("t", COLUMNS, (_rows(1, 20, 2),))
    _, found = run([table], TUMBLE, settings={"execution.runtime-mode": "batch"}, rows_each=1000)
    assert [row for _, row in found[0]] == [(_at(0), 1), (_at(20), 1)]


def test_a_row_without_a_time_fails_the_job() -> None:
    with pytest.raises(DataError, match="RowTime field should not be null"):
        run([Table("t", COLUMNS, (_rows(1, None),))], TUMBLE)


def test_several_inputs_wait_for_the_slowest_that_is_not_idle() -> None:
    least = LeastWatermark(2)
    assert least.update(0, Watermark(10)) is None
    assert least.update(1, Watermark(5)) == Watermark(5)
    assert least.update(1, Watermark(5, idle=True)) == Watermark(10)
    assert least.update(0, Watermark(12)) == Watermark(12)
    # It comes back behind: what was said stands.
    assert least.update(1, Watermark(7)) is None
    assert least.update(0, Watermark(12, idle=True)) is None


class _Out:
    def __init__(self) -> None:
        self.marks: list[Watermark] = []

    def emit(self, batch: ChangelogBatch) -> None:
        assert batch.num_rows

    def watermark(self, watermark: Watermark) -> None:
        self.marks.append(watermark)


def test_a_source_without_rows_becomes_idle_and_busy_again() -> None:
    schema = Schema((Column("ts", TIMESTAMP(3)),))
    clock, out = ManualClock(), _Out()
    spec = WatermarkSpec(schema, 0, InputRef(0, "ts", TIMESTAMP(3)), idle_ms=1000)
    operator = spec.create(OperatorContext({}, clock))
    batch = ChangelogBatch(
        pa.RecordBatch.from_arrays([pa.array([5_000], pa.timestamp("us"))], ["ts"])
    )
    operator.process(batch, out)
    operator.tick(clock.now_ms(), out)
    clock.advance(2)
    operator.tick(clock.now_ms(), out)
    operator.tick(clock.now_ms(), out)
    assert out.marks == [Watermark(5), Watermark(5, idle=True)]
    operator.process(batch, out)
    assert out.marks[2:] == [Watermark(5)]
    operator.watermark(Watermark(MAX_WATERMARK), out)
    assert out.marks[-1] == Watermark(MAX_WATERMARK)


def test_windows_of_every_kind_hold_the_time_they_are_asked_for() -> None:
    times = np.arange(-40, 60)
    for windows in (
        Windows("TUMBLE", 10, 10, 3),
        Windows("HOP", 10, 4, -1),
        Windows("HOP", 10, 25),
        Windows("CUMULATE", 10, 3, 2),
    ):
        places, starts, ends = windows.of(times)
        of = times if places is None else times[places]
        assert (starts <= of).all()
        assert (of < ends).all()
        for time in times.tolist():
            got = set(zip(starts[of == time].tolist(), ends[of == time].tolist(), strict=True))
            assert got == _expected(windows, time)


def _expected(windows: Windows, time: int) -> set[tuple[int, int]]:
    starts = range(windows.offset - 200 * windows.step, 400, windows.step)
    if windows.kind == "HOP":
        found = {(start, start + windows.size) for start in starts}
    else:
        found = set()
        for start in range(windows.offset - 20 * windows.size, 400, windows.size):
            steps = range(windows.step, windows.size + windows.step, windows.step)
            found |= {(start, start + min(step, windows.size)) for step in steps}
    return {(start, end) for start, end in found if start <= time < end}


def test_rows_of_a_window_are_joined_when_it_has_passed_for_both_sides() -> None:
    left = Table("l", COLUMNS, (_rows(1, 2, 6), _rows(20)))
    right = Table("r", COLUMNS, (_rows(3, 9), _rows(31)))
    windows = "(SELECT * FROM TABLE(TUMBLE(TABLE {}, DESCRIPTOR(ts), INTERVAL '5' SECOND)))"
    sql = (
        f"SELECT a.window_start, a.ts, b.ts FROM {windows.format('l')} a {{}} JOIN"
        f" {windows.format('r')} b ON a.window_start = b.window_start"
        " AND a.window_end = b.window_end AND a.id = b.id"
    )
    joined = (_at(0), _at(1), _at(3))
    alone = [(_at(start), _at(at), None) for start, at in ((0, 2), (5, 6), (20, 20))]
    wanted: dict[str, list[tuple[object, ...]]] = {"INNER": [joined], "LEFT": [joined, *alone]}
    for kind, rows in wanted.items():
        for restore in (False, True):
            _, found = run([left, right], sql.format(kind), restore=restore)
            assert found[0] == [("+I", row) for row in rows]


def test_rows_are_late_for_a_join_once_both_sides_have_passed_their_window() -> None:
    left = Table("l", COLUMNS, (_rows(1, 9),))
    right = Table("r", COLUMNS, (_rows(9, 9, 2, 10),))
    windows = "(SELECT * FROM TABLE(TUMBLE(TABLE {}, DESCRIPTOR(ts), INTERVAL '5' SECOND)))"
    sql = (
        f"SELECT a.id, b.id FROM {windows.format('l')} a FULL JOIN {windows.format('r')} b"
        " ON a.window_start = b.window_start AND a.window_end = b.window_end"
    )
    _, found = run([left, right], sql)
    assert ("+I", (0, None)) in found[0]
    assert all(row[1] != 2 for _, row in found[0])
