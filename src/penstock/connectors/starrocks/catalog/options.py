"""Options of the catalog type 'starrocks', and those of a table that is created."""

from __future__ import annotations

import re
from typing import ClassVar

from penstock.config import REQUIRED, Option, Options, Secret, parse_duration_ms
from penstock.config.option import at_least, integer
from penstock.connectors.starrocks.addresses import jdbc_url, load_url
from penstock.connectors.starrocks.options import StarRocksOptions

_LABEL_PREFIX = StarRocksOptions.label_prefix.key
_PROPERTY_PREFIXES = ("table.properties.", "table.create.properties.")
HANDED_ON = ("sink.", "scan.", "lookup.")


def bytes_per_character(text: str) -> int:
    """1 to 4."""
    if text.strip() not in {"1", "2", "3", "4"}:
        message = "expected 1 to 4"
        raise ValueError(message)
    return int(text)


class CreationOptions(Options):
    """What a table looks like that is created; catalogs have them for all their tables."""

    connector: ClassVar[str] = "starrocks"
    noun: ClassVar[str] = "new table of"
    prefixes: ClassVar[tuple[str, ...]] = _PROPERTY_PREFIXES

    buckets = Option(
        "table.num-buckets",
        integer,
        0,
        "Buckets of created tables; StarRocks chooses where not set.",
        at_least(1),
        ("table.create.num-buckets",),
    )
    bytes_per_character = Option(
        "unicode-char.max-bytes",
        bytes_per_character,
        4,
        "Bytes per character of created CHAR and VARCHAR columns; their lengths are bytes there.",
    )

    @classmethod
    def holds(cls, key: str) -> bool:
        """Whether an option is used up by the creation of a table."""
        keys = {k for option in CreationOptions.declared() for k in (option.key, *option.aliases)}
        return key in keys or key.startswith(_PROPERTY_PREFIXES)

    @property
    def properties(self) -> dict[str, str]:
        """PROPERTIES of created tables."""
        found: dict[str, str] = {}
        for prefix in _PROPERTY_PREFIXES:
            found |= self.with_prefix(prefix)
        return found


class StarRocksCatalogOptions(CreationOptions):
    """The options of CREATE CATALOG; those of sinks and scans are handed to each table."""

    noun: ClassVar[str] = "catalog type"
    prefixes: ClassVar[tuple[str, ...]] = (*_PROPERTY_PREFIXES, *HANDED_ON)
    ignored: ClassVar[tuple[str, ...]] = ("type", "property-version")

    jdbc_url = Option(
        "jdbc-url", jdbc_url, REQUIRED, "Query addresses of frontends, `jdbc:mysql://h1:9030,h2`."
    )
    http_url = Option(
        "http-url",
        load_url,
        REQUIRED,
        "HTTP addresses of frontends, `;` between them.",
        aliases=("load-url",),
    )
    username = Option("username", str, REQUIRED, "User with SELECT and INSERT.")
    password = Option("password", Secret, REQUIRED, "Its password, may be empty.")
    default_database = Option(
        "default-database", str, "", "Database that USE CATALOG chooses; none if not set."
    )
    cache_ms = Option(
        "metadata.cache-ttl",
        parse_duration_ms,
        60_000,
        "How long names and definitions are used again before the server is asked anew.",
    )

    def table_options(self, database: str, table: str) -> dict[str, str]:
        """WITH options of a table of the connector 'starrocks'."""
        raw = self.raw
        handed = {key: value for key, value in raw.items() if key.startswith(HANDED_ON)}
        if _LABEL_PREFIX in handed:
            name = re.sub(r"[^-\w]|[^\x00-\x7f]", "_", f"{database}_{table}")
            handed[_LABEL_PREFIX] = f"{handed[_LABEL_PREFIX]}_{name}"
        return {
            "connector": "starrocks",
            "jdbc-url": raw["jdbc-url"],
            "load-url": raw.get("http-url") or raw["load-url"],
            "database-name": database,
            "table-name": table,
            "username": raw["username"],
            "password": raw["password"],
            **handed,
        }

    def creation(self) -> dict[str, str]:
        """The options for tables that are created."""
        return {key: value for key, value in self.raw.items() if self.holds(key)}
