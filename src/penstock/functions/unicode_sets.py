r"""Sets of characters behind `\p{..}` of Java's expressions, as insides of Python classes."""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache

_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
}
_CATEGORY_NAMES = """
    L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf
    Co Cn
"""
_CATEGORIES = frozenset(_CATEGORY_NAMES.split())
_BINARY = {
    "Alphabetic": ("L", "Nl"),
    "Letter": ("L",),
    "Digit": ("Nd",),
    "Uppercase": ("Lu",),
    "Lowercase": ("Ll",),
    "Punctuation": ("P",),
    "White_Space": ("Z",),
}
_SCRIPTS = {
    "HAN": ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "KANGXI"),
    "LATIN": ("LATIN ", "FULLWIDTH LATIN "),
    "GREEK": ("GREEK ",),
    "CYRILLIC": ("CYRILLIC ",),
    "HIRAGANA": ("HIRAGANA ",),
    "KATAKANA": ("KATAKANA ", "HALFWIDTH KATAKANA "),
    "HANGUL": ("HANGUL ",),
    "ARABIC": ("ARABIC ",),
    "HEBREW": ("HEBREW ",),
    "THAI": ("THAI ",),
}
PROPERTIES = frozenset(_POSIX) | _CATEGORIES
"""Names that need no prefix."""


@lru_cache(maxsize=64)
def property_ranges(name: str) -> str | None:
    r"""The inside of a class for a property name, or None where it is not known.

    Examples:
        >>> property_ranges("Alpha"), property_ranges("nosuch")
        ('a-zA-Z', None)
    """
    if name in _POSIX:
        return _POSIX[name]
    bare = name.removeprefix("Is")
    for prefix in ("general_category=", "gc=", "script=", "sc="):
        bare = bare.removeprefix(prefix)
    if bare in _CATEGORIES:
        return _ranges_of_categories((bare,))
    if name.startswith("Is") and bare in _BINARY:
        return _ranges_of_categories(_BINARY[bare])
    prefixes = _SCRIPTS.get(bare.upper())
    if prefixes and bare != name:
        return _spans([c for c in _ALL if unicodedata.name(chr(c), "").startswith(prefixes)])
    return None


_ALL = range(sys.maxunicode + 1)


def _ranges_of_categories(categories: tuple[str, ...]) -> str:
    return _spans([c for c in _ALL if unicodedata.category(chr(c)).startswith(categories)])


def _spans(codes: list[int]) -> str:
    """Sorted code points as ranges."""
    parts: list[str] = []
    start = previous = -2
    for code in [*codes, -1]:
        if code == previous + 1:
            previous = code
            continue
        if start >= 0:
            parts.append(f"\\U{start:08x}-\\U{previous:08x}")
        start = previous = code
    return "".join(parts)
