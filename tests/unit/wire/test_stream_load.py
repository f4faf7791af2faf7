"""Answers and paths of Stream Load."""

import pytest

from penstock.wire.stream_load import (
    Outcome,
    load_state_path,
    parse_answer,
    parse_columns,
    parse_nodes,
    parse_state,
    sanitized_log,
    stream_load_path,
    tracking_url,
)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"Status":"Success"}', Outcome.OK),
        (b'{"Status":"OK"}', Outcome.OK),
        (b'{"Status":"Publish Timeout"}', Outcome.PUBLISH_TIMEOUT),
        (b'{"Status":"LABEL_ALREADY_EXISTS"}', Outcome.LABEL_EXISTS),
        (b'{"Status":"Fail","Message":"Too many versions. x"}', Outcome.REFUSED),
        (b'{"Status":"FAILED","Message":"No transaction found by label x"}', Outcome.NOT_EXISTS),
        (b'{"Status":"TXN_IN_PROCESSING"}', Outcome.IN_PROCESSING),
        (b'{"Status":"FAILED","Message":"other"}', Outcome.FAILED),
    ],
)
def test_outcomes(body: bytes, outcome: Outcome) -> None:
    assert parse_answer(body).outcome is outcome


def test_unreadable_answers() -> None:
    for body in (b"[]", b"{}", b"<html>"):
        with pytest.raises(ValueError, match=r"expected|no st|Expecting"):
            parse_answer(body)
        with pytest.raises(ValueError, match=r"expected|no st|Expecting"):
            parse_state(body)


def test_names_are_percent_encoded() -> None:
    assert stream_load_path("a/b", "é") == "/api/a%2Fb/%C3%A9/_stream_load"
    assert load_state_path("d", "l") == "/api/d/get_load_state?label=l"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Error: Value 'a'b' is out of range. The type of 'c' is INT. Row: [1, a'b]",
            "Error: column value is out of range. The type of 'c' is INT. (row left out)",
        ),
        (
            "Error: The field (name = c, pos = 1) is out of range. Type: VARCHAR(3), "
            "Value length: 6, Value: geheim. Row: [geheim]",
            "Error: The field (name = c, pos = 1) is out of range. Type: VARCHAR(3), "
            "Value length: 6, Value: (left out) (row left out)",
        ),
        (
            "Error: NULL value in non-nullable column 'c'. Row: [1, line\nend, NULL]\n"
            "Error: Invalid UTF-8 row. Row: x",
            "Error: NULL value in non-nullable column 'c'. (row left out)\n"
            "Error: Invalid UTF-8 row. (row left out)",
        ),
        ("Row 7 holds geheim", "(an error log that may hold row data was left out)"),
        ("error log not found", "error log not found"),
        ("", ""),
    ],
)
def test_error_logs_are_sanitized(text: str, expected: str) -> None:
    assert sanitized_log(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a, `b c` ,__op", [("a", ""), ("b c", ""), ("__op", "")]),
        ("a,b=if(a>1,'x,y',`a`)", [("a", ""), ("b", "if(a>1,'x,y',`a`)")]),
        ("t, `b`=to_binary(`t`,'hex')", [("t", ""), ("b", "to_binary(`t`,'hex')")]),
    ],
)
def test_columns_header(text: str, expected: list[tuple[str, str]]) -> None:
    assert parse_columns(text) == expected


def test_a_columns_header_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="could not read 'a b'"):
        parse_columns("a b, c")


@pytest.mark.parametrize(
    ("reason", "url"),
    [
        ("too many filtered rows. The tracking url: http://b:8040/l?file=e_1", "http://b:8040/l?file=e_1"),
        ("x. Tracking URL: http://b:8040/l. Tracking SQL: select 1", "http://b:8040/l"),
        ("timeout by txn manager", ""),
    ],
)  # fmt: skip
def test_error_logs_are_found_in_abort_reasons(reason: str, url: str) -> None:
    assert tracking_url(reason) == url


@pytest.mark.parametrize("body", [b"[]", b'{"nodes":{}}', b'{"nodes":{"http":""}}', b"x"])
def test_an_answer_without_nodes(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|Expecting|names no"):
        parse_nodes(body)
