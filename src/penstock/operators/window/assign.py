"""The windows of rows: TUMBLE, HOP, CUMULATE as table functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.changelog import ChangelogBatch
from penstock.clock import session_zone
from penstock.operators.base import Operator, OperatorContext, OperatorSpec, Output
from penstock.operators.watermark import millis
from penstock.types import TIMESTAMP, Column, DataType, Schema, TypeRoot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.int64]

START, END, TIME = "window_start", "window_end", "window_time"


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one kind; all in milliseconds.

    Args:
        kind: TUMBLE, HOP or CUMULATE.
        size: The longest one.
        step: Between starts of HOP, between ends of CUMULATE; the size of TUMBLE.
        offset: Of the first start from the epoch.
    """

    kind: str
    size: int
    step: int
    offset: int = 0

    def of(self, times: Times) -> tuple[NDArray[np.int64] | None, Times, Times]:
        """The windows of some times.

        Args:
            times: Milliseconds.

        Returns:
            The place of the time each window belongs to, None where each has one; starts; ends.

        Examples:
            >>> import numpy as np
            >>> Windows("HOP", 10, 5).of(np.array([7]))
            (array([0, 0]), array([0, 5]), array([10, 15]))
        """
        if self.kind == "TUMBLE":
            starts = times - (times - self.offset) % self.size
            return None, starts, starts + self.size
        if self.kind == "HOP":
            return self._hop(times)
        starts = times - (times - self.offset) % self.size
        first = (times - starts) // self.step + 1
        counts = -(-self.size // self.step) - first + 1
        places, ranks = _expanded(counts)
        starts = starts[places]
        return places, starts, starts + np.minimum((first[places] + ranks) * self.step, self.size)

    def _hop(self, times: Times) -> tuple[NDArray[np.int64], Times, Times]:
        last = times - (times - self.offset) % self.step
        # The last start at or before a time, and those before it whose window still holds it.
        counts = np.maximum(-(-(last + self.size - times) // self.step), 0)
        places, ranks = _expanded(counts)
        starts = last[places] - (counts[places] - 1 - ranks) * self.step
        return places, starts, starts + self.size

    def text(self) -> str:
        """As Flink prints it."""
        parts = [] if self.kind == "TUMBLE" else [f"{_words()[self.kind]}=[{span(self.step)}]"]
        name = "max_size" if self.kind == "CUMULATE" else "size"
        parts.insert(0, f"{name}=[{span(self.size)}]")
        if self.offset:
            parts.append(f"offset=[{span(self.offset)}]")
        return ", ".join(parts)


def _words() -> dict[str, str]:
    return {"HOP": "slide", "CUMULATE": "step"}


def _expanded(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every place as often as its count, and how often it stood there before."""
    places = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return places, np.arange(len(places)) - np.repeat(ends - counts, counts)


def span(ms: int) -> str:
    """A time span as Flink prints it.

    Examples:
        >>> span(90_000), span(3_600_000), span(5)
        ('1.5 min', '1 h', '5 ms')
    """
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if ms >= size:
            return f"{ms / size:g} {unit}"
    return f"{ms} ms"


@dataclass(frozen=True, slots=True)
class WindowSpec(OperatorSpec):
    """Plan form of a window table function.

    Args:
        given: The schema of the rows it takes.
        column: Their time attribute.
        windows: What windows there are.
    """

    given: Schema
    column: int
    windows: Windows

    @property
    def schema(self) -> Schema:
        bound = TIMESTAMP(3).with_nullable(nullable=False)
        time = self.time_type.with_nullable(nullable=False)
        added = (Column(START, bound), Column(END, bound), Column(TIME, time))
        return Schema((*self.given.columns, *added))

    @property
    def time_type(self) -> DataType:
        """The type of the time attribute."""
        return self.given.columns[self.column].type

    def passed(self, index: int) -> int | None:
        return index if index < len(self.given.columns) else None

    @property
    def forwards(self) -> bool:
        return True

    def create(self, context: OperatorContext) -> Operator:
        return WindowOperator(self, context)

    def explain(self) -> str:
        kind, name = self.windows.kind, self.given.names[self.column]
        return f"WindowTableFunction(window=[{kind}(time_col=[{name}], {self.windows.text()})])"


class WindowOperator(Operator):
    """Each row once per window it is in, with the window's bounds.

    Changelog: as the input.  State: none.  Order: the windows of a row stand together, a -U beside
    its +U where each row has one window.  Watermark: passed on.
    Source: Flink 2.2, WindowTableFunctionOperator.
    """

    def __init__(self, spec: WindowSpec, context: OperatorContext) -> None:
        self._spec = spec
        self._zone = session_zone(context.settings.get("table.local-time-zone", ""))
        self._arrow = pa.schema([pa.field(c.name, c.type.arrow()) for c in spec.schema.columns])
        self._zoned = spec.time_type.root is TypeRoot.TIMESTAMP_LTZ

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        column = batch.rows.column(self._spec.column)
        if column.null_count:
            batch = batch.filter(column.is_valid().to_numpy(zero_copy_only=False))
            column = batch.rows.column(self._spec.column)
        times = millis(pc.local_timestamp(self._local(column)) if self._zoned else column)
        places, starts, ends = self._spec.windows.of(times)
        rows, kinds = batch.rows.columns, batch.kinds
        if places is not None:
            at = pa.array(places)
            rows = [given.take(at) for given in rows]
            kinds = None if kinds is None else kinds[places]
        last = timestamps(ends - 1)
        if self._zoned:
            last = instants(last, self._zone)
        columns = [*rows, timestamps(starts), timestamps(ends), last]
        out.emit(ChangelogBatch(pa.RecordBatch.from_arrays(columns, schema=self._arrow), kinds))

    def _local(self, column: Any) -> Any:
        return column.cast(pa.timestamp("us", tz=self._zone))


def timestamps(times: Times) -> Any:
    """Milliseconds as timestamps."""
    return pa.array(times * 1000).view(pa.timestamp("us"))


def instants(local: Any, zone: str) -> Any:
    """Local times as instants; in a gap or twice: the earlier reading."""
    found = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    return found.cast(pa.timestamp("us", tz="UTC"))
