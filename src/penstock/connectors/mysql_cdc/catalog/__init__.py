"""MySQL and MariaDB servers as catalogs: their tables without DDL.

`mysql` gives tables of the connector 'mysql-cdc', `jdbc` of the connector 'jdbc'. Reads
information_schema, writes nothing. Called through `CATALOGS` by the room `catalog`.
"""

from penstock.connectors.base import CatalogType
from penstock.connectors.mysql_cdc.catalog.options import MySqlCatalogOptions
from penstock.connectors.mysql_cdc.catalog.server import MySqlCatalog

CATALOGS = (CatalogType("mysql", MySqlCatalogOptions, MySqlCatalog.open),)

__all__ = ["CATALOGS"]
