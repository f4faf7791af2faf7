"""Tables of a catalog read themselves and no others."""

import pytest

from penstock.connectors.mysql_cdc.catalog import CATALOGS
from penstock.connectors.mysql_cdc.catalog.server import MySqlCatalog, pattern
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.connectors.mysql_cdc.tables import matches
from penstock.errors import OptionError

PLACE = {"hostname": "h", "username": "u", "password": "s3cret"}


@pytest.mark.parametrize("name", ["orders", "a.b,c", "x{1}", "[y]", "a|b", "商品", "(?-i)", "\\Q"])
def test_a_name_matches_itself_alone(name: str) -> None:
    options = MySqlCdcOptions(
        {**PLACE, "database-name": pattern(name), "table-name": pattern(name)}
    )
    assert matches(options, name, name)
    for other in ("order", "a", "c", "axb,c", "b", "x", "y"):
        assert not matches(options, other, name)
        assert not matches(options, name, other)


def test_case_counts_where_another_table_differs_by_it_alone() -> None:
    given = {**PLACE, "database-name": "d", "table-name": pattern("T", exact_case=True)}
    options = MySqlCdcOptions(given)
    assert matches(options, "d", "T")
    assert not matches(options, "d", "t")


def test_options_of_the_connector_go_to_every_table() -> None:
    given = {
        **PLACE,
        "type": "mysql",
        "default-database": "d",
        "metadata.cache-ttl": "5 s",
        "server-id": "5400-5408",
        "jdbc.properties.tinyInt1isBit": "false",
        "scan.startup.mode": "latest-offset",
    }
    (kind,) = [kind for kind in CATALOGS if kind.name == "mysql"]
    catalog = kind.open(given)
    assert isinstance(catalog, MySqlCatalog)
    assert (catalog.default_database, catalog.cache_ms, catalog.writer) == ("d", 5000, None)
    assert not catalog.tiny_is_bit
    own = {"type", "default-database", "metadata.cache-ttl", "jdbc.properties.tinyInt1isBit"}
    assert catalog.options("a.b", "t", (False, True)) == {
        "connector": "mysql-cdc",
        **{key: value for key, value in given.items() if key not in own},
        "database-name": "a\\.b",
        "table-name": "(?-i:t)",
    }
    with pytest.raises(OptionError, match=r"invalid value 'no' of option 'jdbc\.properties\.tiny"):
        kind.open({**given, "jdbc.properties.tinyInt1isBit": "no"})


def test_a_jdbc_catalog_gives_tables_of_that_connector() -> None:
    (kind,) = [kind for kind in CATALOGS if kind.name == "jdbc"]
    given = {
        "type": "jdbc",
        "base-url": "jdbc:mysql://h:3307/?useSSL=false",
        "username": "u",
        "password": "s3cret",
        "default-database": "d",
    }
    catalog = kind.open(given)
    assert isinstance(catalog, MySqlCatalog)
    assert catalog.default_database == "d"
    assert catalog.options("my db", "t", (True, True)) == {
        "connector": "jdbc",
        "url": "jdbc:mysql://h:3307/my%20db?useSSL=false",
        "table-name": "t",
        "username": "u",
        "password": "s3cret",
    }
    with pytest.raises(OptionError, match="invalid value 'jdbc:mysql://h/d' of option 'base-url'"):
        kind.open({**given, "base-url": "jdbc:mysql://h/d"})
    with pytest.raises(OptionError, match="missing required option 'default-database' of catalog"):
        kind.open({key: value for key, value in given.items() if key != "default-database"})
