"""The headers of a load that say how to read its body."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.load.compression import is_codec
from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class LoadOptions:
    """The headers of a load that say how to read its body."""

    format: str = "csv"
    compression: str = ""
    columns: list[tuple[str, str]] = field(default_factory=list)
    column_separator: bytes = b"\t"
    row_delimiter: bytes = b"\n"
    skip_header: int = 0
    trim_space: bool = False
    enclose: str = ""
    escape: str = ""
    max_filter_ratio: float = 0.0
    strict_mode: bool = False
    where: str = ""
    strip_outer_array: bool = False
    jsonpaths: list[str] = field(default_factory=list)
    json_root: str = ""
    partial_update: bool = False
    merge_condition: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> LoadOptions:
        """The options in the headers of a request; header names in lower case."""
        kind = headers.get("format", "csv").lower() or "csv"
        compression = headers.get("compression", "").lower()
        if is_codec(kind):
            kind, compression = "csv", kind
        if kind not in ("csv", "json"):
            raise ServerError(f"unknown data format, format={headers.get('format')}")
        if compression and not is_codec(compression):
            raise ServerError(f"unknown compression, compression={compression}")
        try:
            ratio = float(headers.get("max_filter_ratio", "0"))
            skip = int(headers.get("skip_header", "0"))
            paths = json.loads(headers["jsonpaths"]) if headers.get("jsonpaths") else []
        except ValueError as error:
            raise ServerError(
                f"invalid header value: {error}", status="INVALID_ARGUMENT"
            ) from error
        if not 0 <= ratio <= 1:
            raise ServerError("max_filter_ratio must be between 0 and 1", status="INVALID_ARGUMENT")
        return cls(
            kind,
            compression,
            parse_columns(headers.get("columns", "")),
            separator(headers.get("column_separator", "\t")),
            separator(headers.get("row_delimiter", "\n")),
            skip,
            _flag(headers, "trim_space"),
            headers.get("enclose", ""),
            headers.get("escape", ""),
            ratio,
            _flag(headers, "strict_mode"),
            headers.get("where", ""),
            _flag(headers, "strip_outer_array"),
            paths,
            headers.get("json_root", ""),
            _flag(headers, "partial_update"),
            headers.get("merge_condition", ""),
        )


def _flag(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(name, "").strip().lower() == "true"


def separator(text: str) -> bytes:
    r"""A separator as bytes; `\x` and hexadecimal digits name bytes.

    Examples:
        >>> separator("\\x01"), separator("\\t"), separator("||")
        (b'\x01', b'\t', b'||')
    """
    if re.fullmatch(r"(\\[xX]([0-9a-fA-F]{2})+)+", text):
        return bytes.fromhex(re.sub(r"\\[xX]", "", text))
    return {"\\t": b"\t", "\\n": b"\n", "\\r\\n": b"\r\n"}.get(text) or text.encode()


def parse_columns(text: str) -> list[tuple[str, str]]:
    """The `columns` header as names and expressions; a source field has no expression.

    Examples:
        >>> parse_columns("`a`, b, c = upper(b), __op='delete'")
        [('a', ''), ('b', ''), ('c', 'upper(b)'), ('__op', "'delete'")]
    """
    parts, depth, quote, start = [], 0, "", 0
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    result = []
    for part in parts:
        found = re.match(r"\s*(?:`([^`]*)`|([^=`]+?))\s*(?:=(.*))?\Z", part, re.DOTALL)
        if found:
            result.append(((found[1] or found[2]).strip(), (found[3] or "").strip()))
        elif part.strip():
            raise ServerError(f"invalid columns header near '{part.strip()}'")
    return result
