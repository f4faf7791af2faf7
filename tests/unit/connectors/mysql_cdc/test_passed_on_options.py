"""Every key of 'debezium.*': honoured, told to have no effect, or refused with the reason."""

from __future__ import annotations

import pytest

from penstock.changelog import ChangelogMode, RowKind
from penstock.connectors.base import TableDescriptor
from penstock.connectors.mysql_cdc import CONNECTOR, MySqlCdcSource
from penstock.connectors.mysql_cdc.debezium import PASSED_ON
from penstock.connectors.mysql_cdc.options import MySqlCdcOptions
from penstock.errors import OptionError
from penstock.types import INT, STRING, Column, Schema

GIVEN = {
    "connector": "mysql-cdc",
    "hostname": "h",
    "username": "u",
    "password": "planted-secret",
    "database-name": "shop",
    "table-name": "orders",
}
SCHEMA = Schema((Column("id", INT), Column("v", STRING)), ("id",))


def options(**more: str) -> MySqlCdcOptions:
    found = MySqlCdcOptions({**GIVEN, **{k.replace("__", "."): v for k, v in more.items()}})
    found.validate()
    return found


def source(more: dict[str, str]) -> MySqlCdcSource:
    return MySqlCdcSource(TableDescriptor("c.d.t", SCHEMA, {**GIVEN, **more}))


@pytest.mark.parametrize("key", [o.key for o in PASSED_ON if o.no_effect])
def test_a_property_without_effect_is_told(key: str) -> None:
    found = MySqlCdcOptions({**GIVEN, key: "7"})
    assert [note for note in found.notes if f"'{key}' has no effect here" in note]


@pytest.mark.parametrize("key", [o.key for o in PASSED_ON if o.refused])
def test_a_property_that_would_change_the_stream_is_refused(key: str) -> None:
    with pytest.raises(OptionError, match=key) as caught:
        MySqlCdcOptions({**GIVEN, key: "7"})
    assert caught.value.code == "unsupported-option"
    assert caught.value.detail


@pytest.mark.parametrize(
    ("key", "taken", "refused"),
    [
        ("debezium.bigint.unsigned.handling.mode", "precise", "long"),
        ("debezium.tombstones.on.delete", "false", "true"),
        ("debezium.inconsistent.schema.handling.mode", "fail", "skip"),
        ("debezium.event.processing.failure.handling.mode", "fail", "warn"),
        ("debezium.event.deserialization.failure.handling.mode", "fail", "ignore"),
    ],
)
def test_a_property_with_one_possible_value_takes_no_other(
    key: str, taken: str, refused: str
) -> None:
    assert MySqlCdcOptions({**GIVEN, key: taken}).notes == []
    with pytest.raises(OptionError, match=key):
        MySqlCdcOptions({**GIVEN, key: refused})


def test_an_unknown_property_is_refused_by_name() -> None:
    with pytest.raises(OptionError, match=r"snapshot\.moed"):
        MySqlCdcOptions({**GIVEN, "debezium.snapshot.moed": "never"})


@pytest.mark.parametrize(
    ("asked", "mode"),
    [
        ("initial", "initial"),
        ("when_needed", "initial"),
        ("initial_only", "snapshot"),
        ("schema_only", "latest-offset"),
        ("never", "earliest-offset"),
    ],
)
def test_snapshot_mode_is_mapped_and_told(asked: str, mode: str) -> None:
    found = MySqlCdcOptions({**GIVEN, "debezium.snapshot.mode": asked})
    assert found.startup_mode == mode
    assert mode in found.notes[0]
    append = CONNECTOR.source_mode(
        TableDescriptor("t", SCHEMA, {**GIVEN, "debezium.snapshot.mode": asked})
    )
    assert (append == ChangelogMode.insert_only()) is (mode == "snapshot")


def test_the_startup_mode_wins_over_the_snapshot_mode() -> None:
    more = {"scan.startup.mode": "latest-offset", "debezium.snapshot.mode": "initial"}
    found = MySqlCdcOptions({**GIVEN, **more})
    assert found.startup_mode == "latest-offset"
    assert "has no effect here" in found.notes[0]


def test_skipped_operations_are_kinds_of_rows() -> None:
    assert options(debezium__skipped__operations="t").skipped == frozenset()
    assert options(debezium__skipped__operations="d").skipped == {RowKind.DELETE}
    assert options(debezium__skipped__operations="c,U").skipped == {
        RowKind.INSERT,
        RowKind.UPDATE_BEFORE,
        RowKind.UPDATE_AFTER,
    }
    with pytest.raises(OptionError, match="skipped"):
        options(debezium__skipped__operations="x")


