"""Every option of the sink: read, bounded, refused by name, or told to change nothing."""

from typing import Any

import pytest

from penstock.clients.http import Endpoint
from penstock.config import Secret
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.errors import OptionError

REQUIRED = {
    "connector": "starrocks",
    "jdbc-url": "jdbc:mysql://fe:9030",
    "load-url": "fe:8030",
    "database-name": "d",
    "table-name": "t",
    "username": "root",
    "password": "",
}
P = "sink.properties."
M = "sink.merge-commit."
MERGE = {P + "enable_merge_commit": "true", P + "merge_commit_interval_ms": "100"}


def options(**more: str) -> StarRocksOptions:
    return StarRocksOptions({**REQUIRED, **more})


def given(key: str, text: str) -> StarRocksOptions:
    return StarRocksOptions({**REQUIRED, key: text})


# Option -> text, value as read, and texts that are refused with a part of what is said.
READ: dict[str, tuple[str, Any, dict[str, str]]] = {
    "load-url": (
        "https://a:1;b:2",
        (Endpoint("a", 1, tls=True), Endpoint("b", 2)),
        {
            "host": "Could not parse host 'host' in option 'load-url'. "
            "It should follow the format 'host_name:port'.",
            "http://u:p@h:1": "Could not parse host",
            "ftp://h:1": "Could not parse host",
            "": "host_name:port",
        },
    ),
    "database-name": ("x", "x", {}),
    "table-name": ("x", "x", {}),
    "username": ("x", "x", {}),
    "password": ("geheim", Secret("geheim"), {}),
    "sink.version": ("V1", "v1", {"V3": "Unsupported sink type V3"}),
    "sink.label-prefix": ("a-_9", "a-_9", {"a b": "letters"}),
    "sink.semantic": (
        "at-least-once",
        "at-least-once",
        {
            "maybe": "Unsupported value 'maybe' for 'sink.semantic'."
            " Supported values are ['at-least-once', 'exactly-once']."
        },
    ),
    "sink.buffer-flush.max-bytes": (
        "67108864",
        67_108_864,
        {
            "1": "Unsupported value '1' for 'sink.buffer-flush.max-bytes'. "
            "Supported value range: [67108864, 10737418240].",
            "10737418241": "range",
        },
    ),
    "sink.buffer-flush.max-rows": ("64000", 64_000, {"63999": "[64000, 5000000]"}),
    "sink.buffer-flush.interval-ms": (
        "1",
        1,
        {"0": "Supported value range: (0, 3600000]", "3600001": "(0, 3600000]", "x": "number"},
    ),
    "sink.buffer-flush.adaptive": ("true", True, {"1": "true or false"}),
    "sink.max-retries": ("1000", 1000, {"1001": "[0, 1000]", "-1": "[0, 1000]"}),
    "sink.retry.interval-ms": ("5", 5, {"-1": "at least 0"}),
    "sink.connect.timeout-ms": ("1000", 1000, {"x": "number"}),
    "sink.socket.timeout-ms": ("0", 0, {"-2": "at least -1"}),
    "sink.wait-for-continue.timeout-ms": ("4000", 4000, {"x": "number"}),
    "sink.chunk-limit": ("1000", 1000, {"0": "at least 1"}),
    "sink.spool.max-bytes": ("67108864", 64 << 20, {"1": "at least 67108864"}),
    "sink.ignore.update-before": ("false", False, {"x": "true or false"}),
    "sink.ignore-delete": ("true", True, {"x": "true or false"}),
    "sink.at-least-once.use-transaction-stream-load": ("false", False, {"x": "true or false"}),
    "sink.exactly-once.enable-abort-lingering-txn": ("false", False, {"x": "true or false"}),
    "sink.sanitize-error-log": ("true", True, {"x": "true or false"}),
    "sink.publish-timeout.ms": ("0", 0, {"x": "number"}),
    "sink.timestamp-ltz.zone": ("Asia/Shanghai", "Asia/Shanghai", {}),
    "sink.dead-letter.path": ("/d.jsonl", "/d.jsonl", {}),
    "sink.dead-letter.table": (
        "ops.`dead rows`",
        ("ops", "dead rows"),
        {"a.b.c": "expected `table`"},
    ),
    "sink.dead-letter.max-rows": ("5", 5, {"0": "at least 1"}),
    "sink.transaction.multi-table.enabled": ("true", True, {"x": "true or false"}),
    "sink.ssl.ca-file": ("/ca.pem", "/ca.pem", {}),
    P + "format": ("JSON", "json", {"orc": "one of csv, json"}),
    P + "column_separator": (
        "\\x01",
        "\x01",
        {
            "\\x": "Failed to parse delimiter: `Hex str is empty`",
            "\\x1": "Failed to parse delimiter: `Hex str length error`",
            "\\xzz": "Failed to parse delimiter: `Hex str format error`",
        },
    ),
    P + "row_delimiter": ("\\x0a", "\n", {"\\x1": "Hex str length error"}),
    P + "columns": ("a, b = a+1", "a, b = a+1", {"a b c": "could not read"}),
    P + "max_filter_ratio": ("0.5", 0.5, {"2": "from 0 to 1", "x": "from 0 to 1"}),
    P + "strict_mode": ("false", False, {"x": "true or false"}),
    P + "timezone": ("UTC", "UTC", {}),
    P + "timeout": ("60", 60, {"0": "[1, 259200]", "259201": "[1, 259200]"}),
    P + "idle_transaction_timeout": ("60", 60, {"0": "at least 1"}),
    P + "prepared_timeout": ("60", 60, {"0": "at least 1"}),
    P + "compression": ("lz4_frame", "lz4_frame", {"gzip": "supported: lz4_frame"}),
    P + "partial_update": ("true", True, {"x": "true or false"}),
    P + "partial_update_mode": ("column", "column", {"x": "row, column, auto"}),
    P + "merge_condition": ("v", "v", {}),
    P + "where": ("a > 1", "a > 1", {}),
    P + "partitions": ("p1", "p1", {}),
    P + "temporary_partitions": ("p1", "p1", {}),
    P + "negative": ("true", True, {"x": "true or false"}),
    P + "trim_space": ("true", True, {"x": "true or false"}),
    P + "load_mem_limit": ("1", 1, {"x": "number"}),
    P + "load_dop": ("1", 1, {"x": "number"}),
    P + "transmission_compression_type": ("LZ4", "LZ4", {}),
    P + "enable_replicated_storage": ("true", True, {"x": "true or false"}),
    P + "log_rejected_record_num": ("-1", -1, {"x": "number"}),
    P + "warehouse": ("w", "w", {}),
    "sink.metric.histogram-window-size": ("10", 10, {"0": "at least 1"}),
}
# Option -> a text that changes nothing here, and a part of the reason told.
NO_EFFECT = {
    "sink.buffer-flush.enqueue-timeout-ms": ("300000", "never waits"),
    "sink.io.thread-count": ("4", "one thread at a time"),
    "sink.scan-frequency.ms": ("10", "no thread scans"),
    "sink.parallelism": ("4", "order of the changes of each key"),
    "sink.exactly-once.enable-label-gen": ("false", "always deterministic"),
    "sink.exactly-once.check-num-lingering-txn": ("5", "is logged"),
    "sink.use.new-sink-api": ("true", "one implementation"),
    "sink.wrap-json-as-array": ("true", "always one array"),
    "sink.json.columns-from-flink-schema": ("false", "always named"),
    P + "strip_outer_array": ("false", "writes the bodies itself"),
    P + "ignore_json_size": ("false", "writes the bodies itself"),
    P + "enclose": ('"', "need no quotes"),
    P + "escape": ("\\", "need no escapes"),
    P + "merge_commit_interval_ms": ("1000", "merge commit is off"),
    P + "merge_commit_parallel": ("2", "merge commit is off"),
    P + "merge_commit_async": ("false", "merge commit is off"),
    "sink.transaction.multi-table.buffer-size": ("1000", "one by one"),
    M + "chunk.size": ("1000", "merge commit is off"),
    M + "max-concurrent-requests": ("0", "merge commit is off"),
    M + "http.thread.num": ("5", "merge commit is off"),
    M + "http.max-connections": ("5", "merge commit is off"),
    M + "http.total-max-connections": ("5", "merge commit is off"),
    M + "http.idle-connection-timeout-ms": ("5", "merge commit is off"),
    M + "node-meta.update-interval-ms": ("5", "merge commit is off"),
    M + "check-label-state.init-delay-ms": ("5", "merge commit is off"),
    M + "check-label-state.interval-ms": ("5", "merge commit is off"),
    M + "check-label-state.timeout-ms": ("5", "merge commit is off"),
    M + "backend-direct-connection": ("true", "merge commit is off"),
}
# Option -> a text that is refused, and a part of the reason.
REFUSED = {
    "sink.blackhole": ("true", "connector 'blackhole'"),
    "scan.filter": ("a = 1", "pushed down"),
    P + "skip_header": ("1", "drop the first rows"),
    P + "jsonpaths": ("[]", "writes the bodies itself"),
    P + "json_root": ("$", "writes the bodies itself"),
    P + "envelope": ("debezium", "writes the bodies itself"),
    P + "label": ("x", "load protocol"),
    P + "db": ("x", "load protocol"),
}
# Tested on their own: in test_addresses, and below.
ELSEWHERE = {"jdbc-url", "sink.load.host-mapping", P + "enable_merge_commit"}


