"""The contract between connectors and the engine.

`Connector` declares what a connector can do; `Source`/`SourceReader` and
`Sink`/`SinkWriter` are what it runs.
"""

from penstock.connectors.base.catalog import (
    CatalogType,
    CatalogWriter,
    NewTable,
    ServerCatalog,
    ServerColumn,
    ServerTable,
    TableDesign,
    TableMaker,
)
from penstock.connectors.base.connector import Connector, TableDescriptor
from penstock.connectors.base.immediate import ImmediateWriter
from penstock.connectors.base.inspection import (
    MISSING_TABLE,
    Finding,
    Inspection,
    KeyModel,
    OutsideColumn,
    OutsideTable,
    Severity,
    TimeMeaning,
)
from penstock.connectors.base.narrowing import NarrowableSource, Narrowed, Narrowing
from penstock.connectors.base.registry import (
    catalog_types,
    connector_names,
    find_catalog_type,
    find_connector,
)
from penstock.connectors.base.shared import SharedResources
from penstock.connectors.base.sink import (
    Clash,
    Committable,
    NamesTarget,
    RecoveredSink,
    Sink,
    SinkContext,
    SinkWriter,
)
from penstock.connectors.base.source import (
    Emit,
    MetadataColumn,
    Source,
    SourceContext,
    SourceReader,
    SourceState,
    TableProgress,
)

__all__ = [
    "MISSING_TABLE",
    "CatalogType",
    "CatalogWriter",
    "Clash",
    "Committable",
    "Connector",
    "Emit",
    "Finding",
    "ImmediateWriter",
    "Inspection",
    "KeyModel",
    "MetadataColumn",
    "NamesTarget",
    "NarrowableSource",
    "Narrowed",
    "Narrowing",
    "NewTable",
    "OutsideColumn",
    "OutsideTable",
    "RecoveredSink",
    "ServerCatalog",
    "ServerColumn",
    "ServerTable",
    "Severity",
    "SharedResources",
    "Sink",
    "SinkContext",
    "SinkWriter",
    "Source",
    "SourceContext",
    "SourceReader",
    "SourceState",
    "TableDescriptor",
    "TableDesign",
    "TableMaker",
    "TableProgress",
    "TimeMeaning",
    "catalog_types",
    "connector_names",
    "find_catalog_type",
    "find_connector",
]
