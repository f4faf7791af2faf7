"""Requests without what differs from run to run, and the rows in their bodies."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.formats.csv import parse_separator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.interop.world import Recorded

_ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of request a client makes: role, method and path.

    Args:
        name: Such as `BE PUT /api/transaction/load`; labels and databases are placeholders.
        headers: What each header was in each request; `absent` where it was not sent.
        statuses: HTTP statuses of the answers.
    """

    name: str
    headers: dict[str, frozenset[str]]
    statuses: frozenset[int]


def steps(requests: Iterable[Recorded], database: str) -> dict[str, Step]:
    """The kinds of requests in the order of their first ones."""
    grouped: dict[str, list[Recorded]] = {}
    for request in requests:
        grouped.setdefault(_name(request, database), []).append(request)
    found = {}
    for name, group in grouped.items():
        sent = [_headers(request, database) for request in group]
        keys = sorted({key for headers in sent for key in headers})
        found[name] = Step(
            name,
            {key: frozenset(headers.get(key, _ABSENT) for headers in sent) for key in keys},
            frozenset(request.exchange.status for request in group),
        )
    return found


def loaded_rows(requests: Iterable[Recorded], columns: list[str]) -> list[dict[str, str]]:
    """The rows of all bodies in order: column to the text that stands for the value.

    JSON strings keep their quotes, so that numbers and strings differ; fields a row does not have
    are missing.

    Args:
        requests: Of one client.
        columns: The target's, for CSV without a `columns` header.
    """
    rows: list[dict[str, str]] = []
    for request in requests:
        if request.role == "BE" and request.exchange.method == "PUT":
            rows += _rows(dict(request.exchange.fields), request.exchange.body, columns)
    return rows


def _name(request: Recorded, database: str) -> str:
    target = re.sub(r"label=[^&]+", "label={label}", request.exchange.target)
    target = target.replace(f"/api/{database}/", "/api/{db}/")
    return f"{request.role} {request.exchange.method} {target}"


def _headers(request: Recorded, database: str) -> dict[str, str]:
    """Headers with placeholders for names of this run; `host` is the proxy's address."""
    known = {"label": "{label}", "host": "{host}", "content-length": "{length}"}
    found = {}
    for name, value in request.exchange.fields:
        found[name] = known.get(name, value)
        if name == "db" and value == database:
            found[name] = "{db}"
        if name == "content-length" and value == "0":
            found[name] = "0"
        if name == "label":
            found[name] = _label_form(value)
    return found


def _label_form(label: str) -> str:
    """A label's shape."""
    label = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "{uuid}", label)
    label = re.sub(r"-[0-9a-f]{8}-[0-9a-f]{8}((?:-\d+)+)$", r"-{incarnation}-{table}\1", label)
    return re.sub(r"(?<=-)\d+", "{n}", label)


def _rows(headers: dict[str, str], body: bytes, columns: list[str]) -> list[dict[str, str]]:
    if headers.get("compression") == "lz4_frame" or headers.get("format") == "lz4":
        body = pa.CompressedInputStream(pa.BufferReader(body), "lz4").read()
    named = [name.strip("`") for name in headers.get("columns", "").split(",") if name]
    if headers.get("format") == "json":
        found = json.loads(body, parse_float=_Number, parse_int=_Number)
        return [{key: _text(value) for key, value in row.items()} for row in found]
    column = parse_separator(headers.get("column_separator", "\t"))
    line = parse_separator(headers.get("row_delimiter", "\n"))
    text = body.decode()
    assert text.endswith(line)
    lines = text.removesuffix(line).split(line)
    return [dict(zip(named or columns, row.split(column), strict=True)) for row in lines]


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def _text(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        fields = (f"{json.dumps(key)}:{_text(item)}" for key, item in sorted(value.items()))
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
