"""A text that must never be seen."""

from __future__ import annotations

SECRET_MARK = "******"
_SECRET_PARTS = (
    "password",
    "passwd",
    "credential",
    "access-key",
    "access.key",
    "api.key",
    "secret",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
    "fs.azure.account.key",
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
    """Whether values of this option key must be masked.

    Examples:
        >>> is_secret_key("debezium.database.PASSWORD"), is_secret_key("hostname")
        (True, False)
    """
    return any(part in key.lower() for part in _SECRET_PARTS)
