"""The live view: phases, bars, rates, lag, commits, versions and the gate, while jobs run."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TypeVar

from penstock.cli.progress import Frame, Progress, SinkRow, SourceRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text

    from penstock.runtime import JobGroup

_Row = TypeVar("_Row")
REFRESH_S = 0.25
PLAIN_EVERY_S = 10.0
BAR_CELLS = 12
LAG_WARN_MS, LAG_BAD_MS = 3_000, 30_000
FRAME_LINES = 8
_SPARKS = "▁▂▃▄▅▆▇█"
_PHASE_STYLES = {"snapshot": "cyan", "catch-up": "yellow", "binlog": "green", "finished": "dim"}


class LiveView:
    """Draws a job group's status on a terminal; prints a line now and then where there is none.

    Args:
        group: What to watch.
        quiet: Draw nothing.
    """

    def __init__(self, group: JobGroup, *, quiet: bool = False) -> None:
        self._progress = Progress(group)
        self._quiet = quiet

    def watch(self, until: Callable[[], bool]) -> None:
        """Draw until `until()` is true."""
        if self._quiet:
            while not until():
                time.sleep(0.05)
            return
        from rich.console import Console

        console = Console(stderr=True)
        if console.is_terminal:
            self._watch_live(console, until)
        else:
            self._watch_plainly(until)

    def _watch_live(self, console: Console, until: Callable[[], bool]) -> None:
        from rich.live import Live

        with Live(console=console, refresh_per_second=4, transient=False) as live:
            while not until():
                live.update(drawing(self._progress.frame(), console.height))
                time.sleep(REFRESH_S)
            live.update(drawing(self._progress.frame(), console.height))

    def _watch_plainly(self, until: Callable[[], bool]) -> None:
        lines = PlainLines()
        while not until():
            for line in lines.of(self._progress.frame()):
                print(line, file=sys.stderr, flush=True)
            time.sleep(0.05)


class PlainLines:
    """What is told where nobody looks on: changes of phase, a line now and then.

    Warnings and restarts are in the log, which goes to the same place.
    """

    def __init__(self) -> None:
        self._phases: dict[str, str] = {}
        self._next_s = PLAIN_EVERY_S

    def of(self, frame: Frame) -> Iterator[str]:
        """Lines to print now."""
        for row in frame.sources:
            before = self._phases.get(row.name)
            if before is not None and before != row.phase:
                yield f"[INFO] {row.name}: {before} -> {row.phase}, {row.done:,} rows"
            self._phases[row.name] = row.phase
        if frame.elapsed_s >= self._next_s:
            self._next_s += PLAIN_EVERY_S
            yield f"[INFO] {one_line(frame)}"


def one_line(frame: Frame) -> str:
    """The frame in a line."""
    phases: dict[str, int] = {}
    for row in frame.sources:
        phases[row.phase] = phases.get(row.phase, 0) + 1
    parts = [
        f"{clock_text(frame.elapsed_s)} {frame.state}, epoch {frame.epoch}",
        ", ".join(f"{count} in {phase}" for phase, count in phases.items()),
        f"read {sum(row.done for row in frame.sources):,} rows, {frame.read_rate:,.0f}/s",
        f"written {sum(row.rows for row in frame.sinks):,}, {frame.write_rate:,.0f}/s",
    ]
    if frame.lag_ms is not None:
        parts.append(f"lag {frame.lag_ms / 1000:.1f} s")
    used = [(row.versions, row.version_limit) for row in frame.sinks if row.versions is not None]
    if used:
        versions, limit = max(used, key=lambda pair: pair[0])
        parts.append(f"versions {versions}/{limit or '?'} at most")
    return "; ".join(part for part in parts if part)


def clock_text(seconds: float) -> str:
    """A duration as a clock shows it.

    Examples:
        >>> clock_text(75), clock_text(3723)
        ('01:15', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def drawing(frame: Frame, height: int) -> Group:
    """The frame for a terminal of that many lines."""
    from rich.console import Group

    room = max(4, height - FRAME_LINES - len(frame.warnings[:3]))
    sources, more_sources = fitting(frame.sources, room // 2, lambda row: -(row.lag_ms or 0))
    sinks, more_sinks = fitting(frame.sinks, room - len(sources), lambda row: -row.rate)
    tables = (_sources(sources, more_sources), _sinks(sinks, more_sinks))
    return Group(_head(frame), *tables, *_warnings(frame))


def fitting(
    rows: Sequence[_Row], room: int, rank: Callable[[_Row], float]
) -> tuple[list[_Row], int]:
    """The rows that fit, those of the lowest rank first where not all do; how many are left."""
    if len(rows) <= room:
        return list(rows), 0
    chosen = set(sorted(range(len(rows)), key=lambda i: rank(rows[i]))[: max(1, room - 1)])
    return [row for i, row in enumerate(rows) if i in chosen], len(rows) - len(chosen)


def _head(frame: Frame) -> Text:
    from rich.text import Text

    head = Text.assemble(
        (frame.title, "bold"),
        "  ",
        (frame.state, "green" if frame.state in {"RUNNING", "FINISHED"} else "yellow"),
        f"  {clock_text(frame.elapsed_s)}  epoch {frame.epoch}",
    )
    if frame.restarts:
        head.append(f"  {frame.restarts} restarts", "yellow")
    head.append(f"\nread {frame.read_rate:,.0f}/s  written {frame.write_rate:,.0f}/s  ", "dim")
    head.append(spark(frame.history), "cyan")
    positions = dict.fromkeys(row.position for row in frame.sources if row.position)
    if len(positions) == 1:
        head.append(f"  at {next(iter(positions))}", "dim")
    return head


def spark(values: Sequence[float]) -> str:
    """Values as a line of bars.

    Examples:
        >>> spark([0, 5, 10])
        '▁▅█'
    """
    top = max(values, default=0) or 1
    return "".join(_SPARKS[round(value / top * (len(_SPARKS) - 1))] for value in values)


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """A bar filled to a share from 0 to 1.

    Examples:
        >>> bar(0.5, 4)
        '██░░'
    """
    filled = round(min(1.0, max(0.0, share)) * cells)
    return "█" * filled + "░" * (cells - filled)


def _table(*columns: tuple[str, bool]) -> Table:
    """An empty table; columns by name, and whether they are numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold dim")
    for name, number in columns:
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _sources(rows: Sequence[SourceRow], more: int) -> Table:
    table = _table(
        ("source", False), ("phase", False), ("progress", False), ("rows", True), ("rows/s", True),
        ("lag", True),
    )  # fmt: skip
    for row in rows:
        style = _PHASE_STYLES.get(row.phase, "")
        rows_text = f"{row.done:,}" + (f"/{row.total:,}" if row.total else "")
        share = row.done / row.total if row.total else None
        table.add_row(
            row.name,
            _styled(row.phase, style),
            _styled("" if share is None else f"{bar(share)} {share:4.0%}", style),
            rows_text,
            f"{row.rate:,.0f}",
            _lag(row.lag_ms),
        )
    _add_more(table, more)
    return table


def _sinks(rows: Sequence[SinkRow], more: int) -> Table:
    table = _table(
        ("target", False), ("rows", True), ("rows/s", True), ("last commit", True),
        ("versions", False), ("every", True), ("because", False),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.name,
            f"{row.rows:,}",
            f"{row.rate:,.0f}",
            "" if row.commit_age_s is None else f"{row.commit_age_s:.1f} s ago",
            _versions(row),
            "" if row.interval_ms is None else f"{row.interval_ms / 1000:.1f} s",
            _styled(row.reason, "dim"),
        )
    _add_more(table, more)
    return table


def _add_more(table: Table, more: int) -> None:
    if more:
        table.add_row(_styled(f"... and {more} more", "dim"))


def _styled(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style)


def _lag(lag_ms: float | None) -> Text:
    if lag_ms is None:
        return _styled("", "")
    style = "red" if lag_ms > LAG_BAD_MS else "yellow" if lag_ms > LAG_WARN_MS else "green"
    return _styled(f"{lag_ms / 1000:.1f} s", style)


def _versions(row: SinkRow) -> Text:
    if row.versions is None:
        return _styled("", "")
    if not row.version_limit:
        return _styled(f"{row.versions}", "")
    share = row.versions / row.version_limit
    style = "red" if share > 0.8 else "yellow" if share > 0.5 else "green"
    return _styled(f"{bar(share, 8)} {row.versions}/{row.version_limit}", style)


def _warnings(frame: Frame) -> list[Text]:
    lines = [_styled(f"! {text.splitlines()[0]}", "yellow") for text in frame.warnings[:3]]
    if frame.error and frame.restarts:
        lines.append(_styled(f"! restarted after: {frame.error}", "yellow"))
    return lines
