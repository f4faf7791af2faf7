"""Every error Penstock raises on purpose.

```
PenstockError
├── SqlError                     the user's script; has a span
│   ├── ParseError
│   ├── ValidationError
│   └── UnsupportedFeatureError
├── OptionError                  a key or value in WITH (...), SET or on the command line
├── DataError                    a value that cannot be carried; table, column, offset
├── ConnectorError               the outside world; says whether trying again may help
├── CheckpointError              state could not be made durable or read back
├── JobError                     tells the caller how a job ended
└── InternalError                our own bug
```

A message is short, lower case, without full stop, and quotes the object it names. `detail` holds
facts in sentences, `hint` what to do. Foreign exceptions become ours at the edge of the room that
meets them, by type, with `from error`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

LINE_SHOWN = 160
MARKED_MAX = 80


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a text: offsets in characters, `end` exclusive; line and column count from 1."""

    start: int
    end: int
    line: int
    column: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end, self.line, self.column)


class PenstockError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What is wrong, short.
        code: Stable name of the kind of error, in kebab case.
        detail: Facts, in sentences.
        hint: What to do, in a sentence.
    """

    default_code = "error"

    def __init__(
        self, message: str, *, code: str | None = None, detail: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.detail = detail
        self.hint = hint
        self.span: Span | None = None
        self.source: tuple[str, str] | None = None

    def at(self, span: Span | None) -> Self:
        """The same error at a place of the script, where it has none yet."""
        self.span = self.span or span
        return self

    def within(self, source: str, source_name: str) -> Self:
        """The same error, knowing the text its place is in, where it knows none yet."""
        self.source = self.source or (source, source_name)
        return self

    def render(self, source: str | None = None, source_name: str = "") -> str:
        """The error as text for a terminal: message, place in the script, detail, hint.

        Args:
            source: The script, to show the line; by default the one given to `within`.
            source_name: Its name.
        """
        if source is None and self.source is not None:
            source, source_name = self.source
        lines = [f"error[{self.code}]: {self.message}"]
        if self.span is not None:
            lines += place_lines(self.span, source, source_name or "script")
        lines += [f"  {line}" for line in self.detail.splitlines()]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def place_lines(span: Span, source: str | None, source_name: str) -> list[str]:
    """`--> name:line:column`, and the line with marks below, cut to a window where it is long."""
    lines = [f"  --> {source_name}:{span.line}:{span.column}"]
    texts = source.split("\n")[span.line - 1 : span.line] if source and span.line else []
    for text in texts:
        first = max(0, span.column - 1 - LINE_SHOWN // 2) if len(text) > LINE_SHOWN else 0
        shown = text[first : first + LINE_SHOWN].rstrip("\r")
        before = shown[: span.column - 1 - first]
        marked = shown[len(before) : len(before) + span.end - span.start]
        gap = "".join(c if c == "\t" else " " * _cells(c) for c in before)
        width = sum(map(_cells, marked))
        marks = "^" * width if 0 < width <= MARKED_MAX else "^"
        lines += [f"   {span.line} | {shown}", f"   {' ' * len(str(span.line))} | {gap}{marks}"]
    return lines


def _cells(char: str) -> int:
    """Cells of a terminal a character takes."""
    return 2 if east_asian_width(char) in "WF" else 1


class SqlError(PenstockError):
    """The script is wrong; refuses the script and points at the place."""

    default_code = "sql"

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        *,
        code: str | None = None,
        detail: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, detail=detail, hint=hint)
        self.span = span


class ParseError(SqlError):
    """The text is not Flink SQL. `at_end` is true where more text could still make it so."""

    default_code = "syntax"

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        *,
        at_end: bool = False,
        code: str | None = None,
        detail: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, span, code=code, detail=detail, hint=hint)
        self.at_end = at_end


class ValidationError(SqlError):
    """The text is Flink SQL but means nothing here: unknown names, types that do not fit."""

    default_code = "validation"


class UnsupportedFeatureError(SqlError):
    """Valid Flink SQL that Penstock does not run (yet). The message holds "unsupported"."""

    default_code = "unsupported"


class OptionError(PenstockError):
    """An option's key is unknown or its value is wrong.

    Args:
        message: What is wrong.
        key: The option's key as the user wrote it.
        known: All keys that would have been understood; the nearest one becomes the hint.
    """

    default_code = "option"

    def __init__(
        self,
        message: str,
        *,
        key: str,
        known: Iterable[str] = (),
        code: str | None = None,
        detail: str = "",
        hint: str = "",
    ) -> None:
        self.key = key
        self.near_key = nearest(key, known)
        if self.near_key and not hint:
            hint = f"Did you mean '{self.near_key}'?"
        super().__init__(message, code=code, detail=detail, hint=hint)


class DataError(PenstockError):
    """A value cannot be carried to its target.

    Args:
        message: What is wrong with the value; never the value itself.
        table: The table it came from or goes to.
        column: Its column, where known.
        offset: Where in the source it was met, as text.
    """

    default_code = "data"

    def __init__(
        self,
        message: str,
        *,
        table: str = "",
        column: str = "",
        offset: str = "",
        code: str | None = None,
        detail: str = "",
        hint: str = "",
    ) -> None:
        place = [f"table {table}"] * bool(table) + [f"column {column}"] * bool(column)
        place += [f"offset {offset}"] * bool(offset)
        facts = "\n".join(part for part in (detail, ", ".join(place)) if part)
        super().__init__(message, code=code, detail=facts, hint=hint)
        self.table = table
        self.column = column
        self.offset = offset


class ConnectorError(PenstockError):
    """The outside world did not do as asked.

    Args:
        message: What failed.
        retryable: Whether the same request may succeed later.
        endpoint: Who was asked, without credentials.
    """

    default_code = "connector"

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        endpoint: str = "",
        code: str | None = None,
        detail: str = "",
        hint: str = "",
    ) -> None:
        facts = "\n".join(
            part for part in (detail, f"endpoint {endpoint}" * bool(endpoint)) if part
        )
        super().__init__(message, code=code, detail=facts, hint=hint)
        self.retryable = retryable
        self.endpoint = endpoint


class CheckpointError(PenstockError):
    """State could not be made durable, or what is on disk cannot be used."""

    default_code = "checkpoint"


class JobError(PenstockError):
    """A job ended, or could not start, for a reason its caller must know."""

    default_code = "job"


class InternalError(PenstockError):
    """Our own bug; says so."""

    default_code = "internal"

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(
            message,
            detail=detail,
            hint="This is a bug in Penstock. Please report it with the log of the job.",
        )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The most similar of the `known` words, or None if none is near.

    Examples:
        >>> nearest("hostnam", ["hostname", "port"])
        'hostname'
        >>> nearest("xyz", ["hostname", "port"]) is None
        True
    """
    from difflib import get_close_matches  # noticeable at the start of a command

    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
