"""Renders the reference of all connectors' options from their declarations.

`python -m penstock.cli.reference > docs/reference/connectors.md`; a test holds the file current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.config import REQUIRED, Secret, parse_bytes, parse_duration_ms
from penstock.config.option import AtLeast, OneOf, boolean, integer
from penstock.connectors.base import connector_names, find_connector
from penstock.connectors.starrocks.checks import SupportedRange, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.config import Option, Options

_HEAD = """# Options of the connectors

Rendered from the declarations by `python -m penstock.cli.reference`; do not edit.

An option is honoured, or refused by name with the reason. One that changes nothing here is
accepted, and the reason is told once when a job starts. Values out of bounds are errors unless the
table says that they are moved to the nearest bound, which is told too.
"""
_TYPES: dict[Callable[..., Any], str] = {
    str: "text",
    Secret: "secret",
    boolean: "true, false",
    integer: "whole number",
    parse_bytes: "size",
    parse_duration_ms: "duration",
}


def render() -> str:
    """The page, in Markdown."""
    parts = [_HEAD]
    for name in connector_names():
        connector = find_connector(name)
        roles = [word for word in ("source", "sink") if getattr(connector, word) is not None]
        parts.append(f"## {name}\n\nUsed as {' and '.join(roles)}.\n")
        if connector.read_options is None:
            parts.append(_table(connector.options))
            continue
        parts += ["### As a sink\n", _table(connector.options)]
        parts += ["### As a source\n", _table(connector.read_options)]
    return "\n".join(parts)


def _table(options: type[Options]) -> str:
    lines = ["| Option | Values | Default | |", "|---|---|---|---|"]
    lines += [_row(option) for option in sorted(options.declared(), key=_place)]
    lines += [
        f"| `{prefix}*` | | | Free keys, checked by the connector. |"
        for prefix in options.prefixes
        if not any(option.key.startswith(prefix) for option in options.declared())
    ]
    lines += [
        f"| `{prefix}*` | | | Refused: {reason}. |"
        for prefix, reason in options.refused_prefixes.items()
    ]
    return "\n".join(lines) + "\n"


def _place(option: Option[Any]) -> tuple[bool, bool, str]:
    return option.default is not REQUIRED, option.key.startswith("sink.properties."), option.key


def _row(option: Option[Any]) -> str:
    facts = [option.doc.rstrip(".") + "."]
    if option.no_effect:
        facts.append(f"No effect here: {option.no_effect}.")
    if option.refused:
        facts.append(f"Refused: {option.refused}.")
    if option.clamp is not None:
        facts.append(f"Moved into {option.clamp[0]} to {option.clamp[1]}.")
    if option.aliases:
        facts.append(f"Also `{'`, `'.join(option.aliases)}`.")
    cells = (f"`{option.key}`", _values(option), _default(option), " ".join(facts))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(option: Option[Any]) -> str:
    parse = option.parse
    known = str(parse) if isinstance(parse, OneOf | Word) else _TYPES.get(parse)
    name = getattr(parse, "__name__", "").strip("_").replace("_", " ")
    kind = known or ("text" if name in {"", "<lambda>"} else name)
    check = option.check
    return f"{kind}, {check}" if isinstance(check, AtLeast | SupportedRange) else kind


def _default(option: Option[Any]) -> str:
    value = option.default
    if value is REQUIRED:
        return "required"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value == "" or not isinstance(value, str | int | float):
        return ""
    return f"`{value!r}`" if isinstance(value, str) and not value.isprintable() else f"`{value}`"


def main() -> None:
    """Print the page."""
    print(render(), end="")


if __name__ == "__main__":
    main()
