"""Renders the reference of all connectors' options from their declarations.

`python -m penstock.cli.reference > docs/reference/connectors.md`; a test holds the file current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.catalog.memory import TYPE as IN_MEMORY
from penstock.catalog.memory import MemoryCatalogOptions
from penstock.config import REQUIRED, Secret, parse_bytes, parse_duration_ms
from penstock.config.option import AtLeast, OneOf, boolean, integer
from penstock.connectors.base import catalog_types, connector_names, find_connector
from penstock.connectors.starrocks.checks import SupportedRange, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from penstock.config import Option, Options

_HEAD = """# Options of the connectors

Rendered from the declarations by `python -m penstock.cli.reference`; do not edit.

An option is honoured, or refused by name with the reason. One that changes nothing here is
accepted, and the reason is told once when a job starts. Values out of bounds are errors unless the
table says that they are moved to the nearest bound, which is told too.
"""
_CATALOGS = """## Catalogs

Options of `CREATE CATALOG`; `'type'` names the type of the catalog.
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
    parts.append(_CATALOGS)
    parts += [_catalog(name, kind.options) for name, kind in catalog_types().items()]
    parts.append(_catalog(IN_MEMORY, MemoryCatalogOptions))
    return "\n".join(parts)


def _catalog(name: str, options: type[Options]) -> str:
    """A catalog type; options it shares with a connector are not listed again."""
    text = f"### Catalog type {name}\n\n"
    shared = next((base for base in options.__mro__[1:] if base in _of_connectors()), None)
    if shared is None:
        return text + _table(options)
    there = {option.key for option in shared.declared()}
    left_out = sorted(there - {option.key for option in options.declared()})
    text += (
        f"Also every option of the connector '{shared.connector}' but"
        f" `{'`, `'.join(left_out)}`; it holds for all tables of the catalog.\n\n"
    )
    return text + _table(options, but=there)


def _of_connectors() -> set[type[Options]]:
    return {find_connector(name).options for name in connector_names()}


def _table(options: type[Options], but: Collection[str] = ()) -> str:
    lines = ["| Option | Values | Default | |", "|---|---|---|---|"]
    own = [option for option in options.declared() if option.key not in but]
    lines += [_row(option) for option in sorted(own, key=_place)]
    if but:
        return "\n".join(lines) + "\n"
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
