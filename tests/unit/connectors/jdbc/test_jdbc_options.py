"""Every option of the `jdbc` connector: honoured, without effect, or refused by name."""

from __future__ import annotations

import pytest

from penstock.connectors.base import TableDescriptor
from penstock.connectors.base.sql_table import Comparison
from penstock.connectors.jdbc.options import JdbcOptions
from penstock.connectors.jdbc.table import JdbcTable, lookup, source
from penstock.errors import OptionError
from penstock.state.row_cache import CachePolicy
from penstock.types import INT, Column, Schema

BASE = {
    "connector": "jdbc",
    "url": "jdbc:mysql://db:3307/shop?useSSL=false",
    "table-name": "items",
    "username": "u",
    "password": "p",
}
SCHEMA = Schema((Column("id", INT),))
PARTS = {
    "scan.partition.column": "id",
    "scan.partition.num": "3",
    "scan.partition.lower-bound": "1",
    "scan.partition.upper-bound": "10",
}
SILENT = {
    "driver": "com.mysql.cj.jdbc.Driver",
    "compatible-mode": "mysql",
    "scan.fetch-size": "500",
    "scan.auto-commit": "false",
    "sink.buffer-flush.max-rows": "1000",
    "sink.buffer-flush.interval": "2 s",
    "sink.max-retries": "5",
    "sink.parallelism": "2",
}


def descriptor(
    given: dict[str, str] | None = None, settings: dict[str, str] | None = None
) -> TableDescriptor:
    return TableDescriptor("c.d.t", SCHEMA, BASE | (given or {}), {}, settings or {})


def test_url_table_and_account_say_where_the_rows_are() -> None:
    table = JdbcTable.from_descriptor(descriptor())
    (endpoint,) = table.address.endpoints()
    assert (endpoint.host, endpoint.port, endpoint.user) == ("db", 3307, "u")
    assert endpoint.ssl_mode == "DISABLED"
    assert table.quoted == "`shop`.`items`"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("jdbc:postgresql://db/shop", "'postgresql'"),
        ("jdbc:mysql://db:3306", "a database"),
        ("mysql://db/shop", "jdbc:mysql://host:3306"),
        ("jdbc:mysql://db/shop?usSSL=false", "did you mean usessl"),
        ("jdbc:mysql://u:p@db/shop", "'username' and 'password'"),
    ],
)
def test_a_url_that_cannot_be_honoured_is_refused(url: str, words: str) -> None:
    with pytest.raises(OptionError) as failure:
        JdbcOptions(BASE | {"url": url})
    assert failure.value.key == "url"
    assert words in failure.value.detail


def test_the_zone_of_instants_is_the_urls_or_the_sessions() -> None:
    settings = {"table.local-time-zone": "Asia/Tokyo"}
    assert JdbcTable.from_descriptor(descriptor(None, settings)).zone == "Asia/Tokyo"
    url = BASE["url"] + "&serverTimezone=Asia/Shanghai"
    assert JdbcTable.from_descriptor(descriptor({"url": url}, settings)).zone == "Asia/Shanghai"
    with pytest.raises(OptionError, match="Asia/Nowhere"):
        JdbcTable.from_descriptor(descriptor({"url": BASE["url"] + "&serverTimezone=Asia/Nowhere"}))


def test_the_longest_wait_bounds_connections_and_answers() -> None:
    table = JdbcTable.from_descriptor(descriptor({"connection.max-retry-timeout": "5 s"}))
    (endpoint,) = table.address.endpoints()
    assert (endpoint.connect_timeout_ms, endpoint.read_timeout_ms) == (5000, 5000)


def test_a_partitioned_scan_reads_ranges_side_by_side() -> None:
    table = source(descriptor(PARTS, {"parallelism.default": "2"})).table
    assert list(table.ranges) == [
        "`id` BETWEEN 1 AND 4",
        "`id` BETWEEN 5 AND 7",
        "`id` BETWEEN 8 AND 10",
    ]
    assert table.concurrency == 2


def test_partition_options_stand_together() -> None:
    given = {key: PARTS[key] for key in list(PARTS)[:2]}
    with pytest.raises(OptionError) as failure:
        JdbcOptions(BASE | given)
    assert failure.value.message.startswith("Either all or none of the following options")


def test_partition_bounds_are_ordered_and_the_column_is_declared() -> None:
    with pytest.raises(OptionError, match="must not be larger than"):
        JdbcOptions(BASE | PARTS | {"scan.partition.lower-bound": "11"})
    with pytest.raises(OptionError, match="column 'nix' of option"):
        source(descriptor(PARTS | {"scan.partition.column": "nix"}))


def test_conditions_are_not_sent_where_the_user_wants_none() -> None:
    assert source(descriptor()).table.compares(SCHEMA.columns[0]) is Comparison.EXACT
    never = source(descriptor({"filter.handling.policy": "never"})).table
    assert not never.sends_conditions


@pytest.mark.parametrize("key", sorted(SILENT))
def test_what_changes_nothing_is_told(key: str) -> None:
    notes = JdbcOptions(BASE | {key: SILENT[key]}).notes
    assert any(f"'{key}' has no effect" in note for note in notes)


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({}, None),
        ({"lookup.cache": "NONE"}, None),
        ({"lookup.cache": "PARTIAL"}, CachePolicy(100_000)),
        (
            {
                "lookup.cache": "PARTIAL",
                "lookup.partial-cache.max-rows": "7",
                "lookup.partial-cache.expire-after-write": "10 s",
                "lookup.partial-cache.expire-after-access": "1 min",
                "lookup.partial-cache.cache-missing-key": "false",
            },
            CachePolicy(7, 10_000, 60_000, keep_missing=False),
        ),
        (
            {
                "lookup.cache.max-rows": "9",
                "lookup.cache.ttl": "10 s",
                "lookup.cache.caching-missing-key": "false",
            },
            CachePolicy(9, 10_000, keep_missing=False),
        ),
        ({"lookup.cache.max-rows": "9"}, None),
    ],
)
def test_the_cache_follows_flinks_options(
    given: dict[str, str], policy: CachePolicy | None
) -> None:
    assert JdbcOptions(BASE | given).cache == policy


def test_a_broken_look_up_is_tried_three_more_times_unless_set() -> None:
    assert lookup(descriptor()).attempts == 4
    assert lookup(descriptor({"lookup.max-retries": "0"})).attempts == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lookup.cache", "FULL"),
        ("lookup.max-retries", "-1"),
        ("scan.partition.num", "0"),
        ("filter.handling.policy", "sometimes"),
        ("connection.max-retry-timeout", "10 ms"),
        ("scan.fetch-sizes", "1"),
    ],
)
def test_malformed_and_unknown_options_are_refused(key: str, value: str) -> None:
    with pytest.raises(OptionError) as failure:
        JdbcOptions(BASE | {key: value})
    assert failure.value.key == key
