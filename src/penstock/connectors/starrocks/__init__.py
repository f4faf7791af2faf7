"""Connector `starrocks`: writes changelogs by transactions or plain Stream Load, and reads tables.

Owns options, target validation, the epoch protocol of the sink and its flush gate, and how
columns are read. May touch HTTP, PyMySQL and the I/O pools. Called by the registry and the runtime.
"""

from penstock.changelog import ChangelogMode, RowKind
from penstock.connectors.base import Connector, Inspection, TableDescriptor
from penstock.connectors.base.sql_table import (
    SqlTableInspection,
    SqlTableSource,
    describe_source,
)
from penstock.connectors.starrocks.catalog.maker import StarRocksMaker
from penstock.connectors.starrocks.describe import describe
from penstock.connectors.starrocks.free_options import FREE_OPTIONS
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.preflight import StarRocksInspection
from penstock.connectors.starrocks.read_options import StarRocksReadOptions
from penstock.connectors.starrocks.read_table import lookup, source
from penstock.connectors.starrocks.sink import StarRocksSink


def _sink_mode(table: TableDescriptor) -> ChangelogMode:
    """StarRocks deletes by primary key only; without one a delete must be unwanted to be taken."""
    if table.schema.primary_key or StarRocksOptions(table.options).ignore_delete:
        return ChangelogMode.all()
    return ChangelogMode(frozenset((RowKind.INSERT, RowKind.UPDATE_AFTER)))


def _inspection(runs: StarRocksSink | SqlTableSource) -> Inspection:
    if isinstance(runs, SqlTableSource):
        return SqlTableInspection(runs)
    return StarRocksInspection(runs)


def _describe(runs: StarRocksSink | SqlTableSource) -> dict[str, str]:
    return describe_source(runs) if isinstance(runs, SqlTableSource) else describe(runs)


CONNECTOR = Connector(
    name="starrocks",
    options=StarRocksOptions,
    read_options=StarRocksReadOptions,
    source=source,
    lookup=lookup,
    sink=StarRocksSink.from_descriptor,
    sink_mode=_sink_mode,
    sink_mode_hint="Declare PRIMARY KEY (...) NOT ENFORCED over a PRIMARY KEY table of StarRocks,"
    " or set 'sink.ignore-delete' = 'true' to keep deleted rows.",
    inspection=_inspection,
    describe=_describe,
    maker=StarRocksMaker.of_sink,
    free_options=FREE_OPTIONS,
)

__all__ = ["CONNECTOR"]
