"""JSON functions over a subset of SQL/JSON paths.

A path is `$` with steps `.key`, `['key']`, `[n]`, `[*]`, `.*`, after an optional `lax` or `strict`.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from penstock.functions.registry import map_rows, rowwise, scalar
from penstock.types import BOOLEAN, STRING, DataType, TypeRoot

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame

R = TypeRoot
_STEP = re.compile(r"""\.\*|\.([\w$-]+|"[^"]*")|\[\s*(\d+|\*|'[^']*'|"[^"]*")\s*\]""")
MISSING = object()
BAD = object()


@lru_cache(maxsize=1024)
def parse_path(text: str) -> tuple[str, tuple[str | int, ...]] | None:
    """Mode and steps of a path; `*` stands for all elements. None where it is no path.

    Examples:
        >>> parse_path("$.a[0]['b c']")
        ('lax', ('a', 0, 'b c'))
    """
    text = text.strip()
    mode = "lax"
    for word in ("lax", "strict"):
        if text.startswith(word):
            mode, text = word, text[len(word) :].strip()
    if not text.startswith("$"):
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if not match:
            return None
        name, index = match.groups()
        if name is not None:
            steps.append(name.strip('"'))
        elif index is None or index == "*":
            steps.append("*")
        else:
            steps.append(int(index) if index.isdigit() else index[1:-1])
        position = match.end()
    return mode, tuple(steps)


@lru_cache(maxsize=4096)
def _load(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return BAD


def find(text: str, path: str) -> Any:
    """What is at the path: `MISSING`, `BAD`, a value, or a list for a path with `*`."""
    document, parsed = _load(text), parse_path(path)
    if document is BAD or parsed is None:
        return BAD
    values = [document]
    for step in parsed[1]:
        following: list[Any] = []
        for value in values:
            match step, value:
                case "*", list():
                    following += value
                case "*", dict():
                    following += list(value.values())
                case int(), list() if step < len(value):
                    following.append(value[step])
                case str(), dict() if step in value:
                    following.append(value[step])
        values = following
    if "*" in parsed[1]:
        return values
    if values:
        return values[0]
    return MISSING if parsed[0] == "lax" else BAD


def dump(value: Any) -> str:
    """JSON text without blanks.

    Examples:
        >>> dump({"a": [1, None, "x"]})
        '{"a":[1,null,"x"]}'
    """

    def default(item: Any) -> Any:
        return float(item) if isinstance(item, Decimal) else str(item)

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=default)


def _json_value(text: str, path: str) -> str | None:
    found = find(text, path)
    if found is MISSING or found is BAD or found is None or isinstance(found, dict | list):
        return None
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found)


def _json_query(text: str, path: str) -> str | None:
    found = find(text, path)
    return dump(found) if isinstance(found, dict | list) else None


def _json_exists(text: str, path: str) -> bool:
    found = find(text, path)
    return found is not MISSING and found is not BAD


def _is_json(kind: str) -> Any:
    kinds = {"OBJECT": dict, "ARRAY": list}

    def check(text: str | None) -> bool | None:
        if text is None:
            return None
        found = _load(text)
        if found is BAD:
            return False
        if kind == "SCALAR":
            return not isinstance(found, dict | list)
        return isinstance(found, kinds.get(kind, object))

    return check


for _kind in ("VALUE", "SCALAR", "ARRAY", "OBJECT"):
    scalar(f"IS_JSON_{_kind}", "s", BOOLEAN, operator=True)(rowwise(_is_json(_kind)))
scalar("IS_JSON", "s", BOOLEAN, operator=True)(rowwise(_is_json("VALUE")))
scalar("JSON_VALUE", "s s", STRING, nullable="always")(rowwise(_json_value))
scalar("JSON_QUERY", "s s", STRING, nullable="always")(rowwise(_json_query))
scalar("JSON_EXISTS", "s s", BOOLEAN, nullable="always")(rowwise(_json_exists))
scalar("JSON_QUOTE", "s", STRING)(rowwise(lambda text: json.dumps(text, ensure_ascii=True)))


def _json_unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        found = _load(text)
        return found if isinstance(found, str) else text
    return text


scalar("JSON_UNQUOTE", "s", STRING)(rowwise(_json_unquote))


def jsonable(value: Any, data_type: DataType) -> Any:
    """A Python value of an SQL type as what `json` writes."""
    if value is None:
        return None
    match data_type.root:
        case R.BINARY | R.VARBINARY:
            import base64

            return base64.b64encode(value).decode("ascii")
        case R.ARRAY:
            return [jsonable(item, data_type.children[0]) for item in value]
        case R.MAP:
            return {str(key): jsonable(item, data_type.children[1]) for key, item in value}
        case R.ROW:
            return {f.name: jsonable(value[f.name], f.type) for f in data_type.fields}
    if isinstance(value, datetime.datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="auto")
        return text + ("Z" if data_type.root is R.TIMESTAMP_LTZ else "")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value


def item_text(call: Call, index: int, value: Any) -> str:
    """One value as JSON text; nested JSON constructors are embedded as they are."""
    from penstock.expressions import Call as CallNode

    expr = call.args[index]
    nested = isinstance(expr, CallNode) and expr.function.name in {"JSON_OBJECT", "JSON_ARRAY"}
    if value is not None and nested:
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return dump(jsonable(value, expr.type))


@scalar("JSON_OBJECT", "", STRING, nullable="never")
@scalar("JSON_OBJECT", "s x x*", STRING, nullable="never")
def json_object(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments: key, value, ..; NULL ON NULL."""
    import pyarrow as pa

    def build(*row: Any) -> str:
        pairs = [
            f"{dump(row[i])}:{item_text(call, i + 1, row[i + 1])}"
            for i in range(0, len(row) - 1, 2)
        ]
        return "{" + ",".join(pairs) + "}"

    return map_rows(build, args, frame, pa.string(), strict=False)


@scalar("JSON_ARRAY", "x*", STRING, nullable="never")
def json_array(call: Call, args: list[Any], frame: Frame) -> Any:
    """ABSENT ON NULL."""
    import pyarrow as pa

    def build(*row: Any) -> str:
        items = [item_text(call, i, value) for i, value in enumerate(row) if value is not None]
        return f"[{','.join(items)}]"

    return map_rows(build, args, frame, pa.string(), strict=False)


@scalar("JSON_STRING", "x", STRING)
def json_string(call: Call, args: list[Any], frame: Frame) -> Any:
    """Any value as JSON text; NULL of NULL."""
    import pyarrow as pa

    return map_rows(lambda value: item_text(call, 0, value), args, frame, pa.string())
