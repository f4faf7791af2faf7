"""Tables of a catalog read themselves and no others."""

import pytest

from penstock.connectors.mysql_cdc.catalog import CATALOGS
from penstock.connectors.mysql_cdc.catalog.server import MySqlCatalog, pattern
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.connectors.mysql_cdc.tables import matches

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
    own = {"type", "default-database", "metadata.cache-ttl"}
    assert catalog.options == {
        "connector": "mysql-cdc",
        **{key: value for key, value in given.items() if key not in own},
    }
    assert "s3cret" not in repr(catalog.endpoint)
