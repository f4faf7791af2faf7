"""The `blackhole` sink: takes everything, keeps nothing."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from penstock.changelog import ChangelogBatch, ChangelogMode
from penstock.config import Options
from penstock.config.option import Option, integer
from penstock.connectors.base import Committable, Connector, TableDescriptor

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from penstock.connectors.base import SinkContext
    from penstock.types import Schema


class BlackholeOptions(Options):
    """Options of the blackhole sink: none of its own."""

    connector = "blackhole"
    parallelism = Option(
        "sink.parallelism", integer, 1, "Writers.", no_effect="one writer keeps the order of rows"
    )


def _done(value: Any = None) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


class BlackholeWriter:
    """Counts rows and drops them."""

    def __init__(self) -> None:
        self.rows = 0

    def open(self, first_epoch: int) -> Future[None]:  # noqa: ARG002
        return _done()

    def write(self, batch: ChangelogBatch) -> None:
        self.rows += batch.num_rows

    @property
    def full(self) -> bool:
        return False

    def barrier_wanted(self, now_ms: int) -> bool:  # noqa: ARG002
        return False

    def next_deadline_ms(self) -> int | None:
        return None

    def barrier(self, epoch: int) -> Future[list[Committable]]:  # noqa: ARG002
        return _done([])

    def discard(self, committables: Sequence[Committable]) -> Future[None]:  # noqa: ARG002
        return _done()

    def status(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def close(self, *, abort: bool) -> None:
        """Nothing to release."""


class BlackholeCommitter:
    """Has nothing to commit."""

    def commit(self, committables: Sequence[Committable]) -> Future[None]:  # noqa: ARG002
        return _done()


class BlackholeSink:
    """Drops what it is given."""

    def __init__(self, table: TableDescriptor) -> None:
        BlackholeOptions(table.options)
        self.schema = table.schema

    @property
    def share_key(self) -> Hashable:
        return None

    def writer_for(
        self,
        table: str,  # noqa: ARG002
        schema: Schema,  # noqa: ARG002
        context: SinkContext,  # noqa: ARG002
    ) -> BlackholeWriter:
        return BlackholeWriter()

    def committer(self, context: SinkContext) -> BlackholeCommitter:  # noqa: ARG002
        return BlackholeCommitter()


CONNECTOR = Connector(
    name="blackhole",
    options=BlackholeOptions,
    sink=BlackholeSink,
    sink_mode=lambda _: ChangelogMode.upsert(),
)
