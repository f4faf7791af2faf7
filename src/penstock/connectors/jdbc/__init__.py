"""Connector `jdbc`: reads and looks up tables of MySQL and MariaDB.

Owns options and how columns of MySQL are read. May touch `clients.mysql`. Called by the registry.
"""

from penstock.connectors.base import Connector
from penstock.connectors.base.sql_table import SqlTableInspection, describe_source
from penstock.connectors.jdbc.options import JdbcOptions
from penstock.connectors.jdbc.table import lookup, source

CONNECTOR = Connector(
    name="jdbc",
    options=JdbcOptions,
    source=source,
    lookup=lookup,
    inspection=SqlTableInspection,
    describe=describe_source,
)

__all__ = ["CONNECTOR"]
