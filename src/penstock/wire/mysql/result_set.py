"""Result sets in text protocol, decoded column-wise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MARKER = b"\x9c\xf3PnStK\x01"
MARKER_SQL = f"x'{MARKER.hex()}'"


class TextResultReader:
    """Decodes the packets of one result set."""

    def __init__(self, *, has_marker: bool) -> None:
        self.error: tuple[int, str] | None = None
        self._has_marker = has_marker

    def looks_ended(self, buffer: bytearray, have: int) -> bool:
        """Whether the buffer's end looks like the end of the result."""
        raise NotImplementedError

    def feed(self, buffer: bytearray, have: int) -> tuple[int, list[pa.Array] | None, bool]:
        """Bytes used, columns, whether the result ended."""
        raise NotImplementedError
