"""Values of a load to one column's type; what cannot be converted is NULL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from penstock.embedded.starrocks.load.json_body import JsonNumber, json_text
from penstock.embedded.starrocks.scratch import scratch

if TYPE_CHECKING:
    from penstock.embedded.starrocks.model import TypeInfo

_INTEGERS: Final = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT"})
_CLOCK: Final = r"(\d{1,4}-\d{1,2}-\d{1,2})([ T]+\d{1,2}:\d{1,2}(:\d{1,2}(\.\d*)?)?)?"
_DATE: Final = (
    r"CASE WHEN regexp_full_match(v, '\d{8}|\d{14}') THEN CAST(try_strptime(left(v, 8), '%Y%m%d')"
    rf" AS DATE) WHEN regexp_full_match(v, '{_CLOCK}') THEN TRY_CAST(v AS DATE) END"
)
_DATETIME: Final = (
    r"CASE WHEN regexp_full_match(v, '\d{14}') THEN try_strptime(v, '%Y%m%d%H%M%S')"
    r" WHEN regexp_full_match(v, '\d{8}') THEN try_strptime(v, '%Y%m%d')"
    rf" WHEN regexp_full_match(v, '{_CLOCK}') THEN TRY_CAST(v AS TIMESTAMP) END"
)
_BOOLEAN: Final = (
    r"CASE WHEN lower(v) IN ('true', 'false') THEN lower(v) = 'true'"
    r" WHEN regexp_full_match(v, '\s*[+-]?\d+\s*') THEN TRY_CAST(v AS BIGINT) <> 0 END"
)


def cast_values(values: pa.Array, info: TypeInfo) -> pa.Array:
    """Values as a column's type; NULL where they do not fit."""
    if values.type == info.arrow and info.base != "JSON":
        return values
    if not pa.types.is_string(values.type):
        try:
            return values.cast(info.arrow)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # not all fit, or Arrow has no such cast: by their text, each value by itself
            values = values.cast(pa.string())
    if info.base == "JSON":
        return _json(values)
    if info.arrow == pa.string():
        return values
    if info.arrow == pa.binary():
        return values.cast(pa.binary())
    with scratch(source=pa.table({"v": values})) as database:
        found = database.sql(f"SELECT {_cast_sql(info)} AS v FROM source").to_arrow_table()
    return found.column("v").combine_chunks().cast(info.arrow)


def _cast_sql(info: TypeInfo) -> str:
    special = {"DATE": _DATE, "DATETIME": _DATETIME, "BOOLEAN": _BOOLEAN}.get(info.base)
    if special is not None:
        return special
    # Arrow has no 128-bit integer: HUGEINT comes as a decimal, which holds its 39 digits as well.
    cast = f"TRY_CAST(v AS {info.duckdb})"
    if info.base in _INTEGERS:
        return f"CASE WHEN regexp_full_match(v, '\\s*[+-]?\\d+\\s*') THEN {cast} END"
    return cast


def _json(values: pa.Array) -> pa.Array:
    """JSON texts as StarRocks prints them, with a blank behind colons and commas."""
    if values.null_count == len(values):
        return values
    return pa.array([_json_value(text) for text in values.to_pylist()], pa.string())


def _json_value(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return json_text(json.loads(text, parse_float=JsonNumber), " ")
    except (ValueError, RecursionError):
        # A text that is not JSON is a JSON string. (StarRocks docs, JSON, data loading)
        return None if text[:1] in ("{", "[") else json.dumps(text, ensure_ascii=False)


def too_long(values: pa.Array, info: TypeInfo) -> pa.Array | None:
    """A mask of the texts that have more bytes than the column takes; None if none has."""
    if not info.length or not len(values) or not pa.types.is_string(values.type):
        return None
    sizes = pc.binary_length(values)
    if (pc.max(sizes).as_py() or 0) <= info.length:
        return None
    return pc.fill_null(pc.greater(sizes, info.length), fill_value=False)
