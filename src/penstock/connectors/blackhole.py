"""The `blackhole` sink: takes everything, keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.changelog import ChangelogMode
from penstock.config import Options
from penstock.config.option import Option, integer
from penstock.connectors.base import Connector, ImmediateWriter, TableDescriptor

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.connectors.base import SinkContext
    from penstock.types import Schema


class BlackholeOptions(Options):
    """Options of the blackhole sink: none of its own."""

    connector = "blackhole"
    parallelism = Option(
        "sink.parallelism", integer, 1, "Writers.", no_effect="one writer keeps the order of rows"
    )


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
    ) -> ImmediateWriter:
        return ImmediateWriter()


CONNECTOR = Connector(
    name="blackhole",
    options=BlackholeOptions,
    sink=BlackholeSink,
    sink_mode=lambda _: ChangelogMode.upsert(),
)
