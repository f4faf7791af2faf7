from __future__ import annotations

import pytest

from penstock.errors import OptionError
from penstock.runtime.restart import restart_strategy


def test_the_default_grows_and_never_gives_up() -> None:
    strategy = restart_strategy({})
    assert [strategy.delay_ms(1) for _ in range(3)] == [1000, 1500, 2250]


def test_fixed_delay_gives_up_after_its_attempts() -> None:
    strategy = restart_strategy(
        {
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": "2",
            "restart-strategy.fixed-delay.delay": "3 s",
        }
    )
    assert [strategy.delay_ms(1) for _ in range(3)] == [3000, 3000, None]


def test_failure_rate_counts_within_its_interval() -> None:
    strategy = restart_strategy({"restart-strategy": "failure-rate"})
    assert strategy.delay_ms(0) == 1000
    assert strategy.delay_ms(61_000) == 1000
    assert strategy.delay_ms(62_000) is None


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(OptionError) as caught:
        restart_strategy({"restart-strategy": "fixed-dela"})
    assert caught.value.near_key == "fixed-delay"
