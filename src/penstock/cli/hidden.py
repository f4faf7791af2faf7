"""Keeps the secrets of a script out of whatever is said about it: messages, logs, bug files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from penstock.config import SECRET_MARK, is_secret_key
from penstock.sql.lexer import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.sql.secrets import HiddenRange

# Shorter ones stand in too many words by chance.
_LENGTH_MIN = 4


@dataclass(slots=True)
class HiddenValues:
    """Secrets that no message may hold."""

    values: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, text: str, hidden: Iterable[HiddenRange]) -> HiddenValues:
        """The secrets of a script.

        Not those that the script says openly elsewhere (user `root`, password `root`), nor
        variables that are not called like a secret: a host, a port.
        """
        covered = {(r.start, r.end) for r in hidden}
        strings = ((p.start + 1, p.end - 1) for p in pieces(text) if p.kind == "string")
        said = {text[slice(*inside)] for inside in strings if inside not in covered}
        secret = {text[r.start : r.end] for r in hidden if _is_secret(r)}
        return cls({value for value in secret - said if len(value) >= _LENGTH_MIN})

    @classmethod
    def current(cls) -> HiddenValues:
        """Those of the command that is running."""
        context = click.get_current_context(silent=True)
        found = context.find_object(cls) if context is not None else None
        return found if found is not None else cls()

    def add(self, other: HiddenValues) -> None:
        """Hide what the other hides too."""
        self.values |= other.values

    def hide(self, text: str) -> str:
        """The text with its secrets masked."""
        for value in sorted(self.values, key=len, reverse=True):
            for form in {value, value.replace("''", "'")}:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", SECRET_MARK, text)
        return text


def _is_secret(found: HiddenRange) -> bool:
    return found.shown == SECRET_MARK or is_secret_key(found.shown)