def test_the_mode_of_tls_of_debezium_wins() -> None:
    more = {"debezium.database.ssl.mode": "required", "jdbc.properties.sslMode": "DISABLED"}
    assert source(more).endpoint.ssl_mode == "REQUIRED"


def test_tables_that_connect_otherwise_have_a_reader_of_their_own() -> None:
    keys = [
        {},
        {"password": "another"},
        {"debezium.database.ssl.mode": "required"},
        {"server-id": "5400"},
        {"server-id": "5401-5402"},
        {"port": "3307"},
    ]
    assert len({source(more).share_key for more in keys}) == len(keys)
    assert source({}).share_key == source({"connect.timeout": "5 s", "table-name": "x"}).share_key
    assert "planted-secret" not in repr(source({}).share_key)


def test_values_are_shown_as_the_properties_say() -> None:
    shown = source({"debezium.binary.handling.mode": "hex"}).shown
    assert (shown.binary, shown.adjusts_years) == ("hex", False)
    assert source({"debezium.enable.time.adjuster": "true"}).shown.adjusts_years


def test_new_channels_are_read_from_their_start_unless_told_otherwise() -> None:
    assert options().new_channels_from_start
    assert not options(debezium__gtid__new__channel__position="latest").new_channels_from_start


JDBC = "jdbc.properties."


@pytest.mark.parametrize(
    ("given", "mode", "authorities"),
    [
        ({}, "PREFERRED", ""),
        ({"useSSL": "false"}, "DISABLED", ""),
        ({"useSSL": "true"}, "PREFERRED", ""),
        ({"requireSSL": "true"}, "REQUIRED", ""),
        ({"useSSL": "true", "verifyServerCertificate": "true"}, "VERIFY_CA", ""),
        ({"sslMode": "VERIFY_IDENTITY"}, "VERIFY_IDENTITY", ""),
        (
            {
                "sslMode": "VERIFY_CA",
                "trustCertificateKeyStoreUrl": "file:/ca.pem",
                "trustCertificateKeyStoreType": "PEM",
            },
            "VERIFY_CA",
            "/ca.pem",
        ),
    ],
)
def test_tls_parameters_of_the_java_driver(
    given: dict[str, str], mode: str, authorities: str
) -> None:
    endpoint = source({JDBC + key: value for key, value in given.items()}).endpoint
    assert (endpoint.ssl_mode, endpoint.ssl_ca) == (mode, authorities)


def test_time_parameters_of_the_java_driver() -> None:
    more = {JDBC + "connectTimeout": "1500", JDBC + "socketTimeout": "7000"}
    endpoint = source(more).endpoint
    assert (endpoint.connect_timeout_ms, endpoint.read_timeout_ms) == (1500, 7000)
    assert source({**more, "connect.timeout": "9 s"}).endpoint.connect_timeout_ms == 9000
    zone = {JDBC + "serverTimezone": "Asia/Shanghai"}
    assert source(zone).zone == "Asia/Shanghai"
    assert source({**zone, "server-time-zone": "Asia/Shanghai"}).zone == "Asia/Shanghai"
    with pytest.raises(OptionError, match="Asia/Shanghai"):
        source({**zone, "server-time-zone": "UTC"})


def test_session_variables_of_the_java_driver_are_set_on_each_connection() -> None:
    more = {JDBC + "sessionVariables": "max_execution_time=0;sql_mode=''"}
    assert source(more).endpoint.session_variables == "max_execution_time=0,sql_mode=''"


@pytest.mark.parametrize(
    "key",
    [
        "characterEncoding",
        "useUnicode",
        "allowPublicKeyRetrieval",
        "tinyInt1isBit",
        "rewriteBatchedStatements",
        "autoReconnect",
        "useLegacyDatetimeCode",
        "useCompression",
    ],
)
def test_parameters_that_tune_the_java_driver_are_told(key: str) -> None:
    (note,) = MySqlCdcOptions({**GIVEN, JDBC + key: "true"}).notes
    assert "has no effect here" in note
    assert key in note


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("zeroDateTimeBehavior", "EXCEPTION"),
        ("zeroDateTimeBehavior", "round"),
        ("sslMode", "SOMETIMES"),
        ("connectTimeout", "soon"),
        ("trustCertificateKeyStoreUrl", "file:/store.jks"),
        ("usSSL", "true"),
        ("user", "me"),
    ],
)
def test_parameters_that_cannot_be_honoured_are_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(OptionError, match=JDBC) as caught:
        source({JDBC + key: value})
    assert key in caught.value.message + caught.value.detail


def test_zero_dates_become_null_as_the_java_driver_does_by_default() -> None:
    assert MySqlCdcOptions({**GIVEN, JDBC + "zeroDateTimeBehavior": "convertToNull"})
