"""The shared cases, read where they are present, and their values as Python objects."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from penstock.functions.cast import wrap
from penstock.sql import parse_expression, tree
from penstock.types import DataType, TypeRoot


def _shared() -> Path:
    """`shared/conformance` beside the checkout, or beside a folder that holds it."""
    beside = [parent / "shared" / "conformance" for parent in Path(__file__).parents]
    return next((path for path in beside if path.is_dir()), beside[0])


SHARED = _shared()
OWN = Path(__file__).parent / "cases"
R = TypeRoot


def read(name: str) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file of the shared cases; none where it is missing."""
    path = SHARED / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def type_of(text: str) -> DataType:
    """A type out of its SQL text, NOT NULL included."""
    nullable = not text.endswith(" NOT NULL")
    found = parse_expression(f"CAST(NULL AS {text.removesuffix(' NOT NULL')})")
    assert isinstance(found, tree.Cast)
    assert found.type.type is not None, f"type {text} is unsupported"
    return found.type.type.with_nullable(nullable)


def value_of(data: Any, kind: DataType) -> Any:
    """A value of the JSON notation (`{"$date": ..}`) as Arrow takes it for the type."""
    if data is None:
        return None
    if isinstance(data, dict):
        tag = next(iter(data))
        return _tagged(tag, data[tag], data, kind)
    match kind.root:
        case R.TINYINT | R.SMALLINT:
            return wrap(data, 8 if kind.root is R.TINYINT else 16)
        case R.DECIMAL:
            return Decimal(str(data))
        case R.INTERVAL_DAY:
            return dt.timedelta(milliseconds=data)
        case R.TIMESTAMP_LTZ:
            return dt.datetime.fromisoformat(data)
    return data


def _tagged(tag: str, body: Any, data: dict[str, Any], kind: DataType) -> Any:
    match tag:
        case "$array" | "$list":
            items = data.get("v", body)
            if kind.root in (R.BINARY, R.VARBINARY):
                return bytes(item % 256 for item in items)
            return [value_of(item, kind.children[0]) for item in items]
        case "$map":
            key, item = kind.children
            return [(value_of(k, key), value_of(v, item)) for k, v in body]
        case "$row":
            fields = zip(kind.fields, body, strict=True)
            return {field.name: value_of(item, field.type) for field, item in fields}
        case "$bytes":
            return bytes.fromhex(body)
        case "$decimal":
            if isinstance(body, list):
                return Decimal(body[0]).scaleb(-body[1])
            return Decimal(str(body))
        case "$date":
            return dt.date.fromisoformat(body)
        case "$time":
            return dt.time.fromisoformat(body[:15])
        case "$timestamp":
            return _moment(body, kind)
        case "$instant":
            return dt.datetime.fromisoformat(body)
        case "$instant_ms":
            return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=body)
        case "$period":
            return body[0] * 12 + body[1]
    if tag.startswith("$dur_"):
        unit = {"h": "hours", "s": "seconds", "d": "days", "m": "minutes", "ms": "milliseconds"}
        return dt.timedelta(**{unit[tag.removeprefix("$dur_")]: body})
    return body


def _moment(text: str, kind: DataType) -> dt.datetime:
    whole, _, fraction = text.partition(".")
    digits = min(kind.precision, 6)
    cut = f"{whole}.{fraction[:digits].ljust(6, '0')}" if digits else whole
    found = dt.datetime.fromisoformat(cut)
    return found.replace(tzinfo=dt.UTC) if kind.root is R.TIMESTAMP_LTZ else found
