"""String functions without patterns; those with are in `regexp` and `like`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import DataError, ValidationError
from penstock.expressions import Literal, broadcast
from penstock.functions.cast import cast_array, fit_string
from penstock.functions.java_format import format_java_text
from penstock.functions.registry import map_rows, rowwise, same, scalar
from penstock.types import ARRAY, BOOLEAN, CHAR, INT, STRING, VARCHAR, DataType, TypeRoot
from penstock.types import coercion as co
from penstock.types.data_type import STRING_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Expr, Frame


def length_of(*indexes: int) -> Callable[[list[Expr]], DataType]:
    """Type rule: VARCHAR as long as some arguments together."""
    return lambda args: VARCHAR(
        min(sum(args[index].type.length or STRING_LENGTH for index in indexes), STRING_LENGTH)
    )


def constants(call: Call, start: int = 1) -> list[Any] | None:
    """The values of the arguments from `start` on, where all are literals other than NULL."""
    found = [arg.value for arg in call.args[start:] if isinstance(arg, Literal)]
    return found if len(found) == len(call.args) - start and None not in found else None


def is_ascii(value: Any) -> bool:
    """Whether every string of an array or scalar is ASCII."""
    found = pc.string_is_ascii(value)
    whole = found if isinstance(found, pa.Scalar) else pc.all(found)
    return whole.as_py() is not False


# ---- joining


def _joined_type(args: list[Expr]) -> DataType:
    length = min(sum(arg.type.length or STRING_LENGTH for arg in args), STRING_LENGTH)
    fixed = all(arg.type.root is TypeRoot.CHAR for arg in args)
    return CHAR(length) if fixed else VARCHAR(length)


@scalar("||", "s s", _joined_type, operator=True)
@scalar("CONCAT", "s s*", STRING)
def concat(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """NULL if any argument is NULL."""
    return pc.binary_join_element_wise(*args, "")


@scalar("CONCAT_WS", "s s*", STRING)
def concat_ws(call: Call, args: list[Any], frame: Frame) -> Any:
    """Skips NULL arguments; NULL if the separator is."""
    separator = args[0]
    if not isinstance(separator, pa.Scalar) or separator.as_py() is None:
        return map_rows(
            lambda sep, *parts: (
                None if sep is None else sep.join(p for p in parts if p is not None)
            ),
            args,
            frame,
            pa.string(),
            strict=False,
        )
    # Arrow's own null_handling="skip" loses the rows in which all is NULL.
    parts = [pc.coalesce(pc.binary_join_element_wise(separator, part, ""), "") for part in args[1:]]
    del call
    return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*parts, ""), len(separator.as_py()))


# ---- case and length


@scalar("CHAR_LENGTH CHARACTER_LENGTH", "s", INT)
def char_length(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Code points."""
    return pc.utf8_length(args[0])


@scalar("UPPER LOWER", "s", same())
def upper(call: Call, args: list[Any], frame: Frame) -> Any:
    """Keeps the declared length, so that a letter that becomes two may push out the last."""
    is_upper = call.function.name == "UPPER"
    if is_ascii(args[0]):
        return (pc.ascii_upper if is_upper else pc.ascii_lower)(args[0])
    found = rowwise(str.upper if is_upper else str.lower)(call, args, frame)
    return fit_string(found, call.type)


_WORD = re.compile("[A-Za-z0-9]+")


def _initcap(text: str) -> str:
    return _WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), text)


scalar("INITCAP", "s", same())(rowwise(_initcap))


# ---- parts


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


@scalar("SUBSTRING SUBSTR", "s i i?", length_of(0), nullable="always")
def substring_kernel(call: Call, args: list[Any], frame: Frame) -> Any:
    """By an Arrow kernel where start and length are positive constants."""
    bounds = constants(call)
    if bounds is not None and all(bound >= 0 for bound in bounds):
        begin = max(bounds[0] - 1, 0)
        stop = begin + bounds[1] if len(bounds) > 1 else None
        return pc.utf8_slice_codeunits(args[0], begin, stop)
    return rowwise(substring)(call, args, frame)


@scalar("LEFT RIGHT", "s i", length_of(0), nullable="always")
def left(call: Call, args: list[Any], frame: Frame) -> Any:
    """Nothing of a negative length."""
    from_left = call.function.name == "LEFT"
    count = constants(call)
    if count is not None and count[0] > 0:
        if from_left:
            return pc.utf8_slice_codeunits(args[0], 0, count[0])
        return pc.utf8_slice_codeunits(args[0], -count[0])

    def part(text: str, n: int) -> str:
        return (text[:n] if from_left else text[-n:]) if n > 0 else ""

    return rowwise(part)(call, args, frame)


