"""What the live view shows of a status, and what it tells where nobody looks on."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from penstock.cli.live_view import PlainLines, drawing, fitting, one_line
from penstock.cli.progress import Progress
from penstock.connectors.base import TableProgress
from penstock.testing import ManualClock

SINK = {
    "rows": 0,
    "last_commit_ms": None,
    "versions": 40,
    "version_limit": 100,
    "interval_ms": 1300,
    "reason": "share of the version limit",
    "warning": "",
}


class FakeGroup:
    last_error = None

    def __init__(self) -> None:
        self.jobs = [SimpleNamespace(name="shop", job_id="0" * 32, status=lambda: "RUNNING")]
        self.sources = [TableProgress("c.d.orders", "snapshot", 0, 1000, "binlog.1:4")]
        self.sinks: dict[str, dict[str, Any]] = {"c.d.copy": dict(SINK)}

    def status(self) -> dict[str, Any]:
        return {"sources": self.sources, "sinks": self.sinks, "epoch": 3, "restarts": 0}


@pytest.fixture
def group() -> FakeGroup:
    return FakeGroup()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def progress(group: Any, clock: ManualClock) -> Progress:
    return Progress(group, clock)


def shown(progress: Progress, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    console.print(drawing(progress.frame(), height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_rates_are_rows_a_second_over_the_last_seconds(
    progress: Progress, group: FakeGroup, clock: ManualClock
) -> None:
    assert progress.frame().read_rate == 0
    for rows in (100, 200, 300, 400, 500, 600):
        group.sources[0].rows_done = rows
        clock.advance(1)
        frame = progress.frame()
    assert frame.read_rate == pytest.approx(100)
    for _ in range(6):
        clock.advance(1)
        frame = progress.frame()
    assert frame.read_rate == 0


def test_a_table_in_its_snapshot_has_a_bar_and_a_share(
    progress: Progress, group: FakeGroup
) -> None:
    group.sources[0].rows_done = 500
    text = shown(progress)
    assert "██████░░░░░░  50%" in text
    assert "500/1,000" in text
    assert "c.d." not in text


def test_a_target_shows_commit_versions_interval_and_reason(
    progress: Progress, group: FakeGroup, clock: ManualClock
) -> None:
    group.sinks["c.d.copy"] |= {
        "last_commit_ms": clock.now_ms() - 2500,
        "warning": "too many versions",
    }
    text = shown(progress)
    for part in ("2.5 s ago", "███░░░░░ 40/100", "1.3 s", "share of the version limit"):
        assert part in text
    assert "! copy: too many versions" in text


def test_many_tables_fit_the_terminal_and_the_slowest_are_shown(group: Any) -> None:
    group.sources = [
        TableProgress(f"c.d.t{i}", "binlog", 1, None, "", lag_ms=float(i)) for i in range(100)
    ]
    text = shown(Progress(group, ManualClock()), height=24)
    assert len(text.splitlines()) <= 24
    assert "t99" in text
    assert "more" in text


def test_rows_that_fit_are_all_shown_in_order() -> None:
    assert fitting([3, 1, 2], 3, lambda row: row) == ([3, 1, 2], 0)
    assert fitting([3, 1, 2], 2, lambda row: row) == ([1], 2)


def test_phases_and_a_line_now_and_then_are_told_in_plain_text(
    progress: Progress, group: FakeGroup, clock: ManualClock
) -> None:
    lines = PlainLines()
    assert list(lines.of(progress.frame())) == []
    group.sources = [TableProgress("c.d.orders", "binlog", 1000, None, "binlog.1:4", lag_ms=300.0)]
    assert list(lines.of(progress.frame())) == ["[INFO] orders: snapshot -> binlog, 1,000 rows"]
    clock.advance(11)
    (line,) = lines.of(progress.frame())
    assert line.startswith("[INFO] 00:11 RUNNING, epoch 3; 1 in binlog; read 1,000 rows")
    assert "\x1b" not in line
    assert list(lines.of(progress.frame())) == []


def test_one_line_names_the_worst_version_count_and_lag(
    progress: Progress, group: FakeGroup
) -> None:
    group.sources[0].lag_ms = 1500
    line = one_line(progress.frame())
    assert "lag 1.5 s" in line
    assert "versions 40/100 at most" in line
