r"""Java's regular expressions as Python's.

What Python's `re` cannot say is refused by name: `\G`, `\X`, look-behind of variable width, Unicode
blocks and scripts not in the table. What is no pattern in Java is none here.

Source: java.util.regex.Pattern (Java 17), which REGEXP_* and STR_TO_MAP use.
"""

from __future__ import annotations

import re
from functools import lru_cache

from penstock.errors import DataError
from penstock.functions.unicode_sets import PROPERTIES, property_ranges

_LINE_ENDS = r"\n\r\x85\u2028\u2029"
_ESCAPES = {
    "h": "[ \\t\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000]",
    "v": r"[\n\x0b\f\r\x85\u2028\u2029]",
    "R": r"(?:\r\n|[\n\x0b\f\r\x85\u2028\u2029])",
    "z": r"\Z",
    "Z": r"(?=(?:\r\n|[\n\r\x85\u2028\u2029])?\Z)",
    "e": r"\x1b",
}
_NEGATED = {"H": "h", "V": "v"}
_SAME = frozenset("tnrfaAbBdDsSwW")
_COUNT = re.compile(r"\{\d+(?:,\d*)?\}")
_FLAGS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_CODE = re.compile(r"x\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|0([0-3]?[0-7]{1,2})")


class InvalidPattern(ValueError):  # noqa: N818 - a finding, turned into NULL by the functions
    """The text is no pattern in Java."""


def _unsupported(what: str) -> DataError:
    return DataError(
        f"regular expression with {what} is unsupported",
        code="unsupported-regex",
        hint="Java runs it, Python's regular expressions cannot say it; write it another way.",
    )


