"""Row images of many events of one table, decoded at once.

Every event is a lane; one iteration finds where row *k* of each event lies (null bitmap, lengths,
next row), for all lanes in NumPy, and finished lanes drop out. Values are then gathered column by
column over all rows. With few lanes the same places are found row by row in plain Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.errors import DataError
from penstock.wire.mysql.binlog_values import Gather, decode_column
from penstock.wire.mysql.gather import integers_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.wire.mysql.table_map import BinaryField

PAD = 64
_FEW_LANES = 8
_Places = npt.NDArray[np.int64]


class RowImages:
    """Decodes images of one table.

    Args:
        fields: How its columns are stored.
    """

    def __init__(self, fields: Sequence[BinaryField]) -> None:
        self.fields = tuple(fields)
        self.names = tuple(field.column.name for field in fields)
        self.null_bytes = (len(fields) + 7) // 8
        self._runs: list[tuple[list[tuple[int, npt.NDArray[np.int64]]], int, int]] = []
        fixed: list[int] = []
        for index, field in enumerate(fields):
            if field.length_bytes:
                self._runs.append((self._widths(fixed), index, field.length_bytes))
                fixed = []
            else:
                fixed.append(index)
        self._tail = self._widths(fixed)
        self._step = [(f.width, f.length_bytes, i >> 3, 1 << (i & 7)) for i, f in enumerate(fields)]

    def _widths(self, fixed: list[int]) -> list[tuple[int, npt.NDArray[np.int64]]]:
        """Per byte of the null bitmap that matters, bytes of the run's values by its value."""
        tables = []
        for byte in sorted({index >> 3 for index in fixed}):
            members = [
                (index & 7, self.fields[index].width) for index in fixed if index >> 3 == byte
            ]
            table = [sum(w for bit, w in members if not value >> bit & 1) for value in range(256)]
            tables.append((byte, np.array(table, np.int64)))
        return tables

    def decode(self, raw: bytes, starts: _Places, ends: _Places) -> tuple[list[pa.Array], _Places]:
        """All row images of some events.

        Args:
            raw: A buffer, with `PAD` bytes behind the last event.
            starts: Where the row images of each event begin; they ascend.
            ends: Where they end.

        Returns:
            The columns, and how many images each event has.

        Raises:
            DataError: The images do not fill their event.
        """
        data = np.frombuffer(raw, np.uint8)
        try:
            if len(starts) <= _FEW_LANES:
                places, variable, counts = self._scan_rows(raw, starts, ends)
            else:
                places, variable, counts = self._scan_lanes(data, starts, ends)
            return self._columns(pa.py_buffer(raw), data, places, variable), counts
        except IndexError as error:
            raise _broken() from error

    def _scan_rows(
        self, raw: bytes, first: _Places, last: _Places
    ) -> tuple[_Places, list[_Places], _Places]:
        """Places of all images, found one after the other."""
        starts: list[int] = []
        found: list[list[int]] = [[] for _ in self._runs]
        slots = {index: found[number] for number, (_, index, _) in enumerate(self._runs)}
        steps = [(*step, slots.get(index)) for index, step in enumerate(self._step)]
        counts, null_bytes = [], self.null_bytes
        for begin, end in zip(first.tolist(), last.tolist(), strict=True):
            before, place = len(starts), begin
            while place < end:
                start = place
                starts.append(start)
                place += null_bytes
                for width, length_bytes, byte, bit, slot in steps:
                    if slot is not None:
                        slot.append(place)
                    if raw[start + byte] & bit:
                        continue
                    if length_bytes:
                        size = int.from_bytes(raw[place : place + length_bytes], "little")
                        place += length_bytes + size
                    else:
                        place += width
            if place != end:
                raise _broken()
            counts.append(len(starts) - before)
        return (
            np.array(starts, np.int64),
            [np.array(places, np.int64) for places in found],
            np.array(counts, np.int64),
        )

    def _scan_lanes(
        self, data: npt.NDArray[np.uint8], starts: _Places, ends: _Places
    ) -> tuple[_Places, list[_Places], _Places]:
        """Places of all images, found for all events in step."""
        lanes = np.flatnonzero(starts < ends)
        place, stop = starts[lanes], ends[lanes]
        records: list[list[npt.NDArray[np.int64]]] = []
        while len(lanes):
            begin = place
            record = [lanes, begin]
            place = begin + self.null_bytes
            for widths, index, length_bytes in self._runs:
                for byte, table in widths:
                    place = place + table[data[begin + byte]]
                record.append(place)
                size = integers_at(data, place, length_bytes)
                null = data[begin + (index >> 3)] >> (index & 7) & 1
                place = place + np.where(null == 1, 0, size + length_bytes)
            for byte, table in self._tail:
                place = place + table[data[begin + byte]]
            records.append(record)
            going = place < stop
            if not going.all():
                if (place > stop).any():
                    raise _broken()
                place, stop, lanes = place[going], stop[going], lanes[going]
        joined = [np.concatenate(parts) for parts in zip(*records, strict=True)]
        counts = np.bincount(joined[0], minlength=len(starts)).astype(np.int64)
        order = np.argsort(joined[1], kind="stable")
        return joined[1][order], [column[order] for column in joined[2:]], counts

    def _columns(
        self,
        buffer: pa.Buffer,
        data: npt.NDArray[np.uint8],
        starts: _Places,
        variable: list[_Places],
    ) -> list[pa.Array]:
        bitmap = data[starts[:, None] + np.arange(self.null_bytes)]
        any_null = bitmap.any(axis=0)
        place = starts + self.null_bytes
        columns = []
        run = 0
        for index, field in enumerate(self.fields):
            byte, bit = index >> 3, index & 7
            null = None
            if any_null[byte]:
                marks = (bitmap[:, byte] >> bit & 1).astype(bool)
                null = marks if marks.any() else None
            if field.length_bytes:
                place = variable[run]
                run += 1
                size = integers_at(data, place, field.length_bytes)
                begin = place + field.length_bytes
                if null is not None:
                    size[null] = 0
                    begin = np.where(null, place, begin)
                end = begin + size
                columns.append(decode_column(field, Gather(buffer, data, begin, end, null)))
                place = end
            else:
                columns.append(decode_column(field, Gather(buffer, data, place, place, null)))
                step = field.width if null is None else np.where(null, 0, field.width)
                place = place + step
        return columns


def _broken() -> DataError:
    return DataError(
        "row images of the binlog do not fill their event",
        detail="The table's columns are not those its rows were written with, or bytes are broken.",
        hint="If the table was altered after the position read from, start with a new snapshot.",
    )
