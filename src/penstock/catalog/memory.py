"""The catalog of type 'generic_in_memory': it lives as long as its session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.catalog.table import CatalogTable, CatalogView
from penstock.config import Option, Options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar

    from penstock.catalog.face import Entry

TYPE = "generic_in_memory"


class MemoryCatalogOptions(Options):
    """Options of a catalog in memory."""

    connector = TYPE
    noun = "catalog type"
    ignored: ClassVar[tuple[str, ...]] = ("type", "property-version")

    default_database = Option("default-database", str, "default", "The database it begins with.")


@dataclass(slots=True)
class _Database:
    tables: dict[str, Entry] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


class MemoryCatalog:
    """Databases and tables in memory; implements `Catalog`.

    Raises:
        OptionError: An option is wrong.
    """

    def __init__(self, options: dict[str, str]) -> None:
        self.default_database: str = MemoryCatalogOptions(options).default_database
        self._databases = {self.default_database: _Database()}

    def configure(self, options: dict[str, str]) -> None:
        self.default_database = MemoryCatalogOptions(options).default_database

    def databases(self) -> list[str]:
        return sorted(self._databases)

    def tables(self, database: str) -> list[str]:
        return sorted(self._of(database))

    def views(self, database: str) -> list[str]:
        return sorted(n for n, e in self._of(database).items() if isinstance(e, CatalogView))

    def table(self, database: str, name: str) -> Entry | None:
        return self._of(database).get(name)

    def known(self) -> Iterator[tuple[str, str, CatalogTable]]:
        for database, found in self._databases.items():
            for name, entry in found.tables.items():
                if isinstance(entry, CatalogTable):
                    yield database, name, entry

    def put(self, database: str, name: str, entry: Entry) -> None:
        self._databases[database].tables[name] = entry

    def replace(self, database: str, name: str, entry: Entry) -> None:
        self.put(database, name, entry)

    def maker(self, database: str, name: str) -> None:
        """Nobody: a declaration is all."""

    def settle(self) -> None:
        """Nothing to forget: a rehearsal's declarations stay."""

    def remove(self, database: str, name: str) -> None:
        del self._databases[database].tables[name]

    def create_database(self, name: str, options: dict[str, str]) -> None:
        self._databases[name] = _Database(options=options)

    def drop_database(self, name: str) -> None:
        del self._databases[name]

    def database_options(self, name: str) -> dict[str, str]:
        return self._databases[name].options

    def _of(self, database: str) -> dict[str, Entry]:
        found = self._databases.get(database)
        return found.tables if found is not None else {}
