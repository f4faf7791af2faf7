"""A catalog whose tables a server has: asks it when needed, remembers for a while, writes there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from penstock.catalog.table import CatalogColumn, CatalogTable, CatalogView, ColumnKind
from penstock.connectors.base import NewTable, ServerTable
from penstock.errors import ConnectorError, UnsupportedFeatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penstock.catalog.face import Entry
    from penstock.clock import Clock
    from penstock.connectors.base import (
        CatalogType,
        CatalogWriter,
        ServerCatalog,
        TableMaker,
    )

T = TypeVar("T")
Key = tuple[str, ...]
Name = tuple[str, str]


class ServedCatalog:
    """Implements `Catalog` over a server.

    What it was told is used again for the time its options say, and forgotten at every change made
    through it. In a rehearsal nothing is changed at the server: later statements see what would be.

    Args:
        kind: Its type.
        options: Of CREATE CATALOG.
        clock: For the age of what it was told.
        rehearsing: Whether changes are only noted.

    Raises:
        OptionError: An option is wrong.
    """

    def __init__(
        self,
        kind: CatalogType,
        options: dict[str, str],
        clock: Clock,
        rehearsing: Callable[[], bool],
    ) -> None:
        self._kind = kind
        self._clock = clock
        self._rehearsing = rehearsing
        self._server: ServerCatalog = kind.open(options)
        self._told: dict[Key, tuple[float, object]] = {}
        self._session_options: dict[Name, dict[str, str]] = {}
        self._silent: ConnectorError | None = None
        self._pending: dict[Name, CatalogTable | None] = {}
        self._pending_databases: dict[str, bool] = {}

    @property
    def default_database(self) -> str:
        return self._server.default_database

    def configure(self, options: dict[str, str]) -> None:
        self._server = self._kind.open(options)
        self._told.clear()

    def databases(self) -> list[str]:
        found = set(self._ask(("databases",), self._server.databases))
        for name, there in self._pending_databases.items():
            (found.add if there else found.discard)(name)
        return sorted(found)

    def tables(self, database: str) -> list[str]:
        if self._pending_databases.get(database) is False:
            return []
        found = set(self._ask(("tables", database), lambda: self._server.tables(database)))
        for (owner, name), entry in self._pending.items():
            if owner == database:
                (found.add if entry is not None else found.discard)(name)
        return sorted(found)

    def views(self, database: str) -> list[str]:  # noqa: ARG002
        """None: servers' views are not shown."""
        return []

    def table(self, database: str, name: str) -> CatalogTable | None:
        key = (database, name)
        if key in self._pending:
            return self._pending[key]
        if self._pending_databases.get(database) is False:
            return None
        found = self._ask(("table", *key), lambda: self._server.table(*key))
        return _entry(found, self._session_options.get(key, {})) if found is not None else None

    def known(self) -> Iterator[tuple[str, str, CatalogTable]]:
        for key, (_, found) in list(self._told.items()):
            if isinstance(found, ServerTable):
                _, database, name = key
                if (database, name) not in self._pending:
                    options = self._session_options.get((database, name), {})
                    yield database, name, _entry(found, options)
        for (database, name), entry in self._pending.items():
            if entry is not None:
                yield database, name, entry

    def put(self, database: str, name: str, entry: Entry) -> None:
        table, writer = self._checked(entry), self._writer("CREATE TABLE")
        maker = writer.maker(database, name)
        new = new_table(table)
        design = maker.design(new)
        key = (database, name)
        kept = maker.sink_options(table.options)
        if self._rehearsing():
            self._pending[key] = replace(as_sink(table, maker), design=design)
            return
        maker.create(new)
        self._forget(database, name)
        self._session_options[key] = kept

    def replace(self, database: str, name: str, entry: Entry) -> None:  # noqa: ARG002
        raise self._refused("ALTER TABLE")

    def remove(self, database: str, name: str) -> None:
        writer = self._writer("DROP TABLE")
        if self._rehearsing():
            self._pending[database, name] = None
            return
        writer.drop_table(database, name)
        self._forget(database, name)
        self._session_options.pop((database, name), None)

    def maker(self, database: str, name: str) -> TableMaker:
        return self._writer("CREATE TABLE").maker(database, name)

    def create_database(self, name: str, options: dict[str, str]) -> None:
        writer = self._writer("CREATE DATABASE")
        if options:
            raise UnsupportedFeatureError(
                f"unsupported: options of a database in a catalog of type '{self._kind.name}'",
                hint="Leave WITH (...) out.",
            )
        if self._rehearsing():
            self._pending_databases[name] = True
            return
        writer.create_database(name)
        self._told.clear()

    def drop_database(self, name: str) -> None:
        writer = self._writer("DROP DATABASE")
        if self._rehearsing():
            self._pending_databases[name] = False
            return
        writer.drop_database(name)
        self._told.clear()

    def database_options(self, name: str) -> dict[str, str]:  # noqa: ARG002
        raise self._refused("ALTER DATABASE")

    def settle(self) -> None:
        self._silent = None
        self._pending.clear()
        self._pending_databases.clear()

    def _ask(self, key: Key, ask: Callable[[], T]) -> T:
        now = self._clock.monotonic()
        told = self._told.get(key)
        if told is None or now - told[0] >= self._server.cache_ms / 1000:
            told = self._told[key] = (now, self._asked(ask))
        found: T = told[1]  # type: ignore[assignment]  # the answer to the same question
        return found

    def _asked(self, ask: Callable[[], T]) -> T:
        """The server's answer; in a rehearsal a server that does not answer is asked once."""
        if self._silent is not None and self._rehearsing():
            raise self._silent
        try:
            return ask()
        except ConnectorError as error:
            if self._rehearsing():
                self._silent = error
            raise

    def _forget(self, database: str, name: str) -> None:
        self._told.pop(("tables", database), None)
        self._told.pop(("table", database, name), None)

    def _writer(self, what: str) -> CatalogWriter:
        if self._server.writer is None:
            raise self._refused(what)
        return self._server.writer

    def _refused(self, what: str) -> UnsupportedFeatureError:
        return UnsupportedFeatureError(
            f"unsupported: {what} in a catalog of type '{self._kind.name}'",
            hint="Change the table at its server, or declare another one in default_catalog.",
        )

    def _checked(self, entry: Entry) -> CatalogTable:
        """The entry, which a server can keep."""
        if isinstance(entry, CatalogView):
            raise UnsupportedFeatureError(
                f"unsupported: CREATE VIEW in a catalog of type '{self._kind.name}'",
                hint="Use CREATE TEMPORARY VIEW, or a view in default_catalog.",
            )
        strange = next((c for c in entry.columns if c.kind is not ColumnKind.PHYSICAL), None)
        if strange is not None or entry.watermarks:
            what = f"column '{strange.name}'" if strange is not None else "the watermark"
            raise UnsupportedFeatureError(
                f"unsupported: {what} in a catalog of type '{self._kind.name}'",
                detail="A server keeps physical columns only.",
                hint="Declare the table in default_catalog with WITH ('connector' = ...).",
            )
        return entry


