"""Answers and paths of Stream Load."""

import pytest

from penstock.wire.stream_load import (
    Outcome,
    load_state_path,
    parse_answer,
    parse_state,
    stream_load_path,
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
