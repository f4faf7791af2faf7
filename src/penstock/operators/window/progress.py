"""How far time has come for windows, over restarts too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.changelog import MAX_WATERMARK
from penstock.operators.watermark import millis
from penstock.state import KeyedTable

if TYPE_CHECKING:
    from penstock.changelog import Watermark


class Progress:
    """The greatest watermark, and which windows it has passed. Engine thread only.

    Args:
        zone: The session's time zone.
        zoned: Windows are of local time in it, watermarks of instants.
    """

    def __init__(self, zone: str, *, zoned: bool) -> None:
        self._zone = zone
        self._zoned = zoned
        self.table = KeyedTable([])
        self._reached = self.table.column("watermark_ms", np.int64, -MAX_WATERMARK)

    def advance(self, watermark: Watermark) -> bool:
        """Take a watermark; whether it is greater than those before."""
        slot = self.table.slots([], 1)
        grows = watermark.timestamp_ms > int(self._reached.data[slot[0]])
        if grows:
            self._reached.data[slot] = watermark.timestamp_ms
        return grows

    @property
    def passed(self) -> int | None:
        """Windows that end here or before have passed; milliseconds, None where none has."""
        slot = self.table.find([], 1)
        reached = int(self._reached.data[slot[0]]) if slot[0] >= 0 else -MAX_WATERMARK
        if reached == -MAX_WATERMARK:
            return None
        if not self._zoned or reached >= MAX_WATERMARK:
            return min(reached + 1, MAX_WATERMARK)
        instant = pa.array([reached * 1000], pa.timestamp("us", tz=self._zone))
        return int(millis(pc.local_timestamp(instant))[0]) + 1
