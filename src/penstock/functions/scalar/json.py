"""JSON functions without clauses, and the texts of values in JSON."""

from __future__ import annotations

import base64
import datetime
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.errors import DataError
from penstock.expressions import Call as CallNode
from penstock.functions.json_path import JsonError, dump_json, load_json, quote
from penstock.functions.registry import map_rows, rowwise, scalar
from penstock.functions.text import java_float, whole_characters
from penstock.types import BOOLEAN, STRING, DataType, TypeRoot
from penstock.types import coercion as co

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr, Frame

R = TypeRoot


def _is_json(kind: str) -> Any:
    kinds = {"OBJECT": dict, "ARRAY": list}

    def check(text: str | None) -> bool:
        try:
            found = load_json(text) if text is not None else JsonError
        except JsonError:
            return False
        if found is JsonError:
            return False
        if kind == "SCALAR":
            return not isinstance(found, dict | list)
        return isinstance(found, kinds.get(kind, object))

    return rowwise(check, strict=False)


for _kind in ("VALUE", "SCALAR", "ARRAY", "OBJECT"):
    scalar(f"IS_JSON_{_kind}", "s", BOOLEAN, nullable="never", operator=True)(_is_json(_kind))
scalar("IS_JSON", "s", BOOLEAN, nullable="never", operator=True)(_is_json("VALUE"))
_QUOTED = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n"}
_QUOTED |= {"\r": "\\r", "\t": "\\t"}


def _json_quote(text: str) -> str:
    """Escapes more than JSON asks, slashes and what is not ASCII, and leaves other controls."""
    out = [_QUOTED.get(c) or (c if c < "\x80" else _units(c)) for c in text]
    return f'"{"".join(out)}"'


def _units(char: str) -> str:
    raw = char.encode("utf-16-be").hex()
    return "".join(f"\\u{raw[i : i + 4]}" for i in range(0, len(raw), 4))


scalar("JSON_QUOTE", "s", STRING)(rowwise(_json_quote))
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|$)", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


def _json_unquote(text: str) -> str:
    """What stands between quotes, unescaped, where the text begins with valid JSON."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        load_json(text)
        plain = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _LETTERS[m[2]], text[1:-1])
    except (JsonError, KeyError):
        return text
    return whole_characters(plain)


scalar("JSON_UNQUOTE", "s", STRING)(rowwise(_json_unquote))

_WRITABLE = {
    *(R.BOOLEAN, R.NULL, *co.NUMERIC, *co.STRINGS, *co.BINARIES, *co.TIMESTAMPS, *co.CONSTRUCTED)
}


def _writable(data_type: DataType) -> bool:
    parts = (*data_type.children, *(field.type for field in data_type.fields))
    return data_type.root in _WRITABLE and all(_writable(part) for part in parts)


def json_type(start: int, step: int) -> Any:
    """Type rule: STRING, where JSON can say every value."""

    def rule(args: list[Expr]) -> DataType | None:
        return STRING if all(_writable(arg.type) for arg in args[start::step]) else None

    return rule


def jsonable(value: Any, data_type: DataType) -> Any:
    """A Python value of an SQL type as `dump_json` writes it."""
    if value is None:
        return None
    match data_type.root:
        case R.BINARY | R.VARBINARY:
            return base64.b64encode(value).decode("ascii")
        case R.ARRAY:
            return [jsonable(item, data_type.children[0]) for item in value]
        case R.MAP:
            return {str(key): jsonable(item, data_type.children[1]) for key, item in value}
        case R.MULTISET:
            return {str(key): item for key, item in value}
        case R.ROW:
            return {f.name: jsonable(value[f.name], f.type) for f in data_type.fields}
        case R.FLOAT | R.DOUBLE:
            return Decimal(java_float(value))
    if isinstance(value, datetime.datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        text = text.rstrip("0").rstrip(".") if value.microsecond else text[:19]
        return text + ("Z" if data_type.root is R.TIMESTAMP_LTZ else "")
    return value


_EMBEDDED = {"JSON_OBJECT", "JSON_ARRAY", "JSON"}


def item_text(call: Call, index: int, value: Any) -> str:
    """One value as JSON text; nested JSON constructors are embedded as they are."""
    expr = call.args[index]
    if value is not None and isinstance(expr, CallNode) and expr.function.name in _EMBEDDED:
        return str(value)
    return dump_json(jsonable(value, expr.type), ordered=True)


def object_text(members: dict[str, str]) -> str:
    """A JSON object of texts, in the order of its keys, as Flink writes it."""
    return "{" + ",".join(f"{quote(key)}:{members[key]}" for key in sorted(members)) + "}"


@scalar("JSON_OBJECT", "", STRING, nullable="never")
@scalar("JSON_OBJECT", "s x x*", json_type(1, 2), nullable="never")
def json_object(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments: key, value, ..; NULL ON NULL."""

    def build(*row: Any) -> str:
        return object_text(
            {row[i]: item_text(call, i + 1, row[i + 1]) for i in range(0, len(row) - 1, 2)}
        )

    return map_rows(build, args, frame, pa.string(), strict=False)


@scalar("JSON_ARRAY", "x*", json_type(0, 1), nullable="never")
def json_array(call: Call, args: list[Any], frame: Frame) -> Any:
    """ABSENT ON NULL."""

    def build(*row: Any) -> str:
        items = [item_text(call, i, value) for i, value in enumerate(row) if value is not None]
        return f"[{','.join(items)}]"

    return map_rows(build, args, frame, pa.string(), strict=False)


@scalar("JSON_STRING", "x", json_type(0, 1))
def json_string(call: Call, args: list[Any], frame: Frame) -> Any:
    """Any value as JSON text; NULL of NULL."""
    return map_rows(lambda value: item_text(call, 0, value), args, frame, pa.string())


def _raw(text: str) -> str:
    try:
        return dump_json(load_json(text), ordered=True)
    except JsonError as error:
        raise DataError(
            "JSON() met a text that is no JSON", code="json", detail=str(error)
        ) from error


scalar("JSON", "s", STRING, may_fail=True, operator=True)(rowwise(_raw))
