"""Options of the catalog types 'mysql' and 'jdbc': where the server is, and of all its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from penstock.clients.jdbc_url import JdbcUrl, parse_jdbc_url
from penstock.config import REQUIRED, Option, Options, Secret, parse_duration_ms
from penstock.config.option import boolean
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

OF_TABLES = ("database-name", "table-name")
# Connector/J's switch for TINYINT(1), which decides the type a catalog gives.
_TINY_IS_BIT = "jdbc.properties.tinyint1isbit"


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
        own = {
            "type",
            _TINY_IS_BIT,
            self.__class__.default_database.key,
            self.__class__.cache_ms.key,
        }
        return {
            "connector": MySqlCdcOptions.connector,
            **{key: value for key, value in self.raw.items() if key.lower() not in own},
        }

    @property
    def tiny_is_bit(self) -> bool:
        """Whether TINYINT(1) is BOOLEAN, as MySQL's driver takes it.

        Raises:
            OptionError: The switch is neither true nor false.
        """
        for key, text in self.raw.items():
            if key.lower() == _TINY_IS_BIT:
                try:
                    return boolean(text)
                except ValueError as error:
                    raise OptionError(
                        f"invalid value '{text}' of option '{key}'",
                        key=key,
                        code="invalid-option",
                        detail=f"{error}.",
                    ) from error
        return True


def base_url(text: str) -> JdbcUrl:
    """`jdbc:mysql://host:3306`, without a database: a catalog holds them all."""
    found = parse_jdbc_url(text, default_port=3306, option="base-url", with_times=True)
    if found.database:
        message = f"expected no database, found '{found.database}'"
        raise ValueError(message)
    return found


class JdbcCatalogOptions(Options):
    """Options of the catalog type 'jdbc', as Flink's JDBC catalog has them.

    Source: Flink's documentation, JDBC connector, catalog for MySQL.
    """

    connector: ClassVar[str] = "jdbc"
    noun: ClassVar[str] = "catalog type"
    ignored: ClassVar[tuple[str, ...]] = ("type", "property-version")

    base_url = Option(
        "base-url",
        base_url,
        REQUIRED,
        "Where the server is, `jdbc:mysql://host:3306`, no database.",
    )
    username = Option("username", str, REQUIRED, "Account with SELECT.")
    password = Option("password", Secret, REQUIRED, "Its password, may be empty.")
    default_database = Option(
        "default-database", str, REQUIRED, "Database that USE CATALOG chooses."
    )
    cache_ms = MySqlCatalogOptions.cache_ms

    def table_options(self, database: str, name: str) -> dict[str, str]:
        """WITH options of a table of the connector 'jdbc'."""
        base, mark, parameters = self.raw["base-url"].strip().partition("?")
        return {
            "connector": "jdbc",
            "url": f"{base.rstrip('/')}/{quote(database, safe='')}{mark}{parameters}",
            "table-name": name,
            "username": self.raw["username"],
            "password": self.raw["password"],
        }
