"""CSV with quotes whose separators are not Arrow's: cut row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.embedded.starrocks.load.options import LoadOptions


def split_quoted(body: bytes, options: LoadOptions) -> list[list[bytes]]:
    """The rows of a body as fields without their quotes; blank rows and the header left out.

    A field is quoted if it begins with the quote, after blanks where these are trimmed. Inside,
    separators are text, two quotes are one, and the byte behind an escape is itself.
    """
    reader = _Reader(body, options)
    rows: list[list[bytes]] = []
    while not reader.is_done():
        row = reader.row()
        if row != [b""]:
            rows.append(row)
    return rows[options.skip_header :]


class _Reader:
    def __init__(self, body: bytes, options: LoadOptions) -> None:
        self._body = body
        self._separator = options.column_separator
        self._delimiter = options.row_delimiter
        self._quote = options.enclose.encode()
        self._escape = options.escape.encode()
        self._trims = options.trim_space
        self._at = 0

    def is_done(self) -> bool:
        return self._at >= len(self._body)

    def row(self) -> list[bytes]:
        fields = [self._field()]
        while self._body.startswith(self._separator, self._at):
            self._at += len(self._separator)
            fields.append(self._field())
        if not self.is_done():
            self._at += len(self._delimiter)
        return fields

    def _field(self) -> bytes:
        at = self._at
        if self._trims:
            while self._body[at : at + 1] == b" ":
                at += 1
        if self._quote and self._body.startswith(self._quote, at):
            self._at = at + 1
            return self._quoted()
        return self._plain()

    def _quoted(self) -> bytes:
        out = bytearray()
        body, quote, escape = self._body, self._quote, self._escape
        while self._at < len(body):
            here = body[self._at : self._at + 1]
            if escape and here == escape:
                out += body[self._at + 1 : self._at + 2]
                self._at += 2
            elif here == quote:
                self._at += 1
                if body[self._at : self._at + 1] != quote:
                    break
                out += quote
                self._at += 1
            else:
                out += here
                self._at += 1
        return bytes(out) + self._plain().strip(b" " if self._trims else b"")

    def _plain(self) -> bytes:
        """What comes until the next separator or the end of the row."""
        start, escape = self._at, self._escape
        ends = [
            place
            for mark in (self._separator, self._delimiter)
            if (place := self._body.find(mark, start)) >= 0
        ]
        end = min(ends, default=len(self._body))
        if not escape or escape not in self._body[start:end] or self._body[start:end] == b"\\N":
            self._at = end
            return self._body[start:end]
        out = bytearray()
        while self._at < len(self._body):
            if self._body.startswith((self._separator, self._delimiter), self._at):
                break
            if self._body.startswith(escape, self._at):
                self._at += 1
            out += self._body[self._at : self._at + 1]
            self._at += 1
        return bytes(out)
