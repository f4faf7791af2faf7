"""Whether `server-time-zone` is the server's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from penstock.connectors.base import Finding, Severity
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.connectors.mysql_cdc.tables import PhysicalTable, Session

TOLERANCE_S = 1800
# Not NOW(): our sessions run in UTC.
_OFFSET = (
    "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), "
    "CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@GLOBAL.time_zone)), "
    "@@GLOBAL.time_zone, @@GLOBAL.system_time_zone"
)


def findings(
    session: Session, source: MySqlCdcSource, tables: Sequence[PhysicalTable]
) -> Iterator[Finding]:
    """A difference between the server's clock and the zone TIMESTAMP is shown in."""
    offset, name, system = session.query(_OFFSET)[0]
    if offset is None:
        return
    shown = f"{system}" if str(name).upper() == "SYSTEM" else f"{name}"
    ours = datetime.now(UTC).astimezone(ZoneInfo(source.zone)).utcoffset()
    assert ours is not None
    apart = int(offset) - ours.total_seconds()
    if abs(apart) <= TOLERANCE_S:
        return
    hours = f"{abs(apart) / 3600:.3g} hours"
    affected = shifted_columns(source, tables)
    given = bool(source.options.zone)
    zone = f"'server-time-zone' '{source.zone}'"
    cause = f"The server's clock is {_signed(int(offset))} ({shown}), {zone} is {hours} apart."
    if not given:
        cause = f"'server-time-zone' is not set, so '{source.zone}' is taken. {cause}"
    if affected:
        cause += f" TIMESTAMP columns declared without zone are shifted: {', '.join(affected)}."
    yield Finding(
        Severity.ERROR if affected else Severity.NOTE,
        "server-time-zone",
        f"time zone of the server is not that of the table: {hours} apart",
        cause,
        f"Set 'server-time-zone' to the server's zone, now {_signed(int(offset))}.",
    )


def shifted_columns(source: MySqlCdcSource, tables: Sequence[PhysicalTable]) -> list[str]:
    """Declared wall clocks over MySQL's instants."""
    instants = {
        column.name
        for table in tables
        for column in table.columns
        if column.type_name == "timestamp"
    }
    return [
        column.name
        for column in source.schema.columns
        if column.type.root is TypeRoot.TIMESTAMP and column.name in instants
    ]


def _signed(offset_s: int) -> str:
    minutes = round(abs(offset_s) / 60)
    return f"{'-' if offset_s < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
