"""The LOOKUP hint of a query: its options, honoured or refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.config import parse_duration_ms
from penstock.errors import Span, ValidationError, nearest
from penstock.operators.lookup import LookupRetry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.sql import tree as ast

_ANSWERS = "look-ups go by batch, several at a time, and rows keep their order"
_NO_EFFECT = {
    "async": _ANSWERS,
    "output-mode": _ANSWERS,
    "capacity": "what waits is bounded by batches",
    "shuffle": "look-ups run in one thread per job",
}
_RETRY = ("retry-predicate", "retry-strategy", "fixed-delay", "max-attempts")
_KNOWN = ("table", "timeout", *_NO_EFFECT, *_RETRY)
_WORDS = {
    "async": {"true", "false"},
    "output-mode": {"ordered", "allow_unordered"},
    "shuffle": {"true", "false"},
    "retry-predicate": {"lookup_miss"},
    "retry-strategy": {"fixed_delay"},
}


@dataclass(slots=True)
class LookupHint:
    """A LOOKUP hint.

    Args:
        table: The name or alias of the table it is about.
        span: Where it stands.
        retry: For keys without a row.
        timeout_ms: Longest wait for the answers of a batch, None where not given.
        notes: What changes nothing here, and why.
        used: Whether its table was found.
    """

    table: str
    span: Span
    retry: LookupRetry | None = None
    timeout_ms: int | None = None
    notes: list[str] = field(default_factory=list)
    used: bool = False


def read_lookup_hint(hint: ast.Hint) -> LookupHint:
    """The hint's options.

    Raises:
        ValidationError: One is unknown, missing or malformed.
    """
    given = {key.lower(): value for key, value in hint.options}
    for key in given:
        if key not in _KNOWN:
            near = nearest(key, _KNOWN)
            raise ValidationError(
                f"unknown option '{key}' of hint LOOKUP",
                hint.span,
                code="unknown-hint-option",
                hint=f"Did you mean '{near}'?" if near else "",
            )
    if not given.get("table"):
        raise ValidationError(
            "Invalid LOOKUP hint: incomplete required option(s): [Key: 'table', default: none"
            " (fallback keys: [])]",
            hint.span,
            code="lookup-hint",
        )
    for key, words in _WORDS.items():
        if key in given and given[key].lower() not in words:
            raise _malformed(key, given[key], f"expected {' or '.join(sorted(words))}", hint.span)
    found = LookupHint(given["table"], hint.span, _retry(given, hint.span))
    if "timeout" in given:
        found.timeout_ms = _duration(given, "timeout", hint.span)
    if "capacity" in given:
        _number(given, "capacity", hint.span)
    found.notes = [
        f"option '{key}' of hint LOOKUP has no effect here: {why}"
        for key, why in _NO_EFFECT.items()
        if key in given
    ]
    return found


def _retry(given: Mapping[str, str], span: Span) -> LookupRetry | None:
    present = [key for key in _RETRY if key in given]
    if not present:
        return None
    if len(present) < len(_RETRY):
        missing = ", ".join(f"'{key}'" for key in _RETRY if key not in given)
        raise ValidationError(
            "Invalid LOOKUP hint: retry options can be both null or all not null",
            span,
            code="lookup-hint",
            detail=f"Missing: {missing}.",
        )
    return LookupRetry(_duration(given, "fixed-delay", span), _number(given, "max-attempts", span))


def _duration(given: Mapping[str, str], key: str, span: Span) -> int:
    try:
        found = parse_duration_ms(given[key])
    except ValueError as error:
        raise _malformed(key, given[key], str(error), span) from error
    if found <= 0:
        raise _malformed(key, given[key], "expected more than 0", span)
    return found


def _number(given: Mapping[str, str], key: str, span: Span) -> int:
    text = given[key].strip()
    if not text.isdigit() or not int(text):
        raise _malformed(key, text, "expected a whole number above 0", span)
    return int(text)


def _malformed(key: str, value: str, why: str, span: Span) -> ValidationError:
    return ValidationError(
        f"Invalid LOOKUP hint: invalid value '{value}' of option '{key}'",
        span,
        code="lookup-hint",
        detail=f"{why[0].upper()}{why[1:]}.",
    )
