"""When rows go: pure decisions over what a writer knows of its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Pace:
    """What decides when the rows of a table are due.

    Args:
        now_ms: The time.
        last_go_ms: When rows went last, None where none have.
        interval_ms: How far apart the gate wants commits.
        hold: The gate lets nothing go before its time, however much waits.
        stretched: The interval is longer than the user or the target share wants.
        big: So much waits that it should go before its time.
        timed: Checkpoints end epochs, so that rows go with each.
        final: Nothing more will be written.
    """

    now_ms: int
    last_go_ms: int | None
    interval_ms: float
    hold: bool = False
    stretched: bool = False
    big: bool = False
    timed: bool = False
    final: bool = False


def due(pace: Pace, share: float) -> bool:
    """Whether the rows of a table are due.

    Args:
        pace: Of the table.
        share: Of the interval that must have passed: less than 1 lets a table go along early.
    """
    if pace.final or (pace.big and not pace.hold):
        return True
    if pace.timed or pace.last_go_ms is None:
        return True
    share = 1.0 if pace.stretched else share
    return pace.now_ms >= pace.last_go_ms + share * pace.interval_ms


def due_together(paces: Sequence[Pace], share: float) -> bool:
    """Whether the rows of tables that go together are due: the slowest decides.

    Args:
        paces: Of the tables that have rows.
        share: As for `due`.
    """
    if any(pace.final for pace in paces):
        return True
    if any(pace.big for pace in paces) and not any(pace.hold for pace in paces):
        return True
    return all(due(pace, share) for pace in paces)


def may_go(*, resting: bool, loading: bool, unacknowledged: int, unacknowledged_max: int) -> bool:
    """Whether a table may begin with another label.

    Args:
        resting: It waits after a refusal or failure.
        loading: It is still loading an earlier epoch.
        unacknowledged: Labels on their way.
        unacknowledged_max: How many may be.
    """
    return not resting and not loading and unacknowledged < unacknowledged_max


def big(waiting_bytes: int, bytes_max: int, waiting_rows: int, rows_max: int | None) -> bool:
    """Whether so much waits that it should go before its time."""
    # Half, so that the next epoch can be filled while this one is prepared.
    if waiting_bytes >= bytes_max // 2:
        return True
    return rows_max is not None and waiting_rows >= rows_max
