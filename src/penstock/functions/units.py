"""Units of time as SQL writes them: their plain names and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.expressions import Literal

if TYPE_CHECKING:
    from penstock.expressions import Call, Expr

MILLIS = {
    "WEEK": 604_800_000,
    "DAY": 86_400_000,
    "HOUR": 3_600_000,
    "MINUTE": 60_000,
    "SECOND": 1000,
    "MILLISECOND": 1,
}
MONTHS = {
    "MILLENNIUM": 12_000,
    "CENTURY": 1200,
    "DECADE": 120,
    "YEAR": 12,
    "QUARTER": 3,
    "MONTH": 1,
}
_OTHER_NAMES = {"CENTURIES": "CENTURY", "DOY": "DAYOFYEAR", "DOW": "DAYOFWEEK"}


def unit_of(text: str) -> str:
    """A unit's plain name: `SQL_TSI_MINUTES` and `minutes` are MINUTE."""
    name = text.upper().removeprefix("SQL_TSI_")
    name = _OTHER_NAMES.get(name, name)
    return name.removesuffix("S") if name != "FRAC_SECOND" else name


def written_unit(expr: Expr) -> str:
    """The unit a literal argument names; nothing for another argument."""
    return unit_of(str(expr.value)) if isinstance(expr, Literal) else ""


def unit_argument(call: Call, index: int = 0) -> str:
    """The unit that is one of a call's arguments."""
    found = written_unit(call.args[index])
    assert found
    return found
