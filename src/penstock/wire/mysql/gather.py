"""Numbers of many places of a buffer at once.

A view with a stride of one byte has a number at every place, so that one indexing reads them all;
put together byte by byte the same takes three to five times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Ints = npt.NDArray[np.int64]

# width in bytes -> width of the smallest machine number that holds it
_HELD_BY = (0, 1, 2, 4, 4, 8, 8, 8, 8)


def everywhere(data: Bytes, kind: str) -> npt.NDArray[np.generic]:
    """A number of type `kind` at every place of `data` that has room for one.

    Args:
        data: Adjacent bytes.
        kind: A NumPy type with its byte order, as "<u4" or ">f8".
    """
    room = len(data) - np.dtype(kind).itemsize + 1
    return np.ndarray((max(room, 0),), kind, data, 0, (1,))


def integers_at(data: Bytes, places: Ints, width: int, *, big_endian: bool = False) -> Ints:
    """Unsigned integers of `width` bytes; of eight bytes, as their bits in an int64.

    Args:
        data: The buffer, at least seven bytes longer than the last integer.
        places: Where each begins.
        width: 1 to 8.
        big_endian: Whether the highest byte comes first.

    Examples:
        >>> data = np.arange(16, dtype=np.uint8)
        >>> integers_at(data, np.array([1, 2]), 3).tolist()
        [197121, 262914]
        >>> integers_at(data, np.array([1, 2]), 3, big_endian=True).tolist()
        [66051, 131844]
    """
    held = _HELD_BY[width]
    found = everywhere(data, f"{'>' if big_endian else '<'}u{held}")[places].astype(np.int64)
    if width < held:
        if big_endian:
            # as unsigned: the highest bit of eight bytes is no sign
            found.view(np.uint64)[...] >>= np.uint64(8 * (held - width))
        else:
            found &= (1 << 8 * width) - 1
    return found