_SIDES = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}
_TRIMMERS = {"LTRIM": pc.utf8_ltrim, "RTRIM": pc.utf8_rtrim}
_STRIPPERS = {"LTRIM": str.lstrip, "RTRIM": str.rstrip}


def _trimmed(name: str, text: Any, chars: Any, frame: Frame) -> Any:
    if isinstance(chars, pa.Scalar) and chars.as_py():
        return _TRIMMERS.get(name, pc.utf8_trim)(text, characters=chars.as_py())
    return map_rows(_STRIPPERS.get(name, str.strip), [text, chars], frame, pa.string())


_BLANK = pa.scalar(" ")


@scalar("TRIM LTRIM RTRIM", "s", length_of(0))
@scalar("BTRIM", "s", STRING)
def trim_blanks(call: Call, args: list[Any], frame: Frame) -> Any:
    """Blanks only, no other white space."""
    return _trimmed(call.function.name, args[0], _BLANK, frame)


@scalar("LTRIM RTRIM", "s s", length_of(0))
@scalar("BTRIM", "s s", STRING)
def trim_chars(call: Call, args: list[Any], frame: Frame) -> Any:
    """Every character of the second argument."""
    return _trimmed(call.function.name, args[0], args[1], frame)


@scalar("TRIM", "s s s", length_of(2))
def trim(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments: BOTH, LEADING or TRAILING; the characters; the text."""
    side = call.args[0]
    assert isinstance(side, Literal)
    return _trimmed(_SIDES.get(side.value, "TRIM"), args[2], args[1], frame)


@scalar("REVERSE", "s", STRING, nullable="always")
def reverse(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """By code points."""
    return pc.utf8_reverse(args[0])


# ---- replacing


@scalar("REPLACE", "s s s", STRING)
def replace(call: Call, args: list[Any], frame: Frame) -> Any:
    """An empty search text stands between all characters."""
    found = constants(call)
    if found is not None and found[0]:
        return pc.replace_substring(args[0], found[0], found[1])
    return rowwise(str.replace)(call, args, frame)


def _translate(text: str, source: str | None, target: str | None) -> str:
    table: dict[int, str | None] = {}
    target = target or ""
    for i, char in enumerate(source or ""):
        table.setdefault(ord(char), target[i] if i < len(target) else None)
    return text.translate(table)


@scalar(
    "TRANSLATE",
    "s s s",
    lambda args: STRING.with_nullable(args[0].type.nullable),
    nullable="rule",
)
def translate(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL in place of a character list stands for an empty one."""
    del call
    return map_rows(
        lambda text, *lists: None if text is None else _translate(text, *lists),
        args,
        frame,
        pa.string(),
        strict=False,
    )


def _overlay(text: str, new: str, start: int, length: int | None = None) -> str:
    size = len(new) if length is None else length
    if start <= 0 or start > len(text):
        return text
    rest = text[start - 1 + size :] if size > 0 else ""
    return text[: start - 1] + new + rest


scalar("OVERLAY", "s s i i?", length_of(0, 1))(rowwise(_overlay))


# ---- places


def _located(part: Any, text: Any, frame: Frame) -> Any:
    if isinstance(part, pa.Scalar) and part.as_py() and is_ascii(text):
        return pc.add(pc.find_substring(text, part.as_py()), pa.scalar(1, pa.int32()))
    return map_rows(lambda p, t: t.find(p) + 1, [part, text], frame, pa.int32())


@scalar("POSITION LOCATE", "s s", INT)
def position(call: Call, args: list[Any], frame: Frame) -> Any:
    """From 1; 0 where it is not found."""
    del call
    return _located(args[0], args[1], frame)


@scalar("INSTR", "s s", INT)
def instr(call: Call, args: list[Any], frame: Frame) -> Any:
    """As POSITION, the text first."""
    del call
    return _located(args[1], args[0], frame)


def _instr(text: str, part: str, start: int, nth: int = 1) -> int:
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


scalar("INSTR", "s s i i?", INT)(rowwise(_instr))
scalar("LOCATE", "s s i", INT)(
    rowwise(lambda part, text, start: text.find(part, max(start - 1, 0)) + 1)
)


@scalar("STARTSWITH ENDSWITH", "s s", BOOLEAN)
@scalar("STARTSWITH ENDSWITH", "y y", BOOLEAN)
def starts_with(call: Call, args: list[Any], frame: Frame) -> Any:
    """Strings or binaries."""
    first = call.function.name == "STARTSWITH"
    if isinstance(args[1], pa.Scalar) and args[1].as_py() is not None:
        return (pc.starts_with if first else pc.ends_with)(args[0], args[1].as_py())

    def check(text: Any, part: Any) -> bool:
        return bool(text.startswith(part) if first else text.endswith(part))

    return rowwise(check)(call, args, frame)


# ---- padding


def _pad(*, left: bool) -> Any:
    def pad(text: str, size: int, fill: str) -> str | None:
        if size < 0 or not fill:
            return None
        missing = size - len(text)
        if missing <= 0:
            return text[:size]
        filler = (fill * missing)[:missing]
        return filler + text if left else text + filler

    return pad


@scalar("LPAD RPAD", "s i s", STRING)
def pad_text(call: Call, args: list[Any], frame: Frame) -> Any:
    """Cuts what is longer; NULL of a negative length or without a text to pad with."""
    left_side = call.function.name == "LPAD"
    found = constants(call)
    if found is not None and found[0] >= 0 and len(found[1]) == 1:
        cut = pc.utf8_slice_codeunits(args[0], 0, found[0])
        return (pc.utf8_lpad if left_side else pc.utf8_rpad)(cut, found[0], found[1])
    return rowwise(_pad(left=left_side))(call, args, frame)


def _repeat(text: str, count: int) -> str:
    if len(text) * count > STRING_LENGTH:
        raise DataError("text of REPEAT is too long", code="argument")
    return text * max(count, 0)


scalar("REPEAT", "s i", STRING)(rowwise(_repeat))


# ---- lists


def _split_index(text: str, delimiter: str | int, index: int) -> str | None:
    if isinstance(delimiter, int) and not 0 < delimiter < 256:
        return None
    separator = chr(delimiter) if isinstance(delimiter, int) else delimiter
    parts = text.split(separator) if separator else [text]
    return parts[index] if text and 0 <= index < len(parts) else None


@scalar("SPLIT_INDEX", "s si i", STRING, nullable="always")
def split_index(call: Call, args: list[Any], frame: Frame) -> Any:
    """From 0; NULL where there is none; the delimiter is a text or a character's code."""
    found = constants(call)
    if found is None or not found[0] or not isinstance(found[0], str) or found[1] < 0:
        return rowwise(_split_index)(call, args, frame)
    text = broadcast(args[0], frame.rows)
    lists = pc.split_pattern(text, found[0])
    inside = pc.and_(
        pc.greater(pc.list_value_length(lists), found[1]), pc.greater(pc.binary_length(text), 0)
    )
    places = pc.add(lists.offsets[:-1], found[1])
    return lists.values.take(pc.if_else(inside, places, pa.scalar(None, places.type)))


scalar("SPLIT", "s s", lambda args: ARRAY(STRING))(  # noqa: ARG005
    rowwise(lambda text, d: (text.split(d) if d else list(text)) if text else [])
)


def _elt_type(args: list[Expr]) -> DataType | None:
    index = args[0]
    if isinstance(index, Literal) and index.value is not None and index.value < 0:
        raise ValidationError("index of ELT must not be negative", code="argument-types")
    return co.common_type([arg.type for arg in args[1:]])


scalar("ELT", "i sy sy*", _elt_type, nullable="always")(
    rowwise(
        lambda index, *items: (
            None if index is None or not 1 <= index <= len(items) else items[index - 1]
        ),
        strict=False,
    )
)


@scalar("PRINTF", "s x*", STRING, nullable="always")
def printf(call: Call, args: list[Any], frame: Frame) -> Any:
    """Java's String.format; NULL where format and values do not go together."""
    types = [arg.type for arg in call.args[1:]]
    return map_rows(
        lambda form, *values: None if form is None else format_java_text(form, values, types),
        args,
        frame,
        pa.string(),
        strict=False,
    )


# ---- characters


def _ascii(text: str) -> int:
    first = text.encode()[0] if text else 0
    return first - 256 if first > 127 else first


scalar("ASCII", "s", INT)(rowwise(_ascii))
scalar("CHR", "i", STRING, nullable="always")(rowwise(lambda n: "" if n < 0 else chr(n % 256)))
_DECIMAL_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_KINDS: dict[str, Callable[[str], bool]] = {
    "IS_ALPHA": str.isalpha,
    "IS_DIGIT": str.isdecimal,
    "IS_DECIMAL": lambda text: _DECIMAL_TEXT.fullmatch(text) is not None,
}


@scalar("IS_ALPHA IS_DIGIT IS_DECIMAL", "x", BOOLEAN, nullable="never")
def is_kind(call: Call, args: list[Any], frame: Frame) -> Any:
    """Of the value's text; false of NULL and of an empty text."""
    check = _KINDS[call.function.name]
    text = cast_array(broadcast(args[0], frame.rows), call.args[0].type, STRING, frame.context)
    return map_rows(lambda t: bool(t) and check(t), [text], frame, pa.bool_(), strict=False)


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
