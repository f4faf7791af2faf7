"""What a connector declares about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.changelog import ChangelogMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from penstock.config import Options
    from penstock.connectors.base.catalog import TableMaker
    from penstock.connectors.base.inspection import Inspection
    from penstock.connectors.base.sink import Sink
    from penstock.connectors.base.source import Source
    from penstock.types import DataType, Schema


@dataclass(frozen=True, slots=True)
class TableDescriptor:
    """A table as the connector sees it.

    Args:
        path: `catalog.database.table` in Flink, for messages and labels.
        schema: Physical columns then metadata columns (sources), or the written ones.
        options: The WITH options after hints, as text.
        metadata: Column name -> metadata key, for metadata columns in `schema`.
        settings: Session settings (`table.local-time-zone`, `parallelism.default`, ...).
    """

    path: str
    schema: Schema
    options: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector: its name and what it can build. A missing builder means it cannot.

    Args:
        name: Value of the 'connector' option.
        options: Its option set, for validation and reference.
        source: Builds a source; raises OptionError or ValidationError.
        sink: Builds a sink; raises OptionError or ValidationError.
        source_mode: Which changes the source emits, given the table.
        sink_mode: Which changes the sink accepts, given the table.
        sink_mode_hint: What to do where a query's changes are not accepted.
        metadata: Readable metadata keys and their types.
        inspection: A look at what a source or sink of this connector stands on, for `check`.
        lookup: Builds a table that is looked up by keys; a `KeyedTable` of the look-up join.
        read_options: The option set of a table that is read, where it is another.
        describe: What a source or sink reads or sends, for `explain`; touches no network, tells
            no secret.
        maker: Creates the table a sink with these WITH options writes to, for CREATE TABLE AS;
            raises OptionError.
        free_options: Keys whose values change how a table is written, not what is in it: a resumed
            job may have others.
    """

    name: str
    options: type[Options]
    source: Callable[[TableDescriptor], Source] | None = None
    sink: Callable[[TableDescriptor], Sink] | None = None
    source_mode: Callable[[TableDescriptor], ChangelogMode] = lambda _: ChangelogMode.insert_only()
    sink_mode: Callable[[TableDescriptor], ChangelogMode] = lambda _: ChangelogMode.insert_only()
    sink_mode_hint: str = ""
    metadata: Mapping[str, DataType] = field(default_factory=dict)
    inspection: Callable[[Any], Inspection] | None = None
    describe: Callable[[Any], Mapping[str, str]] | None = None
    read_options: type[Options] | None = None
    lookup: Callable[[TableDescriptor], Any] | None = None
    maker: Callable[[Mapping[str, str]], TableMaker] | None = None
    free_options: frozenset[str] = frozenset()
