"""Arrays that grow by doubling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grown(array: NDArray[Any], limit: int, fill: Any = 0) -> NDArray[Any]:
    """The array, doubled until it has room for `limit` values; new ones are `fill`.

    Examples:
        >>> len(grown(np.zeros(4, np.int64), 9))
        16
    """
    size = len(array)
    if size >= limit:
        return array
    while size < limit:
        size *= 2
    # Pages that nobody has written yet cost nothing.
    zero = fill == 0 and array.dtype != object
    found = np.zeros(size, array.dtype) if zero else np.full(size, fill, array.dtype)
    found[: len(array)] = array
    return found
