"""The state of operators between manifests: captured at a barrier, written behind it, restored."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.checkpoint.state_files import (
    Segment,
    StateFiles,
    TablePlace,
    decode,
    encode,
    worth_merging,
)
from penstock.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor, Future

    import pyarrow as pa

    from penstock.operators import Operator, OperatorSpec, PairSpec
    from penstock.state import StateTable

log = logging.getLogger(__name__)


@dataclass(slots=True)
class StateCut:
    """What changed in an epoch, not yet on disk.

    Args:
        files: Where it goes.
        name: Of its file.
        parts: Changes by table.
        tables: Segments of all tables before.
        texts: Of all operators.
    """

    files: StateFiles
    name: str
    parts: dict[TablePlace, pa.RecordBatch]
    tables: dict[TablePlace, tuple[Segment, ...]]
    texts: dict[str, str]
    written: dict[TablePlace, Segment] | None = None

    def write(self) -> Any:
        """Make it durable; what the manifest says of operators. Checkpoint writer only.

        Raises:
            NotDurableError: It could not be written; it may be tried again.
        """
        self.written = self.files.write(
            self.name, {place: [batch] for place, batch in self.parts.items()}
        )
        tables = {
            place: (*self.tables.get(place, ()), *self._new(place))
            for place in {**self.tables, **self.written}
        }
        return encode(tables, self.texts)

    def _new(self, place: TablePlace) -> tuple[Segment, ...]:
        assert self.written is not None
        return (self.written[place],) if place in self.written else ()


class OperatorStates:
    """The state tables of all running operators of a job group. Engine thread only.

    Args:
        files: Where their changes are written.
        merger: Runs merges of segments.
        incarnation: Of the job: names of files are its own.
        operators: What the manifest in force says of operators.

    Raises:
        CheckpointError: The manifest's state is of another format.
    """

    def __init__(
        self,
        files: StateFiles,
        merger: Executor,
        incarnation: int,
        operators: Mapping[str, Any],
    ) -> None:
        self.files = files
        self._merger = merger
        self._incarnation = incarnation
        self._segments, self._texts = decode(operators)
        self._tables: dict[TablePlace, StateTable] = {}
        self._merging: dict[TablePlace, tuple[list[Segment], Future[Segment]]] = {}
        self._merges = 0
        self._cut: StateCut | None = None

    def attach(self, operator_id: str, spec: OperatorSpec | PairSpec, operator: Operator) -> None:
        """Load what the operator had, where it had anything, and save it from now on.

        Raises:
            CheckpointError: It was another operator, or its state cannot be read.
        """
        tables = operator.tables()
        if not tables:
            return
        text = f"{spec.explain()} {[c.type.sql() for c in spec.schema.columns]}"
        before = self._texts.get(operator_id, text)
        if before != text:
            raise CheckpointError(
                "the state of the unfinished job is that of another query",
                code="changed-state",
                detail=f"It was saved by {before}\nand would be read by {text}.",
                hint="Resume with the script and the Penstock that wrote it, or start anew with"
                " --fresh.",
            )
        self._texts[operator_id] = text
        for name, table in tables.items():
            place = (operator_id, name)
            self._tables[place] = table
            segments = self._segments.get(place)
            if segments:
                table.load(self.files.read(segments))
                # What was loaded is what is saved.
                table.changes()

    def drop(self, prefix: str) -> None:
        """A job has ended: its state is not needed any more."""
        for place in [p for p in {**self._tables, **self._segments} if p[0].startswith(prefix)]:
            self._tables.pop(place, None)
            self._segments.pop(place, None)
            self._merging.pop(place, None)
        for operator in [text for text in self._texts if text.startswith(prefix)]:
            del self._texts[operator]

    def capture(self, epoch: int) -> StateCut:
        """Copy what changed since the last barrier."""
        self._take_merged()
        parts = {
            place: batch
            for place, table in self._tables.items()
            if (batch := table.changes()) is not None
        }
        name = f"{self._incarnation:06d}-{epoch:012d}.state"
        tables = {place: tuple(segments) for place, segments in self._segments.items()}
        self._cut = StateCut(self.files, name, parts, tables, dict(self._texts))
        return self._cut

    def durable(self) -> None:
        """The manifest that lists the last cut is durable."""
        cut, self._cut = self._cut, None
        if cut is None:
            return
        for place, segment in (cut.written or {}).items():
            if place in self._tables:
                self._segments.setdefault(place, []).append(segment)
        # A merge may end at any moment: its file is asked for once, and nothing is deleted else.
        merged = [_merged(future) for _, future in self._merging.values()]
        if None not in merged:
            merging = [s.file for found in merged for s in found or ()]
            kept = [s.file for segments in self._segments.values() for s in segments]
            kept += [s.file for segments in cut.tables.values() for s in segments]
            self.files.keep([*kept, *merging, cut.name])
        self._merge()

    def _merge(self) -> None:
        for place, segments in self._segments.items():
            found = None if place in self._merging else worth_merging(segments)
            if found is None:
                continue
            start, whole = found
            taken = segments[start:]
            self._merges += 1
            name = f"{self._incarnation:06d}-merged-{self._merges:06d}.state"
            future = self._merger.submit(self.files.merge, name, taken, whole=whole)
            self._merging[place] = (taken, future)

    def _take_merged(self) -> None:
        for place, (taken, future) in list(self._merging.items()):
            if not future.done():
                continue
            del self._merging[place]
            try:
                merged = future.result()
            except CheckpointError as error:
                # The segments are as good as their sum; the next merge tries again.
                log.warning("could not merge operator state: %s", error.message)
                continue
            segments = self._segments[place]
            start = segments.index(taken[0])
            segments[start : start + len(taken)] = [merged]


def _merged(future: Future[Segment]) -> list[Segment] | None:
    """What a merge made, nothing where it failed; None where it has not ended."""
    if not future.done():
        return None
    return [] if future.exception() is not None else [future.result()]
