"""MySQL and MariaDB servers as catalogs: their tables without DDL.

`mysql` gives tables of the connector 'mysql-cdc', `jdbc` of the connector 'jdbc'. Reads
information_schema, writes nothing. Called through `CATALOGS` by the room `catalog`.
"""

from penstock.connectors.base import CatalogType
from penstock.connectors.mysql_cdc.catalog.options import JdbcCatalogOptions, MySqlCatalogOptions
from penstock.connectors.mysql_cdc.catalog.server import open_jdbc, open_mysql

CATALOGS = (
    CatalogType("mysql", MySqlCatalogOptions, open_mysql),
    CatalogType("jdbc", JdbcCatalogOptions, open_jdbc),
)

__all__ = ["CATALOGS"]
