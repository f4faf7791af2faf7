"""Tables behind a MySQL protocol: what reading StarRocks and reading MySQL have in common.

Owns the SELECT that is sent (columns, conditions, keys), the bounded scan, and the look-up by
keys. May touch `clients.mysql`, the spool and the connector I/O pool. Called by connectors.
"""

from penstock.connectors.base.sql_table.conditions import Comparison, Dialect, where_text
from penstock.connectors.base.sql_table.connect import ServerAddress, connect
from penstock.connectors.base.sql_table.inspection import SqlTableInspection, describe_source
from penstock.connectors.base.sql_table.lookup import SqlLookupTable
from penstock.connectors.base.sql_table.scan import SqlScanReader
from penstock.connectors.base.sql_table.table import ReadColumn, SqlTable, SqlTableSource

__all__ = [
    "Comparison",
    "Dialect",
    "ReadColumn",
    "ServerAddress",
    "SqlLookupTable",
    "SqlScanReader",
    "SqlTable",
    "SqlTableInspection",
    "SqlTableSource",
    "connect",
    "describe_source",
    "where_text",
]
