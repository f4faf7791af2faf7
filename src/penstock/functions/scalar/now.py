"""The time of the query or the row: CURRENT_TIMESTAMP and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.functions.cast import instant_to_local, truncate_timestamp
from penstock.functions.registry import scalar
from penstock.types import BIGINT, DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ, TypeRoot

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame

R = TypeRoot


@scalar(
    "CURRENT_TIMESTAMP NOW CURRENT_ROW_TIMESTAMP PROCTIME",
    "",
    TIMESTAMP_LTZ(3),
    nullable="never",
    deterministic=False,
)
@scalar("LOCALTIMESTAMP", "", TIMESTAMP(3), nullable="never", deterministic=False)
@scalar("CURRENT_DATE", "", DATE, nullable="never", deterministic=False)
@scalar("CURRENT_TIME LOCALTIME", "", TIME(0), nullable="never", deterministic=False)
def now(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The context's time; wall clocks in the session zone."""
    moment = pa.array([frame.context.now_ms * 1000], pa.int64()).cast(pa.timestamp("us", "UTC"))
    if call.type.root is R.TIMESTAMP_LTZ:
        return moment[0]
    local = instant_to_local(moment, frame.context.time_zone)
    if call.type.root is R.TIMESTAMP:
        return local[0]
    if call.type.root is R.DATE:
        return local.cast(pa.date32(), safe=False)[0]
    whole = truncate_timestamp(local, 0)
    return whole.cast(pa.time32("ms"))[0]


@scalar("UNIX_TIMESTAMP", "", BIGINT, nullable="never", deterministic=False)
def unix_now(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Seconds since the epoch, now."""
    return pa.scalar(frame.context.now_ms // 1000, pa.int64())
