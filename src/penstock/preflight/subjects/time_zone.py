"""Instants that arrive as another wall clock: the 8-hour trap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from penstock.clock import session_zone
from penstock.connectors.base import Finding, Severity, TimeMeaning
from penstock.preflight.case import short_name
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.plan import SinkNode
    from penstock.planner.lineage import Origin
    from penstock.preflight.case import Case
    from penstock.types import Column, DataType


def findings(case: Case) -> Iterator[Finding]:
    """A warning per column that shows another time in the target than in the source."""
    session = session_zone(case.script.local_settings.get("table.local-time-zone", ""))
    for sink in case.sinks():
        for column, origins in case.origins(sink):
            target = case.outside(sink, column.name)
            if target is None or target.meaning is not TimeMeaning.WALL:
                continue
            for origin in origins:
                yield from _shift(case, sink, column, origin, session)


def _shift(
    case: Case, sink: SinkNode, column: Column, origin: Origin, session: str
) -> Iterator[Finding]:
    behind = case.outside(origin.source, origin.column.name)
    look, end = case.look_at(origin.source), case.look_at(sink)
    if behind is None or behind.meaning is None or look is None or end is None:
        return
    zone, written = look.inspection.zone, end.inspection.zone
    types = (origin.column.type, *origin.casts)
    hours = shift_hours(behind.meaning, zone, types, session, written)
    if not hours:
        return
    name = origin.column.name
    precision = origin.column.type.precision
    target = case.outside(sink, column.name)
    assert target is not None
    yield Finding(
        Severity.WARNING,
        "time-zone-shift",
        f"column '{column.name}' of '{short_name(sink.table)}' is {abs(hours):g} hours"
        f" {'later' if hours > 0 else 'earlier'} than column '{name}' of"
        f" '{short_name(origin.source.table)}'",
        f"{behind.type} in zone {zone} is declared {origin.column.type.sql()}; an instant is"
        f" written to {target.type} as its wall clock in {written}.",
        f"Declare it TIMESTAMP({precision}) in source and sink, or set"
        f" '{end.inspection.zone_option}' = '{zone}'.",
        span=case.span(origin.source.table, name),
        column=column.name,
    )


def shift_hours(
    meaning: TimeMeaning, zone: str, types: Sequence[DataType], session: str, written: str
) -> float:
    """Hours by which a target's wall clock, now, differs from that of the source's clients.

    Args:
        meaning: What the source's column holds.
        zone: The source's zone.
        types: The declared type, then those it is cast to; other than timestamps end the walk.
        session: The zone of casts in the query.
        written: The zone in which the sink writes instants.

    Examples:
        >>> from penstock.types import TIMESTAMP, TIMESTAMP_LTZ
        >>> shift_hours(TimeMeaning.INSTANT, "Asia/Shanghai", [TIMESTAMP_LTZ(3)], "UTC", "UTC")
        -8.0
        >>> shift_hours(TimeMeaning.INSTANT, "Asia/Shanghai", [TIMESTAMP(3)], "UTC", "UTC")
        0.0
    """
    there, here = _offset(zone), _offset(session)
    instant = meaning is TimeMeaning.INSTANT
    # Of an instant: how far it is from the true one; of a wall clock: from the source's.
    off, between = timedelta(), there
    for kind in types:
        if kind.root not in {TypeRoot.TIMESTAMP, TypeRoot.TIMESTAMP_LTZ}:
            return 0.0
        wanted = kind.root is TypeRoot.TIMESTAMP_LTZ
        if wanted != instant:
            off += there - between if wanted else between - there
        instant, between = wanted, here
    if instant:
        off += _offset(written) - there
    return off.total_seconds() / 3600


def _offset(zone: str) -> timedelta:
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
