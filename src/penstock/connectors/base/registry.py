"""Finds connectors and catalog types by name: the folder is the registry."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.util import find_spec

import penstock.connectors
from penstock.connectors.base.catalog import CatalogType
from penstock.connectors.base.connector import Connector
from penstock.errors import OptionError, nearest


def connector_names() -> list[str]:
    """All values the 'connector' option may take."""
    found = [m.name for m in pkgutil.iter_modules(penstock.connectors.__path__) if m.name != "base"]
    return sorted(name.replace("_", "-") for name in found)


def find_connector(name: str) -> Connector:
    """The connector of that name.

    Raises:
        OptionError: There is none; the nearest known one is the hint.
    """
    module = f"penstock.connectors.{name.replace('-', '_')}"
    if name == "base" or not name.replace("-", "").isalnum() or find_spec(module) is None:
        raise OptionError(
            f"unknown connector '{name}'",
            key=name,
            known=connector_names(),
            code="unknown-connector",
            detail=f"Available connectors: {', '.join(connector_names())}.",
        )
    connector = import_module(module).CONNECTOR
    assert isinstance(connector, Connector)
    return connector


def catalog_types() -> dict[str, CatalogType]:
    """All catalogs of connectors by the value of their 'type' option: `CATALOGS` of each module."""
    found: dict[str, CatalogType] = {}
    for name in connector_names():
        module = f"penstock.connectors.{name.replace('-', '_')}"
        spec = find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            continue
        if find_spec(f"{module}.catalog") is not None:
            found |= {kind.name: kind for kind in import_module(f"{module}.catalog").CATALOGS}
    return dict(sorted(found.items()))


def find_catalog_type(name: str, *built_in: str) -> CatalogType:
    """The catalog type of that name.

    Args:
        name: Value of the 'type' option.
        built_in: Types that stand outside the connectors, for the hint.

    Raises:
        OptionError: There is none; the nearest known one is the hint.
    """
    known = catalog_types()
    if name not in known:
        names = sorted([*known, *built_in])
        raise OptionError(
            f"unknown catalog type '{name}'",
            key="type",
            code="unknown-catalog-type",
            detail=f"Available types: {', '.join(names)}.",
            hint=f"Did you mean '{near}'?" if (near := nearest(name, names)) else "",
        )
    return known[name]