def test_every_option_is_tested() -> None:
    declared = {option.key for option in StarRocksOptions.declared()}
    assert declared <= READ.keys() | NO_EFFECT.keys() | REFUSED.keys() | ELSEWHERE


@pytest.mark.parametrize("key", READ)
def test_an_option_is_read(key: str) -> None:
    text, value, wrong = READ[key]
    found = given(key, text)
    assert found.values[key] == value
    assert found.notes == []
    for bad, said in wrong.items():
        with pytest.raises(OptionError) as caught:
            given(key, bad)
        assert said in caught.value.render()
        assert key in caught.value.message


@pytest.mark.parametrize("key", NO_EFFECT)
def test_an_option_that_changes_nothing_is_told_with_the_reason(key: str) -> None:
    text, reason = NO_EFFECT[key]
    (note,) = given(key, text).notes
    assert note.startswith(f"option '{key}' has no effect here: ")
    assert reason in note


@pytest.mark.parametrize("key", NO_EFFECT)
def test_its_default_needs_no_telling(key: str) -> None:
    (option,) = [o for o in StarRocksOptions.declared() if o.key == key]
    if option.default is not None:
        default = option.default
        text = str(default).lower() if isinstance(default, bool) else str(default)
        assert given(key, text).notes == []


@pytest.mark.parametrize("key", REFUSED)
def test_an_option_is_refused_by_name_with_the_reason(key: str) -> None:
    text, reason = REFUSED[key]
    with pytest.raises(OptionError, match=key.replace(".", r"\.")) as caught:
        given(key, text)
    assert caught.value.code == "unsupported-option"
    assert reason in caught.value.detail


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("sink.connect.timeout-ms", "1", 100),
        ("sink.connect.timeout-ms", "99999", 60_000),
        ("sink.wait-for-continue.timeout-ms", "1", 3_000),
        ("sink.wait-for-continue.timeout-ms", "9999999", 600_000),
    ],
)
def test_clamped_values_are_told(key: str, text: str, value: int) -> None:
    found = given(key, text)
    assert found.values[key] == value
    assert found.notes == [f"option '{key}' = '{text}' is out of bounds and taken as {value}"]


