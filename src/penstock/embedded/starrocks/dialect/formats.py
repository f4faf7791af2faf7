"""Date formats of MySQL as `strftime` and `strptime` read them."""

from __future__ import annotations

import re
from typing import Final

from penstock.embedded.starrocks.dialect.failure import analysis_error

_LETTERS: Final = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I",
    "I": "%I", "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p",
    "r": "%I:%M:%S %p", "S": "%S", "s": "%S", "T": "%H:%M:%S", "U": "%U", "W": "%A", "w": "%w",
    "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip
_WORDS: Final = {
    "yyyyMMdd": "%Y%m%d",
    "yyyy-MM-dd": "%Y-%m-%d",
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
}
_TIME_LETTERS: Final = re.compile(r"%[HhIiklrSsTpf]")


def strftime_format(text: str) -> str:
    """The format for DuckDB.

    Raises:
        QueryError: It has a part that DuckDB cannot express.

    Examples:
        >>> strftime_format("%Y-%m-%d %H:%i"), strftime_format("yyyyMMdd")
        ('%Y-%m-%d %H:%M', '%Y%m%d')
    """
    if text in _WORDS:
        return _WORDS[text]

    def letter(found: re.Match[str]) -> str:
        if found[1] not in _LETTERS:
            raise analysis_error(f"format '%{found[1]}' of dates is not supported here")
        return _LETTERS[found[1]]

    return re.sub(r"%(.)", letter, text)


def has_time(text: str) -> bool:
    """Whether a format has a part of the clock."""
    return bool(_TIME_LETTERS.search(text))
