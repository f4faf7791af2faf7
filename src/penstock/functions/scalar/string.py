"""String functions and LIKE."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError
from penstock.expressions import Literal
from penstock.functions.registry import rowwise, same, scalar
from penstock.types import (
    ARRAY,
    BOOLEAN,
    CHAR,
    INT,
    MAP,
    STRING,
    VARCHAR,
    DataType,
    TypeRoot,
)

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame


def _concat_type(args: list[Expr]) -> DataType | None:
    roots = {arg.type.root for arg in args} - {TypeRoot.NULL}
    binary = {TypeRoot.BINARY, TypeRoot.VARBINARY}
    if roots & binary:
        return DataType(TypeRoot.VARBINARY, length=STRING.length) if roots <= binary else None
    return STRING


@scalar("||", "sy sy", _concat_type, operator=True)
@scalar("CONCAT", "sy sy*", _concat_type)
def concat(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """NULL if any argument is NULL."""
    empty = pa.scalar(b"" if call.type.root is TypeRoot.VARBINARY else "", args[0].type)
    return pc.binary_join_element_wise(*args, empty)


@scalar(
    "CONCAT_WS", "s s*", lambda args: STRING.with_nullable(args[0].type.nullable), nullable="rule"
)
def concat_ws(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Skips NULL arguments; NULL if the separator is."""
    separator, *parts = args
    return pc.binary_join_element_wise(*parts, separator, null_handling="skip")