class _Translator:
    """One pass over a pattern; `groups` counts the inline flags open in each group."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.out: list[str] = []
        self.dotall = False
        self.unicode = False
        self.groups: list[tuple[list[str], bool]] = [([], False)]

    def run(self) -> str:
        while self.at < len(self.text):
            self._step(self.text[self.at])
        if len(self.groups) > 1:
            raise InvalidPattern("unclosed group")
        self._close_flags()
        return "".join(self.out)

    def _step(self, char: str) -> None:
        match char:
            case "\\":
                self._escape()
            case "[":
                self.out.append(self._class())
            case "(":
                self._open()
            case ")":
                self._close()
            case "|":
                self._alternative()
            case ".":
                self._take(r"(?s:.)" if self.dotall else f"[^{_LINE_ENDS}]")
            case "{":
                found = _COUNT.match(self.text, self.at)
                if not found:
                    raise InvalidPattern("illegal repetition")
                self.out.append(found[0])
                self.at = found.end()
            case "]" | "}":
                self._take("\\" + char)
            case _:
                self._take(char)

    def _take(self, emitted: str, count: int = 1) -> None:
        self.out.append(emitted)
        self.at += count

    def _open(self) -> None:
        flags = _FLAGS.match(self.text, self.at)
        if flags and (flags[1] or flags[2] or flags[3] == ")"):
            self._inline_flags(flags)
            return
        saved = self.dotall
        self.groups.append(([], saved))
        if self.text.startswith("(?<", self.at) and self.text[self.at + 3 : self.at + 4] not in (
            "=",
            "!",
        ):
            self._take("(?P<", 3)
        else:
            self._take("(")

    def _inline_flags(self, flags: re.Match[str]) -> None:
        on, off, end = flags[1], flags[2] or "", flags[3]
        if set(on + off) - set("imsxuUd"):
            raise InvalidPattern("unknown inline flag")
        if "d" in on:
            raise _unsupported("(?d)")
        saved = self.dotall
        if end == ":":
            self.groups.append(([], saved))
        if "U" in on:
            self.unicode = True
        self.dotall = (self.dotall or "s" in on) and "s" not in off
        kept_on = "".join(c for c in on if c in "imx")
        kept_off = "".join(c for c in off if c in "imx")
        opened = f"(?{kept_on}{'-' + kept_off if kept_off else ''}:"
        self.at = flags.end()
        if end == ":":
            self.out.append(opened)
        elif kept_on or kept_off:
            self.groups[-1][0].append(opened)
            self.out.append(opened)

    def _close_flags(self) -> None:
        self.out.append(")" * len(self.groups[-1][0]))

    def _close(self) -> None:
        if len(self.groups) == 1:
            raise InvalidPattern("unmatched closing parenthesis")
        self._close_flags()
        self.dotall = self.groups.pop()[1]
        self._take(")")

    def _alternative(self) -> None:
        self._close_flags()
        self._take("|" + "".join(self.groups[-1][0]))

    def _escape(self) -> None:
        text, at = self.text, self.at + 1
        char = text[at : at + 1]
        if not char:
            raise InvalidPattern("nothing follows the backslash")
        if char == "Q":
            end = text.find("\\E", at)
            end = len(text) if end < 0 else end
            self.out.append(re.escape(text[at + 1 : end]))
            self.at = end + 2
            return
        if char == "k":
            found = re.match(r"k<([a-zA-Z][a-zA-Z0-9]*)>", text[at:])
            if not found:
                raise InvalidPattern("illegal group reference")
            self._take(f"(?P={found[1]})", 1 + found.end())
            return
        if char in "GX":
            raise _unsupported(f"\\{char}")
        if char in "123456789":
            self._take("\\" + char, 2)
            return
        inside, self.at = self._escaped(self.at)
        self.out.append(inside)

    def _escaped(self, position: int, *, in_class: bool = False) -> tuple[str, int]:
        """The Python text of an escape and the position behind it."""
        at = position + 1
        char = self.text[at : at + 1]
        code = _CODE.match(self.text, at)
        if code:
            number = next(g for g in code.groups() if g is not None)
            value = int(number, 8 if code[4] is not None else 16)
            return re.escape(chr(value)), code.end()
        if char in "pP":
            return self._property(at, in_class=in_class)
        if char == "c":
            return re.escape(chr(ord(self.text[at + 1]) ^ 64)), at + 2
        if char in _ESCAPES and not (in_class and char in "RzZ"):
            found = _ESCAPES[char]
            return (found[1:-1] if in_class and found[0] == "[" else found), at + 1
        if char in _NEGATED:
            if in_class:
                raise _unsupported(f"\\{char} in a class")
            return "[^" + _ESCAPES[_NEGATED[char]][1:], at + 1
        if char in _SAME and not (in_class and char in "AbB"):
            return "\\" + char, at + 1
        if char.isascii() and char.isalnum():
            raise InvalidPattern("illegal escape sequence")
        return re.escape(char), at + 1

    def _property(self, at: int, *, in_class: bool) -> tuple[str, int]:
        found = re.match(r"[pP](?:\{([^}]+)\}|([A-Z]))", self.text[at:])
        if not found:
            raise InvalidPattern("unknown property")
        name = found[1] or found[2]
        ranges = property_ranges(name)
        if ranges is None:
            if name.startswith(("Is", "In", "java")) or "=" in name or name in PROPERTIES:
                raise _unsupported(f"\\p{{{name}}}")
            raise InvalidPattern("unknown property")
        negated = self.text[at] == "P"
        if in_class and negated:
            raise _unsupported(f"\\P{{{name}}} in a class")
        end = at + found.end()
        return (ranges if in_class else f"[{'^' if negated else ''}{ranges}]"), end

    def _class(self) -> str:
        """A character class, with Java's unions and intersections as look-aheads."""
        self.at += 1
        negated = self.text.startswith("^", self.at)
        self.at += negated
        operands: list[str] = []
        plain: list[str] = []
        nested: list[str] = []
        while True:
            char = self.text[self.at : self.at + 1]
            if not char:
                raise InvalidPattern("unclosed character class")
            if char == "]" and (plain or nested or operands):
                self.at += 1
                break
            if self.text.startswith("&&", self.at):
                self.at += 2
                operands.append(_union(plain, nested))
                plain, nested = [], []
            elif char == "[":
                nested.append(self._class())
            elif char == "\\":
                self._class_escape(plain)
            else:
                plain.append("\\" + char if char in "[]^&~|\\" else char)
                self.at += 1
        if plain or nested or not operands:
            operands.append(_union(plain, nested))
        if len(operands) == 1 and not nested:
            return f"[{'^' if negated else ''}{''.join(plain)}]"
        *ahead, last = operands
        whole = "(?:" + "".join(f"(?={part})" for part in ahead) + last + ")"
        return f"(?:(?!{whole})(?s:.))" if negated else whole

    def _class_escape(self, plain: list[str]) -> None:
        if self.text.startswith("\\Q", self.at):
            end = self.text.find("\\E", self.at)
            end = len(self.text) if end < 0 else end
            plain += [re.escape(c) for c in self.text[self.at + 2 : end]]
            self.at = min(end + 2, len(self.text))
            return
        inside, self.at = self._escaped(self.at, in_class=True)
        plain.append(inside)


def _union(plain: list[str], nested: list[str]) -> str:
    parts = ([f"[{''.join(plain)}]"] if plain else []) + nested
    if not parts:
        raise InvalidPattern("empty operand of &&")
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


@lru_cache(maxsize=1024)
def compiled_regex(pattern: str) -> re.Pattern[str] | None:
    r"""The compiled Java pattern, or None where it is no pattern.

    Raises:
        DataError: It is a pattern in Java that cannot be said here.

    Examples:
        >>> compiled_regex(r"[a-z&&[^x]]\Q.\E").search("x.y.")[0]
        'y.'
        >>> compiled_regex("[") is None
        True
    """
    translator = _Translator(pattern)
    try:
        text = translator.run()
        return re.compile(text, re.NOFLAG if translator.unicode else re.ASCII)
    except (InvalidPattern, OverflowError):
        return None
    except re.error as error:
        if "look-behind" in str(error):
            raise _unsupported("look-behind of variable width") from error
        return None
