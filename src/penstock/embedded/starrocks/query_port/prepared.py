"""Prepared statements: finds the question marks, reads the parameters, fills them in."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from penstock.embedded.starrocks.dialect.lexer import quote, tokenize
from penstock.embedded.starrocks.query_port.packets import read_length

_NUMBERS: Final = {1: "b", 2: "h", 3: "i", 4: "f", 5: "d", 8: "q", 9: "i", 13: "h"}


@dataclass(slots=True)
class PreparedStatement:
    """A statement text with holes; `kinds` are the parameter types of the last execution."""

    text: str
    holes: tuple[int, ...]
    kinds: list[tuple[int, int]] = field(default_factory=list)
    long_data: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> PreparedStatement:
        """The statement; question marks in strings and comments are not parameters."""
        return cls(text, tuple(t.start for t in tokenize(text) if t.kind == "parameter"))

    def bind(self, payload: bytes) -> str:
        """The text with the parameters of a COM_STMT_EXECUTE payload (command byte cut off)."""
        count = len(self.holes)
        if not count:
            return self.text
        at = 9
        nulls = payload[at : at + (count + 7) // 8]
        at += len(nulls)
        if payload[at]:
            self.kinds = [(payload[at + 1 + 2 * i], payload[at + 2 + 2 * i]) for i in range(count)]
            at += 2 * count
        at += 1
        values: list[str] = []
        for index, (kind, flags) in enumerate(self.kinds):
            if index in self.long_data:
                values.append(quote(self.long_data[index].decode("utf-8", "replace")))
            elif nulls[index // 8] >> (index % 8) & 1 or kind == 6:
                values.append("NULL")
            else:
                value, at = _read_value(payload, at, kind, unsigned=bool(flags & 0x80))
                values.append(value)
        self.long_data.clear()
        pieces: list[str] = []
        start = 0
        for hole, value in zip(self.holes, values, strict=True):
            pieces += [self.text[start:hole], value]
            start = hole + 1
        return "".join([*pieces, self.text[start:]])


def _read_value(payload: bytes, at: int, kind: int, *, unsigned: bool) -> tuple[str, int]:
    letter = _NUMBERS.get(kind)
    if letter is not None:
        form = "<" + (letter.upper() if unsigned and letter in "bhiq" else letter)
        return repr(struct.unpack_from(form, payload, at)[0]), at + struct.calcsize(form)
    if kind in {7, 10, 12}:
        size = payload[at]
        return quote(_datetime_text(payload[at + 1 : at + 1 + size], kind)), at + 1 + size
    if kind == 11:
        size = payload[at]
        return quote(_time_text(payload[at + 1 : at + 1 + size])), at + 1 + size
    size, at = read_length(payload, at)
    return quote(payload[at : at + size].decode("utf-8", "replace")), at + size


def _datetime_text(data: bytes, kind: int) -> str:
    if len(data) < 4:
        return "0000-00-00"
    year, month, day = struct.unpack_from("<HBB", data)
    text = f"{year:04d}-{month:02d}-{day:02d}"
    if kind == 10:
        return text
    hour, minute, second = data[4:7] if len(data) >= 7 else (0, 0, 0)
    text += f" {hour:02d}:{minute:02d}:{second:02d}"
    if len(data) >= 11:
        text += f".{struct.unpack_from('<I', data, 7)[0]:06d}"
    return text


def _time_text(data: bytes) -> str:
    if len(data) < 8:
        return "00:00:00"
    negative, days, hour, minute, second = struct.unpack_from("<BIBBB", data)
    return f"{'-' if negative else ''}{days * 24 + hour:02d}:{minute:02d}:{second:02d}"