@scalar("CHAR_LENGTH CHARACTER_LENGTH", "s", INT)
def char_length(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Code points."""
    return pc.utf8_length(args[0])


@scalar("UPPER LOWER", "s", same())
def upper(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Keeps the declared length."""
    return (pc.utf8_upper if call.function.name == "UPPER" else pc.utf8_lower)(args[0])


def _initcap(text: str) -> str:
    return re.sub(r"[^\W_]+", lambda word: word[0][0].upper() + word[0][1:].lower(), text)


scalar("INITCAP", "s", same())(rowwise(_initcap))


def substring(text: str, start: int, length: int | None = None) -> str | None:
    """SUBSTRING as Flink does it.

    Examples:
        >>> substring("hello", 0, 2), substring("hello", -3, 2), substring("a", 5)
        ('he', 'll', '')
        >>> substring("hello", 1, -1) is None
        True
    """
    if length is not None and length < 0:
        return None
    begin = start - 1 if start > 0 else (len(text) + start if start < 0 else 0)
    end = len(text) if length is None else begin + length
    return text[max(begin, 0) : max(end, 0)] if end > 0 else ""


def _substring_type(args: list[Expr]) -> DataType:
    return VARCHAR(args[0].type.length)


@scalar("SUBSTRING SUBSTR", "s i i?", _substring_type, nullable="always")
def substring_kernel(call: Call, args: list[Any], frame: Frame) -> Any:
    """By an Arrow kernel where start and length are positive constants."""
    bounds = [arg.value for arg in call.args[1:] if isinstance(arg, Literal)]
    if len(bounds) == len(args) - 1 and all(b is not None and b >= 0 for b in bounds):
        begin = max(bounds[0] - 1, 0)
        stop = begin + bounds[1] if len(bounds) > 1 else None
        return pc.utf8_slice_codeunits(args[0], begin, stop)
    return rowwise(substring)(call, args, frame)


scalar("LEFT", "s i", STRING)(rowwise(lambda text, n: text[: max(n, 0)]))
scalar("RIGHT", "s i", STRING)(rowwise(lambda text, n: text[-n:] if n > 0 else ""))


def _trim(flag: str, chars: str, text: str) -> str:
    match flag:
        case "LEADING":
            return text.lstrip(chars)
        case "TRAILING":
            return text.rstrip(chars)
    return text.strip(chars)


@scalar("TRIM LTRIM RTRIM BTRIM", "s", lambda args: VARCHAR(args[0].type.length))
def trim_blanks(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Blanks only, no other white space."""
    name = call.function.name
    function = {"LTRIM": pc.utf8_ltrim, "RTRIM": pc.utf8_rtrim}.get(name, pc.utf8_trim)
    return function(args[0], characters=" ")


scalar("TRIM", "s s s", STRING)(rowwise(_trim))
scalar("LTRIM", "s s", STRING)(rowwise(lambda text, chars: text.lstrip(chars)))
scalar("RTRIM", "s s", STRING)(rowwise(lambda text, chars: text.rstrip(chars)))
scalar("BTRIM", "s s", STRING)(rowwise(lambda text, chars: text.strip(chars)))
scalar("REPLACE", "s s s", STRING)(
    rowwise(lambda text, old, new: text.replace(old, new) if old else text)
)


def _translate(text: str, source: str, target: str) -> str:
    table: dict[int, str | None] = {}
    for i, char in enumerate(source):
        table.setdefault(ord(char), target[i] if i < len(target) else None)
    return text.translate(table)


scalar("TRANSLATE", "s s s", STRING)(rowwise(_translate))


def _overlay(text: str, new: str, start: int, length: int | None = None) -> str:
    size = len(new) if length is None else length
    if start <= 0 or start > len(text):
        return text
    rest = text[start - 1 + size :] if size >= 0 else ""
    return text[: start - 1] + new + rest


scalar("OVERLAY", "s s i i?", STRING)(rowwise(_overlay))
scalar("POSITION", "s s", INT)(rowwise(lambda part, text: text.find(part) + 1))


def _instr(text: str, part: str, start: int = 1, nth: int = 1) -> int:
    """A negative start looks backwards from the end; `nth` is the occurrence, overlaps count."""
    if start == 0 or nth < 1:
        return 0
    found = start - 2 if start > 0 else len(text) + start + 1
    for _ in range(nth):
        if start > 0:
            found = text.find(part, found + 1)
        else:
            found = text.rfind(part, 0, max(found - 1 + len(part), 0))
        if found < 0:
            return 0
    return found + 1


scalar("INSTR", "s s i? i?", INT)(rowwise(_instr))
scalar("LOCATE", "s s i?", INT)(
    rowwise(lambda part, text, start=1: text.find(part, max(start - 1, 0)) + 1)
)


def _pad(left: bool) -> Any:  # noqa: FBT001
    def pad(text: str, size: int, fill: str) -> str | None:
        if size < 0 or (not fill and size > len(text)):
            return None
        missing = size - len(text)
        if missing <= 0:
            return text[:size]
        filler = (fill * missing)[:missing]
        return filler + text if left else text + filler

    return pad


scalar("LPAD", "s i s", STRING)(rowwise(_pad(left=True)))
scalar("RPAD", "s i s", STRING)(rowwise(_pad(left=False)))
scalar("REPEAT", "s i", STRING)(rowwise(lambda text, n: text * max(n, 0)))


@scalar("REVERSE", "s", STRING)
def reverse(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """By code points."""
    return pc.utf8_reverse(args[0])


def _split_index(text: str, delimiter: str | int, index: int) -> str | None:
    if isinstance(delimiter, int) and not 0 < delimiter < 256:
        return None
    separator = chr(delimiter) if isinstance(delimiter, int) else delimiter
    parts = text.split(separator) if separator else [text]
    return parts[index] if 0 <= index < len(parts) else None


scalar("SPLIT_INDEX", "s si i", STRING, nullable="always")(rowwise(_split_index))
scalar("SPLIT", "s s", lambda args: ARRAY(STRING.with_nullable(nullable=False)))(  # noqa: ARG005
    rowwise(lambda text, d: text.split(d) if d else list(text))
)
scalar("STARTSWITH", "s s", BOOLEAN)(rowwise(lambda text, part: text.startswith(part)))
scalar("ENDSWITH", "s s", BOOLEAN)(rowwise(lambda text, part: text.endswith(part)))


def _ascii(text: str) -> int:
    first = text.encode()[0] if text else 0
    return first - 256 if first > 127 else first


scalar("ASCII", "s", INT)(rowwise(_ascii))
scalar("CHR", "i", STRING)(rowwise(lambda n: "" if n < 0 else chr(n % 256)))
scalar("IS_ALPHA", "s", BOOLEAN, nullable="never")(
    rowwise(lambda text: bool(text) and text.isalpha(), strict=False)
)
scalar("IS_DIGIT", "s", BOOLEAN, nullable="never")(
    rowwise(lambda text: bool(text) and text.isdigit(), strict=False)
)
_DECIMAL_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
scalar("IS_DECIMAL", "s", BOOLEAN, nullable="never")(
    rowwise(lambda text: bool(text and _DECIMAL_TEXT.fullmatch(text)), strict=False)
)
scalar("ELT", "i s s*", STRING, nullable="always")(
    rowwise(
        lambda index, *items: (
            None if index is None or not 1 <= index <= len(items) else items[index - 1]
        ),
        strict=False,
    )
)


def _str_to_map(text: str, pair: str = ",", mapping: str = "=") -> list[tuple[str, str | None]]:
    found: dict[str, str | None] = {}
    for part in re.split(java_regex(pair), text) if text else []:
        key, *value = re.split(java_regex(mapping), part, maxsplit=1)
        found[key] = value[0] if value else None
    return list(found.items())


scalar("STR_TO_MAP", "s s? s?", MAP(STRING, STRING))(rowwise(_str_to_map))


def java_regex(pattern: str) -> str:
    r"""A Java regular expression as a Python one: named groups, POSIX classes, end of input.

    Examples:
        >>> java_regex(r"(?<a>\p{Alpha}+)\z")
        '(?P<a>[a-zA-Z]+)\\Z'
    """
    pattern = re.sub(r"\(\?<(?![=!])", "(?P<", pattern)
    pattern = re.sub(r"\\k<(\w+)>", r"(?P=\1)", pattern)
    classes = {
        "Alpha": "a-zA-Z",
        "Digit": "0-9",
        "Alnum": "a-zA-Z0-9",
        "Upper": "A-Z",
        "Lower": "a-z",
        "Punct": r"!-/:-@\[-`{-~",
        "Space": r"\s",
        "L": r"^\W\d_",
        "N": r"\d",
        "Lu": "A-Z",
        "Ll": "a-z",
        "IsHan": "\u4e00-\u9fff\u3400-\u4dbf",
    }
    for name, inside in classes.items():
        pattern = pattern.replace(f"\\p{{{name}}}", f"[{inside}]")
    return pattern.replace(r"\z", r"\Z")


@lru_cache(maxsize=1024)
def compiled_regex(pattern: str) -> re.Pattern[str] | None:
    """The compiled Java pattern, or None where it is no pattern."""
    try:
        return re.compile(java_regex(pattern))
    except (re.error, OverflowError):
        return None


def like_regex(pattern: str, escape: str | None = None) -> str:
    """A LIKE pattern as a regular expression; without ESCAPE no character is special but % and _.

    Examples:
        >>> like_regex("a%"), like_regex("10!%", "!")
        ('a.*', '10%')
    """
    out: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if escape and char == escape:
            follower = next(chars, None)
            if follower is None or follower not in {"%", "_", escape}:
                raise DataError(f"LIKE pattern has an invalid escape sequence {escape!r}")
            out.append(re.escape(follower))
        elif char == "%":
            out.append(".*")
        elif char == "_":
            out.append(".")
        else:
            out.append(re.escape(char))
    return "".join(out)


@lru_cache(maxsize=1024)
def _like(pattern: str, escape: str | None) -> re.Pattern[str]:
    return re.compile(like_regex(pattern, escape), re.DOTALL)


@scalar("LIKE", "s s s?", BOOLEAN, operator=True)
def like(call: Call, args: list[Any], frame: Frame) -> Any:
    """Case-sensitive; no escape character unless one is given."""
    plain = isinstance(call.args[1], Literal) and len(args) == 2
    pattern = call.args[1].value if isinstance(call.args[1], Literal) else None
    if plain and pattern is not None and "\\" not in pattern:
        return pc.match_like(args[0], pattern)
    return rowwise(lambda text, p, e=None: _like(p, e).fullmatch(text) is not None)(
        call, args, frame
    )


@lru_cache(maxsize=1024)
def _similar(pattern: str, escape: str | None) -> re.Pattern[str]:
    out: list[str] = []
    inside = False
    chars = iter(pattern)
    for char in chars:
        if escape and char == escape:
            out.append(re.escape(next(chars, "")))
        elif char == "[" or (char == "]" and inside):
            inside = char == "["
            out.append(char)
        elif inside:
            out.append(char)
        elif char in "%_":
            out.append(".*" if char == "%" else ".")
        elif char in "^$\\":
            out.append(re.escape(char))
        else:
            out.append(char)
    text = re.sub(
        r"\[:(\w+):\]",
        lambda m: {"ALPHA": "a-zA-Z", "DIGIT": "0-9"}.get(m[1].upper(), "a-zA-Z0-9"),
        "".join(out),
    )
    return re.compile(text, re.DOTALL)


scalar("SIMILAR_TO", "s s s?", BOOLEAN, operator=True)(
    rowwise(lambda text, p, e=None: _similar(p, e).fullmatch(text) is not None)
)


def _regexp(text: str, pattern: str) -> bool:
    if not pattern:
        return False
    found = compiled_regex(pattern)
    return found is not None and found.search(text) is not None


def _regexp_replace(text: str, pattern: str, new: str) -> str | None:
    found = compiled_regex(pattern)
    return None if found is None else found.sub(lambda _: new, text)


def _regexp_extract(text: str, pattern: str, group: int = 0) -> str | None:
    found = compiled_regex(pattern)
    match = found.search(text) if found else None
    if match is None or not 0 <= group <= match.re.groups:
        return None
    return match[group]


def _regexp_extract_all(text: str, pattern: str, group: int = 1) -> list[str | None] | None:
    found = compiled_regex(pattern)
    if found is None or not 0 <= group <= found.groups:
        return None
    return [match[group] for match in found.finditer(text)]


def _regexp_find(text: str, pattern: str) -> re.Match[str] | None:
    found = compiled_regex(pattern)
    return found.search(text) if found else None


def _regexp_instr(text: str, pattern: str) -> int | None:
    if compiled_regex(pattern) is None:
        return None
    match = _regexp_find(text, pattern)
    return match.start() + 1 if match else 0


def _regexp_count(text: str, pattern: str) -> int | None:
    found = compiled_regex(pattern)
    return None if found is None else sum(1 for _ in found.finditer(text))


def _regexp_substr(text: str, pattern: str) -> str | None:
    match = _regexp_find(text, pattern)
    return match[0] if match else None


scalar("REGEXP", "s s", BOOLEAN)(rowwise(_regexp))
scalar("REGEXP_REPLACE", "s s s", STRING, nullable="always")(rowwise(_regexp_replace))
scalar("REGEXP_EXTRACT", "s s i?", STRING, nullable="always")(rowwise(_regexp_extract))
scalar("REGEXP_EXTRACT_ALL", "s s i?", ARRAY(STRING), nullable="always")(
    rowwise(_regexp_extract_all)
)
scalar("REGEXP_COUNT", "s s", INT, nullable="always")(rowwise(_regexp_count))
scalar("REGEXP_INSTR", "s s", INT, nullable="always")(rowwise(_regexp_instr))
scalar("REGEXP_SUBSTR", "s s", STRING, nullable="always")(rowwise(_regexp_substr))


def _hash_code(text: str) -> int:
    """Java's String.hashCode, over UTF-16 units."""
    units = text.encode("utf-16-be")
    found = 0
    for i in range(0, len(units), 2):
        found = (found * 31 + int.from_bytes(units[i : i + 2], "big")) & 0xFFFFFFFF
    return found - (1 << 32) if found >> 31 else found


scalar("HASH_CODE", "s", INT)(rowwise(_hash_code))

UUID_TYPE = CHAR(36).with_nullable(nullable=False)


@scalar("UUID", "", UUID_TYPE, nullable="never", deterministic=False)
def uuid(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """A new random one for each row."""
    from uuid import uuid4

    return pa.array([str(uuid4()) for _ in range(frame.rows)], pa.string())
