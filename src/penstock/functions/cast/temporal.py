"""Casts among DATE, TIME, TIMESTAMP and TIMESTAMP_LTZ; wall clocks and instants."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.expressions import EvalContext, arrow_type
from penstock.types import DataType, TypeRoot
from penstock.types import coercion as co

R = TypeRoot


def local_to_instant(array: Any, zone: str) -> Any:
    """Wall clocks of a zone as instants: in an overlap the earlier, in a gap moved on by it."""
    try:
        found = pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="raise")
        return found.cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        pass
    rules = EvalContext(zone).zone
    values = [
        None if value is None else value.replace(tzinfo=rules).astimezone(datetime.UTC)
        for value in array.to_pylist()
    ]
    return pa.array(values, pa.timestamp("us", tz="UTC"))


def instant_to_local(array: Any, zone: str) -> Any:
    """Instants as the wall clock of a zone."""
    if zone == "UTC":
        return pc.local_timestamp(array)
    return pc.local_timestamp(array.cast(pa.timestamp("us", tz=zone)))


def truncate_timestamp(array: Any, precision: int) -> Any:
    """Timestamps with the fraction cut to `precision` digits."""
    if precision >= 6:
        return array
    if precision > 3:
        return pc.floor_temporal(array, 10 ** (6 - precision), "microsecond")
    return pc.floor_temporal(array, 10 ** (3 - precision), "millisecond")


def cast_temporal(array: Any, source: DataType, target: DataType, context: EvalContext) -> Any:
    """Through the session zone where a wall clock becomes an instant or the other way round."""
    s, t, wanted = source.root, target.root, arrow_type(target)
    if s is t and t in co.TIMESTAMPS:
        return truncate_timestamp(array, target.precision)
    if s is R.TIMESTAMP_LTZ:
        array = instant_to_local(array, context.time_zone)
    elif s is R.DATE:
        array = array.cast(pa.timestamp("us"))
    elif s is R.TIME:
        if t is R.TIME:
            unit = 10 ** (3 - min(target.precision, 3))
            millis = array.cast(pa.int32())
            return pc.multiply(pc.divide(millis, unit), unit).cast(pa.int32()).cast(wanted)
        array = array.cast(pa.int32()).cast(pa.int64())
        array = pc.multiply(array, 1000).cast(pa.timestamp("us"))
    if t is R.DATE:
        return pc.floor_temporal(array, 1, "day").cast(wanted)
    if t is R.TIME:
        micros = pc.subtract(array, pc.floor_temporal(array, 1, "day")).cast(pa.int64())
        unit = 10 ** (6 - min(target.precision, 3))
        micros = pc.multiply(pc.divide(micros, unit), unit // 1000)
        return micros.cast(pa.int32()).cast(wanted)
    array = truncate_timestamp(array, target.precision)
    return local_to_instant(array, context.time_zone) if t is R.TIMESTAMP_LTZ else array
