"""A job group's status as a terminal shows it: rates, ages, names without what all share."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.runtime import Job, JobGroup

RATE_WINDOW_S = 3.0
HISTORY = 40
HISTORY_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source table; `total` is None where nobody knows how many rows there are."""

    name: str
    phase: str
    done: int
    total: int | None
    rate: float
    lag_ms: float | None
    position: str


@dataclass(frozen=True, slots=True)
class SinkRow:
    """A target table; None for what its connector does not tell."""

    name: str
    rows: int
    rate: float
    commit_age_s: float | None
    versions: int | None
    version_limit: int | None
    interval_ms: int | None
    reason: str
    warning: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything shown at one moment.

    Args:
        title: The pipeline's name, or how many jobs there are.
        state: The jobs' states, as Flink names them.
        elapsed_s: Since the first frame.
        epoch: The open one.
        restarts: How often the jobs were restarted.
        error: Why, the last time.
        sources: Source tables.
        sinks: Target tables.
        history: Rows written a second, oldest first.
    """

    title: str
    state: str
    elapsed_s: float
    epoch: int
    restarts: int
    error: str
    sources: tuple[SourceRow, ...]
    sinks: tuple[SinkRow, ...]
    history: tuple[float, ...] = ()

    @property
    def read_rate(self) -> float:
        """Rows and changes read a second."""
        return sum(row.rate for row in self.sources)

    @property
    def write_rate(self) -> float:
        """Rows and changes written a second."""
        return sum(row.rate for row in self.sinks)

    @property
    def lag_ms(self) -> float | None:
        """The largest lag of any source."""
        known = [row.lag_ms for row in self.sources if row.lag_ms is not None]
        return max(known) if known else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sinks warn of, named."""
        return tuple(f"{row.name}: {row.warning}" for row in self.sinks if row.warning)


class Progress:
    """Turns the status of a group into frames; remembers counts to tell rates.

    Args:
        group: What is watched.
        clock: The door to time.
    """

    def __init__(self, group: JobGroup, clock: Clock | None = None) -> None:
        self._group = group
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._rates: dict[str, _Rate] = {}
        self._history: deque[float] = deque(maxlen=HISTORY)
        self._sampled = self._started

    def frame(self) -> Frame:
        """What is to be shown now."""
        status = self._group.status()
        now = self._clock.monotonic()
        names = [progress.table for progress in status["sources"]] + list(status["sinks"])
        cut = shared_prefix(names)
        sources = tuple(self._source(progress, cut, now) for progress in status["sources"])
        sinks = tuple(self._sink(name, sink, cut, now) for name, sink in status["sinks"].items())
        if now - self._sampled >= HISTORY_STEP_S:
            self._sampled = now
            self._history.append(sum(row.rate for row in sinks))
        error = self._group.last_error
        return Frame(
            title(self._group.jobs),
            states(self._group.jobs),
            now - self._started,
            status["epoch"],
            status["restarts"],
            error.message if error is not None else "",
            sources,
            sinks,
            tuple(self._history),
        )

    def _source(self, progress: Any, cut: int, now: float) -> SourceRow:
        rate = self._rate(f"source {progress.table}", progress.rows_done, now)
        return SourceRow(
            progress.table[cut:],
            progress.phase,
            progress.rows_done,
            progress.rows_total,
            rate,
            progress.lag_ms,
            progress.position,
        )

    def _sink(self, name: str, sink: Mapping[str, Any], cut: int, now: float) -> SinkRow:
        rows = int(sink.get("rows", 0))
        last_ms = sink.get("last_commit_ms")
        age = None if not last_ms else max(0.0, (self._clock.now_ms() - last_ms) / 1000)
        return SinkRow(
            name[cut:],
            rows,
            self._rate(f"sink {name}", rows, now),
            age,
            sink.get("versions"),
            sink.get("version_limit"),
            sink.get("interval_ms"),
            str(sink.get("reason") or ""),
            str(sink.get("warning") or ""),
        )

    def _rate(self, key: str, rows: int, now: float) -> float:
        return self._rates.setdefault(key, _Rate()).seen(rows, now)


@dataclass(slots=True)
class _Rate:
    """Rows a second over the last few seconds."""

    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def seen(self, rows: int, now: float) -> float:
        self.samples.append((now, rows))
        while len(self.samples) > 2 and now - self.samples[1][0] >= RATE_WINDOW_S:
            self.samples.popleft()
        since, before = self.samples[0]
        return max(0.0, (rows - before) / (now - since)) if now > since else 0.0


def shared_prefix(names: Sequence[str]) -> int:
    """How many characters of `catalog.database.` all names share.

    Examples:
        >>> shared_prefix(["c.d.orders", "c.d.items"]), shared_prefix(["c.d.a", "c.e.a"])
        (4, 2)
    """
    if not names:
        return 0
    length = len(names[0])
    for name in names[1:]:
        same = (a == b for a, b in zip(names[0], name, strict=False))
        length = min(length, next((i for i, equal in enumerate(same) if not equal), len(name)))
    return names[0].rfind(".", 0, length) + 1


def title(jobs: Sequence[Job]) -> str:
    """The pipeline's name; how many jobs, where several have names of their own."""
    names = dict.fromkeys(job.name for job in jobs)
    return next(iter(names)) if len(names) == 1 else f"{len(jobs)} jobs"


def states(jobs: Sequence[Job]) -> str:
    """The jobs' states, with how many where they differ.

    Examples:
        >>> states([])
        ''
    """
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.status()] = counts.get(job.status(), 0) + 1
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def summary(jobs: Sequence[Job]) -> str:
    """A line per job: how it ended."""
    return "\n".join(f"{job.name}  {job.job_id}  {job.status()}" for job in jobs)
