"""Functions over doubles with Java's last digit, over NumPy arrays.

Java computes arc and hyperbolic functions by the algorithms of fdlibm; the same sequence of
operations gives the same bits. The others are the C library's, whose results are the nearest double
but for rare cases, as Java's are; NumPy's own differ more often.

Source: java.lang.StrictMath (fdlibm 5.3).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_PI_2_HI, _PI_2_LO = 1.57079632679489655800e00, 6.12323399573676603587e-17
_PI_4_HI = 7.85398163397448278999e-01
_PI_LO = 1.2246467991473531772e-16
_P = (
    1.66666666666666657415e-01,
    -3.25565818622400915405e-01,
    2.01212532134862925881e-01,
    -4.00555345006794114027e-02,
    7.91534994289814532176e-04,
    3.47933107596021167570e-05,
)
_Q = (
    1.0,
    -2.40339491173441421878e00,
    2.02094576023350569471e00,
    -6.88283971605453293030e-01,
    7.70381505559019352791e-02,
)
_ATAN_HI = np.array(
    [4.63647609000806093515e-01, _PI_4_HI, 9.82793723247329054082e-01, _PI_2_HI, 0.0]
)
_ATAN_LO = np.array(
    [
        2.26987774529616870924e-17,
        3.06161699786838301793e-17,
        1.39033110312309984516e-17,
        _PI_2_LO,
        0.0,
    ]
)
_ATAN = (
    3.33333333333329318027e-01,
    -1.99999999998764832476e-01,
    1.42857142725034663711e-01,
    -1.11111104054623557880e-01,
    9.09088713343650656196e-02,
    -7.69187620504482999495e-02,
    6.66107313738753120669e-02,
    -5.83357013379057348645e-02,
    4.97687799461593236017e-02,
    -3.65315727442169155270e-02,
    1.62858201153657823623e-02,
)


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    found = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        found = coefficient + x * found
    return found


def _ratio(t: Any) -> Any:
    return t * _horner(_P, t) / _horner(_Q, t)


def _high_word(x: Any) -> Any:
    """Doubles with the low 32 bits zero."""
    return (x.view(np.int64) & ~np.int64(0xFFFFFFFF)).view(np.float64)


def acos(x: Any) -> Any:
    """Arc cosine; NaN outside of -1 to 1.

    Examples:
        >>> acos(np.array([0.5, 0.3])).tolist()
        [1.0471975511965979, 1.2661036727794992]
    """
    small = _PI_2_HI - (x - (_PI_2_LO - x * _ratio(x * x)))
    z = (1.0 + x) * 0.5
    s = np.sqrt(z)
    negative = math.pi - 2.0 * (s + (_ratio(z) * s - _PI_2_LO))
    z = (1.0 - x) * 0.5
    s = np.sqrt(z)
    df = _high_word(s)
    positive = 2.0 * (df + (_ratio(z) * s + (z - df * df) / (s + df)))
    found = np.where(np.abs(x) < 0.5, small, np.where(x < 0, negative, positive))
    return np.where(x == 1.0, 0.0, np.where(x == -1.0, math.pi, found))


def asin(x: Any) -> Any:
    """Arc sine; NaN outside of -1 to 1."""
    magnitude = np.abs(x)
    small = x + x * _ratio(x * x)
    t = (1.0 - magnitude) * 0.5
    s = np.sqrt(t)
    r = _ratio(t)
    near = _PI_2_HI - (2.0 * (s + s * r) - _PI_2_LO)
    w = _high_word(s)
    c = (t - w * w) / (s + w)
    far = _PI_4_HI - ((2.0 * s * r - (_PI_2_LO - 2.0 * c)) - (_PI_4_HI - 2.0 * w))
    large = np.copysign(np.where(magnitude >= 0.975, near, far), x)
    found = np.where(magnitude < 0.5, np.where(magnitude < 2.0**-27, x, small), large)
    return np.where(magnitude == 1.0, x * _PI_2_HI + x * _PI_2_LO, found)


def atan(x: Any) -> Any:
    """Arc tangent."""
    a = np.abs(x)
    which = np.select([a < 0.4375, a < 0.6875, a < 1.1875, a < 2.4375], [4, 0, 1, 2], 3)
    reduced = np.select(
        [which == 4, which == 0, which == 1, which == 2],
        [a, (2.0 * a - 1.0) / (2.0 + a), (a - 1.0) / (a + 1.0), (a - 1.5) / (1.0 + 1.5 * a)],
        -1.0 / a,
    )
    z = reduced * reduced
    w = z * z
    s = z * _horner(_ATAN[0::2], w) + w * _horner(_ATAN[1::2], w)
    found = _ATAN_HI[which] - ((reduced * s - _ATAN_LO[which]) - reduced)
    found = np.where(which == 4, reduced - reduced * s, found)
    return np.copysign(np.where(np.isnan(x), x, found), x)


def atan2(y: Any, x: Any) -> Any:
    """The angle of a point."""
    z = atan(np.abs(y / x))
    found = np.where(x < 0, math.pi - (z - _PI_LO), z)
    usual = (x != 0) & (y != 0) & np.isfinite(x) & np.isfinite(y)
    return np.where(usual, np.copysign(found, y), np.arctan2(y, x))


_EXP = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)


def _strict_exp(x: Any) -> Any:
    """The exponential by fdlibm, of numbers not negative, whose last digit `cosh` shows."""
    large = x > 0.5 * math.log(2)
    k = np.where(large, np.trunc(1.44269504088896338700 * np.minimum(x, 800.0) + 0.5), 0.0)
    hi, lo = x - k * 6.93147180369123816490e-01, k * 1.90821492927058770002e-10
    reduced = hi - lo
    t = reduced * reduced
    c = reduced - t * _horner(_EXP, t)
    found = 1.0 - ((lo - (reduced * c) / (2.0 - c)) - hi)
    return np.ldexp(found, k.astype(np.int64))


def sinh(x: Any) -> Any:
    """Hyperbolic sine."""
    a = np.abs(x)
    t = expm1(a)
    near = np.where(a < 1.0, 2.0 * t - t * t / (t + 1.0), t + t / (t + 1.0))
    found = np.copysign(0.5, x) * np.where(a < 22, near, exp(a))
    return np.where(a < 2.0**-28, x, found)


def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""
    a = np.abs(x)
    t, e = expm1(a), _strict_exp(a)
    w = 1.0 + t
    found = np.where(a < 22, 0.5 * e + 0.5 / e, 0.5 * e)
    return np.where(a < 0.5 * math.log(2), 1.0 + (t * t) / (w + w), found)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    a = np.abs(x)
    small = expm1(-2.0 * a)
    found = np.where(a >= 1.0, 1.0 - 2.0 / (expm1(2.0 * a) + 2.0), -small / (small + 2.0))
    return np.copysign(np.where(a < 22, found, 1.0), x)


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of the C library over an array; what it refuses is NaN or infinite as in NumPy."""
    numpy = getattr(np, function.__name__)

    def apply(x: Any) -> Any:
        try:
            return np.fromiter(map(function, x.tolist()), np.float64, len(x))
        except (ValueError, OverflowError):
            return np.array([_one(function, numpy, value) for value in x.tolist()])

    return apply


def _one(function: Callable[[float], float], numpy: Any, value: float) -> float:
    try:
        return function(value)
    except (ValueError, OverflowError):
        return float(numpy(value))


exp, expm1 = _each(math.exp), _each(math.expm1)
log, log10 = _each(math.log), _each(math.log10)
sin, cos, tan = _each(math.sin), _each(math.cos), _each(math.tan)