def test_defaults() -> None:
    found = options()
    assert (found.max_bytes, found.max_rows, found.interval_ms) == (94_371_840, 500_000, 300_000)
    assert (found.max_retries, found.retry_interval_ms) == (3, 10_000)
    assert (found.connect_timeout_ms, found.socket_timeout_ms) == (30_000, -1)
    assert (found.continue_timeout_ms, found.chunk_limit) == (30_000, 3 << 30)
    assert (found.version, found.semantic) == ("auto", "exactly-once")
    assert found.load_headers == {"strict_mode": "true", "timeout": "600"}
    assert found.notes == []


@pytest.mark.parametrize("key", sorted(set(REQUIRED) - {"connector"}))
def test_required_options(key: str) -> None:
    with pytest.raises(OptionError, match=f"missing required option '{key}'"):
        StarRocksOptions({k: v for k, v in REQUIRED.items() if k != key})


def test_load_properties_become_headers_in_lower_case() -> None:
    found = options(
        **{
            P + "Max_Filter_Ratio": "0.1",
            P + "strict_mode": "false",
            P + "TIMEOUT": "7",
            P + "enclose": '"',
            P + "format": "json",
            P + "warehouse": "w",
            P + "idle_transaction_timeout": "9",
        }
    )
    assert found.load_headers == {
        "max_filter_ratio": "0.1",
        "strict_mode": "false",
        "timeout": "7",
        "warehouse": "w",
    }
    assert found.begin_headers == {
        "timeout": "7",
        "warehouse": "w",
        "idle_transaction_timeout": "9",
    }


