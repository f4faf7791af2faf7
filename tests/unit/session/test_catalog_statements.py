from typing import Any

import pytest

from penstock.errors import OptionError, SqlError, UnsupportedFeatureError, ValidationError
from penstock.session import Session

MYSQL = "'type'='mysql', 'hostname'='nowhere', 'username'='u', 'password'='s3cret'"


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for result in session.execute_script(text):
        found = list(result.rows)
    return found


def names(session: Session, text: str) -> list[str]:
    return [row[0] for row in rows(session, text)]


@pytest.fixture
def session() -> Session:
    return Session()


def test_catalogs_in_memory_come_and_go(session: Session) -> None:
    rows(session, "CREATE CATALOG c1 WITH ('type'='generic_in_memory')")
    assert names(session, "SHOW CATALOGS") == ["c1", "default_catalog"]
    assert names(session, "SHOW CATALOGS NOT ILIKE 'DEFAULT%'") == ["c1"]
    assert names(session, "USE CATALOG c1; SHOW CURRENT DATABASE") == ["default"]
    with pytest.raises(ValidationError, match="currently in use"):
        rows(session, "DROP CATALOG c1")
    rows(session, "DROP CATALOG default_catalog; DROP CATALOG IF EXISTS default_catalog")
    assert names(session, "SHOW CATALOGS") == ["c1"]


def test_a_catalog_is_described_as_flink_does(session: Session) -> None:
    rows(
        session,
        "CREATE CATALOG c COMMENT 'it''s' WITH ('type'='generic_in_memory',"
        " 'default-database'='db')",
    )
    assert rows(session, "SHOW CREATE CATALOG c") == [
        (
            "CREATE CATALOG `c`\nCOMMENT 'it''s'\nWITH (\n  'default-database' = 'db',\n"
            "  'type' = 'generic_in_memory'\n)\n",
        )
    ]
    plain = [("name", "c"), ("type", "generic_in_memory"), ("comment", "it's")]
    assert rows(session, "DESCRIBE CATALOG c") == plain
    assert rows(session, "DESC CATALOG EXTENDED c") == [*plain, ("option:default-database", "db")]
    assert names(session, "USE CATALOG c; SHOW DATABASES") == ["db"]


def test_alter_catalog_changes_options_and_comment(session: Session) -> None:
    rows(session, "CREATE CATALOG c WITH ('type'='generic_in_memory', 'default-database'='db')")
    rows(session, "ALTER CATALOG c SET ('default-database'='other'); ALTER CATALOG c COMMENT 'x'")
    assert rows(session, "DESC CATALOG EXTENDED c")[2:] == [
        ("comment", "x"),
        ("option:default-database", "other"),
    ]
    rows(session, "ALTER CATALOG c RESET ('default-database', 'k1'); ALTER CATALOG c COMMENT ''")
    assert rows(session, "DESC CATALOG EXTENDED c")[2:] == [("comment", None)]
    with pytest.raises(ValidationError, match="RESET does not support changing 'type'"):
        rows(session, "ALTER CATALOG c RESET ('type')")
    with pytest.raises(ValidationError, match="RESET does not support empty key"):
        rows(session, "ALTER CATALOG c RESET ()")
    with pytest.raises(OptionError, match="unknown option 'no' of catalog type"):
        rows(session, "ALTER CATALOG c SET ('no'='1')")
    assert len(rows(session, "DESC CATALOG EXTENDED c")) == 3


def test_wrong_catalogs_are_refused_when_they_are_created(session: Session) -> None:
    with pytest.raises(ValidationError, match="do not contain an option key 'type'"):
        rows(session, "CREATE CATALOG c WITH ('x'='y')")
    with pytest.raises(OptionError) as caught:
        rows(session, "CREATE CATALOG c WITH ('type'='mysqll')")
    assert caught.value.hint == "Did you mean 'mysql'?"
    assert "generic_in_memory" in caught.value.detail
    with pytest.raises(OptionError) as caught:
        rows(session, f"CREATE CATALOG c WITH ({MYSQL}, 'hostnam'='x')")
    assert caught.value.near_key == "hostname"
    with pytest.raises(OptionError, match="unsupported option 'table-name' of catalog type"):
        rows(session, f"CREATE CATALOG c WITH ({MYSQL}, 'table-name'='x')")
    with pytest.raises(OptionError, match="missing required option 'hostname'"):
        rows(session, "CREATE CATALOG c WITH ('type'='mysql')")
    rows(session, "CREATE CATALOG c WITH ('type'='generic_in_memory')")
    with pytest.raises(ValidationError, match="already exists"):
        rows(session, "CREATE CATALOG c WITH ('type'='generic_in_memory')")
    rows(session, "CREATE CATALOG IF NOT EXISTS c WITH ('type'='generic_in_memory')")


def test_a_catalog_of_a_server_touches_no_network_before_it_is_used(session: Session) -> None:
    rows(session, f"CREATE CATALOG c WITH ({MYSQL}, 'default-database'='shop')")
    assert names(session, "USE CATALOG c; SHOW CURRENT DATABASE") == ["shop"]
    shown = repr(rows(session, "SHOW CREATE CATALOG c") + rows(session, "DESC CATALOG EXTENDED c"))
    assert "s3cret" not in shown
    assert "******" in shown


def test_what_a_readonly_catalog_cannot_do_is_refused_by_name(session: Session) -> None:
    rows(session, f"CREATE CATALOG c WITH ({MYSQL})")
    catalog = session.catalog.entry("c").catalog
    for attempt in (
        lambda: catalog.maker("d", "t"),
        lambda: catalog.create_database("d", {}),
        lambda: catalog.drop_database("d"),
        lambda: catalog.database_options("d"),
        lambda: catalog.remove("d", "t"),
    ):
        with pytest.raises(UnsupportedFeatureError, match="in a catalog of type 'mysql'"):
            attempt()


def test_unknown_catalogs_and_databases_get_near_names(session: Session) -> None:
    rows(session, "CREATE CATALOG shop WITH ('type'='generic_in_memory')")
    with pytest.raises(SqlError) as caught:
        rows(session, "SELECT * FROM shpo.d.t")
    assert caught.value.hint == "Did you mean 'shop'?"
    with pytest.raises(SqlError) as caught:
        rows(session, "SELECT * FROM shop.defalt.t")
    assert caught.value.hint == "Did you mean 'default'?"
    assert caught.value.detail == "There is no database 'shop.defalt'."
    with pytest.raises(SqlError) as caught:
        rows(session, "USE CATALOG shopp")
    assert caught.value.hint == "Did you mean 'shop'?"
