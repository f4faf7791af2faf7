"""Java's linear congruential generator, for RAND and RAND_INTEGER with a seed.

Source: java.util.Random (documented algorithm).
"""

from __future__ import annotations

_MULTIPLIER = 0x5DEECE66D
_MASK = (1 << 48) - 1


class JavaRandom:
    """The sequence of numbers `new Random(seed)` gives.

    Examples:
        >>> JavaRandom(1).next_double()
        0.7308781907032909
        >>> JavaRandom(3).next_int(99)
        50
    """

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _next(self, bits: int) -> int:
        self._state = (self._state * _MULTIPLIER + 0xB) & _MASK
        found = self._state >> (48 - bits)
        return found - (1 << bits) if found >> (bits - 1) and bits == 32 else found

    def next_double(self) -> float:
        """Uniform in [0, 1)."""
        return ((self._next(26) << 27) + self._next(27)) * 2.0**-53

    def next_int(self, bound: int) -> int:
        """Uniform in [0, bound), which must be positive."""
        found = self._next(31)
        if bound & (bound - 1) == 0:
            return (bound * found) >> 31
        while found - found % bound + (bound - 1) >= 1 << 31:
            found = self._next(31)
        return found % bound
