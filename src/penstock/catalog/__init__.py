"""Room `catalog`: catalogs, databases, tables, views, and the resolution of their names.

Owns what a table is before it is planned. May read syntax trees, and asks connectors' catalogs for
the tables of their servers. Called by planner and backends.
"""

from penstock.catalog.face import Catalog
from penstock.catalog.served import as_sink, new_table
from penstock.catalog.store import DEFAULT_CATALOG, DEFAULT_DATABASE, CatalogStore, TablePath
from penstock.catalog.table import CatalogColumn, CatalogTable, CatalogView, ColumnKind

__all__ = [
    "DEFAULT_CATALOG",
    "DEFAULT_DATABASE",
    "Catalog",
    "CatalogColumn",
    "CatalogStore",
    "CatalogTable",
    "CatalogView",
    "ColumnKind",
    "TablePath",
    "as_sink",
    "new_table",
]
