"""Functions over DOUBLE, and random numbers."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.expressions import Literal, broadcast
from penstock.functions.registry import scalar
from penstock.types import DOUBLE, INT

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.expressions import Call, Frame


def _numpy(names: str, signature: str, function: Callable[..., Any]) -> None:
    def kernel(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
        arrays = [broadcast(arg, frame.rows) for arg in args]
        mask = np.zeros(frame.rows, bool)
        for array in arrays:
            mask |= np.asarray(array.is_null())
        with np.errstate(all="ignore"):
            found = function(*(array.to_numpy(zero_copy_only=False) for array in arrays))
        return pa.array(found, pa.float64(), mask=mask)

    scalar(names, signature, DOUBLE)(kernel)


_UNARY: dict[str, Callable[..., Any]] = {
    "SQRT": np.sqrt,
    "LN": np.log,
    "LOG10": np.log10,
    "LOG2": np.log2,
    "EXP": np.exp,
    "SIN": np.sin,
    "SINH": np.sinh,
    "COS": np.cos,
    "COSH": np.cosh,
    "TAN": np.tan,
    "TANH": np.tanh,
    "COT": lambda x: 1.0 / np.tan(x),
    "ASIN": np.arcsin,
    "ACOS": np.arccos,
    "ATAN": np.arctan,
    "DEGREES": np.degrees,
    "RADIANS": np.radians,
    "LOG": np.log,
}
for _name, _function in _UNARY.items():
    _numpy(_name, "e", _function)
_numpy("POWER", "e e", np.power)
_numpy("ATAN2", "e e", np.arctan2)
_numpy("LOG", "e e", lambda base, x: np.log(x) / np.log(base))


@scalar("PI E", "", DOUBLE, nullable="never")
def constant(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The constants."""
    return pa.scalar(math.pi if call.function.name == "PI" else math.e)


@scalar("RAND", "i?", DOUBLE, nullable="never", deterministic=False)
def rand(call: Call, args: list[Any], frame: Frame) -> Any:
    """Uniform in [0, 1); a seed makes a batch repeatable, not equal to Java's numbers."""
    seed = call.args[0].value if call.args and isinstance(call.args[0], Literal) else None
    del args
    return pa.array(np.random.default_rng(seed).random(frame.rows))


@scalar("RAND_INTEGER", "i i?", INT, deterministic=False)
def rand_integer(call: Call, args: list[Any], frame: Frame) -> Any:
    """Uniform in [0, bound); the last argument is the bound, one before it the seed."""
    seed = args[0].as_py() if len(call.args) > 1 and isinstance(args[0], pa.Scalar) else None
    source = random.Random(seed)  # noqa: S311
    bounds = broadcast(args[-1], frame.rows).to_pylist()
    values = [None if b is None else source.randrange(max(b, 1)) for b in bounds]
    return pa.array(values, pa.int32())
