"""Opens DuckDB as StarRocks' functions need it."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

import duckdb

from penstock.embedded.starrocks.dialect.macros import macro_statements
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Source: DuckDB 1.x, `Could not set lock on file ".."`.
_HOLDER: Final = re.compile(r"Could not set lock.*\(PID (\d+)\)", re.DOTALL)
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


def open_store(directory: Path) -> Any:
    """The database of a data directory, which is made where it is missing.

    Raises:
        ConnectorError: Another process has it open, or it cannot be opened.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return open_duckdb(str(directory / "store.duckdb"))
    except (OSError, duckdb.IOException) as error:
        said = str(error)
        holder = _HOLDER.search(said)
        if holder is None:
            raise ConnectorError(
                f'could not open data directory "{directory}"',
                retryable=False,
                code="data-directory",
                detail=said,
                hint="Check its rights and the disk, or name another --data-dir.",
            ) from error
        raise ConnectorError(
            f'data directory "{directory}" is in use by process {holder[1]}',
            retryable=False,
            code="data-directory-in-use",
            hint="Stop the other server first, or name another --data-dir.",
        ) from error
