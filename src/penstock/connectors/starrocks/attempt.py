"""What a loader fills: the tables it takes rows of, and the transaction that is open for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.connectors.starrocks.bodies import Bodies
    from penstock.connectors.starrocks.committer import Committer
    from penstock.connectors.starrocks.dead_letters import Aside
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.load_api import LoadApi
    from penstock.connectors.starrocks.outbox import Frame, Outbox
    from penstock.connectors.starrocks.sink_metrics import SinkMetrics
    from penstock.formats.csv import CsvDialect


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A table of a transaction.

    Args:
        api: Calls for the table.
        outbox: Where batches come from and labels go.
        bodies: Encodes loads.
        aside: Rows put aside because StarRocks refuses them.
        gate: Told of refusals.
        metrics: Where to count.
        committer: Commits, and counts what became visible.
    """

    api: LoadApi
    outbox: Outbox
    bodies: Bodies
    aside: Aside
    gate: FlushGate
    metrics: SinkMetrics
    committer: Committer


@dataclass(slots=True)
class Loaded:
    """What of a table is in the open transaction."""

    rows: int = 0
    size: int = 0
    frames: list[Frame] = field(default_factory=list)
    chosen: bool = False
    dialect: CsvDialect | None = None


@dataclass(slots=True)
class Attempt:
    """A transaction that is being filled; without a label nothing was sent yet."""

    epoch: int
    slot: object
    api: LoadApi
    label: str = ""
    txn_id: int = -1
    began_s: float = 0.0
    loaded: dict[Part, Loaded] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(loaded.rows for loaded in self.loaded.values())


@dataclass(frozen=True, slots=True)
class Rest:
    """Why the loader does not load now, and until when."""

    until_ms: int
    warning: str
    refused: bool
