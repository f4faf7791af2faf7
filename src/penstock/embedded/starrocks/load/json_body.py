"""JSON bodies to columns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from penstock.embedded.starrocks.load.options import LoadOptions
    from penstock.embedded.starrocks.load.rejects import Rejects


def read_objects(body: bytes, options: LoadOptions, rejects: Rejects) -> list[dict[str, Any]]:
    """The objects of a body, one a row."""
    try:
        text = body.decode().strip()
        found: list[Any] = []
        if text.startswith("["):
            data = json.loads(text, parse_float=_Number)
            if not options.strip_outer_array:
                raise ServerError(
                    "The value is array type in json document stream, you can set "
                    "strip_outer_array=true to parse each element of the array as "
                    "individual rows"
                )
            found = data
        else:
            decoder = json.JSONDecoder(parse_float=_Number)
            place = 0
            while place < len(text):
                item, place = decoder.raw_decode(text, place)
                found.append(item)
                while place < len(text) and text[place] in " \r\n\t,":
                    place += 1
    except ValueError as error:
        raise ServerError(f"Failed to parse json: {error}") from error
    if options.json_root:
        path = _path(options.json_root)
        found = [_follow(item, path) for item in found]
        if options.strip_outer_array:
            flat: list[Any] = []
            for item in found:
                flat.extend(item if isinstance(item, list) else [item])
            found = flat
    for item in found:
        if not isinstance(item, dict):
            rejects.add("the value of a row is not a JSON object", json.dumps(item)[:200])
    return [item for item in found if isinstance(item, dict)]


def json_columns(
    objects: Sequence[dict[str, Any]],
    types: Mapping[str, pa.DataType],
    options: LoadOptions,
    json_names: Collection[str] = (),
) -> dict[str, pa.Array]:
    """The source fields of the objects: in the wanted types where that is possible, else text.

    Fields of JSON columns, `json_names`, are JSON: a string there is a JSON string.
    """
    paths = options.jsonpaths
    result = {}
    for place, (name, kind) in enumerate(types.items()):
        if paths:
            path = _path(paths[place]) if place < len(paths) else ["\0"]
            values = [_follow(item, path) for item in objects]
        else:
            values = [item.get(name) for item in objects]
        if name in json_names:
            values = [json.dumps(v) if isinstance(v, str) else v for v in values]
        result[name] = _json_array(values, kind)
    return result


class _Number(float):
    """A JSON number with a fraction that remembers its digits."""

    text: str

    def __new__(cls, text: str) -> _Number:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, _Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind):
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.array([_text(value) for value in values], pa.string())


def _path(text: str) -> list[str]:
    """Names and indexes of a JSON path such as `$.a.b[0]`."""
    return [a or b for a, b in re.findall(r"\[\"?'?([^\]\"']+)'?\"?\]|\.([^.\[]+)", text)]


def _follow(item: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(item, dict):
            item = item.get(step)
        elif isinstance(item, list) and step.isdigit() and int(step) < len(item):
            item = item[int(step)]
        else:
            return None
    return item
