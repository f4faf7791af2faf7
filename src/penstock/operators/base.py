"""The contract of operators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from penstock.changelog import LeastWatermark
from penstock.clock import Clock, SystemClock
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from penstock.changelog import Barrier, ChangelogBatch, ChangelogMode, Watermark
    from penstock.state import StateTable
    from penstock.types import Schema


class Output(Protocol):
    """Where an operator emits; calls straight into the next operator."""

    def emit(self, batch: ChangelogBatch) -> None:
        """Hand a batch on. Empty batches are not handed on."""

    def watermark(self, watermark: Watermark) -> None:
        """Hand a watermark on, behind the batches before it."""


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """What an operator may use: settings of the session, time, and calls that block elsewhere.

    Args:
        settings: Of the session.
        clock: The door to time.
        call: Runs something that blocks on a pool; `resume` is called once its result is there.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    call: Callable[[Callable[[], Any]], Future[Any]] = field(default_factory=lambda: at_once)


def at_once(call: Callable[[], Any]) -> Future[Any]:
    """A call made on the spot, for contexts without a pool."""
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except PenstockError as error:
        future.set_exception(error)
    return future


class OperatorSpec(ABC):
    """Plan form of an operator: frozen data, compared and printed by EXPLAIN."""

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """Schema of the rows it emits."""

    def changes(self, given: ChangelogMode) -> ChangelogMode:
        """The kinds of changes it emits where its input carries `given`; the same by default."""
        return given

    def needs_before(self, wanted: bool) -> bool | None:  # noqa: FBT001
        """Whether its input must carry -U.

        Args:
            wanted: Its own output must carry -U; else it must not.

        Returns:
            None where it cannot do what is wanted.
        """
        return wanted

    def sending_before(self, wanted: bool) -> OperatorSpec:  # noqa: ARG002, FBT001
        """Itself, with or without -U in what it makes of its input."""
        return self

    def passed(self, index: int) -> int | None:
        """The column of its input that its column `index` is; None where it makes one."""
        return index

    @property
    def forwards(self) -> bool:
        """Whether the changes it emits are those of its input: messages then name that one."""
        return False

    @abstractmethod
    def create(self, context: OperatorContext) -> Operator:
        """The running form."""

    @abstractmethod
    def explain(self) -> str:
        """One line, Flink's style: `Calc(select=[id], where=[(id > 1)])`."""


class PairSpec(ABC):
    """Plan form of an operator over two inputs."""

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """Schema of the rows it emits."""

    @abstractmethod
    def changes(self, left: ChangelogMode, right: ChangelogMode) -> ChangelogMode:
        """The kinds of changes it emits where its inputs carry these."""

    @abstractmethod
    def needs_before(
        self, left: ChangelogMode, right: ChangelogMode, *, wanted: bool
    ) -> tuple[bool, bool] | None:
        """Whether its inputs must carry -U, left and right.

        Args:
            left: The kinds of changes of its left input.
            right: Those of its right input.
            wanted: Its own output must carry -U; else it must not.

        Returns:
            None where it cannot do what is wanted.
        """

    @abstractmethod
    def sending_before(self, *, wanted: bool) -> PairSpec:
        """Itself, with or without -U in what it makes of its inputs."""

    @abstractmethod
    def create(self, context: OperatorContext) -> PairOperator:
        """The running form."""

    @abstractmethod
    def explain(self) -> str:
        """One line, Flink's style."""

    @abstractmethod
    def origin(self, index: int) -> tuple[int, int] | None:
        """The input (0 left, 1 right) and its column a column of the output is; None for others."""


class Operator:
    """Running form. Called by the engine thread only."""

    def process(self, batch: ChangelogBatch, out: Output) -> None:
        """Take a batch, emit what follows from it."""
        raise NotImplementedError

    def watermark(self, watermark: Watermark, out: Output) -> None:
        """A watermark passes; operators without time hand it on."""
        out.watermark(watermark)

    def tick(self, now_ms: int, out: Output) -> None:
        """Time passes; called now and then."""

    def barrier(self, barrier: Barrier, out: Output) -> None:
        """An epoch ends; hand on everything that belongs to it."""

    def finish(self, out: Output) -> None:
        """All input has ended."""

    def tables(self) -> Mapping[str, StateTable]:
        """State to save with every epoch and to load before the first batch, by name.

        Loaded in this order.
        """
        return {}

    @property
    def waiting(self) -> bool:
        """Whether rows wait here for an answer from outside; barriers and the end wait for them."""
        return False

    @property
    def full(self) -> bool:
        """Back-pressure: do not hand on more now."""
        return False

    def resume(self, out: Output) -> None:
        """Answers may have come: emit what follows from them. Only called while `waiting`.

        Raises:
            PenstockError: A call failed for good.
        """

    def close(self) -> None:
        """Release what is held outside. May be called twice."""


class PairOperator(Operator):
    """Running form over two inputs."""

    def __init__(self) -> None:
        self._least = LeastWatermark(2)

    def process_side(self, side: int, batch: ChangelogBatch, out: Output) -> None:
        """Take a batch of an input, 0 left, 1 right; emit what follows from it."""
        raise NotImplementedError

    def watermark_side(self, side: int, watermark: Watermark, out: Output) -> None:
        """A watermark of an input comes; `watermark` gets that of both, where it grows."""
        both = self._least.update(side, watermark)
        if both is not None:
            self.watermark(both, out)
