"""Finds connectors by name: the folder is the registry."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.util import find_spec

import penstock.connectors
from penstock.connectors.base.connector import Connector
from penstock.errors import OptionError


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
