"""StarRocks as a catalog: its tables without DDL, and tables created there.

Owns the types of both sides and the text of CREATE TABLE. May touch the query connection. Called
through `CATALOGS` by the room `catalog`, and by CREATE TABLE AS through the connector's `maker`.
"""

from penstock.connectors.base import CatalogType
from penstock.connectors.starrocks.catalog.options import StarRocksCatalogOptions
from penstock.connectors.starrocks.catalog.server import StarRocksCatalog

CATALOGS = (CatalogType("starrocks", StarRocksCatalogOptions, StarRocksCatalog.open),)

__all__ = ["CATALOGS"]
