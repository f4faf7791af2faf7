"""Functions with Java's regular expressions; NULL where the text is no pattern.

Source: Flink 2.2 documentation, System (Built-in) Functions, String; observed on 2.2.1.
"""

from __future__ import annotations

import re

from penstock.errors import DataError
from penstock.functions.java_regex import compiled_regex
from penstock.functions.registry import rowwise, scalar
from penstock.types import ARRAY, BOOLEAN, INT, MAP, STRING


def _regexp(text: str, pattern: str) -> bool:
    found = compiled_regex(pattern) if pattern else None
    return found is not None and found.search(text) is not None


def _regexp_replace(text: str, pattern: str, new: str) -> str | None:
    found = compiled_regex(pattern)
    return None if found is None else found.sub(lambda _: new, text)


def _regexp_extract(text: str, pattern: str, group: int = 0) -> str | None:
    found = compiled_regex(pattern)
    match = found.search(text) if found else None
    if match is None or not 0 <= group <= match.re.groups:
        return None
    return match[group]


def _regexp_extract_all(text: str, pattern: str, group: int = 1) -> list[str | None] | None:
    found = compiled_regex(pattern)
    if found is None or not 0 <= group <= found.groups:
        return None
    return [match[group] for match in found.finditer(text)]


def _regexp_find(text: str, pattern: str) -> re.Match[str] | None:
    found = compiled_regex(pattern)
    return found.search(text) if found else None


def _regexp_instr(text: str, pattern: str) -> int | None:
    """From 1, in UTF-16 units as Java counts."""
    if compiled_regex(pattern) is None:
        return None
    match = _regexp_find(text, pattern)
    return len(text[: match.start()].encode("utf-16-le")) // 2 + 1 if match else 0


def _regexp_count(text: str, pattern: str) -> int | None:
    found = compiled_regex(pattern)
    return None if found is None else sum(1 for _ in found.finditer(text))


def _regexp_substr(text: str, pattern: str) -> str | None:
    match = _regexp_find(text, pattern)
    return match[0] if match else None


scalar("REGEXP", "s s", BOOLEAN)(rowwise(_regexp))
scalar("REGEXP_REPLACE", "s s s", STRING)(rowwise(_regexp_replace))
scalar("REGEXP_EXTRACT", "s s i?", STRING, nullable="always")(rowwise(_regexp_extract))
scalar("REGEXP_EXTRACT_ALL", "s s i?", ARRAY(STRING), nullable="always")(
    rowwise(_regexp_extract_all)
)
scalar("REGEXP_COUNT", "s s", INT, nullable="always")(rowwise(_regexp_count))
scalar("REGEXP_INSTR", "s s", INT, nullable="always")(rowwise(_regexp_instr))
scalar("REGEXP_SUBSTR", "s s", STRING, nullable="always")(rowwise(_regexp_substr))


def _str_to_map(text: str, pair: str = ",", mapping: str = "=") -> list[tuple[str, str | None]]:
    pairs, sides = compiled_regex(pair), compiled_regex(mapping)
    if pairs is None or sides is None:
        raise DataError("delimiter of STR_TO_MAP is no regular expression", code="pattern")
    found: dict[str, str | None] = {}
    for part in pairs.split(text) if text else []:
        key, *value = sides.split(part, maxsplit=1)
        found[key] = value[0] if value else None
    return list(found.items())


for _signature in ("s", "s s s"):
    scalar("STR_TO_MAP", _signature, MAP(STRING, STRING), nullable="always")(rowwise(_str_to_map))
