"""The catalogs of a session and the resolution of names in them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from penstock.catalog.memory import TYPE as IN_MEMORY
from penstock.catalog.memory import MemoryCatalog
from penstock.catalog.served import ServedCatalog
from penstock.catalog.table import CatalogTable, CatalogView
from penstock.clock import Clock, SystemClock
from penstock.connectors.base import find_catalog_type
from penstock.errors import PenstockError, Span, ValidationError, nearest
from penstock.types import quote_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penstock.catalog.face import Catalog
    from penstock.connectors.base import TableMaker

DEFAULT_CATALOG = "default_catalog"
DEFAULT_DATABASE = "default_database"
_CHOOSE = "Choose one with USE, or write database.table."

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
        return quote_path(self)


@dataclass(slots=True)
class CatalogEntry:
    """A catalog of a session and how it was declared."""

    catalog: Catalog
    options: dict[str, str] = field(default_factory=dict)
    comment: str = ""


class CatalogStore:
    """All catalogs of a session, and the current catalog and database.

    Names of catalogs that a server keeps are asked for when they are needed, so every method may
    raise ConnectorError.

    Args:
        clock: For the age of what servers told.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        first = {"default-database": DEFAULT_DATABASE}
        self._catalogs = {
            DEFAULT_CATALOG: CatalogEntry(MemoryCatalog(first), {"type": IN_MEMORY, **first})
        }
        self._temporary: dict[TablePath, Entry] = {}
        self._clock = clock or SystemClock()
        self._rehearsing = False
        self.current_catalog = DEFAULT_CATALOG
        self.current_database: str = DEFAULT_DATABASE

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """While it lasts nothing is changed at any server; statements see what would be."""
        before, self._rehearsing = self._rehearsing, True
        try:
            yield
        finally:
            self._rehearsing = before
            if not before:
                for entry in self._catalogs.values():
                    entry.catalog.settle()

    @property
    def rehearsing(self) -> bool:
        """Whether changes at servers are only noted."""
        return self._rehearsing

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
        entry = self._catalogs.get(path.catalog)
        return entry.catalog.table(path.database, path.name) if entry else None

    def get(self, name: Sequence[str], span: Span | None = None) -> tuple[TablePath, Entry]:
        """The table or view of that name.

        Raises:
            ValidationError: There is none; the nearest name is the hint.
        """
        path = self.path(name)
        with _placed(span):
            entry = self.find(path)
            if entry is None:
                raise self._missing(name, path)
        return path, entry

    def _missing(self, name: Sequence[str], path: TablePath) -> ValidationError:
        hint = ""
        owner = self._catalogs.get(path.catalog)
        if owner is None:
            what = f"There is no catalog '{path.catalog}'."
            hint = _guess(path.catalog, self._catalogs)
        else:
            tables = self.tables(path.catalog, path.database, strict=False)
            what = f"There is no table or view '{path}'."
            hint = _guess(path.name, tables)
            if not tables and path.database not in owner.catalog.databases():
                what = f"There is no database '{path.catalog}.{path.database}'."
                hint = _guess(path.database, owner.catalog.databases())
                if not path.database:
                    what = f"No database of catalog '{path.catalog}' is chosen."
                    hint = _CHOOSE
        return ValidationError(
            f"Object '{'.'.join(name)}' not found", code="unknown-table", detail=what, hint=hint
        )

    def put(
        self, path: TablePath, entry: Entry, *, replace: bool = False, span: Span | None = None
    ) -> None:
        """Add or replace a table or view.

        Raises:
            ValidationError: It exists already, or its database does not.
            UnsupportedFeatureError: Its catalog does not take it.
        """
        if entry.temporary:
            if path in self._temporary and not replace:
                raise ValidationError(
                    f"temporary table or view '{path}' already exists", span, code="table-exists"
                )
            self._temporary[path] = entry
            return
        with _placed(span):
            catalog = self._database(path.catalog, path.database, span)
            there = catalog.table(path.database, path.name) is not None
            if there and replace:
                catalog.replace(path.database, path.name, entry)
                return
            if there:
                raise ValidationError(
                    f"table or view '{path}' already exists",
                    span,
                    code="table-exists",
                    hint="Use IF NOT EXISTS, or drop it first.",
                )
            catalog.put(path.database, path.name, entry)

    def maker(self, path: TablePath, span: Span | None = None) -> TableMaker | None:
        """Who creates a table of that path at a server; None where a declaration is all.

        Raises:
            ValidationError: Its database does not exist.
            UnsupportedFeatureError: Its catalog takes no tables.
        """
        with _placed(span):
            return self._database(path.catalog, path.database, span).maker(path.database, path.name)

    def exists(self, path: TablePath, *, temporary: bool) -> bool:
        """Whether an object of that kind is there."""
        if temporary:
            return path in self._temporary
        entry = self._catalogs.get(path.catalog)
        return entry is not None and entry.catalog.table(path.database, path.name) is not None

    def remove(self, path: TablePath, *, temporary: bool, span: Span | None = None) -> None:
        """Forget a table or view that exists; a server's table is dropped there."""
        if temporary:
            del self._temporary[path]
            return
        with _placed(span):
            self._catalogs[path.catalog].catalog.remove(path.database, path.name)

    def tables(
        self, catalog: str, database: str, *, views_only: bool = False, strict: bool = True
    ) -> list[str]:
        """Names of tables and views, sorted; with `strict` of a database that must exist."""
        entry = self._catalogs.get(catalog)
        found: set[str] = set()
        if entry is not None:
            names = entry.catalog.views if views_only else entry.catalog.tables
            found.update(names(database))
        if strict and not found:
            self._database(catalog, database)
        found.update(
            path.name
            for path, table in self._temporary.items()
            if (path.catalog, path.database) == (catalog, database)
            and (not views_only or isinstance(table, CatalogView))
        )
        return sorted(found)

    def known_tables(self) -> Iterator[tuple[TablePath, CatalogTable]]:
        """All tables at hand without asking a server."""
        for owner, entry in self._catalogs.items():
            for database, name, table in entry.catalog.known():
                yield TablePath(owner, database, name), table
        for path, found in self._temporary.items():
            if isinstance(found, CatalogTable):
                yield path, found

    def catalogs(self) -> list[str]:
        """Names of catalogs, sorted."""
        return sorted(self._catalogs)

    def databases(self, catalog: str, span: Span | None = None) -> list[str]:
        """Names of a catalog's databases, sorted."""
        with _placed(span):
            return list(self.entry(catalog, span).catalog.databases())

    def database_options(self, catalog: str, name: str, span: Span | None = None) -> dict[str, str]:
        """The options of a database; may be changed."""
        with _placed(span):
            return self._database(catalog, name, span).database_options(name)

    def create_catalog(
        self, name: str, options: dict[str, str], comment: str = "", span: Span | None = None
    ) -> None:
        """Add a catalog; touches no network.

        Raises:
            ValidationError: There is one of that name.
            OptionError: Its type or an option is wrong.
        """
        if name in self._catalogs:
            raise ValidationError(f"catalog '{name}' already exists", span, code="catalog-exists")
        with _placed(span):
            self._catalogs[name] = CatalogEntry(self._opened(options), dict(options), comment)

    def _opened(self, options: dict[str, str]) -> Catalog:
        kind = options.get("type", IN_MEMORY)
        if kind == IN_MEMORY:
            return MemoryCatalog(options)
        found = find_catalog_type(kind, IN_MEMORY)
        return ServedCatalog(found, options, self._clock, lambda: self._rehearsing)

    def alter_catalog(
        self,
        name: str,
        options: dict[str, str] | None = None,
        comment: str | None = None,
        span: Span | None = None,
    ) -> None:
        """Change a catalog's options or comment."""
        entry = self.entry(name, span)
        if options is not None:
            with _placed(span):
                entry.catalog.configure(options)
            entry.options = dict(options)
        if comment is not None:
            entry.comment = comment

    def drop_catalog(self, name: str, span: Span | None = None) -> None:
        """Forget a catalog; what a server keeps stays there."""
        self.entry(name, span)
        if name == self.current_catalog:
            raise ValidationError(
                f"cannot drop catalog '{name}', which is currently in use",
                span,
                hint="Choose another one with USE CATALOG first.",
            )
        del self._catalogs[name]

    def create_database(
        self, catalog: str, name: str, options: dict[str, str], span: Span | None = None
    ) -> None:
        """Add a database."""
        with _placed(span):
            owner = self.entry(catalog, span).catalog
            if name in owner.databases():
                raise ValidationError(
                    f"database '{catalog}.{name}' already exists", span, code="database-exists"
                )
            owner.create_database(name, dict(options))

    def drop_database(
        self, catalog: str, name: str, *, cascade: bool, span: Span | None = None
    ) -> None:
        """Drop a database; one with tables only by CASCADE."""
        with _placed(span):
            owner = self._database(catalog, name, span)
            if not cascade and owner.tables(name):
                raise ValidationError(
                    f"database '{catalog}.{name}' is not empty",
                    span,
                    hint="Use CASCADE to drop its tables too.",
                )
            if (catalog, name) == (self.current_catalog, self.current_database):
                message = f"cannot drop database '{name}', which is the current one"
                raise ValidationError(message, span)
            owner.drop_database(name)

    def use_catalog(self, name: str, span: Span | None = None) -> None:
        """Make a catalog the current one, with its default database."""
        self.current_database = self.entry(name, span).catalog.default_database
        self.current_catalog = name

    def use_database(self, catalog: str, name: str, span: Span | None = None) -> None:
        """Make a database the current one."""
        with _placed(span):
            self._database(catalog, name, span)
        self.current_catalog, self.current_database = catalog, name

    def entry(self, name: str, span: Span | None = None) -> CatalogEntry:
        """A catalog and how it was declared.

        Raises:
            ValidationError: There is none of that name; the nearest name is the hint.
        """
        found = self._catalogs.get(name)
        if found is None:
            raise ValidationError(
                f"catalog '{name}' does not exist",
                span,
                code="unknown-catalog",
                hint=_guess(name, self._catalogs),
            )
        return found

    def _database(self, catalog: str, name: str, span: Span | None = None) -> Catalog:
        """The catalog of a database that exists."""
        found = self.entry(catalog, span).catalog
        databases = found.databases()
        if name not in databases:
            raise ValidationError(
                f"database '{catalog}.{name}' does not exist",
                span,
                code="unknown-database",
                hint=_guess(name, databases) if name else _CHOOSE,
            )
        return found


def _guess(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f"Did you mean '{near}'?" if near else ""


@contextmanager
def _placed(span: Span | None) -> Iterator[None]:
    """Errors inside are at that place, where they have none."""
    try:
        yield
    except PenstockError as error:
        error.at(span)
        raise
