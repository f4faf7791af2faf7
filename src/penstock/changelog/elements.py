"""The stream elements beside batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.types import Schema


MAX_WATERMARK = (1 << 63) - 1
"""The watermark of an input that has ended."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """No row with a smaller rowtime follows.

    Args:
        timestamp_ms: Milliseconds since the epoch.
        idle: Nothing comes for now: others do not wait for this input.
    """

    timestamp_ms: int
    idle: bool = False


class LeastWatermark:
    """The watermark of several inputs together: the least of those that are not idle.

    Args:
        inputs: How many.
    """

    def __init__(self, inputs: int) -> None:
        self._of_inputs = [Watermark(-MAX_WATERMARK)] * inputs
        self._last = Watermark(-MAX_WATERMARK)

    def update(self, index: int, watermark: Watermark) -> Watermark | None:
        """Take an input's watermark; that of all where it has changed."""
        self._of_inputs[index] = watermark
        # One that has ended says nothing of the others, which may be idle and go on later.
        open_ = [mark for mark in self._of_inputs if mark.timestamp_ms < MAX_WATERMARK]
        busy = [mark.timestamp_ms for mark in open_ if not mark.idle]
        # Where all are idle the furthest one counts: none of them holds it back.
        reached = min(busy) if busy else max((m.timestamp_ms for m in open_), default=MAX_WATERMARK)
        idle = bool(open_) and not busy
        found = Watermark(max(reached, self._last.timestamp_ms), idle=idle)
        if found == self._last:
            return None
        self._last = found
        return found


@dataclass(frozen=True, slots=True)
class Barrier:
    """The end of an epoch: what came before belongs to it, what follows to the next."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """Rows of `table` had schema `before` until here and have `after` from here; ends an epoch."""

    table: str
    before: Schema
    after: Schema
