"""JSON texts and paths as Flink reads them.

Flink's paths are those of the Jayway library behind a mode: `lax` forgives what is missing,
`strict`, also where no mode is written, does not. A path gives one value, or a list where it has a
wildcard, a deep scan, a slice or a union.

Source: Flink 2.2, SqlJsonUtils and Calcite's JsonFunctions; observed on 2.2.1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from penstock.errors import DataError
from penstock.functions.text import whole_characters

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE = re.compile(r"\s*(strict|lax)\s+(.+)$", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[^\s.\[\]()]+")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""")
_SLICE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*$")
_DIGITS = re.compile(r"\s*-?\d+\s*$")


class JsonError(ValueError):
    """The text is no JSON, the path is none, or a strict path finds nothing."""


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


@lru_cache(maxsize=4096)
def load_json(text: str) -> Any:
    """The first value of a text; what follows it is not looked at, as Jackson does.

    Raises:
        JsonError: No value begins there.
    """
    try:
        found = _DECODER.raw_decode(text.strip(" \t\r\n"))[0]
    except (ValueError, RecursionError) as error:
        raise JsonError(f"the text is no JSON: {error}") from error
    return _mended(found) if _HALVES.search(text) else found


_HALVES = re.compile(r"\\u[dD][89a-fA-F]")


def _mended(value: Any) -> Any:
    match value:
        case str():
            return whole_characters(value)
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {whole_characters(key): _mended(item) for key, item in value.items()}
    return value


_CONTROL = re.compile(r"\\u00[01][0-9a-f]")


def quote(text: str) -> str:
    """A JSON string, with no more escaped than need be."""
    return _CONTROL.sub(lambda m: m[0][:2] + m[0][2:].upper(), json.dumps(text, ensure_ascii=False))


def dump_json(value: Any, *, ordered: bool = False) -> str:
    """JSON text without blanks; `ordered` sorts the keys, as JSON_QUERY does.

    Examples:
        >>> dump_json({"b": [1, None, "x"], "a": Decimal("2.50")}, ordered=True)
        '{"a":2.50,"b":[1,null,"x"]}'
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case dict():
            keys = sorted(value) if ordered else list(value)
            items = (f"{quote(key)}:{dump_json(value[key], ordered=ordered)}" for key in keys)
            return "{" + ",".join(items) + "}"
        case list():
            return "[" + ",".join(dump_json(item, ordered=ordered) for item in value) + "]"
    return str(value)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step: `names` or `indexes` (both empty: all), a slice, each perhaps at any depth."""

    names: tuple[str, ...] = ()
    indexes: tuple[int, ...] = ()
    part: tuple[int | None, int | None] | None = None
    deep: bool = False

    @property
    def definite(self) -> bool:
        """Whether it gives one value."""
        one = len(self.names) + len(self.indexes) == 1
        return one and self.part is None and not self.deep


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path; `names` where all its steps are single names."""

    lax: bool
    steps: tuple[_Step, ...]
    names: tuple[str, ...] | None


@lru_cache(maxsize=1024)
def parse_path(text: str) -> JsonPath:
    """Mode and steps of a path.

    Raises:
        JsonError: It is no path.
        DataError: It has a filter or a function, which are unsupported.
    """
    mode = _MODE.match(text)
    lax = bool(mode) and mode is not None and mode[1].lower() == "lax"
    path = (mode[2] if mode else text).strip()
    if not path:
        raise JsonError("the path is empty")
    if path[0] not in "$@":
        path = "$." + path
    steps = tuple(_steps(path, 1))
    plain = all(step.definite and step.names for step in steps)
    return JsonPath(lax, steps, tuple(step.names[0] for step in steps) if plain else None)


def _steps(path: str, at: int) -> Iterator[_Step]:
    while at < len(path):
        deep = path.startswith("..", at)
        dotted = path[at] == "."
        at += 2 if deep else int(dotted)
        if path.startswith("[", at):
            end = _closing(path, at)
            yield _bracket(path[at + 1 : end], deep=deep)
            at = end + 1
            continue
        found = _NAME.match(path, at) if dotted else None
        if found is None:
            raise JsonError(f"path {path!r} is no JSON path")
        at = found.end()
        if path.startswith("(", at):
            raise DataError(
                f"function {found[0]}() in a JSON path is unsupported", code="json-path"
            )
        name = found[0]
        yield _Step(deep=deep) if name == "*" else _Step(names=(name,), deep=deep)


def _closing(path: str, at: int) -> int:
    quoted = ""
    for index in range(at + 1, len(path)):
        char = path[index]
        if quoted:
            if char == quoted and path[index - 1] != "\\":
                quoted = ""
        elif char in "'\"":
            quoted = char
        elif char == "]":
            return index
    raise JsonError(f"path {path!r} has an open bracket")


def _bracket(inside: str, *, deep: bool) -> _Step:
    if inside.strip().startswith("?"):
        raise DataError("filter in a JSON path is unsupported", code="json-path")
    if inside.strip() == "*":
        return _Step(deep=deep)
    sliced = _SLICE.match(inside)
    if sliced:
        low, high = (int(g) if g else None for g in sliced.groups())
        return _Step(part=(low, high), deep=deep)
    names, at = [], 0
    while found := _QUOTED.match(inside, at):
        names.append(re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2]))
        at = found.end()
        if at == len(inside):
            return _Step(names=tuple(names), deep=deep)
        if inside[at] != ",":
            break
        at += 1
    parts = inside.split(",")
    if all(_DIGITS.match(part) for part in parts):
        return _Step(indexes=tuple(int(part) for part in parts), deep=deep)
    raise JsonError(f"[{inside}] is no step of a JSON path")


def read_path(document: Any, path: JsonPath) -> Any:
    """What is at the path; None also for what a lax path does not find.

    Raises:
        JsonError: A strict path finds nothing.
    """
    if path.names is not None:
        return _member(document, path)
    values, definite = [document], True
    for step in path.steps:
        definite = definite and step.definite
        found = [item for value in values for item in _take(value, step)]
        if definite and not found:
            return _nothing(path)
        values = found
    return values[0] if definite else values


def _member(document: Any, path: JsonPath) -> Any:
    """What a path of names only leads to, the usual case."""
    found = document
    for name in path.names or ():
        if not isinstance(found, dict) or name not in found:
            return _nothing(path)
        found = found[name]
    return found


def _nothing(path: JsonPath) -> Any:
    """What a path that leads nowhere gives."""
    if not path.lax:
        raise JsonError("no value at the path")
    return None if all(step.definite for step in path.steps) else []


def _take(value: Any, step: _Step) -> Iterator[Any]:
    yield from _direct(value, step)
    if step.deep:
        children = value.values() if isinstance(value, dict) else value
        for child in children if isinstance(value, dict | list) else ():
            yield from _take(child, step)


def _direct(value: Any, step: _Step) -> Iterator[Any]:
    if step.part is not None:
        if isinstance(value, list):
            yield from value[step.part[0] : step.part[1]]
    elif step.names:
        if isinstance(value, dict):
            for name in step.names:
                if name in value:
                    yield value[name]
    elif step.indexes:
        if isinstance(value, list):
            for index in step.indexes:
                if -len(value) <= index < len(value):
                    yield value[index]
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
