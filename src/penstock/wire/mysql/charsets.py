"""Decodes text of MySQL's character sets, as the server converts it to Unicode."""

from __future__ import annotations

import codecs
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Decode = Callable[[bytes], str]

_UTF8 = frozenset({"", "utf8mb4", "utf8mb3", "utf8", "ascii", "binary"})
# MySQL's name -> Python's; sets of the same name in both are not listed
_CODECS = {
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "latin7": "iso8859_13",
    "greek": "iso8859_7",
    "hebrew": "iso8859_8",
    "ucs2": "utf_16_be",
    "utf16": "utf_16_be",
    "utf16le": "utf_16_le",
    "utf32": "utf_32_be",
    "sjis": "shift_jis",
    "ujis": "euc_jp",
    # MySQL's has the Hangul of Windows too
    "euckr": "cp949",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "tis620": "tis_620",
    "macroman": "mac_roman",
    "macce": "mac_latin2",
    "hp8": "hp_roman8",
}


def is_utf8(charset: str) -> bool:
    """Whether its text is UTF-8 as it is."""
    return charset in _UTF8


@cache
def decoder_of(charset: str) -> Decode | None:
    r"""Decodes text of a character set; None where it is not known here.

    Bytes that are no text of it become the replacement character.

    Examples:
        >>> decoder_of("latin1")(b"\x80"), decoder_of("eucjpms")(b"\xad\xa1")
        ('€', '①')
        >>> decoder_of("geostd8") is None
        True
    """
    if charset == "latin1":
        return _latin1
    if charset == "eucjpms":
        return _eucjpms
    name = "utf_8" if charset in _UTF8 else _CODECS.get(charset, charset)
    try:
        codec = codecs.lookup(name)
    except LookupError:
        return None
    return lambda value: codec.decode(value, "replace")[0]


def _latin1(value: bytes) -> str:
    """Windows-1252, with control characters where that has none (MySQL manual, latin1)."""
    try:
        return value.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in value)


def _eucjpms(value: bytes) -> str:
    """EUC-JP with Windows' characters: two-byte characters are those of code page 932."""
    parts, place = [], 0
    while place < len(value):
        first = value[place]
        size = 1 if first < 0x80 else 3 if first == 0x8F else 2
        part = value[place : place + size]
        place += size
        if size != 2 or first == 0x8E or len(part) < 2:
            parts.append(part.decode("euc_jp", "replace"))
            continue
        row, cell = first - 0xA1, part[1] - 0xA1
        lead = row // 2 + (0x81 if row < 62 else 0xC1)
        trail = cell + 0x9F if row & 1 else cell + 0x40 + (cell >= 63)
        parts.append(bytes([lead & 0xFF, trail & 0xFF]).decode("cp932", "replace"))
    return "".join(parts)
