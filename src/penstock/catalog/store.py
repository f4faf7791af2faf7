"""The in-memory catalogs of a session and the resolution of names in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from penstock.catalog.table import CatalogTable, CatalogView
from penstock.errors import Span, ValidationError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CATALOG = "default_catalog"
DEFAULT_DATABASE = "default_database"

Entry = CatalogTable | CatalogView


class TablePath(NamedTuple):
    """A full name."""

    catalog: str
    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.catalog}.{self.database}.{self.name}"

    def quoted(self) -> str:
        """The name with every part in back-ticks."""
        return ".".join(f"`{part}`" for part in self)


@dataclass(slots=True)
class _Database:
    tables: dict[str, Entry] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    comment: str | None = None


@dataclass(slots=True)
class _Catalog:
    databases: dict[str, _Database] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    comment: str | None = None


class CatalogStore:
    """All catalogs of a session, in memory, and the current catalog and database."""

    def __init__(self) -> None:
        self._catalogs = {DEFAULT_CATALOG: _Catalog({DEFAULT_DATABASE: _Database()})}
        self._temporary: dict[TablePath, Entry] = {}
        self.current_catalog = DEFAULT_CATALOG
        self.current_database: str = DEFAULT_DATABASE

    def path(self, name: Sequence[str]) -> TablePath:
        """The full name of a name of one to three parts."""
        parts = list(name)
        if not 1 <= len(parts) <= 3:
            raise ValidationError(
                f"invalid table path '{'.'.join(parts)}'", detail="A path has one to three parts."
            )
        if len(parts) == 1:
            parts.insert(0, self.current_database)
        if len(parts) == 2:
            parts.insert(0, self.current_catalog)
        return TablePath(*parts)

    def find(self, path: TablePath) -> Entry | None:
        """The table or view there; temporary objects come first."""
        if path in self._temporary:
            return self._temporary[path]
        catalog = self._catalogs.get(path.catalog)
        database = catalog.databases.get(path.database) if catalog else None
        return database.tables.get(path.name) if database else None

    def get(self, name: Sequence[str], span: Span | None = None) -> tuple[TablePath, Entry]:
        """The table or view of that name.

        Raises:
            ValidationError: There is none; the nearest name is the hint.
        """
        path = self.path(name)
        entry = self.find(path)
        if entry is None:
            near = nearest(path.name, self.tables(path.catalog, path.database, strict=False))
            raise ValidationError(
                f"Object '{'.'.join(name)}' not found",
                span,
                code="unknown-table",
                detail=f"There is no table or view '{path}'.",
                hint=f"Did you mean '{near}'?" if near else "",
            )
        return path, entry

    def put(
        self, path: TablePath, entry: Entry, *, replace: bool = False, span: Span | None = None
    ) -> None:
        """Add or replace a table or view.

        Raises:
            ValidationError: It exists already, or its database does not.
        """
        if entry.temporary:
            if path in self._temporary and not replace:
                raise ValidationError(
                    f"temporary table or view '{path}' already exists", span, code="table-exists"
                )
            self._temporary[path] = entry
            return
        tables = self._database(path.catalog, path.database, span).tables
        if path.name in tables and not replace:
            raise ValidationError(
                f"table or view '{path}' already exists",
                span,
                code="table-exists",
                hint="Use IF NOT EXISTS, or drop it first.",
            )
        tables[path.name] = entry

    def exists(self, path: TablePath, *, temporary: bool) -> bool:
        """Whether an object of that kind is there."""
        if temporary:
            return path in self._temporary
        catalog = self._catalogs.get(path.catalog)
        database = catalog.databases.get(path.database) if catalog else None
        return database is not None and path.name in database.tables

    def remove(self, path: TablePath, *, temporary: bool) -> None:
        """Forget a table or view that exists."""
        if temporary:
            del self._temporary[path]
        else:
            del self._database(path.catalog, path.database).tables[path.name]

    def tables(
        self, catalog: str, database: str, *, views_only: bool = False, strict: bool = True
    ) -> list[str]:
        """Names of tables and views, sorted."""
        found: dict[str, Entry] = {}
        if strict or database in self._catalogs.get(catalog, _Catalog()).databases:
            found.update(self._database(catalog, database).tables)
        for path, entry in self._temporary.items():
            if (path.catalog, path.database) == (catalog, database):
                found[path.name] = entry
        return sorted(
            name
            for name, entry in found.items()
            if not views_only or isinstance(entry, CatalogView)
        )

    def catalogs(self) -> list[str]:
        """Names of catalogs, sorted."""
        return sorted(self._catalogs)

    def databases(self, catalog: str, span: Span | None = None) -> list[str]:
        """Names of a catalog's databases, sorted."""
        return sorted(self._catalog(catalog, span).databases)

    def catalog_options(self, name: str, span: Span | None = None) -> dict[str, str]:
        """The options of a catalog; may be changed."""
        return self._catalog(name, span).options

    def database_options(self, catalog: str, name: str, span: Span | None = None) -> dict[str, str]:
        """The options of a database; may be changed."""
        return self._database(catalog, name, span).options

    def create_catalog(self, name: str, options: dict[str, str], span: Span | None = None) -> None:
        """Add an in-memory catalog."""
        if name in self._catalogs:
            raise ValidationError(f"catalog '{name}' already exists", span, code="catalog-exists")
        self._catalogs[name] = _Catalog({"default": _Database()}, dict(options))

    def drop_catalog(self, name: str, span: Span | None = None) -> None:
        """Forget a catalog with everything in it."""
        self._catalog(name, span)
        if name == self.current_catalog:
            raise ValidationError(
                f"cannot drop catalog '{name}', which is the current one",
                span,
                hint="Choose another one with USE CATALOG first.",
            )
        del self._catalogs[name]

    def create_database(
        self, catalog: str, name: str, options: dict[str, str], span: Span | None = None
    ) -> None:
        """Add a database."""
        databases = self._catalog(catalog, span).databases
        if name in databases:
            raise ValidationError(
                f"database '{catalog}.{name}' already exists", span, code="database-exists"
            )
        databases[name] = _Database(options=dict(options))

    def drop_database(
        self, catalog: str, name: str, *, cascade: bool, span: Span | None = None
    ) -> None:
        """Forget a database; one with tables only by CASCADE."""
        database = self._database(catalog, name, span)
        if database.tables and not cascade:
            raise ValidationError(
                f"database '{catalog}.{name}' is not empty",
                span,
                hint="Use CASCADE to drop its tables too.",
            )
        if (catalog, name) == (self.current_catalog, self.current_database):
            raise ValidationError(f"cannot drop database '{name}', which is the current one", span)
        del self._catalogs[catalog].databases[name]

    def use_catalog(self, name: str, span: Span | None = None) -> None:
        """Make a catalog the current one, with its default database."""
        databases = self._catalog(name, span).databases
        self.current_catalog = name
        first = DEFAULT_DATABASE if name == DEFAULT_CATALOG else "default"
        self.current_database = first if first in databases else next(iter(sorted(databases)), "")

    def use_database(self, catalog: str, name: str, span: Span | None = None) -> None:
        """Make a database the current one."""
        self._database(catalog, name, span)
        self.current_catalog, self.current_database = catalog, name

    def _catalog(self, name: str, span: Span | None = None) -> _Catalog:
        found = self._catalogs.get(name)
        if found is None:
            near = nearest(name, self._catalogs)
            raise ValidationError(
                f"catalog '{name}' does not exist",
                span,
                code="unknown-catalog",
                hint=f"Did you mean '{near}'?" if near else "",
            )
        return found

    def _database(self, catalog: str, name: str, span: Span | None = None) -> _Database:
        databases = self._catalog(catalog, span).databases
        found = databases.get(name)
        if found is None:
            near = nearest(name, databases)
            raise ValidationError(
                f"database '{catalog}.{name}' does not exist",
                span,
                code="unknown-database",
                hint=f"Did you mean '{near}'?" if near else "",
            )
        return found
