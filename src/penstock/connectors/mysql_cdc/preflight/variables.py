"""Reads server variables and statements that only some servers know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from penstock.connectors.mysql_cdc.tables import Session


def variables(session: Session, *names: str) -> dict[str, str]:
    """Global variables of the server that exist there, by lower-case name."""
    listed = ", ".join(f"'{name}'" for name in names)
    rows = session.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({listed})")
    return {str(name).lower(): str(value) for name, value in rows}


def number(text: str) -> float:
    """A variable's number; 0 where it is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def first_understood(session: Session, *statements: str) -> list[tuple[Any, ...]] | None:
    """Rows of the first statement the server runs; None where it runs none or forbids them."""
    for statement in statements:
        try:
            return session.query(statement)
        except ConnectorError as error:
            if error.retryable:
                raise
    return None
