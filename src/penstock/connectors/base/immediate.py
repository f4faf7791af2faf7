"""The epoch protocol of sinks whose rows are visible as soon as they are written."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.changelog import ChangelogBatch
    from penstock.connectors.base.sink import Committable


class ImmediateWriter:
    """Nothing to prepare, nothing to commit, nothing to recover. Subclasses write."""

    def __init__(self) -> None:
        self.rows = 0
        self._visible_epoch = 0

    def open(self) -> Future[None]:
        return _done()

    def start(self, epoch: int) -> None:
        self._visible_epoch = epoch - 1

    def write(self, batch: ChangelogBatch) -> None:
        self.rows += batch.num_rows

    @property
    def full(self) -> bool:
        return False

    def barrier_wanted(self, now_ms: int) -> bool:  # noqa: ARG002
        return False

    def barrier(self, epoch: int, *, final: bool) -> None:  # noqa: ARG002
        self._visible_epoch = epoch

    def listed(self, epoch: int) -> tuple[Committable, ...]:  # noqa: ARG002
        return ()

    def commit(self, epoch: int) -> None:
        """Nothing is listed."""

    @property
    def visible_epoch(self) -> int:
        return self._visible_epoch

    @property
    def busy(self) -> bool:
        return False

    @property
    def oldest_open_epoch(self) -> int | None:
        return None

    def check(self) -> None:
        """Nothing fails behind the engine's back."""

    def status(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def close(self, *, abort: bool) -> Future[None]:  # noqa: ARG002
        return _done()


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
