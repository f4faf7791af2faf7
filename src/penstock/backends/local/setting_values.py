"""What the values of honoured settings must look like."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.clock import session_zone
from penstock.config import parse_duration_ms
from penstock.config.option import boolean, integer, one_of
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKPOINT_MS_MIN = 10


def _count(text: str) -> int:
    found = integer(text)
    if found < 1:
        message = "expected a whole number of at least 1"
        raise ValueError(message)
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        message = "expected a number"
        raise ValueError(message) from error


def _interval(text: str) -> int:
    found = parse_duration_ms(text)
    if found < CHECKPOINT_MS_MIN:
        message = f"expected at least {CHECKPOINT_MS_MIN} ms"
        raise ValueError(message)
    return found


def _zone(text: str) -> str:
    try:
        return ZoneInfo(session_zone(text)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = "expected a name like 'Asia/Shanghai', or whole hours like 'GMT+08:00'"
        raise ValueError(message) from error


_FIXED = "restart-strategy.fixed-delay."
_RATE = "restart-strategy.failure-rate."
_EXPONENTIAL = "restart-strategy.exponential-delay."
_READERS: Mapping[str, Callable[[str], object]] = {
    "parallelism.default": _count,
    "execution.checkpointing.interval": _interval,
    "table.local-time-zone": _zone,
    "table.dml-sync": boolean,
    "table.dynamic-table-options.enabled": boolean,
    "table.exec.sink.not-null-enforcer": one_of("error", "drop"),
    "table.exec.sink.upsert-materialize": one_of("auto", "none", "force"),
    "table.exec.state.ttl": parse_duration_ms,
    "execution.runtime-mode": one_of("streaming", "batch", "automatic"),
    f"{_FIXED}attempts": integer,
    f"{_FIXED}delay": parse_duration_ms,
    f"{_RATE}max-failures-per-interval": _count,
    f"{_RATE}failure-rate-interval": parse_duration_ms,
    f"{_RATE}delay": parse_duration_ms,
    f"{_EXPONENTIAL}initial-backoff": parse_duration_ms,
    f"{_EXPONENTIAL}max-backoff": parse_duration_ms,
    f"{_EXPONENTIAL}backoff-multiplier": _number,
    f"{_EXPONENTIAL}reset-backoff-threshold": parse_duration_ms,
}


def check_value(key: str, value: str) -> None:
    """Refuse a value that an honoured setting cannot have.

    Args:
        key: The setting's name of today.
        value: As given.

    Raises:
        OptionError: It cannot; says what was expected.
    """
    read = _READERS.get(key)
    if read is None:
        return
    try:
        read(value)
    except ValueError as error:
        raise OptionError(
            f"invalid value '{value}' of setting '{key}'",
            key=key,
            code="invalid-setting",
            detail=f"{error}.",
        ) from error
