"""A server's catalog: asked when needed, remembered for a while, changed only outside a rehearsal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from penstock.catalog.served import ServedCatalog
from penstock.catalog.table import CatalogColumn, CatalogTable
from penstock.config import Options
from penstock.connectors.base import (
    CatalogType,
    NewTable,
    ServerColumn,
    ServerTable,
    TableDesign,
)
from penstock.errors import ConnectorError, UnsupportedFeatureError
from penstock.testing import ManualClock
from penstock.types import INT, Schema


@dataclass
class Maker:
    """Creates tables in a dictionary."""

    server: Server
    name: tuple[str, str]

    def adapted(self, schema: Schema) -> Schema:
        return schema

    def design(self, new: NewTable) -> TableDesign:
        return TableDesign(f"CREATE TABLE {self.name[1]}")

    def sink_options(self, options: Mapping[str, str]) -> dict[str, str]:
        return {"connector": "x", **options}

    def differences(self, new: NewTable) -> list[str] | None:
        return [] if self.name in self.server.there else None

    def create(self, new: NewTable) -> None:
        self.server.there.add(self.name)


@dataclass
class Server:
    """A server in memory that counts what it is asked."""

    default_database: str = "d"
    cache_ms: int = 10_000
    answers: bool = True
    there: set[tuple[str, str]] = field(default_factory=lambda: {("d", "t")})
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def writer(self) -> Server:
        return self

    def databases(self) -> list[str]:
        self._ask("databases")
        return sorted({database for database, _ in self.there})

    def tables(self, database: str) -> list[str]:
        self._ask("tables")
        return sorted(name for owner, name in self.there if owner == database)

    def table(self, database: str, name: str) -> ServerTable | None:
        self._ask("table")
        columns = (ServerColumn("id", INT),)
        found = (database, name) in self.there
        return ServerTable(columns, (), {"connector": "x"}) if found else None

    def maker(self, database: str, name: str) -> Maker:
        return Maker(self, (database, name))

    def create_database(self, name: str) -> None:
        self.there.add((name, "_"))

    def drop_database(self, name: str) -> None:
        self.there = {key for key in self.there if key[0] != name}

    def drop_table(self, database: str, name: str) -> None:
        self.there.remove((database, name))

    def _ask(self, what: str) -> None:
        self.asked[what] += 1
        if not self.answers:
            raise ConnectorError("no answer", retryable=True)


class Setting:
    def __init__(self) -> None:
        self.server = Server()
        self.clock = ManualClock()
        self.rehearsing = False
        kind = CatalogType("fake", Options, lambda _: self.server)
        self.catalog = ServedCatalog(kind, {}, self.clock, lambda: self.rehearsing)


@pytest.fixture
def given() -> Setting:
    return Setting()


def declared(**options: str) -> CatalogTable:
    return CatalogTable((CatalogColumn("id", type=INT),), options=options)


def test_an_answer_is_used_again_for_a_while(given: Setting) -> None:
    for _ in range(3):
        assert given.catalog.tables("d") == ["t"]
        assert given.catalog.table("d", "t") is not None
        assert given.catalog.table("d", "x") is None
    assert given.server.asked == {"tables": 1, "table": 2}
    given.server.there.add(("d", "x"))
    given.clock.advance(9.9)
    assert given.catalog.tables("d") == ["t"]
    given.clock.advance(0.2)
    assert given.catalog.tables("d") == ["t", "x"]
    assert given.catalog.table("d", "x") is not None


def test_its_own_changes_are_seen_at_once(given: Setting) -> None:
    catalog = given.catalog
    assert catalog.tables("d") == ["t"]
    catalog.put("d", "new", declared(a="b"))
    assert catalog.tables("d") == ["new", "t"]
    found = catalog.table("d", "new")
    assert found is not None
    assert found.options == {"connector": "x", "a": "b"}
    catalog.remove("d", "new")
    assert catalog.tables("d") == ["t"]
    catalog.create_database("e", {})
    assert catalog.databases() == ["d", "e"]
    catalog.drop_database("e")
    assert catalog.databases() == ["d"]


def test_a_rehearsal_changes_nothing_and_shows_everything(given: Setting) -> None:
    catalog, before = given.catalog, set(given.server.there)
    given.rehearsing = True
    catalog.create_database("e", {})
    catalog.put("e", "new", declared())
    catalog.remove("d", "t")
    assert catalog.databases() == ["d", "e"]
    assert catalog.tables("e") == ["new"]
    assert catalog.tables("d") == []
    found = catalog.table("e", "new")
    assert found is not None
    assert found.design == TableDesign("CREATE TABLE new")
    assert [name for _, name, _ in catalog.known()] == ["new"]
    catalog.drop_database("d")
    assert catalog.databases() == ["e"]
    assert given.server.there == before
    given.rehearsing = False
    catalog.settle()
    assert catalog.databases() == ["d"]
    assert catalog.table("d", "t") is not None


def test_tables_at_hand_are_known_without_asking(given: Setting) -> None:
    assert list(given.catalog.known()) == []
    given.catalog.table("d", "t")
    given.clock.advance(3600)
    asked = given.server.asked.total()
    assert [(database, name) for database, name, _ in given.catalog.known()] == [("d", "t")]
    assert given.server.asked.total() == asked


def test_a_silent_server_is_asked_once_in_a_rehearsal(given: Setting) -> None:
    given.server.answers = False
    given.rehearsing = True
    for name in ("a", "b", "c"):
        with pytest.raises(ConnectorError):
            given.catalog.table("d", name)
    assert given.server.asked.total() == 1
    given.rehearsing = False
    given.catalog.settle()
    given.server.answers = True
    assert given.catalog.table("d", "t") is not None


def test_a_server_keeps_tables_of_physical_columns_only(given: Setting) -> None:
    for change in (
        lambda: given.catalog.replace("d", "t", declared()),
        lambda: given.catalog.create_database("e", {"a": "b"}),
        lambda: given.catalog.database_options("d"),
    ):
        with pytest.raises(UnsupportedFeatureError, match="in a catalog of type 'fake'"):
            change()


def test_a_failure_outside_a_rehearsal_is_not_told_in_one(given: Setting) -> None:
    given.server.answers = False
    with pytest.raises(ConnectorError):
        given.catalog.table("d", "t")
    given.server.answers = True
    given.rehearsing = True
    assert given.catalog.table("d", "t") is not None
