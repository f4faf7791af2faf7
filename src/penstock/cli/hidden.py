"""Keeps the secrets of a script out of whatever is said about it: messages, logs, bug files."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import click

from penstock.config import SECRET_MARK, is_secret_key
from penstock.sql.lexer import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.sql.secrets import HiddenRange

# Shorter ones stand in too many words by chance: hidden only behind the name of a secret.
_LENGTH_MIN = 4
# From here on, what a secret is part of is hidden too, a word or not.
_LENGTH_SURE = 8
_BASE64 = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{8,}={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


@dataclass(slots=True)
class HiddenValues:
    """Secrets that no message may hold.

    Args:
        values: Hidden wherever they stand.
        keyed: Hidden behind the name of a secret only: `password=abc`.
    """

    values: set[str] = field(default_factory=set)
    keyed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, text: str, hidden: Iterable[HiddenRange]) -> HiddenValues:
        """The secrets of a script.

        Those that the script says openly elsewhere (user `root`, password `root`) only behind the
        name of a secret; not variables that are not called like a secret: a host, a port.
        """
        covered = {(r.start, r.end) for r in hidden}
        strings = ((p.start + 1, p.end - 1) for p in pieces(text) if p.kind == "string")
        said = {text[slice(*inside)] for inside in strings if inside not in covered}
        secret = {text[r.start : r.end] for r in hidden if _is_secret(r)}
        return cls({value for value in secret - said if len(value) >= _LENGTH_MIN}, secret - {""})

    @classmethod
    def current(cls) -> HiddenValues:
        """Those of the command that is running."""
        context = click.get_current_context(silent=True)
        found = context.find_object(cls) if context is not None else None
        return found if found is not None else cls()

    def add(self, other: HiddenValues) -> None:
        """Hide what the other hides too."""
        self.values |= other.values
        self.keyed |= other.keyed

    def hide(self, text: str) -> str:
        """The text with its secrets masked, also where they are escaped or encoded."""
        if self.values:
            text = _anywhere(frozenset(self.values)).sub(SECRET_MARK, text)
            plain = [value.replace("''", "'").encode() for value in self.values]
            text = _BASE64.sub(lambda m: SECRET_MARK if _encodes(m[0], plain) else m[0], text)
        if self.keyed:
            text = _behind_keys(frozenset(self.keyed)).sub(_mask_behind_key, text)
        return text


@lru_cache(maxsize=8)
def _anywhere(values: frozenset[str]) -> re.Pattern[str]:
    """Finds these secrets in all their forms."""
    return re.compile(_one_of((form, value) for value in values for form in _forms(value)))


@lru_cache(maxsize=8)
def _behind_keys(values: frozenset[str]) -> re.Pattern[str]:
    """Finds `key = value`; whether the key is one of a secret is to be seen."""
    forms = sorted((form for value in values for form in _forms(value)), key=len, reverse=True)
    either = "|".join(
        re.escape(form) + (r"(?!\w)" if len(form) < _LENGTH_MIN else "") for form in forms
    )
    return re.compile(rf"""(?<![\w.-])([\w.-]+)(\\?['"]?\s*[=:]\s*\\?['"]?)(?:{either})""")


def _mask_behind_key(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{SECRET_MARK}" if is_secret_key(found[1]) else found[0]


def _one_of(forms: Iterable[tuple[str, str]]) -> str:
    """A pattern of (form, value), the longest first; short values as whole words only."""
    ordered = sorted(forms, key=lambda pair: len(pair[0]), reverse=True)
    return "|".join(
        re.escape(form) if len(value) >= _LENGTH_SURE else rf"(?<!\w){re.escape(form)}(?!\w)"
        for form, value in ordered
    )


def _forms(value: str) -> set[str]:
    """How a secret is written: in SQL, by itself, in an address, in Python, in JSON."""
    plain = value.replace("''", "'")
    quoted = {quote(plain), quote(plain, safe=""), quote_plus(plain)}
    lowered = {_PERCENT.sub(lambda m: m[0].lower(), form) for form in quoted}
    escaped = {
        repr(plain)[1:-1],
        json.dumps(plain)[1:-1],
        json.dumps(plain, ensure_ascii=False)[1:-1],
    }
    return {value, plain} | quoted | lowered | escaped


def _encodes(token: str, secrets: Iterable[bytes]) -> bool:
    """Whether a token is base64, from one of its first characters on, of what holds a secret."""
    digits = token.rstrip("=").translate(_URL_SAFE)
    for start in range(4):
        part = digits[start:]
        part = part[:-1] if len(part) % 4 == 1 else part
        decoded = binascii.a2b_base64(part + "=" * (-len(part) % 4))
        if any(secret in decoded for secret in secrets):
            return True
    return False


def _is_secret(found: HiddenRange) -> bool:
    return found.shown == SECRET_MARK or is_secret_key(found.shown)
