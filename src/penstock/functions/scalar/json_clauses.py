"""Kernels of JSON functions with clauses; arguments as `functions.json_call` lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from penstock.errors import DataError
from penstock.expressions import arrow_type
from penstock.functions.json_path import (
    JsonError,
    dump_json,
    load_json,
    parse_path,
    read_path,
)
from penstock.functions.registry import map_rows, scalar
from penstock.functions.scalar.json import item_text, json_type, object_text
from penstock.types import STRING, TypeRoot

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame

R = TypeRoot


class _Found(NamedTuple):
    """What a path gave: a value (None: nothing), or the reason why it failed."""

    lax: bool
    value: Any = None
    failure: str = ""


def _find(text: str, path_text: str) -> _Found:
    try:
        path = parse_path(path_text)
    except JsonError as error:
        return _Found(lax=False, failure=str(error))
    try:
        return _Found(path.lax, read_path(load_json(text), path))
    except JsonError as error:
        return _Found(path.lax) if path.lax else _Found(lax=False, failure=str(error))


def _otherwise(function: str, what: str, behavior: str, default: Any) -> Any:
    match behavior:
        case "ERROR":
            raise DataError(f"{function} failed: {what}", code="json")
        case "DEFAULT":
            return default
        case "EMPTY" | "EMPTY ARRAY":
            return "[]"
        case "EMPTY OBJECT":
            return "{}"
        case "TRUE" | "FALSE":
            return behavior == "TRUE"
    return None


_NESTED = (dict, list)


def _typed(value: Any, root: TypeRoot) -> Any:
    """A scalar of JSON as a value of an SQL type.

    Raises:
        DataError: It is of another kind.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    match root:
        case R.BOOLEAN if isinstance(value, bool):
            return value
        case R.INT if whole and -(2**31) <= value < 2**31:
            return value
        case R.DOUBLE if not isinstance(value, bool | str | int):
            return float(value)
        case R.BOOLEAN | R.INT | R.DOUBLE:
            raise DataError(
                f"JSON_VALUE met a value that is no {root.value}",
                code="json",
                detail="RETURNING takes the kind of value the JSON text has; it does not convert.",
                hint=f"CAST(JSON_VALUE(..) AS {root.value}).",
            )
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@scalar("JSON_VALUE", "s s s x s x s", STRING, nullable="always", may_fail=True, operator=True)
def json_value(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments: text, path, on empty, its default, on error, its default, wrapper."""
    root = call.type.root

    def compute(text: Any, path: Any, *rest: Any) -> Any:
        on_empty, empty, on_error, error, _ = rest
        if text is None or path is None:
            return None
        found = _find(text, path)
        if not found.failure:
            nested = isinstance(found.value, _NESTED)
            if found.value is None or (found.lax and nested):
                return _otherwise("JSON_VALUE", "the path gives no scalar", on_empty, empty)
            if not nested:
                return _typed(found.value, root)
        why = found.failure or "the value is no scalar"
        return _otherwise("JSON_VALUE", why, on_error, error)

    return map_rows(compute, args, frame, arrow_type(call.type), strict=False)


def _wrapped(value: Any, wrapper: str) -> Any:
    if wrapper.startswith("WITHOUT") or value is None:
        return value
    if "CONDITIONAL" in wrapper.split() and isinstance(value, list):
        return value
    return [value]


@scalar("JSON_QUERY", "s s s x s x s", STRING, nullable="always", may_fail=True, operator=True)
def json_query(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments as `json_value`; a list of texts for RETURNING ARRAY<STRING>."""
    as_list = call.type.root is R.ARRAY

    def give(found: Any) -> Any:
        return [] if as_list and found is not None else found

    def compute(text: Any, path: Any, *rest: Any) -> Any:
        on_empty, _, on_error, _, wrapper = rest
        if text is None or path is None:
            return None
        found = _find(text, path)
        if not found.failure:
            value = _wrapped(found.value, wrapper)
            nested = isinstance(value, _NESTED)
            if value is None or (found.lax and not nested):
                return give(_otherwise("JSON_QUERY", "nothing at the path", on_empty, None))
            if as_list and isinstance(value, list):
                return [
                    item if isinstance(item, str | None) else dump_json(item, ordered=True)
                    for item in value
                ]
            if nested and not as_list:
                return dump_json(value, ordered=True)
        why = found.failure or "the value is not nested"
        return give(_otherwise("JSON_QUERY", why, on_error, None))

    return map_rows(compute, args, frame, arrow_type(call.type), strict=False)


@scalar("JSON_EXISTS", "s s s x s x s", STRING, nullable="always", may_fail=True, operator=True)
def json_exists(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments as `json_value`."""

    def compute(text: Any, path: Any, *rest: Any) -> Any:
        if text is None or path is None:
            return None
        found = _find(text, path)
        if found.failure:
            return _otherwise("JSON_EXISTS", found.failure, rest[2], None)
        return found.value is not None

    return map_rows(compute, args, frame, arrow_type(call.type), strict=False)


@scalar("JSON_OBJECT", "s x*", json_type(2, 2), nullable="never", operator=True)
def json_object_absent(call: Call, args: list[Any], frame: Frame) -> Any:
    """ABSENT ON NULL; the first argument is that word."""

    def build(*row: Any) -> str:
        return object_text(
            {
                row[i]: item_text(call, i + 1, row[i + 1])
                for i in range(1, len(row) - 1, 2)
                if row[i + 1] is not None
            }
        )

    return map_rows(build, args, frame, pa.string(), strict=False)


@scalar("JSON_ARRAY", "s x*", json_type(1, 1), nullable="never", operator=True)
def json_array_null(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL ON NULL; the first argument is that word."""

    def build(*row: Any) -> str:
        items = [item_text(call, i, value) for i, value in enumerate(row) if i]
        return f"[{','.join(items)}]"

    return map_rows(build, args, frame, pa.string(), strict=False)
