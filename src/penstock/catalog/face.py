"""What every catalog can do, whether it is kept in memory or by a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from penstock.catalog.table import CatalogTable, CatalogView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.base import TableMaker

Entry = CatalogTable | CatalogView


class Catalog(Protocol):
    """Databases of tables and views. Names are compared exactly; methods may ask a server.

    Those that change something raise UnsupportedFeatureError where the catalog cannot.
    """

    @property
    def default_database(self) -> str:
        """The one USE CATALOG chooses; empty where none is."""

    def databases(self) -> Sequence[str]:
        """Names of databases, sorted."""

    def tables(self, database: str) -> Sequence[str]:
        """Names of a database's tables and views, sorted; empty where there is no such database."""

    def table(self, database: str, name: str) -> Entry | None:
        """The table or view of that name."""

    def views(self, database: str) -> Sequence[str]:
        """Names of views, sorted."""

    def known(self) -> Iterator[tuple[str, str, CatalogTable]]:
        """Database, name and table of all tables at hand without asking anybody."""

    def put(self, database: str, name: str, entry: Entry) -> None:
        """Add a table or view that does not exist to a database that does."""

    def replace(self, database: str, name: str, entry: Entry) -> None:
        """Change a table or view that exists."""

    def remove(self, database: str, name: str) -> None:
        """Drop a table or view that exists."""

    def create_database(self, name: str, options: dict[str, str]) -> None:
        """Add a database that does not exist."""

    def drop_database(self, name: str) -> None:
        """Drop a database that exists, with its tables."""

    def database_options(self, name: str) -> dict[str, str]:
        """The options of a database that exists; may be changed."""

    def maker(self, database: str, name: str) -> TableMaker | None:
        """Who creates a table there; None where `put` is all there is to do."""

    def configure(self, options: dict[str, str]) -> None:
        """Take other options.

        Raises:
            OptionError: One of them is wrong; the old ones stay.
        """

    def settle(self) -> None:
        """Forget what a rehearsal left."""
