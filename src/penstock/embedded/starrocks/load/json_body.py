"""JSON bodies to columns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa

from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from penstock.embedded.starrocks.load.options import LoadOptions
    from penstock.embedded.starrocks.load.rejects import Rejects

_OBJECT_INSTEAD = (
    "The value is array type in json document stream, you can set strip_outer_array=true to parse "
    "each element of the array as individual rows"
)
_ARRAY_INSTEAD = "The value should be array type in strip_outer_array=true, but it is object type"


def read_objects(body: bytes, options: LoadOptions, rejects: Rejects) -> list[dict[str, Any]]:
    """The objects of a body, one a row.

    Raises:
        ServerError: The body is not JSON, or not of the announced form.
    """
    documents = _documents(body)
    if options.json_root:
        path = json_path(options.json_root)
        documents = [follow(document, path) for document in documents]
    found: list[Any] = []
    for document in documents:
        if options.strip_outer_array:
            if not isinstance(document, list):
                raise ServerError(_ARRAY_INSTEAD)
            found += document
        elif isinstance(document, list):
            raise ServerError(_OBJECT_INSTEAD)
        else:
            found.append(document)
    for item in found:
        if not isinstance(item, dict):
            text = json.dumps(item, ensure_ascii=False)[:200]
            rejects.add(
                "Failed to parse Json Document row. error: the value is not an object", text
            )
    return [item for item in found if isinstance(item, dict)]


def _documents(body: bytes) -> list[Any]:
    """One document, or one after another with blanks or line feeds between."""
    try:
        text = body.decode().strip()
    except UnicodeDecodeError as error:
        raise ServerError(f"Failed to parse json as document: invalid UTF-8: {error}") from error
    found: list[Any] = []
    decoder = json.JSONDecoder(parse_float=JsonNumber, parse_constant=_no_constant)
    place = 0
    try:
        while place < len(text):
            item, place = decoder.raw_decode(text, place)
            found.append(item)
            while place < len(text) and text[place] in " \r\n\t,":
                place += 1
    except (ValueError, RecursionError) as error:
        raise ServerError(f"Failed to parse json as document: {error}") from error
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_columns(
    objects: Sequence[dict[str, Any]],
    types: Mapping[str, pa.DataType],
    options: LoadOptions,
    json_names: Collection[str] = (),
) -> dict[str, pa.Array]:
    """The source fields of the objects: in the wanted types where that is possible, else text.

    Fields of JSON columns, `json_names`, are JSON: a string there is a JSON string.
    """
    paths = [json_path(path) for path in options.jsonpaths]
    result = {}
    for place, (name, kind) in enumerate(types.items()):
        if paths:
            path = paths[place] if place < len(paths) else None
            values = [None if path is None else follow(item, path) for item in objects]
        else:
            values = [item.get(name) for item in objects]
        if name in json_names:
            values = [json.dumps(v) if isinstance(v, str) else v for v in values]
        result[name] = _json_array(values, kind)
    return result


class JsonNumber(float):
    """A JSON number with a fraction that remembers its digits."""

    text: str

    def __new__(cls, text: str) -> JsonNumber:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, JsonNumber):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json_text(value)


def json_text(value: Any, blank: str = "") -> str:
    """A value as JSON with `blank` behind commas and colons; numbers keep their digits."""
    if isinstance(value, JsonNumber):
        return value.text
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}:{blank}{json_text(part, blank)}"
            for key, part in value.items()
        ]
        return "{" + f",{blank}".join(parts) + "}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(json_text(part, blank) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _json_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if is_number or pa.types.is_string(kind):
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.array([_text(value) for value in values], pa.string())


_STEP = re.compile(r"\.([^.\[\]\"']+)|\.\"([^\"]*)\"|\[(\d+)\]|\[\s*['\"]([^\]]*?)['\"]\s*\]")


def json_path(text: str) -> list[str | int]:
    """Names and indexes of a JSON path such as `$.a.b[0]`.

    Raises:
        ServerError: It is no path of names and indexes.

    Examples:
        >>> json_path("$.a['b c'][0]"), json_path("$")
        (['a', 'b c', 0], [])
    """
    text = text.strip()
    at = 1
    steps: list[str | int] = []
    while text.startswith("$") and at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            break
        name = next((part for part in (found[1], found[2], found[4]) if part is not None), None)
        steps.append(int(found[3]) if name is None else name)
        at = found.end()
    if not text.startswith("$") or at < len(text):
        raise ServerError(f"Invalid json path: {text}")
    return steps


def follow(item: Any, path: Sequence[str | int]) -> Any:
    """What the path leads to; None if there is nothing."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(item, list) or step >= len(item):
                return None
            item = item[step]
        elif isinstance(item, dict):
            item = item.get(step)
        else:
            return None
    return item
