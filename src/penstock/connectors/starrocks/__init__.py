"""Connector `starrocks`: writes changelogs by the transaction API or plain Stream Load.

Owns options, target validation, the epoch protocol of the sink and its flush gate. May touch
HTTP, PyMySQL and the sink I/O pool. Called by the registry and the runtime.
"""

from penstock.changelog import ChangelogMode
from penstock.connectors.base import Connector
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.preflight import StarRocksInspection
from penstock.connectors.starrocks.sink import StarRocksSink

CONNECTOR = Connector(
    name="starrocks",
    options=StarRocksOptions,
    sink=StarRocksSink.from_descriptor,
    sink_mode=lambda _: ChangelogMode.all(),
    inspection=StarRocksInspection,
)

__all__ = ["CONNECTOR"]