def test_an_unknown_property_is_passed_on_and_told() -> None:
    found = given(P + "max_filter_ration", "0.1")
    assert found.load_headers["max_filter_ration"] == "0.1"
    assert "did you mean 'sink.properties.max_filter_ratio'" in found.notes[0]


def test_prepared_timeout_has_upstreams_defaults() -> None:
    assert options().prepare_headers(exactly_once=True) == {}
    assert options().prepare_headers(exactly_once=False) == {"prepared_timeout": "180"}
    found = given(P + "prepared_timeout", "60")
    for exactly_once in (True, False):
        assert found.prepare_headers(exactly_once=exactly_once) == {"prepared_timeout": "60"}


def test_trim_space_needs_csv() -> None:
    assert given(P + "trim_space", "true").format == "csv"
    with pytest.raises(OptionError, match="trim_space"):
        options(**{P + "trim_space": "true", P + "format": "json"})


@pytest.mark.parametrize(
    ("asked", "settings", "zone"),
    [
        (None, {}, "UTC"),
        (None, {"table.local-time-zone": "Asia/Shanghai"}, "UTC"),
        ("session", {"table.local-time-zone": "Asia/Shanghai"}, "Asia/Shanghai"),
        ("America/New_York", {"table.local-time-zone": "Asia/Shanghai"}, "America/New_York"),
    ],
)
def test_zone_of_timestamp_ltz(asked: str | None, settings: dict[str, str], zone: str) -> None:
    found = given("sink.timestamp-ltz.zone", asked) if asked else options()
    assert found.zone_of(settings) == zone


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(OptionError, match="Mars"):
        given("sink.timestamp-ltz.zone", "Mars/Olympus").zone_of({})


MERGE_READ: dict[str, tuple[str, Any, dict[str, str]]] = {
    P + "merge_commit_interval_ms": ("1000", 1000, {"0": "at least 1"}),
    P + "merge_commit_parallel": ("2", 2, {"0": "at least 1"}),
    P + "merge_commit_async": ("false", False, {"x": "true or false"}),
    M + "chunk.size": ("1000", 1000, {"0": "at least 1"}),
    M + "max-concurrent-requests": ("-1", -1, {"x": "number"}),
    M + "max-inflight-requests": ("0", 0, {"x": "number"}),
    M + "http.thread.num": ("5", 5, {"0": "at least 1"}),
    M + "http.max-connections": ("5", 5, {"0": "at least 1"}),
    M + "http.total-max-connections": ("5", 5, {"0": "at least 1"}),
    M + "http.idle-connection-timeout-ms": ("5", 5, {"0": "at least 1"}),
    M + "check-label-state.init-delay-ms": ("0", 0, {"-1": "at least 0"}),
    M + "check-label-state.interval-ms": ("5", 5, {"0": "at least 1"}),
    M + "check-label-state.timeout-ms": ("5", 5, {"0": "at least 1"}),
    M + "check-state.interval-ms": ("5", 5, {"0": "at least 1"}),
    M + "backend-direct-connection": ("true", True, {"x": "true or false"}),
}


