"""The headers of a load that say how to read its body."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.load.compression import is_codec
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.zones import DEFAULT_TIMEZONE, zone_name

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class LoadOptions:
    """What the headers of a load ask for; `parameters` is all of it, to be compared."""

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
    timezone: str = DEFAULT_TIMEZONE
    partitions: list[str] = field(default_factory=list)
    strip_outer_array: bool = False
    jsonpaths: list[str] = field(default_factory=list)
    json_root: str = ""
    ignore_json_size: bool = False
    partial_update: bool = False
    partial_update_mode: str = "row"
    merge_condition: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> LoadOptions:
        """The options in the headers of a request; header names in lower case.

        Raises:
            ServerError: A value is not of its form, or asks for what this server does not do.
        """
        _refuse(headers)
        kind, compression = _format(headers)
        return cls(
            format=kind,
            compression=compression,
            columns=parse_columns(headers.get("columns", "")),
            column_separator=_separator(headers, "column_separator", "\t"),
            row_delimiter=_separator(headers, "row_delimiter", "\n"),
            skip_header=_count(headers, "skip_header"),
            trim_space=_flag(headers, "trim_space"),
            enclose=_byte(headers, "enclose"),
            escape=_byte(headers, "escape"),
            max_filter_ratio=_ratio(headers),
            strict_mode=_flag(headers, "strict_mode"),
            where=headers.get("where", ""),
            timezone=_timezone(headers),
            partitions=[
                name.strip(" `") for name in headers.get("partitions", "").split(",") if name
            ],
            strip_outer_array=_flag(headers, "strip_outer_array"),
            jsonpaths=_paths(headers),
            json_root=headers.get("json_root", ""),
            ignore_json_size=_flag(headers, "ignore_json_size"),
            partial_update=_flag(headers, "partial_update"),
            partial_update_mode=_mode(headers),
            merge_condition=headers.get("merge_condition", "").strip("` "),
        )


def _invalid(text: str) -> ServerError:
    return ServerError(text, status="INVALID_ARGUMENT")


def _refuse(headers: Mapping[str, str]) -> None:
    """What a cluster does and this server does not is refused by name."""
    if _flag(headers, "negative"):
        raise _invalid("negative load is not supported by the embedded server")
    for name in ("temporary_partitions", "envelope"):
        if headers.get(name):
            raise _invalid(f"header '{name}' is not supported by the embedded server")
    if headers.get("log_rejected_record_num", "0").strip() != "0":
        raise _invalid("header 'log_rejected_record_num' is not supported by the embedded server")


def _format(headers: Mapping[str, str]) -> tuple[str, str]:
    kind = headers.get("format", "csv").lower() or "csv"
    compression = headers.get("compression", "").lower()
    if is_codec(kind):
        kind, compression = "csv", kind
    if kind not in ("csv", "json"):
        raise ServerError(f"unknown data format, format={headers.get('format')}")
    if compression and not is_codec(compression):
        raise ServerError(f"unknown compression type, compression={compression}")
    return kind, compression


def _flag(headers: Mapping[str, str], name: str) -> bool:
    value = headers.get(name, "").strip().lower()
    if value not in ("", "true", "false"):
        raise _invalid(f"Invalid {name} flag format. Must be bool type")
    return value == "true"


def _count(headers: Mapping[str, str], name: str) -> int:
    value = headers.get(name, "").strip() or "0"
    if not value.isdigit():
        raise _invalid(f"Invalid csv load {name} format: {value}")
    return int(value)


def _byte(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if value[:2].lower() == "\\x":
        value = _unhex(value).decode("latin-1")
    if len(value.encode()) > 1:
        raise _invalid(f"The {name} of a csv load must be one byte: {value}")
    return value


def _ratio(headers: Mapping[str, str]) -> float:
    value = headers.get("max_filter_ratio", "").strip() or "0"
    try:
        ratio = float(value)
    except ValueError:
        raise _invalid(f"Invalid max_filter_ratio format: {value}") from None
    if not 0 <= ratio <= 1:
        raise _invalid(f"Invalid max_filter_ratio: {value}. It should be between 0 and 1")
    return ratio


def _timezone(headers: Mapping[str, str]) -> str:
    value = headers.get("timezone", "").strip() or DEFAULT_TIMEZONE
    name = zone_name(value)
    if name is None:
        raise _invalid(f"Invalid time zone: {value}")
    return name


def _paths(headers: Mapping[str, str]) -> list[str]:
    text = headers.get("jsonpaths", "").strip()
    if not text:
        return []
    try:
        paths = json.loads(text)
    except ValueError:
        paths = None
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _invalid(f"Invalid json path: {text}")
    return paths


def _mode(headers: Mapping[str, str]) -> str:
    mode = headers.get("partial_update_mode", "").strip().lower() or "row"
    if mode not in ("row", "auto", "column"):
        raise _invalid(f"Unsupported partial update mode: {mode}")
    return mode


def _separator(headers: Mapping[str, str], name: str, default: str) -> bytes:
    value = headers.get(name) or default
    found = separator(value)
    if len(found) > 50:
        raise _invalid(f"{name} is longer than 50 bytes")
    return found


def separator(text: str) -> bytes:
    r"""A separator as bytes; `\x` and hexadecimal digits name bytes.

    Raises:
        ServerError: The digits are none, or an odd number of them.

    Examples:
        >>> separator("\\x01"), separator("\\t"), separator("||"), separator("\\x0102")
        (b'\x01', b'\t', b'||', b'\x01\x02')
    """
    if text[:2].lower() == "\\x" or text[:2].lower() == "0x":
        return _unhex(text)
    return text.encode().replace(b"\\t", b"\t").replace(b"\\r", b"\r").replace(b"\\n", b"\n")


def _unhex(text: str) -> bytes:
    digits = re.sub(r"(?i)\\x", "", text[2:])
    if not digits or len(digits) % 2 or not re.fullmatch(r"[0-9a-fA-F]+", digits):
        raise _invalid(f"Invalid delimiter '{text}': hex digits of whole bytes must follow")
    return bytes.fromhex(digits)


def parse_columns(text: str) -> list[tuple[str, str]]:
    """The `columns` header as names and expressions; a source field has no expression.

    Raises:
        ServerError: The text is not a list of names and mappings.

    Examples:
        >>> parse_columns("`a`, b, c = upper(b), __op='delete'")
        [('a', ''), ('b', ''), ('c', 'upper(b)'), ('__op', "'delete'")]
        >>> parse_columns("`a``b, c`")
        [('a`b, c', '')]
    """
    result = []
    for part in _split(text):
        found = re.match(r"\s*(?:`((?:[^`]|``)*)`|([^=`]+?))\s*(?:=(.*))?\Z", part, re.DOTALL)
        if found:
            name = found[1].replace("``", "`") if found[1] else found[2].strip()
            result.append((name, (found[3] or "").strip()))
        elif part.strip():
            raise ServerError(f"invalid columns header near '{part.strip()}'")
    return result


def _split(text: str) -> list[str]:
    """Split at commas outside of quotes and parentheses."""
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
    return [*parts, text[start:]]
