"""Secrets are hidden in every form in which a message may hold them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from penstock.cli.hidden import HiddenValues
from penstock.sql.secrets import secret_ranges

LONG = "gé heim/ü+'\"\\&x"


def hidden(text: str) -> HiddenValues:
    return HiddenValues.of(text, secret_ranges(text))


def of_password(value: str) -> HiddenValues:
    quoted = value.replace("'", "''")
    return hidden(f"CREATE TABLE t (id INT) WITH ('username' = 'root', 'password' = '{quoted}')")


@pytest.mark.parametrize(
    "form",
    [
        LONG,
        LONG.replace("'", "''"),
        quote(LONG),
        quote(LONG, safe=""),
        quote(LONG, safe="").lower(),
        quote_plus(LONG),
        repr(LONG)[1:-1],
        json.dumps(LONG)[1:-1],
        json.dumps(LONG, ensure_ascii=False)[1:-1],
    ],
)
@pytest.mark.parametrize("around", ["got {} here", "x{}y", "http://root:{}@h/"])
def test_a_long_secret_is_hidden_in_every_form(form: str, around: str) -> None:
    shown = of_password(LONG).hide(around.format(form))
    assert shown == around.format("******")


@pytest.mark.parametrize(
    "token",
    [
        base64.b64encode(f"root:{LONG}".encode()).decode(),
        base64.urlsafe_b64encode(LONG.encode()).decode().rstrip("="),
        "20" + base64.b64encode(f"u:{LONG}".encode()).decode(),  # behind the % of an address
    ],
)
def test_base64_that_holds_a_secret_is_hidden(token: str) -> None:
    assert of_password(LONG).hide(f"Basic {token}, {'A' * 41}") == f"Basic ******, {'A' * 41}"


def test_an_authorization_header_is_hidden() -> None:
    token = base64.b64encode(b"root:hunter2").decode()
    shown = of_password("hunter2").hide(f"{{'Authorization': 'Basic {token}', 'n': '{'A' * 40}'}}")
    assert shown == f"{{'Authorization': 'Basic ******', 'n': '{'A' * 40}'}}"


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("abc", "password=abc&x=abc", "password=******&x=abc"),
        ("abc", "{'password': 'abc'}", "{'password': '******'}"),
        ("root", "user=root password: root", "user=root password: ******"),
        ("tick", "tickets of tick", "tickets of ******"),
        ("tick", "http://u?token=tick_1", "http://u?token=******_1"),
        ("a", "a table has a port=a", "a table has a port=a"),
    ],
)
def test_a_short_secret_is_hidden_where_it_stands_for_itself(
    value: str, text: str, shown: str
) -> None:
    assert of_password(value).hide(text) == shown


def test_the_longest_secret_is_hidden_first() -> None:
    both = of_password("hunter2hunter2")
    both.add(of_password("hunter2hunter2-more"))
    assert both.hide("<hunter2hunter2-more>") == "<******>"


def test_nothing_is_hidden_where_there_is_no_secret() -> None:
    assert HiddenValues().hide("password=abc") == "password=abc"
