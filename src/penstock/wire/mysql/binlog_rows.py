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

from penstock.wire.mysql.binlog_values import Gather, decode_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.wire.mysql.table_map import BinaryField

_PAD = 64
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

    def decode(
        self, regions: Sequence[bytes | memoryview], *, images_per_row: int
    ) -> tuple[list[list[pa.Array]], npt.NDArray[np.int64]]:
        """All rows of `regions`, each the row images of one event.

        Args:
            regions: Row images, without the event's header.
            images_per_row: 2 for updates (before, after), else 1.

        Returns:
            Per image of a row, the columns; and how many rows each region has.
        """
        sizes = np.fromiter(map(len, regions), np.int64, len(regions))
        raw = b"".join([*regions, bytes(_PAD)])
        data = np.frombuffer(raw, np.uint8)
        ends = np.cumsum(sizes)
        if len(regions) <= _FEW_LANES:
            starts, variable, counts = self._scan_rows(raw, ends)
        else:
            starts, variable, counts = self._scan_lanes(data, ends - sizes, ends)
        gather_buffer = pa.py_buffer(raw)
        images = []
        for image in range(images_per_row):
            chosen = slice(image, None, images_per_row)
            images.append(
                self._columns(gather_buffer, data, starts[chosen], [v[chosen] for v in variable])
            )
        return images, counts // images_per_row

    def _scan_rows(self, raw: bytes, ends: _Places) -> tuple[_Places, list[_Places], _Places]:
        """Places of all images, found one after the other."""
        starts: list[int] = []
        found: list[list[int]] = [[] for _ in self._runs]
        slots = {index: found[number] for number, (_, index, _) in enumerate(self._runs)}
        steps = [(*step, slots.get(index)) for index, step in enumerate(self._step)]
        counts, place, null_bytes = [], 0, self.null_bytes
        for end in ends.tolist():
            before = len(starts)
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
                size = data[place].astype(np.int64)
                for byte in range(1, length_bytes):
                    size |= data[place + byte].astype(np.int64) << 8 * byte
                null = data[begin + (index >> 3)] >> (index & 7) & 1
                place = place + np.where(null == 1, 0, size + length_bytes)
            for byte, table in self._tail:
                place = place + table[data[begin + byte]]
            records.append(record)
            going = place < stop
            if not going.all():
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
                size = np.zeros(len(place), np.int64)
                for part in range(field.length_bytes):
                    size |= data[place + part].astype(np.int64) << 8 * part
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
