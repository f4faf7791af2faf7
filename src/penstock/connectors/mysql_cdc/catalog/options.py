"""Options of the catalog type 'mysql': where the server is, and options of all its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from penstock.config import Option, parse_duration_ms
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

OF_TABLES = ("database-name", "table-name")


class MySqlCatalogOptions(MySqlCdcOptions):
    """Those of the connector 'mysql-cdc' but for the names of database and table.

    They are handed to each table, so that they are read as the connector reads them.
    """

    connector: ClassVar[str] = "mysql"
    noun: ClassVar[str] = "catalog type"
    ignored: ClassVar[tuple[str, ...]] = ("type", "property-version")
    refused_prefixes: ClassVar[Mapping[str, str]] = dict.fromkeys(
        OF_TABLES, "a catalog holds all tables of its server"
    )

    default_database = Option(
        "default-database", str, "", "Database that USE CATALOG chooses; none if not set."
    )
    cache_ms = Option(
        "metadata.cache-ttl",
        parse_duration_ms,
        60_000,
        "How long names and definitions are used again before the server is asked anew.",
    )

    @classmethod
    def declared(cls) -> list[Option[Any]]:
        return [option for option in super().declared() if option.key not in OF_TABLES]

    def table_options(self) -> dict[str, str]:
        """The options a table of the connector 'mysql-cdc' gets of this catalog."""
        own = {"type", MySqlCatalogOptions.default_database.key, MySqlCatalogOptions.cache_ms.key}
        return {
            "connector": MySqlCdcOptions.connector,
            **{key: value for key, value in self.raw.items() if key not in own},
        }