def as_sink(table: CatalogTable, maker: TableMaker) -> CatalogTable:
    """A declared table as rows are written to it, once its server has it."""
    types = {c.name: c.type for c in maker.adapted(table.physical_schema()).columns}
    columns = tuple(replace(c, type=types.get(c.name, c.type)) for c in table.columns)
    return replace(table, columns=columns, options=maker.sink_options(table.options))


def new_table(table: CatalogTable) -> NewTable:
    """What a server is asked to make for a declaration."""
    distribution = table.declared.distribution if table.declared is not None else None
    if distribution is not None and distribution.kind == "RANGE":
        raise UnsupportedFeatureError(
            "unsupported: DISTRIBUTED BY RANGE",
            distribution.span,
            hint="Use DISTRIBUTED BY HASH (...).",
        )
    return NewTable(
        table.physical_schema(),
        dict(table.options),
        table.comment or "",
        {c.name: c.comment for c in table.columns if c.comment},
        distribution.columns if distribution is not None else (),
        distribution.buckets if distribution is not None else None,
        table.partitioned_by,
        {c.name: c.text_bytes for c in table.columns if c.text_bytes is not None},
    )


def _entry(found: ServerTable, options: dict[str, str]) -> CatalogTable:
    columns = tuple(
        CatalogColumn(
            c.name,
            type=c.type,
            comment=c.comment or None,
            refusal=c.refusal,
            generated=c.generated,
            text_bytes=c.text_bytes,
        )
        for c in found.columns
    )
    return CatalogTable(
        columns,
        found.primary_key,
        options={**found.options, **options},
        comment=found.comment or None,
    )
