"""Kernels of JSON functions with clauses; arguments as `functions.json_call` lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.errors import DataError
from penstock.expressions import arrow_type
from penstock.functions.registry import map_rows, scalar
from penstock.functions.scalar.json import BAD, MISSING, dump, find, item_text
from penstock.types import STRING, TypeRoot

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame

R = TypeRoot


def _otherwise(function: str, what: str, behavior: str, default: Any) -> Any:
    match behavior:
        case "ERROR":
            raise DataError(f"{function} met {what}", code="json")
        case "DEFAULT":
            return default
        case "EMPTY" | "EMPTY ARRAY":
            return "[]"
        case "EMPTY OBJECT":
            return "{}"
        case "TRUE" | "FALSE":
            return behavior == "TRUE"
    return None


def _typed(value: Any, root: TypeRoot) -> Any:
    """A scalar of JSON as a value of an SQL type, or `BAD`."""
    if isinstance(value, dict | list):
        return BAD
    if value is None:
        return None
    if root is R.BOOLEAN:
        return value if isinstance(value, bool) else BAD
    if root is R.INT:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and -(2**31) <= value < 2**31 else BAD
    if root is R.DOUBLE:
        return BAD if isinstance(value, bool | str) else float(value)
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
        found = find(text, path)
        if found is MISSING:
            return _otherwise("JSON_VALUE", "no value at the path", on_empty, empty)
        value = BAD if found is BAD else _typed(found, root)
        if value is BAD:
            return _otherwise("JSON_VALUE", "a value that is no such scalar", on_error, error)
        return value

    return map_rows(compute, args, frame, arrow_type(call.type), strict=False)


@scalar("JSON_QUERY", "s s s x s x s", STRING, nullable="always", may_fail=True, operator=True)
def json_query(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments as `json_value`; a list of texts for RETURNING ARRAY<STRING>."""
    as_list = call.type.root is R.ARRAY

    def give(value: Any) -> Any:
        if not as_list:
            return value if isinstance(value, str | None) else dump(value)
        if value == "[]":
            return []
        if not isinstance(value, list):
            return None
        return [v if isinstance(v, str | None) else dump(v) for v in value]

    def compute(text: Any, path: Any, *rest: Any) -> Any:
        on_empty, _, on_error, _, wrapper = rest
        if text is None or path is None:
            return None
        found = find(text, path)
        if found is MISSING:
            return give(_otherwise("JSON_QUERY", "no value at the path", on_empty, None))
        nested = isinstance(found, dict | list)
        if found is not BAD and (
            wrapper in {"WITH", "WITH ARRAY"}
            or "UNCONDITIONAL" in wrapper
            or ("CONDITIONAL" in wrapper and not nested)
        ):
            found, nested = ([found] if "*" not in path else found), True
        if found is BAD or not nested:
            return give(_otherwise("JSON_QUERY", "a value that is not nested", on_error, None))
        return give(found) if as_list else dump(found)

    return map_rows(compute, args, frame, arrow_type(call.type), strict=False)


@scalar("JSON_EXISTS", "s s s x s x s", STRING, nullable="always", may_fail=True, operator=True)
def json_exists(call: Call, args: list[Any], frame: Frame) -> Any:
    """Arguments as `json_value`."""

    def compute(text: Any, path: Any, *rest: Any) -> Any:
        if text is None or path is None:
            return None
        found = find(text, path)
        if found is BAD:
            return _otherwise("JSON_EXISTS", "a text that is no JSON", rest[2], None)
        return found is not MISSING

    return map_rows(compute, args, frame, arrow_type(call.type), strict=False)


@scalar("JSON_OBJECT", "s x*", STRING, nullable="never", operator=True)
def json_object_absent(call: Call, args: list[Any], frame: Frame) -> Any:
    """ABSENT ON NULL; the first argument is that word."""

    def build(*row: Any) -> str:
        pairs = [
            f"{dump(row[i])}:{item_text(call, i + 1, row[i + 1])}"
            for i in range(1, len(row) - 1, 2)
            if row[i + 1] is not None
        ]
        return "{" + ",".join(pairs) + "}"

    return map_rows(build, args, frame, pa.string(), strict=False)


@scalar("JSON_ARRAY", "s x*", STRING, nullable="never", operator=True)
def json_array_null(call: Call, args: list[Any], frame: Frame) -> Any:
    """NULL ON NULL; the first argument is that word."""

    def build(*row: Any) -> str:
        items = [item_text(call, i, value) for i, value in enumerate(row) if i]
        return f"[{','.join(items)}]"

    return map_rows(build, args, frame, pa.string(), strict=False)