@pytest.mark.parametrize("key", MERGE_READ)
def test_an_option_of_merge_commit_is_read(key: str) -> None:
    text, value, wrong = MERGE_READ[key]
    found = options(**{**MERGE, key: text})
    (option,) = [o for o in StarRocksOptions.declared() if key in (o.key, *o.aliases)]
    assert found.values[option.key] == value
    assert found.notes == []
    for bad, said in wrong.items():
        with pytest.raises(OptionError) as caught:
            options(**{**MERGE, key: bad})
        assert said in caught.value.render()


def test_merge_commit_needs_its_interval_and_is_no_exactly_once() -> None:
    with pytest.raises(OptionError, match="Must set"):
        options(**{P + "enable_merge_commit": "true"})
    with pytest.raises(OptionError, match="merge commit cannot give"):
        options(**MERGE, **{"sink.semantic": "exactly-once"})
    assert options(**MERGE, **{"sink.semantic": "at-least-once"}).notes == []


def test_merge_commit_sends_upstreams_headers_and_no_other_load_does() -> None:
    found = options(**MERGE)
    assert found.merge_headers == {
        "enable_merge_commit": "true",
        "merge_commit_interval_ms": "100",
        "merge_commit_parallel": "3",
        "merge_commit_async": "true",
    }
    assert not [name for name in found.load_headers if "merge_commit" in name]


@pytest.mark.parametrize(
    ("given_options", "chunk", "at_once"),
    [
        ({}, 20 << 20, 3),
        ({M + "max-concurrent-requests": "0"}, 500 << 20, 1),
        ({M + "max-concurrent-requests": "-1"}, 500 << 20, 3),
        ({M + "max-concurrent-requests": "2", M + "chunk.size": "7"}, 7, 2),
        ({M + "http.thread.num": "50"}, 20 << 20, 40),
        ({M + "http.thread.num": "50", M + "http.total-max-connections": "9"}, 20 << 20, 9),
    ],
)
def test_how_requests_of_merge_commit_are_cut(
    given_options: dict[str, str], chunk: int, at_once: int
) -> None:
    found = options(**MERGE, **given_options)
    assert (found.chunk_bytes, found.requests_at_once(2)) == (chunk, at_once)


@pytest.mark.parametrize(
    ("more", "enough"),
    [
        ({}, 0),
        (MERGE, 10_000),
        ({**MERGE, "sink.publish-timeout.ms": "-1"}, 0),
        ({**MERGE, "sink.publish-timeout.ms": "0"}, 0),
        ({"sink.publish-timeout.ms": "3600000"}, 3_600_000),
    ],
)
def test_publish_timeout_has_upstreams_defaults(more: dict[str, str], enough: int) -> None:
    assert options(**more).enough_ms(StarRocksOptions.publish_timeout_ms) == enough


MULTI = {"sink.transaction.multi-table.enabled": "true"}


@pytest.mark.parametrize(
    "more",
    [
        {"sink.version": "V1"},
        MERGE,
        {
            "sink.semantic": "at-least-once",
            "sink.at-least-once.use-transaction-stream-load": "false",
        },
        {"sink.dead-letter.path": "/d.jsonl"},
        {"sink.dead-letter.table": "dead"},
    ],
    ids=["v1", "merge-commit", "plain", "dead-letters", "dead-letter-table"],
)
def test_what_transactions_over_several_tables_do_not_go_with(more: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="does not go with"):
        options(**MULTI, **more)


def test_a_buffer_size_of_such_a_transaction() -> None:
    found = options(**MULTI, **{"sink.transaction.multi-table.buffer-size": "1000"})
    assert (found.multi_table_bytes, found.notes) == (1000, [])
    with pytest.raises(OptionError, match="buffer-size"):
        options(**MULTI, **{"sink.transaction.multi-table.buffer-size": "0"})


def test_dead_letters_go_to_one_place() -> None:
    with pytest.raises(OptionError, match="does not go with"):
        options(**{"sink.dead-letter.path": "/d.jsonl", "sink.dead-letter.table": "dead"})
