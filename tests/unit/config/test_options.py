from __future__ import annotations

import pytest

from penstock.config import REQUIRED, Option, Options, Secret
from penstock.config.option import at_least, integer
from penstock.errors import OptionError


class SampleOptions(Options):
    connector = "sample"
    prefixes = ("free.",)
    host = Option("hostname", str, REQUIRED, "Server.")
    port = Option("port", integer, 3306, "Port.", check=at_least(1), aliases=("old-port",))
    password = Option("password", Secret, Secret(), "Password.")


def test_values_are_parsed_and_defaults_kept() -> None:
    options = SampleOptions(
        {"connector": "sample", "hostname": "h", "old-port": "7", "free.x": "1"}
    )
    assert (options.host, options.port, options.with_prefix("free.")) == ("h", 7, {"x": "1"})
    assert options.is_set(SampleOptions.port)


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="unknown option 'hostnam'") as caught:
        SampleOptions({"hostnam": "h"})
    assert caught.value.near_key == "hostname"


def test_a_missing_required_key_is_named() -> None:
    with pytest.raises(OptionError, match="missing required option 'hostname'"):
        SampleOptions({})


def test_a_value_out_of_bounds_says_what_was_expected() -> None:
    with pytest.raises(OptionError) as caught:
        SampleOptions({"hostname": "h", "port": "0"})
    assert "at least 1" in caught.value.detail


def test_a_secret_is_never_printed() -> None:
    options = SampleOptions({"hostname": "h", "password": "geheim"})
    assert "geheim" not in f"{options.password} {options.password!r} {options.values}"
    assert options.password.reveal() == "geheim"
