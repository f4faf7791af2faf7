"""Connector `starrocks`: writes changelogs by the transaction API or plain Stream Load.

Owns options, target validation, the epoch protocol of the sink and its flush gate. May touch
HTTP, PyMySQL and the sink I/O pool. Called by the registry and the runtime.
"""

from penstock.changelog import ChangelogMode, RowKind
from penstock.connectors.base import Connector, TableDescriptor
from penstock.connectors.starrocks.describe import describe
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.preflight import StarRocksInspection
from penstock.connectors.starrocks.sink import StarRocksSink


def _sink_mode(table: TableDescriptor) -> ChangelogMode:
    """StarRocks deletes by primary key only; without one a delete must be unwanted to be taken."""
    if table.schema.primary_key or StarRocksOptions(table.options).ignore_delete:
        return ChangelogMode.all()
    return ChangelogMode(frozenset((RowKind.INSERT, RowKind.UPDATE_AFTER)))


CONNECTOR = Connector(
    name="starrocks",
    options=StarRocksOptions,
    sink=StarRocksSink.from_descriptor,
    sink_mode=_sink_mode,
    sink_mode_hint="Declare PRIMARY KEY (...) NOT ENFORCED over a PRIMARY KEY table of StarRocks,"
    " or set 'sink.ignore-delete' = 'true' to keep deleted rows.",
    inspection=StarRocksInspection,
    describe=describe,
)

__all__ = ["CONNECTOR"]
