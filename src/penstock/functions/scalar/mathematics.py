"""Functions over DOUBLE, and random numbers."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.errors import DataError
from penstock.expressions import broadcast
from penstock.functions import java_math as java
from penstock.functions.java_random import JavaRandom
from penstock.functions.registry import map_rows, scalar
from penstock.types import DOUBLE, INT

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Frame


def _doubles(names: str, signature: str, function: Callable[..., Any]) -> None:
    def kernel(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
        arrays = [broadcast(arg, frame.rows) for arg in args]
        mask = np.zeros(frame.rows, bool)
        for array in arrays:
            mask |= np.asarray(array.is_null())
        with np.errstate(all="ignore"):
            found = function(*(array.to_numpy(zero_copy_only=False) for array in arrays))
        return pa.array(found, pa.float64(), mask=mask)

    scalar(names, signature, DOUBLE)(kernel)


_LN_2 = math.log(2)
_UNARY: dict[str, Callable[..., Any]] = {
    "SQRT": np.sqrt,
    "LN": java.log,
    "LOG": java.log,
    "LOG10": java.log10,
    "LOG2": lambda x: java.log(x) / _LN_2,
    "EXP": java.exp,
    "SIN": java.sin,
    "SINH": java.sinh,
    "COS": java.cos,
    "COSH": java.cosh,
    "TAN": java.tan,
    "TANH": java.tanh,
    "COT": lambda x: 1.0 / java.tan(x),
    "ASIN": java.asin,
    "ACOS": java.acos,
    "ATAN": java.atan,
    "DEGREES": np.degrees,
    "RADIANS": np.radians,
}
for _name, _function in _UNARY.items():
    _doubles(_name, "e", _function)
_doubles("POWER", "e e", np.power)
_doubles("ATAN2", "e e", java.atan2)
_doubles("LOG", "e e", lambda base, x: java.log(x) / java.log(base))


@scalar("PI E", "", DOUBLE, nullable="never")
def constant(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The constants."""
    return pa.scalar(math.pi if call.function.name == "PI" else math.e)


@scalar("RAND", "", DOUBLE, nullable="never", deterministic=False)
def rand(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Uniform in [0, 1)."""
    return pa.array(np.random.default_rng().random(frame.rows))


@scalar("RAND", "j", DOUBLE, deterministic=False)
def rand_seeded(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Java's numbers: a constant seed begins its sequence anew with each batch."""
    if isinstance(args[0], pa.Scalar) and args[0].is_valid:
        source = JavaRandom(args[0].as_py())
        return pa.array([source.next_double() for _ in range(frame.rows)])
    return map_rows(lambda seed: JavaRandom(seed).next_double(), args, frame, pa.float64())


def _bound(value: int) -> int:
    if value <= 0:
        raise DataError("bound of RAND_INTEGER must be positive", code="argument")
    return value


@scalar("RAND_INTEGER", "j", INT, deterministic=False)
def rand_integer(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Uniform in [0, bound)."""
    bounds = broadcast(args[0], frame.rows).to_pylist()
    source = random.Random()  # noqa: S311
    return pa.array(
        [None if b is None else source.randrange(_bound(b)) for b in bounds], pa.int32()
    )


@scalar("RAND_INTEGER", "j j", INT, deterministic=False)
def rand_integer_seeded(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """Seed and bound, as `rand_seeded`."""
    if isinstance(args[0], pa.Scalar) and args[0].is_valid:
        source = JavaRandom(args[0].as_py())
        bounds = broadcast(args[1], frame.rows).to_pylist()
        values = [None if b is None else source.next_int(_bound(b)) for b in bounds]
        return pa.array(values, pa.int32())
    return map_rows(
        lambda seed, bound: JavaRandom(seed).next_int(_bound(bound)), args, frame, pa.int32()
    )
