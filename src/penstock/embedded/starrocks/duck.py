"""Opens DuckDB as StarRocks' functions need it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import duckdb

from penstock.embedded.starrocks.dialect.macros import macro_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIVISION: Final = ("error_on_division_by_zero", "ieee_floating_point_ops")


def open_duckdb(path: str, config: Mapping[str, str] | None = None) -> Any:
    """A connection that knows StarRocks' functions and divides by zero to NULL.

    Args:
        path: The file, or `:memory:`.
        config: Settings of DuckDB.
    """
    connection = duckdb.connect(path, config=dict(config or {}))
    for setting in _DIVISION:
        # A version without the setting knows no other way than NULL.
        with contextlib.suppress(duckdb.CatalogException):
            connection.execute(f"SET GLOBAL {setting} = false")
    connection.execute("; ".join(macro_statements()))
    return connection
