"""Writes binlog packets as MySQL sends them, for streams no recording has."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SERVER = 7
GTID, QUERY, FORMAT, XID, TABLE_MAP = 33, 2, 15, 16, 19
WRITE, UPDATE, DELETE = 30, 31, 32
_INT, _VARCHAR, _DECIMAL, _DATETIME = 3, 15, 246, 18
# (id int, name varchar(20) utf8mb4, price decimal(10,2), at datetime(6))
_TYPES = bytes([_INT, _VARCHAR, _DECIMAL, _DATETIME])
_META = struct.pack("<HBBB", 80, 10, 2, 6)

Row = tuple[int, bytes | None, int, int]
"""Id, name, price in hundredths, microseconds of the second 2024-01-02 03:04:05."""


@dataclass(slots=True)
class Stream:
    """Packets in a row, without checksums.

    Args:
        server: Its server id.
    """

    server: int = SERVER
    data: bytearray = field(default_factory=bytearray)
    offset: int = 4
    number: int = 0

    def event(self, kind: int, body: bytes, stamp: int = 1_700_000_000) -> None:
        size = 19 + len(body)
        self.offset += size
        head = struct.pack("<IBIIIH", stamp, kind, self.server, size, self.offset & 0xFFFFFFFF, 0)
        self.data += struct.pack("<I", size + 1) + b"\0" + head + body

    def begin(self) -> None:
        self.number += 1
        self.event(GTID, b"\1" + bytes(range(16)) + struct.pack("<Q", self.number) + bytes(17))
        self.event(QUERY, struct.pack("<IIBHH", 1, 0, 1, 0, 0) + b"d\0BEGIN")

    def end(self) -> None:
        self.event(XID, struct.pack("<Q", self.number))

    def table_map(self, table: int, name: bytes, *, more: bytes = b"") -> None:
        head = struct.pack("<IHH", table, 0, 1) + b"\1d\0" + bytes([len(name)]) + name + b"\0"
        meta = bytes([len(_META)]) + _META
        self.event(TABLE_MAP, head + b"\4" + _TYPES + meta + b"\x0f" + more)

    def rows(self, kind: int, table: int, rows: list[Row], *, flags: int = 1) -> None:
        head = struct.pack("<IHHH", table, 0, flags, 2) + b"\4" + b"\x0f"
        images = b"".join(_image(row) for row in rows)
        self.event(kind, head + (b"\x0f" if kind == UPDATE else b"") + images)


def _image(row: Row) -> bytes:
    number, name, cents, micros = row
    text = b"" if name is None else bytes([len(name)]) + name
    null = 0xF0 | (2 if name is None else 0)
    return bytes([null]) + struct.pack("<i", number) + text + _decimal(cents) + _datetime(micros)


def _decimal(cents: int) -> bytes:
    whole, part = divmod(abs(cents), 100)
    raw = bytearray(struct.pack(">I", whole) + bytes([part]))
    raw[0] ^= 0x80
    if cents < 0:
        raw = bytearray(byte ^ 0xFF for byte in raw)
    return bytes(raw)


def _datetime(micros: int) -> bytes:
    day = (2024 * 13 + 1) << 5 | 2
    clock = 3 << 12 | 4 << 6 | 5
    return ((day << 17 | clock) + 0x8000000000).to_bytes(5, "big") + micros.to_bytes(3, "big")
