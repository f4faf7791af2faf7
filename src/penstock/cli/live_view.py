"""The live view: per table its phase, rows, rate, lag, last commit, versions in use."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from penstock.runtime import Job, JobGroup

REFRESH_S = 0.25
PLAIN_EVERY_S = 10.0


class LiveView:
    """Draws a job group's status on a terminal; prints a line now and then where there is none.

    Args:
        group: What to watch.
        quiet: Draw nothing.
    """

    def __init__(self, group: JobGroup, *, quiet: bool = False) -> None:
        self._group = group
        self._quiet = quiet
        self._rates: dict[str, tuple[float, int, float]] = {}

    def watch(self, until: Callable[[], bool]) -> None:
        """Draw until `until()` is true."""
        from rich.console import Console

        console = Console(stderr=True)
        if self._quiet or not console.is_terminal:
            self._watch_plainly(until)
            return
        self._watch_live(console, until)

    def _watch_live(self, console: Console, until: Callable[[], bool]) -> None:
        from rich.live import Live

        with Live(self.table(), console=console, refresh_per_second=4, transient=False) as live:
            while not until():
                time.sleep(REFRESH_S)
                live.update(self.table())
            live.update(self.table())

    def _watch_plainly(self, until: Callable[[], bool]) -> None:
        next_line = time.monotonic() + PLAIN_EVERY_S
        while not until():
            time.sleep(0.05)
            if not self._quiet and time.monotonic() >= next_line:
                next_line += PLAIN_EVERY_S
                for row in self.rows():
                    print("  ".join(cell for cell in row if cell), file=sys.stderr, flush=True)

    def rows(self) -> list[tuple[str, ...]]:
        """One row per table: name, phase, rows, rate, lag, commit, versions."""
        status = self._group.status()
        rows: list[tuple[str, ...]] = []
        for progress in status["sources"]:
            rate = self._rate(progress.table, progress.rows_done)
            rows.append(
                (
                    progress.table,
                    progress.phase,
                    _done(progress.rows_done, progress.rows_total),
                    f"{rate:,.0f}/s",
                    "" if progress.lag_ms is None else f"{progress.lag_ms / 1000:.1f} s",
                    progress.position,
                    "",
                )
            )
        for table, sink in status["sinks"].items():
            rows.append(
                (
                    f"→ {table}",
                    str(sink.get("phase", "")),
                    f"{sink.get('rows', 0):,}",
                    f"{self._rate(f'→ {table}', int(sink.get('rows', 0))):,.0f}/s",
                    "",
                    _ago(sink.get("last_commit_ms")),
                    _versions(sink),
                )
            )
        return rows

    def table(self) -> Table:
        """The rows as a rich table."""
        from rich.table import Table

        status = self._group.status()
        states = ", ".join(f"{job.name}: {job.status()}" for job in self._group.jobs)
        table = Table(title=f"{states}  epoch {status['epoch']}", title_justify="left", box=None)
        for name, justify in (
            ("table", "left"),
            ("phase", "left"),
            ("rows", "right"),
            ("rate", "right"),
            ("lag", "right"),
            ("position / last commit", "left"),
            ("versions", "right"),
        ):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for row in self.rows():
            table.add_row(*row)
        return table

    def _rate(self, key: str, rows: int) -> float:
        now = time.monotonic()
        since, before, rate = self._rates.get(key, (now, rows, 0.0))
        if now - since >= 0.5:
            rate = max(0.0, (rows - before) / (now - since))
            self._rates[key] = (now, rows, rate)
        elif key not in self._rates:
            self._rates[key] = (now, rows, 0.0)
        return rate


def _done(done: int, total: int | None) -> str:
    if not total:
        return f"{done:,}"
    share = min(1.0, done / total)
    bar = "█" * round(share * 10)
    return f"{bar:░<10} {done:,}/{total:,}"


def _ago(last_ms: int | None) -> str:
    if not last_ms:
        return ""
    return f"{max(0.0, time.time() - last_ms / 1000):.1f} s ago"


def _versions(sink: dict[str, Any]) -> str:
    if sink.get("versions") is None:
        return ""
    return f"{sink['versions']}/{sink.get('version_limit') or '?'}"


def summary(jobs: list[Job]) -> str:
    """A line per job: how it ended."""
    return "\n".join(f"{job.name}  {job.job_id}  {job.status()}" for job in jobs)
