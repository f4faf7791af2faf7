"""Room `connectors.mysql_cdc`: MySQL and MariaDB tables as change streams.

Owns chunk splitting, the hand-over from snapshot to binlog, and offsets. May touch clients and
wire. Called through `CONNECTOR` by the planner, and by the engine through the source contract.
"""

from penstock.changelog import ChangelogMode
from penstock.connectors.base import Connector, TableDescriptor
from penstock.connectors.mysql_cdc.describe import describe
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.connectors.mysql_cdc.preflight import MySqlInspection
from penstock.connectors.mysql_cdc.source import MySqlCdcSource
from penstock.connectors.mysql_cdc.types import METADATA

__all__ = ["CONNECTOR", "MySqlCdcOptions", "MySqlCdcSource"]


def _mode(table: TableDescriptor) -> ChangelogMode:
    options = table.options
    append = options.get("scan.read-changelog-as-append-only.enabled", "false").lower() == "true"
    snapshot = MySqlCdcOptions(options).startup_mode == "snapshot"
    return ChangelogMode.insert_only() if append or snapshot else ChangelogMode.all()


CONNECTOR = Connector(
    name="mysql-cdc",
    options=MySqlCdcOptions,
    source=MySqlCdcSource,
    source_mode=_mode,
    metadata=METADATA,
    inspection=MySqlInspection,
    describe=describe,
)
