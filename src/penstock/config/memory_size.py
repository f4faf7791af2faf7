"""Flink's memory sizes: `64 mb`, `1g`, or a plain number of bytes."""

from __future__ import annotations

import re

_UNITS = {
    **dict.fromkeys(["", "b", "bytes"], 1),
    **dict.fromkeys(["k", "kb", "kibibytes"], 1 << 10),
    **dict.fromkeys(["m", "mb", "mebibytes"], 1 << 20),
    **dict.fromkeys(["g", "gb", "gibibytes"], 1 << 30),
    **dict.fromkeys(["t", "tb", "tebibytes"], 1 << 40),
}


def parse_bytes(text: str) -> int:
    """Bytes of a size.

    Raises:
        ValueError: Not a size.

    Examples:
        >>> parse_bytes("64 mb")
        67108864
    """
    match = re.match(r"^(\d+)\s*([a-z]*)$", text.strip(), re.IGNORECASE)
    if not match or match[2].lower() not in _UNITS:
        message = "expected a size like '64 mb' or a number of bytes"
        raise ValueError(message)
    return int(match[1]) * _UNITS[match[2].lower()]
