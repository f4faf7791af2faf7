"""Every option of a StarRocks table that is read: honoured, without effect, or refused by name."""

from __future__ import annotations

import pytest

from penstock.connectors.base import TableDescriptor
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.read_options import StarRocksReadOptions
from penstock.connectors.starrocks.read_table import StarRocksReadTable, lookup
from penstock.errors import OptionError
from penstock.state.row_cache import CachePolicy
from penstock.types import INT, Column, Schema

BASE = {
    "connector": "starrocks",
    "jdbc-url": "jdbc:mysql://fe1:9030,fe2:9031",
    "scan-url": "fe1:8030,fe2:8030",
    "database-name": "d",
    "table-name": "t",
    "username": "u",
    "password": "",
}
SINK_KEYS = {
    "load-url": "fe1:8030",
    "sink.properties.format": "json",
    "sink.semantic": "exactly-once",
}
SILENT = {
    "scan.params.batch-rows": "5000",
    "scan.params.keep-alive-min": "3",
    "scan.be-host-mapping-list": "be:9060,10.0.0.1:9060",
}
REFUSED = {
    "scan.params.limit": ("5", "LIMIT"),
    "scan.columns": ("a,b", "pushed down"),
    "scan.filter": ("a > 1", "pushed down"),
    "scan.params.properties": ('{"a": 1}', "sessionVariables"),
}


def table(**given: str) -> StarRocksReadTable:
    schema = Schema((Column("a", INT),))
    return StarRocksReadTable.from_descriptor(TableDescriptor("c.d.t", schema, BASE | given))


def test_defaults_are_upstreams() -> None:
    options = StarRocksReadOptions(BASE)
    assert options.connect_timeout_ms == 1000
    assert options.query_timeout_s == 600
    assert options.max_retries == 1
    assert options.notes == [
        "option 'scan-url' has no effect here: rows come from a frontend over the MySQL protocol,"
        " no backend is asked"
    ]


def test_connect_timeout_and_query_timeout_bound_the_connection() -> None:
    address = table(
        **{"scan.connect.timeout-ms": "2500", "scan.params.query-timeout-s": "90"}
    ).address
    first, second = address.endpoints()
    assert (first.host, first.port, second.host, second.port) == ("fe1", 9030, "fe2", 9031)
    assert first.connect_timeout_ms == 2500
    assert first.read_timeout_ms == 90_000
    assert "query_timeout = 90" in address.assignments


def test_memory_and_warehouse_are_set_for_the_session_where_given() -> None:
    assert table().address.assignments == ("query_timeout = 600",)
    address = table(
        **{"scan.params.mem-limit-byte": "1000000", "scan.params.warehouse": "w'1"}
    ).address
    assert "query_mem_limit = 1000000" in address.assignments
    assert "warehouse = 'w''1'" in address.assignments


@pytest.mark.parametrize(("text", "attempts"), [("0", 1), ("1", 1), ("4", 4)])
def test_max_retries_counts_attempts_and_one_is_always_made(text: str, attempts: int) -> None:
    assert table(**{"scan.max-retries": text}).attempts == attempts


@pytest.mark.parametrize("key", sorted(SILENT))
def test_what_tunes_backend_scans_is_told_to_change_nothing(key: str) -> None:
    notes = StarRocksReadOptions(BASE | {key: SILENT[key]}).notes
    assert any(f"'{key}' has no effect" in note for note in notes)


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_what_belongs_into_the_query_is_refused_by_name(key: str) -> None:
    value, remedy = REFUSED[key]
    with pytest.raises(OptionError) as failure:
        StarRocksReadOptions(BASE | {key: value})
    assert failure.value.code == "unsupported-option"
    assert failure.value.key == key
    assert remedy in failure.value.detail


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scan.connect.timeout-ms", "0"),
        ("scan.params.query-timeout-s", "soon"),
        ("scan.params.mem-limit-byte", "-1"),
        ("scan.max-retries", "-1"),
        ("jdbc-url", "fe1:9030"),
    ],
)
def test_malformed_values_are_refused(key: str, value: str) -> None:
    with pytest.raises(OptionError) as failure:
        StarRocksReadOptions(BASE | {key: value})
    assert failure.value.key == key


def test_one_declaration_serves_reading_and_writing() -> None:
    both = BASE | SINK_KEYS | {"scan.max-retries": "3"}
    assert StarRocksReadOptions(both).max_retries == 3
    assert StarRocksOptions(both).format == "json"


def test_the_options_of_the_other_use_are_checked_too() -> None:
    with pytest.raises(OptionError) as failure:
        StarRocksReadOptions(BASE | {"sink.max-retries": "many"})
    assert failure.value.key == "sink.max-retries"
    with pytest.raises(OptionError) as failure:
        StarRocksOptions(BASE | SINK_KEYS | {"scan.max-retrys": "3"})
    assert failure.value.code == "unknown-option"
    assert "scan.max-retries" in failure.value.hint


def test_the_zone_of_instants_is_the_sinks() -> None:
    schema = Schema((Column("a", INT),))
    given = BASE | {"sink.timestamp-ltz.zone": "session"}
    settings = {"table.local-time-zone": "Asia/Shanghai"}
    made = StarRocksReadTable.from_descriptor(TableDescriptor("t", schema, given, {}, settings))
    assert made.zone == "Asia/Shanghai"
    assert table().zone == "UTC"


def policy(**given: str) -> CachePolicy | None:
    return StarRocksReadOptions(BASE | given).cache


def test_looked_up_rows_are_kept_for_upstreams_five_seconds_and_bounded() -> None:
    assert policy() == CachePolicy(100_000, 5000, None, keep_missing=True)
    assert policy(**{"lookup.cache": "NONE"}) is None
    assert policy(**{"lookup.cache.max-rows": "0"}) is None


@pytest.mark.parametrize(
    ("rows", "age"),
    [
        ("lookup.cache.max-rows", {"lookup.cache.ttl-ms": "10000"}),
        ("lookup.partial-cache.max-rows", {"lookup.partial-cache.expire-after-write": "10 s"}),
    ],
)
def test_old_and_new_names_of_the_cache_mean_the_same(rows: str, age: dict[str, str]) -> None:
    assert policy(**{rows: "7"}, **age) == CachePolicy(7, 10_000)


def test_access_time_and_missing_keys_follow_flinks_names() -> None:
    given = {
        "lookup.partial-cache.expire-after-access": "2 min",
        "lookup.partial-cache.cache-missing-key": "false",
    }
    assert policy(**given) == CachePolicy(100_000, 5000, 120_000, keep_missing=False)


@pytest.mark.parametrize(("text", "attempts"), [("0", 1), ("1", 2), ("4", 5)])
def test_lookup_retries_come_after_the_first_attempt(text: str, attempts: int) -> None:
    descriptor = TableDescriptor(
        "t", Schema((Column("a", INT),)), BASE | {"lookup.max-retries": text}
    )
    assert lookup(descriptor).attempts == attempts


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lookup.cache", "full"),
        ("lookup.cache.max-rows", "-2"),
        ("lookup.cache.ttl-ms", "soon"),
        ("lookup.max-retries", "-1"),
        ("lookup.partial-cache.cache-missing-key", "maybe"),
    ],
)
def test_malformed_lookup_options_are_refused(key: str, value: str) -> None:
    with pytest.raises(OptionError) as failure:
        StarRocksReadOptions(BASE | {key: value})
    assert failure.value.key == key
