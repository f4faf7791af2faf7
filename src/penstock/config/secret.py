"""A text that must never be seen, and which options and parts of addresses are such texts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_MARK = "******"
# Parts of keys, `-` for every separator.
_SECRET_PARTS = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "credential",
    "secret",
    "token",
    "access-key",
    "accesskey",
    "private-key",
    "privatekey",
    "api-key",
    "apikey",
    "account-key",
    "encryption-key",
    "service-key",
    "auth-params",
    "basic-auth",
    "jaas-config",
    "http-headers",
)
_SEPARATOR = re.compile(r"[\W_]+")
# What a misspelt part of a key may have been meant as, and how near it must come.
_WORDS = ("password", "passwd", "secret", "token", "credentials")
_NEAR = 0.82
_USER_INFO = re.compile(r"[A-Za-z][\w+.-]{0,30}://[^\s/'\"@:]*:([^\s/'\"]*)@")
_PARAMETER = re.compile(
    r"(?<![\w.-])(?P<key>[\w.-]+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|''(?P<single>[^']*)''"
    r"|(?P<bare>[^&;),'\"\s]*))"
)


class Secret:
    """Holds a password; `str` and `repr` show only a mark, `reveal()` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return SECRET_MARK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def is_secret_key(key: str) -> bool:
    """Whether values of this option key must be masked; misspelt keys count too.

    Examples:
        >>> is_secret_key("debezium.database.PASSWORD"), is_secret_key("hostname")
        (True, False)
        >>> is_secret_key("pasword"), is_secret_key("sink.private_key"), is_secret_key("port")
        (True, True, False)
    """
    plain = _SEPARATOR.sub("-", key.lower())
    return any(part in plain for part in _SECRET_PARTS) or any(
        _is_misspelt(word) for word in plain.split("-")
    )


@lru_cache(maxsize=1024)
def _is_misspelt(word: str) -> bool:
    if len(word) < 4 or word[0] not in "pstc":
        return False
    from difflib import SequenceMatcher  # noticeable at the start of a command

    return any(SequenceMatcher(None, word, meant).ratio() > _NEAR for meant in _WORDS)


def secrets_within(value: str) -> Iterator[tuple[int, int]]:
    """Ranges of passwords inside an address: behind the user, and in parameters.

    Examples:
        >>> address = "jdbc:mysql://h/db?user=u&password=p"
        >>> [address[start:end] for start, end in secrets_within(address)]
        ['p']
    """
    for found in _USER_INFO.finditer(value):
        yield found.span(1)
    for found in _PARAMETER.finditer(value):
        if is_secret_key(found["key"]):
            yield found.span(found.lastgroup or 0)


def shown_value(key: str, value: str) -> str:
    """An option's value for people.

    Examples:
        >>> shown_value("password", "x"), shown_value("url", "http://u:x@h/")
        ('******', 'http://u:******@h/')
    """
    if is_secret_key(key):
        return SECRET_MARK
    for start, end in sorted(secrets_within(value), reverse=True):
        value = value[:start] + SECRET_MARK + value[end:]
    return value
